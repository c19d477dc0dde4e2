journey {
  title  = "Shop",
  stages = { "member", "active", "gold" },
  moves  = { ["member"] = { "active" }, ["active"] = { "member", "gold" } },
}
