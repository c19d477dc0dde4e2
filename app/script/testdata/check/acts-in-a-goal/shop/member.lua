local function enough(customer)
  tag "rich"
  return sum("Order Completed", "revenue") > 100
end

stage {
  title = "Member",
  next  = "active",
  goal  = function(customer, event)
    send "hello"
    return enough(customer)
  end,
}
