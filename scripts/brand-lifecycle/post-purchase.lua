-- Lives with what was bought. We ask how it is before we ask for anything; a good word makes an advocate.

local function rating(event)
  return tonumber(event.properties.rating) or 0
end

stage {
  title = "Post-purchase experience",
  goal  = function(customer, event)
    return event.name == "Product Shared" or event.name == "Product Reviewed" and rating(event) >= 4
  end,
  next  = "advocacy",
}

enter(function(customer)
  wait "5 days"
  send "how-is-it"
  wait(split("review request", "10 days", "20 days")) -- which of the two gets more reviews?
  send "review-request"
end)

on("Product Reviewed", function(customer, event)
  if rating(event) <= 3 then
    send "make-it-right"
  end
end)

on("Order Completed", function(customer)
  move "purchase"
end)

idle("Order Completed", "180 days", function(customer)
  move "engagement"
end)
