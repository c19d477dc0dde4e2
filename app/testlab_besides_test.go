package app_test

import (
	"strings"
	"testing"
)

// besideShop stands beside the journey of testlab_test.go.
func besideShop() map[string]string {
	return map[string]string{
		"shop/active.lua": `stage { title = "Active" }
on("Segment Entered", function(customer, event) if event.properties.segment == "sleepers" then log "asleep" end end)
on("Score Reached", function(customer, event) log("reached " .. event.properties.threshold .. " with " .. event.properties.points) end)
on("Look", function(customer) log("heat " .. customer.scores.heat .. ", score " .. customer.score) end)
`,
		"scores.lua":            `score { name = "heat", half_life = "10 days", cap = 100, thresholds = { 50 } }`,
		"segments/sleepers.lua": "segment { title = \"Sleepers\" }\nmember(function() return count(\"Order Completed\", \"60 days\") == 0 end)",
		"segments/hot.lua":      "segment { title = \"Hot\" }\nmember(function() return score_at_least(\"heat\", 40) end)",
	}
}

// TestATestSaysWhoIsInASegmentAndHasAScore: points are given as a script would, and segments follow from what customers do.
func TestATestSaysWhoIsInASegmentAndHasAScore(t *testing.T) {
	passAll(t, runTests(t, `
local c
before_each(function()
  c = customer { email = "a@b.vn" }
  c:track("Order Completed", { revenue = 20 })
  c:track("Order Completed", { revenue = 20 })
end)
it("knows segments", function()
  expect(c).to.be.in_stage "active"
  expect(c).to.never.be.in_segment "sleepers"
  advance "59 days"
  expect(c).to_not.be.in_segment "sleepers"
  advance "1 day"
  expect(c).to.be.in_segment "sleepers"
  expect(c:in_segment "sleepers").to.be.truthy()
  expect(c.logged).to.equal { "asleep" }
end)
it("is told of a segment", function()
  c:track("Segment Entered", { segment = "sleepers" })
  expect(c.logged).to.equal { "asleep" }
end)
it("gives points", function()
  c:award(40, { name = "heat" })
  expect(c.scores.heat).to.equal(40)
  expect(c).to.be.in_segment "hot"
  expect(c.logged).to.be.empty()
  c:award(80, { name = "heat" })
  expect(c.scores.heat).to.equal(100)
  c:award(7)
  c:award(7, { once = "key" })
  c:award(7, { once = "key" })
  c:track "Look"
  expect(c.logged).to.equal { "reached 50 with 100", "heat 100, score 14" }
  advance "20 days"
  expect(c.scores.heat).to.be.near(25)
  expect(c).to.never.be.in_segment "hot"
  expect(c.events).to.contain "Score Reached"
end)
`, besideShop()), 3)
	for test, want := range map[string]string{
		`expect(customer {}).to.never.be.in_segment "sleeper"`:                        `there is no segment "sleeper"`,
		`customer {}:in_segment "hots"`:                                               `there is no segment "hots"`,
		`expect(customer {}).to.be.in_segment "hot"`:                                  "hot among the segments, but it is sleepers",
		`expect(customer {}).to.never.be.in_segment "sleepers"`:                       "not sleepers among the segments",
		`customer {}:award("many")`:                                                   "award needs a number of points",
		`customer {}:award(5, { nme = "heat" })`:                                      `score has no option "nme"`,
		`local c = customer {} for i = 1, 100 do c:award(1, { name = "s" .. i }) end`: "room for 64 scores",
	} {
		results := runTests(t, `it("fails", function() `+test+` end)`, besideShop())
		if len(results) != 1 || results[0].Failure == nil || !strings.Contains(results[0].Failure.Message, want) {
			t.Errorf("%s: %+v", test, results[0].Failure)
		}
	}
}
