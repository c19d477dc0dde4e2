-- Has heard of us, and we remember where. The first look at something leads on, and so does everything that only comes after a look.

stage {
  title = "Aware",
  goal  = { "Product List Viewed", "Product Viewed", "Products Searched", "Promotion Clicked",
            "Lead Captured", "Signed Up", "Order Completed" },
  next  = "engage",
}

enter(function(customer, event)
  local campaign = event and event.context.campaign
  if campaign and not customer.first_campaign then set("first_campaign", campaign.name) end
end)
