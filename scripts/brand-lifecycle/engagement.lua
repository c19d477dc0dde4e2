-- Comes back, reads, signs up. Three products in a week, or one in the cart, and it is a choice between things.

stage {
  title = "Engagement",
  goal  = function(customer, event)
    return event.name == "Product Added" or event.name == "Checkout Started"
      or event.name == "Product Viewed" and count("Product Viewed", "7 days") >= 3
  end,
  next  = "evaluation",
}

enter(function(customer)
  if customer.tags.welcomed then return end
  if not customer.email and not wait_for("Signed Up", "90 days") then return end
  tag "welcomed"
  send "welcome"
  wait "4 days"
  send "our-story"
end)

on("Order Completed", function(customer)
  move "purchase"
end)

idle("Product Viewed", "120 days", function(customer)
  move "awareness"
end)
