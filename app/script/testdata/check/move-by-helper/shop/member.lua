stage { title = "Member", goal = "Order Completed", next = "active" }

local steps = use "lib/steps"

enter(function(customer)
  send "hello"
  steps.back(customer)
end)
