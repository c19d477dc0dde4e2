stage { title = "Member", goal = "Order Completed", next = "active" }

entr(function(customer)
  send "hello"
end)
