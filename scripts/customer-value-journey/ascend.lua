-- Spends more with us. The order that led here is followed up like all others; then come the larger things.

stage { title = "Ascend", goal = "Order Completed", next = "advocate" }

enter(function(customer, event)
  if event and event.name == "Order Completed" then
    wait "3 days"
    send "follow-up"
  end
  wait "7 days"
  wait_until "mon-fri 10:00"
  send "core-offer"
  wait "21 days"
  send "next-step"
end)

idle("Order Completed", "180 days", function(customer)
  send "miss-you"
  move "excite"
end)
