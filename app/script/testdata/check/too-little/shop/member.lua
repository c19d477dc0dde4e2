stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  send()
  log(split("test", "a"))
  log(choose("offer"))
  log(sum("Order Completed"))
  log(choose("offer", "a"))
  score "ten"
  webhook("example.com/hook", {})
end)
