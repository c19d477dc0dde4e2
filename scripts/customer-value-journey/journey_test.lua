describe("customer value journey", function()
  local c

  local function order(revenue) c:track("Order Completed", { revenue = revenue or 9, order_id = "A1" }) end

  local function to_excite()
    c:track "Product Viewed"
    c:track "Lead Captured"
    order()
    c:track "Order Delivered"
  end

  local function to_advocate()
    to_excite()
    order(95)
    order(50)
  end

  before_each(function()
    at "2026-03-02 08:00" -- a Monday
    c = customer { email = "lan@example.com", first_name = "Lan" }
  end)

  it("goes through all eight stages in order", function()
    to_advocate()
    c:track "Invite Sent"
    expect(c.stages).to.equal({ "aware", "engage", "subscribe", "convert", "excite", "ascend", "advocate", "promote" })
    expect(c.converted).to.equal({ "aware", "engage", "subscribe", "convert", "excite", "ascend", "advocate" })
    expect(c.refused).to.be.empty()
  end)

  it("skips no stage, even for somebody whose first act is an order", function()
    order()
    expect(c.stages).to.equal({ "aware", "engage", "subscribe", "convert" })
    expect(c).to.have.received("welcome-buyer", 1)
    expect(c).to.never.have.received("lead-magnet")
  end)

  it("refuses every jump, and records it", function()
    c:track "Product Viewed"
    c:track("Stage Changed", { stage = "convert" })
    c:track("Stage Changed", { stage = "promote" })
    expect(c.stage).to.equal("engage")
    expect(c.refused).to.equal({ "engage > convert", "engage > promote" })
    c:track("Stage Changed", { stage = "subscribe" })
    expect(c.stage).to.equal("subscribe")
  end)

  it("steps back one stage, but never two", function()
    to_excite()
    c:track("Stage Changed", { stage = "engage" })
    expect(c.stage).to.equal("excite")
    expect(c.refused).to.equal({ "excite > engage" })
    c:track("Stage Changed", { stage = "convert" })
    expect(c.stage).to.equal("convert")
  end)

  it("gives the lead magnet for the address, once", function()
    c:track "Product Viewed"
    c:track "Lead Captured"
    expect(c.stage).to.equal("subscribe")
    expect(c).to.have.received("lead-magnet", 1)
    c:track "Unsubscribed"
    expect(c.stage).to.equal("engage")
    c:track "Lead Captured"
    expect(c.stage).to.equal("subscribe")
    expect(c).to.have.received("lead-magnet", 1)
  end)

  it("offers the tripwire after five days, until it is bought", function()
    c:track "Lead Captured"
    advance "2 days"
    expect(c).to.have.received("our-story", 1)
    advance "3 days"
    expect(c).to.have.received("tripwire", 1)
    order()
    expect(c.stage).to.equal("convert")
    advance "7 days"
    expect(c).to.never.have.received("tripwire-ends")
  end)

  it("goes on to excite with the delivery, or ten days after the order", function()
    c:track "Lead Captured"
    order()
    advance "9 days"
    expect(c.stage).to.equal("convert")
    advance "1 day"
    expect(c.stage).to.equal("excite")
    advance "2 days"
    expect(c).to.have.received("first-win", 1)
  end)

  it("follows up every purchase in excite", function()
    to_excite()
    order(10)
    advance "1 day"
    order(10)
    advance "3 days"
    expect(c.stage).to.equal("excite")
    expect(c).to.have.received("follow-up", 2)
    order(90) -- the one that leads on
    expect(c.stage).to.equal("ascend")
    advance "3 days"
    expect(c).to.have.received("follow-up", 3)
  end)

  it("counts what was spent within a year", function()
    to_excite()
    order(60)
    advance "366 days"
    order(60)
    expect(c.stage).to.equal("excite")
    order(60)
    expect(c.stage).to.equal("ascend")
  end)

  it("offers larger things in ascend, on working mornings", function()
    to_excite()
    order(95)
    advance "12 days"
    expect(c:inbox("core-offer")[1].at).to.equal("2026-03-12T10:00:00Z")
    advance "21 days"
    expect(c).to.have.received("next-step", 1)
  end)

  it("asks for a review in advocate, and then for a recommendation", function()
    to_advocate()
    expect(c.stage).to.equal("advocate")
    advance "7 days"
    expect(c).to.have.received("review-request", 1)
    c:track("Product Reviewed", { rating = 5 })
    expect(c).to.have.received("review-thanks", 1)
    advance "5 days"
    expect(c).to.have.received("tell-a-friend", 1)
  end)

  it("makes it right after a bad review, and asks for nothing", function()
    to_advocate()
    advance "7 days"
    c:track("Product Reviewed", { rating = 2 })
    expect(c).to.have.received("make-it-right", 1)
    advance "30 days"
    expect(c).to.never.have.received("tell-a-friend")
  end)

  it("makes a promoter of whose friend buys", function()
    to_advocate()
    local friend = customer { email = "minh@example.com", referrer = c }
    friend:track("Order Completed", { revenue = 9 })
    expect(c.stage).to.equal("promote")
    expect(c).to.have.tag("promoter")
    expect(c).to.have.received("promoter-welcome", 1)

    local another = customer { email = "hoa@example.com", referrer = c }
    another:track("Order Completed", { revenue = 9 })
    expect(c).to.have.received("referral-thanks", 1)
    another:track("Order Refunded")
    another:track("Order Completed", { revenue = 9 })
    expect(c).to.have.received("referral-thanks", 1) -- a friend counts once
  end)

  it("steps back from whoever falls silent", function()
    to_excite()
    order(95)
    advance "180 days"
    expect(c.stage).to.equal("excite")
    expect(c).to.have.received("miss-you", 1)
    expect(c).to.never.have.received("first-win")

    local looker = customer { email = "minh@example.com" }
    looker:track "Product Viewed"
    advance "90 days"
    expect(looker.stages).to.equal({ "aware", "engage", "aware" })
  end)

  it("walks back with a first order that is returned", function()
    to_excite()
    c:track "Order Refunded"
    expect(c.stages).to.equal({ "aware", "engage", "subscribe", "convert", "excite", "convert", "subscribe" })
    expect(c.refused).to.be.empty()
  end)

  it("speaks Vietnamese with Vietnamese customers", function()
    local v = customer { email = "minh@example.com", locale = "vi" }
    v:track "Lead Captured"
    expect(v:inbox("lead-magnet")[1].subject).to.equal("Cẩm nang của bạn: năm câu hỏi trước khi mua")
  end)
end)
