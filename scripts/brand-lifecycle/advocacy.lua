-- Speaks well of us, and is thanked for it. The next order starts the round again.

stage { title = "Advocacy", goal = "Order Completed", next = "purchase" }

enter(function(customer)
  tag "advocate"
  send "advocate-thanks"
  wait "21 days"
  wait_until "sat 10:00"
  send "tell-a-friend"
end)

on("Invite Sent", function(customer)
  send "invite-thanks"
end)

leave(function(customer)
  untag "advocate"
end)

idle("Order Completed", "365 days", function(customer)
  move "engagement"
end)
