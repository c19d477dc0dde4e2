-- Asked for the lead magnet, and gets it at once. Then a story, then the tripwire: an offer so small that it is easy to
-- say yes. The first order leads on; taking the permission back leads back.

stage { title = "Subscribe", goal = "Order Completed", next = "convert" }

enter(function(customer, event)
  if event and event.name == "Order Completed" then move "convert" end -- without having subscribed
  if customer.tags["lead-magnet"] or customer.tags.buyer then return end
  tag "lead-magnet"
  send "lead-magnet"
  wait "2 days"
  send "our-story"
  wait "3 days"
  send "tripwire"
  wait "4 days"
  send "tripwire-ends"
end)

on("Unsubscribed", function(customer)
  move "engage"
end)
