stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send("hello", { by = "fax" })
end)
