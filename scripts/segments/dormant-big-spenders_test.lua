describe("dormant big spenders", function()
  it("are those who spent much and then nothing for 90 days", function()
    local ann = customer {}
    ann:track("Order Completed", { revenue = 300 })
    advance "10 days"
    ann:track("Order Completed", { revenue = 250 })
    expect(ann:in_segment "dormant-big-spenders").to.equal(false)
    advance "89 days"
    expect(ann:in_segment "dormant-big-spenders").to.equal(false)
    advance "1 day"
    expect(ann:in_segment "dormant-big-spenders").to.equal(true)
    ann:track("Order Completed", { revenue = 10 })
    expect(ann:in_segment "dormant-big-spenders").to.equal(false)
  end)

  it("leave when what they spent is a year ago", function()
    local ann = customer {}
    ann:track("Order Completed", { revenue = 600 })
    advance "90 days"
    expect(ann:in_segment "dormant-big-spenders").to.equal(true)
    advance "275 days"
    expect(ann:in_segment "dormant-big-spenders").to.equal(false)
  end)
end)
