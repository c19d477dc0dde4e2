stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  if customer.email then
    send "hello"
end)
