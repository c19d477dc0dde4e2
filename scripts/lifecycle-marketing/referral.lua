-- Has bought again, and so probably likes it here. We ask them to tell others, and thank them for every friend.

stage { title = "Get referrals", goal = { "Invite Sent", "Referral Completed" } }

enter(function(customer)
  wait "10 days"
  send "tell-a-friend"
end)

on("Referral Completed", function(customer)
  send "referral-thanks"
end)

idle("Order Completed", "365 days", function(customer)
  move "upsell"
end)
