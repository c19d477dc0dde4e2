-- silence
stage { title = "One" }

-- What fails after a wait names its own line, and what was decided before stands.
enter(function(customer, event)
  send "hello"
  wait "1 day"
  local address = customer.addres
  send "bye"
  log(address.city)
end)
