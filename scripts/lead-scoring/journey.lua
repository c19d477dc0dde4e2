-- Lead scoring: points for what people do, and a threshold at which they are worth a conversation. It is common practice
-- in marketing automation (Mautic, HubSpot and Marketo all have it) and has no single author; the stages are the first,
-- middle and last of HubSpot's lifecycle stages: subscriber, lead, marketing qualified lead, customer.
--
-- How each stage is measured:
--
--   stage       entered                                       converted      left
--   subscriber  with the first event, or below 10 points      20 points      to lead, or to customer with an order
--   lead        at 20 points, or from qualified below 25      50 points      to qualified, subscriber or customer
--   qualified   at 50 points                                  an order       to customer, or back to lead
--   customer    with an order                                 another order  to lead, after a year without an order
--
-- The median time of a stage is taken over those who left it, from entering to leaving. The way down has lower thresholds
-- than the way up, so that nobody goes to and fro.

journey {
  title  = "Lead scoring",
  stages = { "subscriber", "lead", "qualified", "customer" },
  moves  = {
    ["subscriber"] = { "lead", "customer" },
    ["lead"]       = { "qualified", "subscriber", "customer" },
    ["qualified"]  = { "customer", "lead" },
    ["customer"]   = { "lead" },
  },
}

-- What is done twice counts twice, and all of it fades: after a month half of it is left, after two a quarter.
local fading = { half_life = "30 days" }

on("Product Viewed",    function() score(2, fading) end)
on("Products Searched", function() score(3, fading) end)
on("Email Clicked",     function() score(5, fading) end)
on("Lead Captured",     function() score(10, fading) end)
on("Product Added",     function() score(10, fading) end)
on("Checkout Started",  function() score(20, fading) end)
on("Unsubscribed",      function() score(-30, fading) end)
