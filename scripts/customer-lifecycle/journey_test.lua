describe("customer lifecycle", function()
  local c

  before_each(function()
    c = customer { email = "lan@example.com", first_name = "Lan" }
  end)

  it("begins with a member who hears nothing", function()
    advance "365 days"
    expect(c.stage).to.equal("member")
    expect(c:received()).to.be.empty()
  end)

  it("thanks for the first order and asks for a second one after 30 days", function()
    c:track("Order Completed", { revenue = 20 })
    expect(c.stage).to.equal("single-purchase")
    expect(c).to.have.received("thank-you", 1)
    advance "29 days"
    expect(c).to.never.have.received("second-order")
    advance "1 day"
    expect(c).to.have.received("second-order", 1)
  end)

  it("takes the second order as the goal, and stops asking", function()
    c:track("Order Completed", { revenue = 20 })
    advance "10 days"
    c:track("Order Completed", { revenue = 30 })
    expect(c.stage).to.equal("active")
    expect(c.converted).to.equal({ "member", "single-purchase" })
    expect(c).to.have.received("club", 1)
    advance "60 days"
    expect(c).to.never.have.received("second-order")
  end)

  it("loses whoever is silent for half a year, and writes twice", function()
    c:track("Order Completed", { revenue = 20 })
    advance "180 days"
    expect(c.stage).to.equal("lost")
    expect(c).to.have.received("miss-you", 1)
    expect(c).to.never.have.received("last-call")
    advance "60 days"
    expect(c).to.have.received("last-call", 1)
  end)

  it("counts the silence of an active customer from the last order", function()
    c:track("Order Completed", { revenue = 20 })
    c:track("Order Completed", { revenue = 20 })
    advance "179 days"
    c:track("Order Completed", { revenue = 20 })
    advance "179 days"
    expect(c.stage).to.equal("active")
    advance "1 day"
    expect(c.stage).to.equal("lost")
  end)

  it("welcomes back whoever orders after all", function()
    c:track("Order Completed", { revenue = 20 })
    advance "200 days"
    c:track("Order Completed", { revenue = 20 })
    expect(c.stage).to.equal("active")
    expect(c).to.have.received("club", 1)
    advance "60 days"
    expect(c).to.never.have.received("last-call")
  end)

  it("speaks Vietnamese with Vietnamese customers", function()
    local v = customer { email = "minh@example.com", first_name = "Minh", locale = "vi" }
    v:track("Order Completed", { revenue = 20 })
    expect(v:inbox("thank-you")[1].subject).to.equal("Cảm ơn bạn đã đặt hàng, Minh")
    c:track("Order Completed", { revenue = 20 })
    expect(c:inbox("thank-you")[1].subject).to.equal("Thank you for your order, Lan")
  end)
end)
