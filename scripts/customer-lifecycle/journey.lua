-- The usual example of lifecycle stages in open marketing automation, such as Mautic: someone signs up (member), buys
-- once (single purchase), buys again (active), and falls silent (lost). Each stage is one file in this folder, named
-- like the stage; what is said is in messages/. Change it to your own plan: that is what it is for.

journey {
  title  = "Customer lifecycle",
  stages = { "member", "single-purchase", "active", "lost" },
  moves  = {
    ["member"]          = { "single-purchase" },
    ["single-purchase"] = { "active", "lost" },
    ["active"]          = { "lost" },
    ["lost"]            = { "active" },
  },
}
