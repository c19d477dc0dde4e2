stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  local letter = send "hello"
  wait_for("clicked", "2 days")
  wait_for("hello", "clicked", "2 days")
  wait_for(letter, "clickt", "2 days")
  wait_for(letter, "2 days")
end)
