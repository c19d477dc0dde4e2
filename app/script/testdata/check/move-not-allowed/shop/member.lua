stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
end)

on("Vip Named", function(customer)
  if customer.vip then
    move "gold"
  end
  move "member"
end)
