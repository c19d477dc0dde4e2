-- Is choosing. We help with the choice, and keep the cart.

stage { title = "Evaluation", goal = "Order Completed", next = "purchase" }

enter(function(customer)
  wait "1 day"
  send "how-to-choose"
  wait "3 days"
  send "any-questions"
end)

on("Checkout Started", function(customer)
  wait "4 hours" -- an order in the meantime leaves the stage, and with it this
  send "cart-kept"
end)

idle("Product Viewed", "45 days", function(customer)
  move "engagement"
end)
