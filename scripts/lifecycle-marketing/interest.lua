-- Looks around. We remember what for, and hope for an address.

stage { title = "Attract interest", goal = { "Lead Captured", "Signed Up" }, next = "collect" }

on("Product Viewed", function(customer, event)
  if event.properties.category then
    set("interest", event.properties.category)
  end
end)

on("Order Completed", function(customer) move "deliver" end)
