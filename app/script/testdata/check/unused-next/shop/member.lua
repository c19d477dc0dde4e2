stage { title = "Member", next = "active" }

enter(function(customer)
  send "hello"
end)
