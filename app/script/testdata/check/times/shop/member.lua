stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  wait_until "9 o'clock"
  wait_until "25:00"
  wait_until "mo-fri 09:00"
  wait_until "fri-mon 09:00"
end)
