-- Has ordered: waits, unpacks, tries. Not every shop reports deliveries, so two weeks are taken for one.

stage { title = "Experience", goal = "Order Delivered", next = "after-sales" }

enter(function(customer)
  wait "14 days"
  move "after-sales"
end)

on("Order Cancelled", function(customer)
  move "decision"
end)
