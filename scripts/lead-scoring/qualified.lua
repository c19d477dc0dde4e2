-- Ready for a conversation. The event "Lead Qualified" tells whoever calls back; an order makes a customer.

stage { title = "Qualified", goal = "Order Completed", next = "customer" }

enter(function(customer)
  tag "qualified"
  track("Lead Qualified", { score = math.floor(customer.score) })
  wait_until "mon-fri 09:00"
  send "talk-to-us"
end)

enter(function(customer)
  repeat wait "7 days" until customer.score < 25
  move "lead"
end)

leave(function(customer)
  untag "qualified"
end)
