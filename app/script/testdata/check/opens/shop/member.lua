stage { title = "Member", goal = { "Order Completed", "Email Opened" }, next = "active" }

enter(function(customer)
  local letter = send "hello"
  if wait_for(letter, "opened", "2 days") then
    send "hello"
  end
  local seen = wait_for("Email Opened", "1 day")
  local often = count("Email Opened", "30 days")
  if not seen or often > 3 then
    send "hello"
  end
  if wait_for("Account Opened", "1 day") then
    send "hello"
  end
end)

on("Email Opened", function(customer, event)
  log("opened")
  if customer.score > 10 then
    move "active"
  end
end)
