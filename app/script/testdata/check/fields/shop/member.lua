stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  log(customer.emial, customer.frist_name, customer.traits.timezon, customer.favourite_colour)
  set("emails", 3)
  log(customer.emails)
end)

on("Order Completed", function(who, what)
  log(who.scroe, what.nmae, what.revenue, what.properties.anything)
end)
