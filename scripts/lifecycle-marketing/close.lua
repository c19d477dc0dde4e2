-- At the till. Most who stop here were interrupted; some have a question.

stage { title = "Close", goal = "Order Completed", next = "deliver" }

enter(function(customer)
  wait "4 hours"
  send "cart-kept"
  wait "2 days"
  send "any-questions"
end)

idle("Checkout Started", "30 days", function(customer)
  move "offer"
end)
