-- Brings others. Every friend who buys is worth a thank-you.

stage { title = "Promote", goal = "Referral Completed" }

enter(function(customer)
  tag "promoter"
  send "promoter-welcome"
end)

on("Referral Completed", function(customer)
  send "referral-thanks"
end)

leave(function(customer)
  untag "promoter"
end)

idle("Referral Completed", "365 days", function(customer)
  move "advocate"
end)
