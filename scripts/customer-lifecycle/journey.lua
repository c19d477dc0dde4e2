-- The usual example of lifecycle stages in open marketing automation, such as Mautic: someone signs up (member), buys
-- once (single purchase), buys again (active), and falls silent (lost). Each stage is one file in this folder, named
-- like the stage; what is said is in messages/. Change it to your own plan: that is what it is for.
--
-- How each stage is measured:
--
--   stage            entered                                 converted         left
--   member           with the first event                    the first order   to single-purchase
--   single-purchase  with the first order                    the next order    to active, or to lost
--   active           with the next order, or back from lost  (no goal)         to lost
--   lost             after 180 days without an order         an order          to active
--
-- The median time of a stage is taken over those who left it, from entering to leaving.

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
