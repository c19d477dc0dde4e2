stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  send("offer-" .. customer.plan)
end)
