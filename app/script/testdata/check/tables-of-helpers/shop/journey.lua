journey {
  title  = "Shop",
  stages = { "member", "active" },
  moves  = { ["member"] = { "active" }, ["active"] = { "member" } },
}
