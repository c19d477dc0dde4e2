-- They came, and nothing happened since: a good moment for help, and a bad one for an offer.
segment { title = "New and quiet", note = "a member for two weeks, without an order and without a click" }

member(function(customer)
  return in_stage_for("customer-lifecycle", "14 days", "member")
    and not clicked(nil, "14 days")
end)
