-- Has ordered and is waiting. Not every shop reports deliveries, so a week is taken for one.

stage { title = "Purchase", goal = "Order Delivered", next = "post-purchase" }

enter(function(customer)
  wait "7 days"
  move "post-purchase"
end)

on("Order Cancelled", function(customer)
  move "evaluation"
end)

on("Order Refunded", function(customer)
  move "evaluation"
end)
