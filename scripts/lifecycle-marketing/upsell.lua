-- Offers that fit what was bought. One customer in ten gets none, to see what the offers are worth.

stage { title = "Offer more", goal = "Order Completed", next = "referral", holdout = "10%" }

enter(function(customer)
  wait_until "mon-fri 10:00"
  send "goes-well-with"
  wait "30 days"
  send "first-look"
end)
