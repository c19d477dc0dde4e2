stage { title = "Member", goal = "Order Completed", next = "active" }

local function goodbye(customer)
  send "hello"
  wait "1 day"
end

leave(goodbye)

leave(function(customer)
  wait_until "09:00"
  move "active"
end)
