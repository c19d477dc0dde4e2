stage { title = "Active" }

idle("Order Completed", "180 days", function(customer)
  move "member"
end)
