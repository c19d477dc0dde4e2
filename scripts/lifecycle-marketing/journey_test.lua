describe("lifecycle marketing", function()
  local c

  local function order(who) (who or c):track("Order Completed", { revenue = 20 }) end

  local function to_educate()
    c:track "Product Viewed"
    c:track "Lead Captured"
    c:track "Product Viewed"
  end

  before_each(function()
    at "2026-03-02 08:00" -- a Monday
    c = customer { email = "lan@example.com", first_name = "Lan" }
  end)

  it("attracts, sells and wows", function()
    to_educate()
    c:track "Product Added"
    c:track "Checkout Started"
    order()
    advance "21 days"
    order()
    c:track "Invite Sent"
    expect(c.stages).to.equal({ "target", "interest", "collect", "educate", "offer", "close", "deliver", "upsell", "referral" })
    expect(c.refused).to.be.empty()
  end)

  it("remembers what somebody is interested in", function()
    c:track "Products Searched"
    c:track("Product Viewed", { category = "Tea" })
    expect(c.interest).to.equal("Tea")
  end)

  it("gives the guide to whoever leaves an address, at once", function()
    c:track "Lead Captured"
    expect(c.stage).to.equal("collect")
    expect(c).to.have.received("guide", 1)
    advance "5 days"
    expect(c.stage).to.equal("educate")
  end)

  it("teaches nobody at an address that bounces", function()
    c:track "Lead Captured"
    c:bounce "guide"
    expect(c).to.have.tag("address-bounced")
    advance "30 days"
    expect(c.stage).to.equal("collect")
    expect(c).to.never.have.received("lesson-needs")
  end)

  it("gives three lessons on working mornings, and then an offer", function()
    to_educate()
    advance "1 hour"
    expect(c).to.have.received("lesson-needs", 1)
    advance "4 days"
    expect(c:inbox("lesson-quality")[1].at).to.equal("2026-03-06T09:00:00Z")
    advance "5 days"
    expect(c:inbox("lesson-care")[1].at).to.equal("2026-03-11T09:00:00Z")
    advance "5 days"
    expect(c.stage).to.equal("offer")
    expect(c.converted).to.never.contain("educate")
  end)

  it("keeps the lessons to the customer's own clock", function()
    local v = customer { email = "minh@example.com", timezone = "Asia/Ho_Chi_Minh" }
    v:track "Lead Captured"
    v:track "Product Viewed"
    advance "2 days"
    expect(v:inbox("lesson-needs")[1].at).to.equal("2026-03-03T02:00:00Z")
  end)

  it("stops the lessons at their goal", function()
    to_educate()
    advance "1 hour"
    c:track "Product Added"
    expect(c.stage).to.equal("offer")
    expect(c.converted).to.contain("educate")
    advance "30 days"
    expect(c).to.have.received("lesson-needs", 1)
    expect(c).to.never.have.received("lesson-quality")
    expect(c).to.never.have.received("lesson-care")
  end)

  it("makes one of two offers, and says when it ends", function()
    to_educate()
    c:track "Product Added"
    advance "1 day"
    expect(c:received("offer-delivery") + c:received("offer-discount")).to.equal(1)
    advance "6 days"
    expect(c).to.have.received("offer-ends", 1)
  end)

  it("lets go of whoever unsubscribes, and begins again after 90 days", function()
    to_educate()
    c:track "Unsubscribed"
    expect(c.stage).to.never.exist()
    advance "30 days"
    expect(c).to.never.have.received("lesson-needs")
    c:track "Product Viewed"
    expect(c.stage).to.never.exist()
    advance "61 days"
    c:track "Product Viewed"
    expect(c.stage).to.equal("interest")
  end)

  it("keeps the cart at the till, and asks what is missing", function()
    to_educate()
    c:track("Checkout Started", { products = { { name = "Teapot" } } })
    expect(c.stage).to.equal("close")
    advance "4 hours"
    expect(c:inbox("cart-kept")[1].text).to.contain("Teapot")
    advance "2 days"
    expect(c).to.have.received("any-questions", 1)
    advance "28 days"
    expect(c.stage).to.equal("offer")
  end)

  it("delivers and wows before it offers anything again", function()
    order()
    expect(c.stage).to.equal("deliver")
    expect(c).to.have.received("thank-you", 1)
    expect(c).to.have.tag("buyer")
    advance "7 days"
    expect(c).to.have.received("getting-the-best", 1)
    advance "13 days"
    expect(c.stage).to.equal("deliver")
    advance "1 day"
    expect(c.stage).to.equal("upsell")
  end)

  it("apologises for what did not work out, and offers nothing", function()
    order()
    c:track "Order Refunded"
    expect(c).to.have.received("sorry", 1)
    expect(c).to.never.have.tag("buyer")
    expect(c.stage).to.equal("interest")
    advance "200 days"
    expect(c).to.never.have.received("goes-well-with")
    expect(c).to.never.have.received("wake-up")
  end)

  it("keeps about one in ten out of the offers, to see what they are worth", function()
    local people, out = {}, {}
    for i = 1, 60 do
      people[i] = customer { email = "p" .. i .. "@example.com" }
      order(people[i])
    end
    advance "23 days"
    for _, person in ipairs(people) do
      local offer = person:messages("goes-well-with")[1]
      if offer.reason == "hold-out" then table.insert(out, person) else expect(offer.state).to.equal("accepted") end
    end
    expect(#out).to.be.at_least(1)
    expect(#out).to.be.at_most(20)
    expect(out[1]).to.have.received("thank-you", 1) -- what is owed is sent
    order(out[1])
    expect(out[1].stage).to.equal("referral")
  end)

  it("asks for referrals after the second order, and thanks for each", function()
    order()
    advance "21 days"
    order()
    expect(c.stage).to.equal("referral")
    advance "10 days"
    expect(c).to.have.received("tell-a-friend", 1)
    c:track "Referral Completed"
    c:track "Referral Completed"
    expect(c).to.have.received("referral-thanks", 2)
  end)

  it("does not ask whoever has invited somebody already", function()
    order()
    order()
    order()
    expect(c.stage).to.equal("referral")
    c:track "Invite Sent"
    advance "20 days"
    expect(c).to.never.have.received("tell-a-friend")
  end)

  it("wakes past buyers who sleep, and stops when they are awake", function()
    order()
    order()
    order() -- in referral, where nothing is held out
    advance "120 days"
    expect(c).to.have.received("wake-up", 1)
    order()
    advance "21 days"
    expect(c).to.never.have.received("wake-up-offer")
    advance "99 days"
    expect(c).to.have.received("wake-up", 2)
    advance "21 days"
    expect(c).to.have.received("wake-up-offer", 1)
  end)

  it("lets those sleep who never bought", function()
    to_educate()
    advance "300 days"
    expect(c).to.never.have.received("wake-up")
  end)

  it("speaks Vietnamese with Vietnamese customers", function()
    local v = customer { email = "minh@example.com", locale = "vi", first_name = "Minh" }
    order(v)
    expect(v:inbox("thank-you")[1].subject).to.equal("Cảm ơn bạn đã đặt hàng, Minh")
    v:track "Order Refunded"
    expect(v:inbox("sorry")[1].text).to.contain("Chào Minh")
  end)
end)
