-- Has a need, and has noticed us. Looking for something leads on.

stage {
  title = "Awareness",
  goal  = { "Products Searched", "Product List Viewed", "Product Viewed", "Signed Up" },
  next  = "research",
}

on("Order Completed", function(customer)
  move "experience"
end)
