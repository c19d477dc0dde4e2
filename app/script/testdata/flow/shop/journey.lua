journey {
  title  = "Shop",
  stages = { "member", "active", "lost" },
  moves  = { ["member"] = { "active", "lost" }, ["active"] = { "lost" }, ["lost"] = { "active" } },
  exit   = { "Unsubscribed", "Account Closed" },
}

on("Refund Requested", function(customer, event)
  log("refund", event.properties.amount)
end)
