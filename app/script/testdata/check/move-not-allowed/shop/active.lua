stage { title = "Active" }

idle("Order Completed", "180 days", function(customer)
  if customer.vip then move "gold" end
  move "member"
end)
