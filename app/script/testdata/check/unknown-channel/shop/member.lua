stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  send("hello", { by = "mail" })
  send("hello", { by = "sms" })
end)
