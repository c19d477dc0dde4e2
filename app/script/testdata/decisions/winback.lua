-- comes, silence, silence
stage { title = "One", goal = "Order Completed", next = "two" }

-- A customer who was lost is won back: by mail, then by a text in the morning, then let go.
enter(function(customer, event)
  log("lost after", count "Order Completed", "orders worth", sum("Order Completed", "revenue"))
  local tone = split("tone", "warm", "short", { weights = { 80, 20 } })
  set("tone", tone)
  tag "lost"
  local letter = send("hello", { by = "email", subject = "We miss you, " .. customer.first_name })
  local click = wait_for(letter, "clicked", "2 days")
  if click then
    score(5, { half_life = "30 days" })
    log("came back by", click.properties.url, "score", customer.score)
  end
  for i = 1, 2 do
    wait_until "mon-fri 09:00"
    if not wait_for("Order Completed", "3 days", { currency = "EUR" }) then
      send "bye"
    end
  end
  if customer.tags.lost then
    untag "lost"
  end
  track("Winback Ended", { tone = customer.tone }, { to = "u2" })
  webhook("https://example.com/winback", { customer = customer.user_id, clicked = click ~= nil })
  move "two"
end)
