stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  sned "hello"
  wait_unitl "09:00"
  log(custmer.email)
  local nothing = null
  print("hi")
  log(string.repat("x", 3), math.flor(1.5))
end)
