local steps = {}

function steps.back(customer)
  move "member"
end

return steps
