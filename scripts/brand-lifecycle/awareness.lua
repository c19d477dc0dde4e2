-- Knows that we exist, and we remember where from. Looking around leads on; an order leads straight to purchase.

stage {
  title = "Awareness",
  goal  = { "Product List Viewed", "Product Viewed", "Products Searched", "Promotion Clicked", "Signed Up" },
  next  = "engagement",
}

enter(function(customer, event)
  local campaign = event and event.context.campaign
  if campaign and not customer.first_campaign then set("first_campaign", campaign.name) end
end)

on("Order Completed", function(customer)
  move "purchase"
end)
