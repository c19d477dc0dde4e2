local M = {}

-- A table of its own may be called so.
function M.build(event)
  event.name = "note"
  event.weight = 3
  return event.weight
end

-- A handler's first parameter is the customer.
function M.welcome(who)
  who.plan = "basic"
end

return M
