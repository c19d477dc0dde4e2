stage { title = "Member", goal = "Order Completed", next = "active" }

local function welcome(customer)
  send "hello"
end

function on_order(customer, event)
  log("seen")
end

local function half(n)
  return n / 2
end

enter(function(customer)
  send "hello"
end)
