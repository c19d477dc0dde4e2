-- Somebody came. Which campaign brought them says which of them are the people we look for.

stage {
  title   = "Target",
  goal    = { "Product List Viewed", "Product Viewed", "Products Searched", "Promotion Clicked" },
  next    = "interest",
  reenter = "90 days", -- for those who left the journey by unsubscribing
}

enter(function(customer, event)
  local campaign = event and event.context.campaign
  if campaign and not customer.first_campaign then set("first_campaign", campaign.name) end
end)

on("Lead Captured",   function(customer) move "collect" end)
on("Signed Up",       function(customer) move "collect" end)
on("Order Completed", function(customer) move "deliver" end)
