stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(c, e)
  local letter = send("hello", "sms")
  send("hello", { expires = 3, subject = true, fallback = "no" })
  wait_for("Order Completed")
  wait_for("Order Completed", 86400)
  wait_for("Order Completed", "1 day", "sku")
  wait_for(letter)
  wait_for(letter, 60)
  wait_for(letter, "clicked")
  wait_for(letter, "clicked", 3600)
  wait_until("09:00", { zone = "UTC" })
  if count "Order Completed" > "3" or "10" == c.score or sum("Order Completed", "total") ~= "many" then
    c.plan = "pro"
  end
  c.traits.age, c.tags.vip, e.properties.n = 1, true, 2
  tag("vip", "gold")
  count("Order Completed", 30)
  track("Asked", "why", { to = 5 })
  webhook("https://example.com/hook", "text")
  score(5, "fit")
  score(5, { cap = "many", once = 1 })
  log(split("one", "a", "b", { weights = { 70 } }), split("two", "a", "b", { weights = { "a", -1 } }), split("three", { "a" }, "b", "c"))
  set(5, "pro")
end)

-- What a variable holds, and what a function returns, is not known.
on("Asked", function(customer, event)
  local days, name = event.properties.days, event.properties.name
  local answer = wait_for(name, days)
  wait_for(answer, days, { sku = 1 })
  wait_for("Order Completed", days or "1 day", name)
  send(name, nil)
  count("Order Completed", nil)
  local plain = { plan = "x" }
  plain.plan = "pro"
  if event.properties.total > "3" or count(name) > 3 or customer.plan == "pro" then
    score("5" + 1, { cap = "10", name = name })
  end
  log(random(1, 6), split("four", name, "b", { weights = { 1, days } }), split("five", name, string.byte(name, 1, 2)))
  tag(string.gsub(name, "a", "b"))
  set "plan"
end)
