stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  send("hello", { vai = "email", subjet = "Hi" })
  score(10, { halflife = "30 days" })
  track("Reward Earned", {}, { too = "u2" })
  local a = split("test", "a", "b", { weigths = { 70, 30 } })
  log(a, choose("offer", { "x", "y" }, { gaol = "Order Completed" }))
  send("hello", { caps = "perhaps" })
end)
