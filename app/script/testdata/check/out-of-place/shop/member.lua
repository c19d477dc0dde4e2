stage { title = "Member", goal = "Order Completed", next = "active" }

send "hello"

enter(function(customer)
  enter(function(customer) end)
end)
