-- A reason to begin now. Of two offers we learn which one sells.

stage {
  title = "Offer",
  goal  = "Checkout Started",
  next  = "close",
  exit  = { "Unsubscribed" },
}

enter(function(customer)
  wait "1 day"
  local offer = choose("first offer", { "delivery", "discount" }, { goal = "Order Completed" })
  if offer == "delivery" then
    send "offer-delivery"
  else
    send "offer-discount"
  end
  wait "6 days"
  send "offer-ends"
end)

on("Order Completed", function(customer) move "deliver" end)
