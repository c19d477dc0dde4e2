stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  send()
  log(split("test", "a"))
  log(choose("offer"))
  log(sum("Order Completed"))
  webhook("example.com/hook", {})
end)
