-- Wants to hear from us, no more than that yet. Twenty points make a lead.

stage {
  title = "Subscriber",
  goal  = function(customer) return customer.score >= 20 end,
  next  = "lead",
}

on("Signed Up", function(customer)
  send "welcome"
end)

on("Order Completed", function(customer)
  move "customer"
end)
