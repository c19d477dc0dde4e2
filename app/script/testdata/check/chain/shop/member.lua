stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
end)

local function more(customer)
  track("Page Viewed", { again = true })
end

on("Page Viewed", more)
on("Signed Up", function(customer, event)
  track("Page Viewed")
  track("Friend Told", {}, { to = customer.referrer })
end)
