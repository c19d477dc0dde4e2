local offers = use "lib/offers"

local function again(customer, n)
  if n > 3 then return end
  send "survey"
  wait "30 days"
  again(customer, n + 1)
end

local function goodbye(customer)
  send "survey"
end

stage {
  title = "Active",
  goal  = function(customer, event)
    return event.name == "Order Completed" and sum("Order Completed", "revenue") > 500
  end,
}

enter(function(customer, event)
  for i = 1, 3 do
    wait "7 days"
    if split("pace", "slow", "fast", { weights = { 70, 30 } }) == "slow" then
      wait "7 days"
    end
    local what = choose("offer", { "gift", "discount" }, { goal = "Order Completed" })
    set("offer", what)
    offers.say(customer)
    if customer.traits.stop then break end
  end
  while true do
    wait_for("Order Completed", "30 days")
    track("Reward Earned", { points = offers.round(3.5) }, { to = customer.referrer })
  end
end)

on("Survey Answered", function(customer) again(customer, 1) end)
leave(goodbye)

for _, name in ipairs({ "A", "B" }) do
  on(name, function(customer)
    pcall(function() webhook("https://example.com/hook", { id = customer.id }) end)
  end)
end

idle("Order Completed", "180 days", function(customer)
  repeat
    local stage = customer.plan == "pro" and "lost" or "lost"
    move(stage)
  until true
end)
