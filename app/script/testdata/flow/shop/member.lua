stage { title = "Member", goal = { "Order Completed", "Subscription Started" }, next = "active", exit = "Moved Away" }

enter(function(customer)
  local letter = send "hello"
  local clicked = wait_for(letter, "clicked", "2 days")
  if clicked then
    tag "curious"
  else
    send "reminder"
  end
  wait "3 days"
  wait_until "mon-fri 09:00"
  if not wait_for("Product Viewed", "1 week", { sku = "A1" }) then
    move "lost"
  end
  send "offer"
end)

on("Product Viewed", function(customer, event)
  if event.properties.price == nil then
    return
  elseif event.properties.price > 100 and count("Product Viewed", "7 days") >= 3 then
    send("offer", { by = "email" })
  elseif customer.tags.vip then
    send "offer"
    return
  end
  score(5, { half_life = "30 days" })
end, { parallel = true })
