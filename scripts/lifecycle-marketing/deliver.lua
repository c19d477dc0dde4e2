-- Has ordered. First they get what they paid for, and a little more; only then do we offer anything again.

stage { title = "Deliver and wow", goal = { "Product Reviewed", "Order Completed" }, next = "upsell" }

enter(function(customer)
  tag "buyer"
  wait "7 days"
  send "getting-the-best"
  wait "14 days"
  move "upsell"
end)

on("Order Refunded", function(customer)
  untag "buyer"
  send "sorry"
  move "interest"
end)
