stage { title = "Member", gaol = "Order Completed", nxt = "active" }

enter(function(customer)
  send "hello"
end, { paralel = true })
