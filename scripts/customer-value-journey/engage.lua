-- Looks around and gets to know us. An address in exchange for the lead magnet leads on.

local gives_address = { ["Lead Captured"] = true, ["Signed Up"] = true, ["Order Completed"] = true }

stage { title = "Engage", goal = { "Lead Captured", "Signed Up", "Order Completed" }, next = "subscribe" }

enter(function(customer, event)
  if event and gives_address[event.name] then move "subscribe" end -- it was the first thing they did
end)

idle("Product Viewed", "90 days", function(customer)
  move "aware"
end)
