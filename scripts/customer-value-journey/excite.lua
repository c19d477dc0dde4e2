-- Has it in hands. Every purchase is followed up, so that it is worth its price; who spends a hundred within a year has
-- understood what we are good for.

stage {
  title = "Excite",
  goal  = function(customer, event)
    return event.name == "Order Completed" and sum("Order Completed", "revenue", "365 days") >= 100
  end,
  next  = "ascend",
}

enter(function(customer)
  if count("Order Completed", "365 days") > 1 then return end
  wait "2 days"
  send "first-win"
end)

on("Order Completed", function(customer)
  wait "3 days"
  send "follow-up"
end, { parallel = true })

on("Order Refunded", function(customer)
  move "convert"
end)
