describe("brand lifecycle", function()
  local c

  local function to_purchase()
    c:track "Product Viewed"
    c:track "Product Added"
    c:track("Order Completed", { revenue = 20, order_id = "A1" })
  end

  before_each(function()
    at "2026-03-02 08:00" -- a Monday
    c = customer { email = "lan@example.com", first_name = "Lan" }
  end)

  it("goes once round: from awareness to advocacy, and to the next purchase", function()
    to_purchase()
    c:track "Order Delivered"
    c:track("Product Reviewed", { rating = 5 })
    c:track("Order Completed", { revenue = 20 })
    expect(c.stages).to.equal({ "awareness", "engagement", "evaluation", "purchase", "post-purchase", "advocacy", "purchase" })
    expect(c.converted).to.equal({ "awareness", "engagement", "evaluation", "purchase", "post-purchase", "advocacy" })
    expect(c.refused).to.be.empty()
  end)

  it("welcomes whoever looks around, and tells its story four days later", function()
    c:track "Product Viewed"
    expect(c.stage).to.equal("engagement")
    expect(c).to.have.received("welcome", 1)
    advance "4 days"
    expect(c).to.have.received("our-story", 1)
  end)

  it("waits with the welcome until it has an address, and says it once", function()
    local stranger = customer { anonymous_id = "device-1" }
    stranger:track "Product Viewed"
    advance "3 days"
    expect(stranger:messages()).to.be.empty()
    stranger:identify { email = "hoa@example.com" }
    stranger:track "Signed Up"
    expect(stranger).to.have.received("welcome", 1)
    advance "130 days"
    expect(stranger.stage).to.equal("awareness")
    stranger:track "Product Viewed"
    expect(stranger).to.have.received("welcome", 1)
  end)

  it("takes three products in a week for a choice between them", function()
    c:track "Product Viewed"
    advance "5 days"
    c:track "Product Viewed"
    expect(c.stage).to.equal("engagement")
    advance "5 days"
    c:track "Product Viewed"
    expect(c.stage).to.equal("engagement") -- the first of them is ten days old
    c:track "Product Viewed"
    expect(c.stage).to.equal("evaluation")
  end)

  it("helps with the choice, until the order", function()
    c:track "Product Viewed"
    c:track "Product Added"
    advance "1 day"
    expect(c).to.have.received("how-to-choose", 1)
    advance "3 days"
    expect(c).to.have.received("any-questions", 1)
  end)

  it("keeps the cart of whoever stops at the till", function()
    c:track "Product Viewed"
    c:track "Product Added"
    c:track("Checkout Started", { products = { { name = "Teapot" }, { name = "Tea" } } })
    advance "4 hours"
    expect(c:inbox("cart-kept")[1].text).to.contain("Teapot")
  end)

  it("says nothing about the cart to whoever goes on", function()
    c:track "Product Viewed"
    c:track "Product Added"
    c:track "Checkout Started"
    advance "1 hour"
    c:track("Order Completed", { revenue = 20, order_id = "A1" })
    advance "3 days"
    expect(c).to.never.have.received("cart-kept")
    expect(c).to.never.have.received("how-to-choose")
    expect(c:inbox("order-thanks")[1].text).to.contain("A1")
  end)

  it("thanks for every order, in every stage", function()
    c:track("Order Completed", { revenue = 20 })
    expect(c.stage).to.equal("purchase")
    c:track("Order Completed", { revenue = 20 })
    c:track "Order Delivered"
    c:track("Order Completed", { revenue = 20 })
    expect(c).to.have.received("order-thanks", 3)
  end)

  it("takes a week for a delivery that nobody reports", function()
    to_purchase()
    advance "6 days"
    expect(c.stage).to.equal("purchase")
    advance "1 day"
    expect(c.stage).to.equal("post-purchase")
    expect(c.converted).to.never.contain("purchase")
  end)

  it("goes back to evaluation with an order that is returned", function()
    to_purchase()
    c:track "Order Refunded"
    expect(c.stage).to.equal("evaluation")
  end)

  it("asks how it is before it asks for a review, which half get later", function()
    to_purchase()
    c:track "Order Delivered"
    advance "5 days"
    expect(c).to.have.received("how-is-it", 1)
    advance "9 days"
    expect(c).to.never.have.received("review-request")
    advance "11 days"
    expect(c).to.have.received("review-request", 1)
  end)

  it("makes it right after a bad review", function()
    to_purchase()
    c:track "Order Delivered"
    c:track("Product Reviewed", { rating = 2 })
    expect(c.stage).to.equal("post-purchase")
    expect(c).to.have.received("make-it-right", 1)
  end)

  it("asks advocates to tell a friend, on a Saturday", function()
    to_purchase()
    c:track "Order Delivered"
    c:track("Product Reviewed", { rating = "5" })
    expect(c).to.have.tag("advocate")
    expect(c).to.have.received("advocate-thanks", 1)
    advance "30 days"
    expect(c:inbox("tell-a-friend")[1].at).to.equal("2026-03-28T10:00:00Z")
    c:track "Invite Sent"
    expect(c).to.have.received("invite-thanks", 1)
    advance "365 days"
    expect(c.stage).to.never.equal("advocacy")
    expect(c).to.never.have.tag("advocate")
  end)

  it("steps back from whoever falls silent", function()
    c:track "Product Viewed"
    c:track "Product Added"
    advance "45 days"
    expect(c.stage).to.equal("engagement")
    advance "120 days"
    expect(c.stage).to.equal("awareness")
  end)

  it("speaks Vietnamese with Vietnamese customers", function()
    local v = customer { email = "minh@example.com", locale = "vi" }
    v:track "Product Viewed"
    expect(v:inbox("welcome")[1].subject).to.contain("Chào mừng bạn")
  end)
end)
