stage { title = "Member" }

enter(function(customer)
  send "hello"
  if customer.vip then
    move "active"
    wait "2 days"
  end
  if customer.plan == "pro" then
    move "active"
  else
    move "active"
  end
  send "hello"
end)
