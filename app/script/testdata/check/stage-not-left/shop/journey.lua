journey {
  title  = "Shop",
  stages = { "member", "trap", "active", "end" },
  moves  = { ["member"] = { "active", "trap" }, ["active"] = { "member", "end" } },
}

on("Trapped", function(customer) move "trap" end)
