-- Buys again and again.

stage { title = "Active" }

enter(function(customer)
  send "club"
end)

idle("Order Completed", "180 days", function(customer)
  move "lost"
end)
