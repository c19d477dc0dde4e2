-- Something is in the cart. What is missing is usually time, or an answer.

stage { title = "Decision", goal = "Order Completed", next = "experience" }

enter(function(customer)
  wait "3 hours"
  send "cart-waiting"
  wait "2 days"
  wait_until "09:00"
  send "answers"
end)

idle("Product Viewed", "30 days", function(customer)
  move "research"
end)
