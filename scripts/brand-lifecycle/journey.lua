-- The customer lifecycle as brands draw it: awareness, engagement, evaluation, purchase, post-purchase experience,
-- advocacy, and round again. Emplifi, among others, publishes it with these six stages; that the end is a loop, where
-- good experience shortens the way to the next purchase, is the consumer decision journey of McKinsey (Court, Elzinga,
-- Mulder and Vetvik, McKinsey Quarterly, 2009).
--
-- How each stage is measured:
--
--   stage          entered                                  converted                          left
--   awareness      with the first event                     looks around, signs up or buys     to engagement
--   engagement     has looked around, or fell silent later  three products in a week, a cart   to evaluation, awareness
--   evaluation     is choosing                              an order                           to purchase, engagement
--   purchase       with an order                            the delivery                       to post-purchase, evaluation
--   post-purchase  delivered, or a week after the order     a good review, or sharing          to advocacy, purchase, engagement
--   advocacy       speaks well of us                        another order                      to purchase, engagement
--
-- The median time of a stage is taken over those who left it, from entering to leaving.

journey {
  title  = "Brand lifecycle",
  stages = { "awareness", "engagement", "evaluation", "purchase", "post-purchase", "advocacy" },
  moves  = {
    ["awareness"]     = { "engagement", "purchase" },
    ["engagement"]    = { "evaluation", "purchase", "awareness" },
    ["evaluation"]    = { "purchase", "engagement" },
    ["purchase"]      = { "post-purchase", "evaluation" },
    ["post-purchase"] = { "advocacy", "purchase", "engagement" },
    ["advocacy"]      = { "purchase", "engagement" },
  },
}

-- Every order is thanked for, in whatever stage it comes.
on("Order Completed", function(customer)
  send "order-thanks"
end)
