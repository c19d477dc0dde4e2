stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  if customer.plan then
    send "hello"
  else if customer.email then
    send "hello"
  end
end)
