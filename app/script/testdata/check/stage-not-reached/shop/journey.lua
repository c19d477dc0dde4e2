journey {
  title  = "Shop",
  stages = { "member", "active", "gold", "lost" },
  moves  = { ["member"] = { "active" }, ["active"] = { "member", "lost" } },
}
