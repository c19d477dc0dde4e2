-- Lifecycle Marketing, the plan for small businesses by Infusionsoft (now Keap): three phases of three stages each.
-- Attract: target, attract interest, collect leads. Sell: educate, offer, close. Wow: deliver and wow, offer more, get
-- referrals.
--
-- How each stage is measured:
--
--   stage      entered                                converted                             left
--   target     with the first event                   looks at a product or a promotion     to interest, collect, deliver
--   interest   looks around                           leaves an address                     to collect, deliver
--   collect    left an address                        comes back for a look                 to educate, deliver
--   educate    comes back, or after five days         a cart                                to offer, close, deliver
--   offer      knows enough                           begins to check out                   to close, deliver
--   close      is checking out                        an order                              to deliver, offer
--   deliver    has ordered                            a review, or another order            to upsell, interest
--   upsell     three weeks after the order            another order                         to referral
--   referral   has bought again                       invites, or brings, a friend          to upsell
--
-- Whoever unsubscribes while we educate or offer leaves the journey, and may begin again after 90 days. The median time
-- of a stage is taken over those who left it, from entering to leaving.

journey {
  title  = "Lifecycle marketing",
  stages = { "target", "interest", "collect", "educate", "offer", "close", "deliver", "upsell", "referral" },
  phases = {
    { "Attract", "target", "interest", "collect" },
    { "Sell", "educate", "offer", "close" },
    { "Wow", "deliver", "upsell", "referral" },
  },
  moves  = {
    ["target"]   = { "interest", "collect", "deliver" },
    ["interest"] = { "collect", "deliver" },
    ["collect"]  = { "educate", "deliver" },
    ["educate"]  = { "offer", "close", "deliver" },
    ["offer"]    = { "close", "deliver" },
    ["close"]    = { "deliver", "offer" },
    ["deliver"]  = { "upsell", "interest" },
    ["upsell"]   = { "referral" },
    ["referral"] = { "upsell" },
  },
}

-- Every order is thanked for, in whatever stage it comes.
on("Order Completed", function(customer)
  send "thank-you"
end)

-- Past buyers who sleep are woken, whatever stage they sleep in.
idle("Order Completed", "120 days", function(customer)
  if not customer.tags.buyer then return end
  send "wake-up"
  if wait_for("Order Completed", "21 days") then return end
  send "wake-up-offer"
end)
