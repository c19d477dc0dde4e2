describe("customer journey", function()
  local c

  local function order() c:track("Order Completed", { revenue = 20, order_id = "A1" }) end

  before_each(function()
    at "2026-03-02 08:00" -- a Monday
    c = customer { email = "lan@example.com", first_name = "Lan" }
  end)

  it("goes from awareness to loyalty", function()
    c:track "Products Searched"
    c:track "Product Added"
    order()
    c:track "Order Delivered"
    order()
    expect(c.stages).to.equal({ "awareness", "research", "decision", "experience", "after-sales", "loyalty" })
    expect(c.converted).to.equal({ "awareness", "research", "decision", "experience", "after-sales" })
    expect(c).to.have.received("order-thanks", 2)
  end)

  it("helps to compare, once", function()
    c:track "Product Viewed"
    advance "1 day"
    expect(c).to.have.received("compare-well", 1)
    advance "60 days"
    expect(c.stage).to.equal("awareness")
    c:track "Product Viewed"
    advance "2 days"
    expect(c).to.have.received("compare-well", 1)
  end)

  it("waits with its help until it has an address", function()
    local stranger = customer { anonymous_id = "device-1" }
    stranger:track "Product Viewed"
    advance "2 days"
    expect(stranger:messages()).to.be.empty()
    stranger:identify { email = "hoa@example.com" }
    stranger:track "Signed Up"
    advance "1 day"
    expect(stranger).to.have.received("compare-well", 1)
  end)

  it("reminds of the cart, and answers in the morning", function()
    c:track "Product Viewed"
    c:track("Checkout Started", { products = { { name = "Teapot" } } })
    advance "3 hours"
    expect(c:inbox("cart-waiting")[1].text).to.contain("Teapot")
    advance "3 days"
    expect(c:inbox("answers")[1].at).to.equal("2026-03-05T09:00:00Z")
  end)

  it("is quiet about the cart after the order", function()
    c:track "Product Viewed"
    c:track "Product Added"
    order()
    advance "5 days"
    expect(c).to.never.have.received("cart-waiting")
    expect(c:inbox("order-thanks")[1].text).to.contain("A1")
  end)

  it("takes two weeks for a delivery that nobody reports", function()
    order()
    advance "13 days"
    expect(c.stage).to.equal("experience")
    advance "1 day"
    expect(c.stage).to.equal("after-sales")
  end)

  it("asks how it was, and gives tips on a Saturday", function()
    order()
    c:track "Order Delivered"
    advance "3 days"
    expect(c).to.have.received("how-was-it", 1)
    c:track("Product Reviewed", { rating = 4 })
    advance "40 days"
    expect(c:inbox("care-tips")[1].at).to.equal("2026-04-04T10:30:00Z")
  end)

  it("puts right what is wrong, and spares the tips", function()
    order()
    c:track "Order Delivered"
    advance "3 days"
    c:track("Product Reviewed", { rating = 1 })
    expect(c).to.have.received("make-it-right", 1)
    advance "90 days"
    expect(c).to.never.have.received("care-tips")
  end)

  it("knows its regulars, and the best of them", function()
    order()
    c:track "Order Delivered"
    order()
    expect(c).to.have.tag("loyal")
    expect(c).to.have.received("regular", 1)
    order()
    order()
    expect(c).to.never.have.tag("vip")
    order()
    expect(c).to.have.tag("vip")
    order()
    expect(c).to.have.received("vip", 1)
  end)

  it("counts the orders of one year only", function()
    order()
    c:track "Order Delivered"
    for _ = 1, 8 do
      advance "120 days"
      order()
    end
    expect(c.stage).to.equal("loyalty")
    expect(c).to.never.have.tag("vip")
  end)

  it("misses whoever is silent, and begins again with them", function()
    order()
    c:track "Order Delivered"
    order()
    advance "180 days"
    expect(c).to.have.received("miss-you", 1)
    advance "59 days"
    expect(c.stage).to.equal("loyalty")
    advance "1 day"
    expect(c.stage).to.equal("research")
    expect(c).to.never.have.tag("loyal")
  end)

  it("speaks Vietnamese with Vietnamese customers", function()
    local v = customer { email = "minh@example.com", locale = "vi", first_name = "Minh" }
    v:track("Order Completed", { revenue = 20 })
    expect(v:inbox("order-thanks")[1].subject).to.equal("Cảm ơn bạn đã đặt hàng, Minh")
  end)
end)
