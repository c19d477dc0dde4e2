-- Silent for half a year. An order brings the customer back.

stage { title = "Lost", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "miss-you"
  wait "60 days"
  send "last-call"
end)
