stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  if customer.plan != "pro" then
    send "hello"
  end
end)
