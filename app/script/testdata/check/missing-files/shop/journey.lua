journey {
  title  = "Shop",
  stages = { "membr", "active" },
  moves  = { ["member"] = { "active" }, ["active"] = { "member" } },
}
