-- Three lessons, on working mornings. The sequence stops at its goal: who fills a cart needs no more lessons.

stage {
  title = "Educate",
  goal  = "Product Added",
  next  = "offer",
  exit  = { "Unsubscribed" },
}

enter(function(customer)
  wait_until "mon-fri 09:00"
  send "lesson-needs"
  wait "3 days"
  wait_until "mon-fri 09:00"
  send "lesson-quality"
  wait "4 days"
  wait_until "mon-fri 09:00"
  send "lesson-care"
  wait "5 days"
  move "offer"
end)

on("Checkout Started", function(customer) move "close" end)
on("Order Completed",  function(customer) move "deliver" end)
