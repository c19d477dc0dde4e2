-- They click what we send. A message may ask them for more.
segment { title = "Engaged readers", note = "clicked two messages within 30 days" }

member(function(customer)
  return clicked(nil, "30 days", 2)
end)
