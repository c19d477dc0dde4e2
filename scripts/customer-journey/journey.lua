-- The customer journey as it is drawn on journey maps: awareness, research, decision, experience, after-sales, loyalty.
-- It has no single author. The three phases are those of Lemon and Verhoef (Understanding Customer Experience Throughout
-- the Customer Journey, Journal of Marketing, 2016): before, at, and after the purchase.
--
-- How each stage is measured:
--
--   stage        entered                                   converted              left
--   awareness    with the first event                      begins to look         to research, experience
--   research     compares                                  a product in the cart  to decision, experience, awareness
--   decision     has something in the cart                 an order               to experience, research
--   experience   has ordered                               the delivery           to after-sales, decision
--   after-sales  delivered, or two weeks after the order   another order          to loyalty
--   loyalty      has bought again                          another order          to research
--
-- The median time of a stage is taken over those who left it, from entering to leaving.

journey {
  title  = "Customer journey",
  stages = { "awareness", "research", "decision", "experience", "after-sales", "loyalty" },
  phases = {
    { "Before the purchase", "awareness", "research" },
    { "Purchase", "decision" },
    { "After the purchase", "experience", "after-sales", "loyalty" },
  },
  moves  = {
    ["awareness"]   = { "research", "experience" },
    ["research"]    = { "decision", "experience", "awareness" },
    ["decision"]    = { "experience", "research" },
    ["experience"]  = { "after-sales", "decision" },
    ["after-sales"] = { "loyalty" },
    ["loyalty"]     = { "research" },
  },
}

-- Every order is thanked for, in whatever stage it comes.
on("Order Completed", function(customer)
  send "order-thanks"
end)
