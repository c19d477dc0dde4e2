-- Left an address for our guide. The guide goes out at once; who comes back for a look is ready to learn more, and the
-- others are after five days.

stage { title = "Collect leads", goal = { "Product Viewed", "Products Searched" }, next = "educate" }

enter(function(customer)
  local guide = send "guide"
  if wait_for(guide, "bounced", "5 days") then
    tag "address-bounced" -- no lesson will arrive there either
    return
  end
  move "educate"
end)

on("Order Completed", function(customer) move "deliver" end)
