-- Has made the first, small order. Now it must arrive, and be good. Whoever sent us this customer hears of it.

stage { title = "Convert", goal = "Order Delivered", next = "excite" }

enter(function(customer, event)
  if event and event.name == "Order Refunded" then move "subscribe" end -- came back from excite
  tag "buyer"
  send "welcome-buyer"
  if customer.referrer and not customer.tags.referred then
    tag "referred"
    track("Referral Completed", {}, { to = customer.referrer })
  end
  wait "10 days" -- not every shop reports deliveries
  move "excite"
end)

on("Order Refunded", function(customer)
  move "subscribe"
end)
