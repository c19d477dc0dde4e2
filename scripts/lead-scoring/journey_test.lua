describe("lead scoring", function()
  local c

  local function times(n, event)
    for _ = 1, n do c:track(event) end
  end

  before_each(function()
    at "2026-03-02 08:00" -- a Monday
    c = customer { email = "lan@example.com", first_name = "Lan" }
  end)

  it("welcomes a subscriber", function()
    c:track "Signed Up"
    expect(c.stage).to.equal("subscriber")
    expect(c).to.have.received("welcome", 1)
  end)

  it("counts the same thing every time", function()
    times(4, "Product Viewed")
    expect(c.score).to.be.near(8)
    c:track "Product Added"
    expect(c.score).to.be.near(18)
    expect(c.stage).to.equal("subscriber")
  end)

  it("lets the points fade by half in a month", function()
    times(4, "Product Viewed")
    advance "30 days"
    expect(c.score).to.be.near(4)
    advance "30 days"
    expect(c.score).to.be.near(2)
  end)

  it("makes a lead at twenty points, at that event", function()
    times(9, "Product Viewed")
    expect(c.stage).to.equal("subscriber")
    c:track "Product Viewed"
    expect(c.stage).to.equal("lead")
    expect(c.converted).to.equal({ "subscriber" })
    advance "1 hour"
    expect(c).to.never.have.received("helpful-answers")
    advance "1 hour"
    expect(c).to.have.received("helpful-answers", 1)
  end)

  it("does not reach the threshold with points that have faded", function()
    times(9, "Product Viewed")
    advance "30 days"
    c:track "Product Viewed"
    expect(c.stage).to.equal("subscriber")
  end)

  it("takes a lead back whose interest has faded, without a word", function()
    times(10, "Product Viewed")
    advance "28 days"
    expect(c.stage).to.equal("lead") -- ten and a half points
    advance "7 days"
    expect(c.stage).to.equal("subscriber")
    expect(c).to.have.received("helpful-answers", 1)
    times(8, "Product Viewed")
    expect(c.stage).to.equal("lead")
    expect(c.stages).to.equal({ "subscriber", "lead", "subscriber", "lead" })
  end)

  it("qualifies at fifty points, tells sales, and offers to talk on a working morning", function()
    times(2, "Checkout Started")
    expect(c.stage).to.equal("lead")
    c:track "Product Added"
    expect(c.stage).to.equal("qualified")
    expect(c).to.have.tag("qualified")
    expect(c.events).to.contain("Lead Qualified")
    advance "1 hour"
    expect(c).to.have.received("talk-to-us", 1)
    expect(c).to.never.have.received("helpful-answers") -- was overtaken
  end)

  it("steps down from qualified, and further down in time", function()
    times(2, "Checkout Started")
    c:track "Product Added"
    advance "35 days" -- 22 points
    expect(c.stage).to.equal("lead")
    expect(c).to.never.have.tag("qualified")
    advance "35 days" -- less than ten
    expect(c.stage).to.equal("subscriber")
    expect(c.refused).to.be.empty()
  end)

  it("takes points away from whoever unsubscribes", function()
    times(2, "Checkout Started")
    c:track "Unsubscribed"
    expect(c.score).to.be.near(10)
  end)

  it("makes a customer of everybody who orders, wherever they are", function()
    c:track("Order Completed", { revenue = 20 })
    expect(c.stage).to.equal("customer")
    expect(c).to.have.received("welcome-customer", 1)

    local q = customer { email = "minh@example.com" }
    for _ = 1, 3 do q:track "Checkout Started" end
    expect(q.stage).to.equal("qualified")
    q:track("Order Completed", { revenue = 20 })
    expect(q.stage).to.equal("customer")
    expect(q.converted).to.equal({ "subscriber", "lead", "qualified" })
  end)

  it("begins again with a customer who is silent for a year", function()
    c:track("Order Completed", { revenue = 20 })
    advance "365 days"
    expect(c.stage).to.equal("lead")
    advance "7 days"
    expect(c.stage).to.equal("subscriber")
    expect(c).to.never.have.received("helpful-answers")
    c:track("Order Completed", { revenue = 20 })
    expect(c.stage).to.equal("customer")
    expect(c).to.have.received("welcome-customer", 1)
  end)

  it("speaks Vietnamese with Vietnamese customers", function()
    local v = customer { email = "minh@example.com", locale = "vi-VN" }
    v:track "Signed Up"
    expect(v:inbox("welcome")[1].subject).to.equal("Rất vui được đón bạn")
  end)
end)
