-- Has bought. Whoever is silent for a year is a lead again, as far as the points say so.

stage { title = "Customer", goal = "Order Completed" }

enter(function(customer)
  if customer.tags.customer then return end -- came back
  tag "customer"
  send "welcome-customer"
end)

idle("Order Completed", "365 days", function(customer)
  move "lead"
end)
