stage { title = "Member", goal = "Order Completed", next = "active" }

local notes = use "lib/notes"

enter(function(customer)
  log(notes.build({}))
  send "hello"
end)

on("Visit", notes.welcome)
