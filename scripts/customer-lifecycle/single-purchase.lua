-- Bought once. The second order makes an active customer; half a year of silence means the customer is lost.

stage { title = "Single purchase", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "thank-you"
  wait "30 days"
  send "second-order" -- only reached by those who are still here: leaving the stage ends its runs
end)

idle("Order Completed", "180 days", function(customer)
  move "lost"
end)
