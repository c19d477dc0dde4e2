local offers = {}

local function worth(customer)
  return sum("Order Completed", "revenue", "90 days") > 100
end

function offers.best(customer)
  if worth(customer) then
    return "gift"
  end
  return "discount"
end

function offers.say(customer)
  send("offer", { by = "email", subject = offers.best(customer) })
end

function offers.round(n) return math.floor(n) end

return offers
