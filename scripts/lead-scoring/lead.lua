-- Interested: looks around, comes back. Fifty points and it is time to talk; below ten it was curiosity.

stage {
  title = "Lead",
  goal  = function(customer) return customer.score >= 50 end,
  next  = "qualified",
}

enter(function(customer, event)
  if not event then return end -- fading brought them here, not something that they did
  wait_until "mon-fri 10:00"
  send "helpful-answers"
end)

enter(function(customer)
  repeat wait "7 days" until customer.score < 10
  move "subscriber"
end)

on("Order Completed", function(customer)
  move "customer"
end)
