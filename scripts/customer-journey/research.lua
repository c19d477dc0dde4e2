-- Compares, here and elsewhere. We help to compare well, and once only.

stage { title = "Research", goal = { "Product Added", "Checkout Started" }, next = "decision" }

enter(function(customer)
  if customer.tags.guided then return end
  if not customer.email and not wait_for("Signed Up", "60 days") then return end
  tag "guided"
  wait "1 day"
  send "compare-well"
end)

on("Order Completed", function(customer)
  move "experience"
end)

idle("Product Viewed", "60 days", function(customer)
  move "awareness"
end)
