-- The Customer Value Journey of DigitalMarketer (Ryan Deiss): eight stages from a stranger to somebody who brings others.
-- No stage is ever skipped: moves lead to the next stage only, and who does several things at once walks through all the
-- stages in between. One step back is allowed, and counted apart.
--
-- The phases are the four of inbound marketing (HubSpot): attract, convert, close, delight.
--
-- How each stage is measured:
--
--   stage      entered                                   converted                           forward to   back to
--   aware      with the first event                      looks at something                  engage
--   engage     looks around                              leaves an address                   subscribe    aware
--   subscribe  asked for the lead magnet                 buys the tripwire: the first order  convert      engage
--   convert    has made the first, small order           the delivery                        excite       subscribe
--   excite     delivered, or ten days after the order    100 spent within a year             ascend       convert
--   ascend     spends more                               another order                       advocate     excite
--   advocate   has bought again                          recommends us to somebody           promote      ascend
--   promote    has made a referral                       a friend who buys                                advocate
--
-- The median time of a stage is taken over those who left it, from entering to leaving.

journey {
  title  = "Customer value journey",
  stages = { "aware", "engage", "subscribe", "convert", "excite", "ascend", "advocate", "promote" },
  phases = {
    { "Attract", "aware", "engage" },
    { "Convert", "subscribe" },
    { "Close", "convert" },
    { "Delight", "excite", "ascend", "advocate", "promote" },
  },
  moves  = {
    ["aware"]     = { "engage" },
    ["engage"]    = { "subscribe", "aware" },
    ["subscribe"] = { "convert", "engage" },
    ["convert"]   = { "excite", "subscribe" },
    ["excite"]    = { "ascend", "convert" },
    ["ascend"]    = { "advocate", "excite" },
    ["advocate"]  = { "promote", "ascend" },
    ["promote"]   = { "advocate" },
  },
}

-- People in sales may say where somebody stands, as a CRM does. One step at a time: a jump is refused, and the refusal
-- stands in the customer's timeline.
on("Stage Changed", function(customer, event)
  move(event.properties.stage)
end)
