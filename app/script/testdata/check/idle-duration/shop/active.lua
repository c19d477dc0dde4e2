stage { title = "Active" }

idle("Order Completed", "180 daze", function(customer)
  move "member"
end)
