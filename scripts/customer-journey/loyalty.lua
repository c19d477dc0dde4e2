-- Comes back. Five orders within a year are something special, and are told so; half a year of silence is a question.

stage { title = "Loyalty", goal = "Order Completed" }

enter(function(customer)
  tag "loyal"
  send "regular"
end)

on("Order Completed", function(customer)
  if customer.tags.vip or count("Order Completed", "365 days") < 5 then return end
  tag "vip"
  send "vip"
end)

idle("Order Completed", "180 days", function(customer)
  send "miss-you"
  if wait_for("Order Completed", "60 days") then return end
  move "research"
end)

leave(function(customer)
  untag "loyal"
  untag "vip"
end)
