stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  use("lib/ofers").best(customer)
end)
