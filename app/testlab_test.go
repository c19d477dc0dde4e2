package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"stagecraft/app"
	"stagecraft/app/script"
)

// lifecycleFiles is a journey as in the documentation, with messages.
func lifecycleFiles(more map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"shop/journey.lua": `journey { title = "Shop", stages = { "member", "single-purchase", "active", "lost" },
  moves = { ["member"] = { "single-purchase" }, ["single-purchase"] = { "active", "lost" }, ["active"] = { "lost" }, ["lost"] = { "active" } } }`,
		"shop/member.lua": `stage { title = "Member", goal = "Order Completed", next = "single-purchase" }`,
		"shop/single-purchase.lua": `stage { title = "Single purchase", goal = "Order Completed", next = "active" }
enter(function(customer, event)
  send "thank-you"
  wait "30 days"
  send "second-order"
end)
idle("Order Completed", "180 days", function(customer)
  move "lost"
end)
`,
		"shop/active.lua": `stage { title = "Active" }
idle("Order Completed", "180 days", function(customer) move "lost" end)
on("Broken", function(customer, event)
  local x = event.properties.missing.field
end)
`,
		"shop/lost.lua":                           `stage { title = "Lost", goal = "Order Completed", next = "active" }`,
		"shop/messages/thank-you.email.liquid":    "---\nsubject: 'Thank you, {{ customer.traits.first_name | default: \"friend\" }}'\nkind: transactional\n---\nWe have your order over {{ event.properties.revenue | default: \"nothing\" }}.\n",
		"shop/messages/second-order.email.liquid": "---\nsubject: How is it going?\n---\nHello again.\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// runTests runs the tests of the journey shop with one test file.
func runTests(t testing.TB, test string, more map[string]string) []script.TestResult {
	t.Helper()
	files := lifecycleFiles(more)
	files["shop/shop_test.lua"] = &fstest.MapFile{Data: []byte(test)}
	source, err := app.FindSource(files, "shop")
	if err != nil {
		t.Fatal(err)
	}
	var results []script.TestResult
	passed, err := app.RunTests(context.Background(), script.New(script.Limits{Wall: time.Minute}), files, source, "", func(r script.TestResult) { results = append(results, r) })
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		passed = passed || r.Failure != nil
	}
	if !passed {
		t.Error("no result failed, but the tests did")
	}
	return results
}

// passAll fails for every case that failed, with what it says.
func passAll(t testing.TB, results []script.TestResult, cases int) {
	t.Helper()
	if len(results) != cases {
		t.Errorf("%d cases ran, want %d", len(results), cases)
	}
	for _, r := range results {
		if f := r.Failure; f != nil {
			t.Errorf("%s (%s:%d)\n%s:%d: %s\n%s\nexpected %s\nactual %s\nhint %s\n%s", r.Name, r.File, r.Line, f.File, f.Line, f.Message, f.Source, f.Expected, f.Actual, f.Hint,
				strings.Join(r.Story, "\n"))
		}
	}
}

func TestTheExampleOfTheDocumentation(t *testing.T) {
	passAll(t, runTests(t, `
describe("single purchase", function()
  it("asks for a second order after 30 days", function()
    local c = customer { email = "a@b.vn" }; c:track("Order Completed", { revenue = 20 })
    expect(c.stage).to.equal("single-purchase"); advance "31 days"; expect(c).to.have.received("second-order")
  end)
end)`, nil), 1)
}

func TestCasesSeeEverything(t *testing.T) {
	passAll(t, runTests(t, `
local greeted = 0
describe("the shop", function()
  local c
  before_each(function() c = customer { email = "ada@example.com", first_name = "Ada", cart = { items = { 1, 2 } } } end)

  describe("at first", function()
    before_each(function() greeted = greeted + 1 end)
    it("knows the customer", function()
      expect(c.stage).to.equal("member")
      expect(c).to.be.in_stage("member"); expect(c).to.be["in"]("member")
      expect(c.first_name).to.equal("Ada"); expect(c.traits.first_name).to.equal("Ada")
      expect(c.cart).to.equal { items = { 1, 2 } }
      expect(c.cart).to_not.equal { items = { 1, 2, 3 } }
      expect(c.nothing).to.never.exist(); expect(c.user_id).to.exist()
      expect(c:inbox()).to.be.empty()
      expect(c:received("thank-you")).to.equal(0)
      expect(greeted).to.equal(1)
      c:identify { first_name = "Grace" }
      expect(c.first_name).to.equal("Grace")
    end)
  end)

  it("renders messages for real", function()
    c:track("Order Completed", { revenue = 20 })
    local mail = c:inbox("thank-you")[1]
    expect(mail.subject).to.equal("Thank you, Ada")
    expect(mail.text).to.contain("over 20"); expect(mail.text).to.match("%d+")
    expect(mail.to).to.equal("ada@example.com"); expect(mail.channel).to.equal("email"); expect(mail.kind).to.equal("transactional")
    expect(c:received()).to.equal { "thank-you" }
    expect(c:received()).to.have.length(1)
    expect(c).to.have.received("thank-you", 1); expect(c).never.to.have.received("second-order")
  end)

  it("lets time pass, each thing at its own", function()
    c:track("Order Completed")
    local before = now()
    advance "30 days"
    expect(now() - before).to.equal(30 * 24 * 3600)
    expect(c:inbox("second-order")[1].at).to.equal("2026-02-04T09:00:00Z")
    advance "200 days"
    expect(c.stages).to.equal { "member", "single-purchase", "lost" }
    expect(c.converted).to.equal { "member" }
    expect(c).to.have.been_in("single-purchase")
    c:track "Order Completed"
    expect(c.stage).to.equal("active")
    expect(c.events).to.equal { "Order Completed", "Order Completed" }
  end)

  it("begins when it is told to", function()
    at "2026-03-01 10:30" -- c is there already: time passes
    c:track "Order Completed"
    expect(c:inbox("thank-you")[1].at).to.equal("2026-03-01T10:30:00Z")
  end)

  it("tells numbers apart", function()
    expect(3).to.be.above(2); expect(2).to.be.at_least(2); expect(2).to.be.at_most(2); expect(1).to.be.below(2)
    expect(0.1 + 0.2).to.be.near(0.3); expect(5).to.be.near(6, 1); expect(5).to_not.be.near(6)
    expect(true).to.be.truthy(); expect(nil).to.be.falsy(); expect("a") .to["not"].equal("b")
    expect({ "a", "b" }).to.contain("b"); expect({ { x = 1 } }).to.contain { x = 1 }
  end)

  it("expects failures", function()
    c:track "Order Completed"; c:track "Order Completed"
    expect(c.stage).to.equal("active")
    expect(function() c:track("Broken", {}) end).to.fail("of a nil value")
    expect(function() expect(1).to.equal(2) end).to.fail("expected 2")
    expect(function() end).to_not.fail()
  end)
end)

it("keeps what goes nowhere apart", function()
  local gone, silent = customer { email = "x@nowhere.invalid" }, customer {}
  gone:track "Order Completed"; silent:track "Order Completed"
  expect(gone:received("thank-you")).to.equal(0)
  expect(gone:messages("thank-you")[1].state).to.equal("failed")
  expect(silent:messages("thank-you")[1].reason).to.equal("no address")
end)

it("knows who is who", function()
  local ada = customer { anonymous_id = "browser", first_name = "Ada" }
  expect(ada.user_id).to_not.exist()
  ada:track "Order Completed"
  ada:identify { user_id = "ada", email = "ada@example.com" }
  expect(ada.user_id).to.equal("ada"); expect(ada.first_name).to.equal("Ada"); expect(ada.events).to.equal { "Order Completed" }
end)

it("has a world of its own, whatever others call their customers", function()
  local ada = customer { user_id = "ada" }
  expect(ada.stage).to.equal("member"); expect(ada.email).to_not.exist()
end)
`, nil), 9)
}

// TestAnswersReachTheScript opens and clicks, and hears of what became of a message.
func TestAnswersReachTheScript(t *testing.T) {
	passAll(t, runTests(t, `
it("hears of clicks", function()
  local c = customer { email = "a@b.vn" }
  c:track "Ask"
  advance "1 hour"
  c:open "second-order"
  expect(c.logged).to.equal {}
  c:click("second-order", { url = "https://shop.example/a" })
  expect(c.logged).to.equal { "clicked https://shop.example/a" }
  expect(c.events).to.equal { "Ask", "Email Opened", "Email Clicked" }
end)
it("goes on when nobody clicks", function()
  local c = customer { email = "a@b.vn" }
  c:track "Ask"; advance "3 days"
  expect(c.logged).to.equal { "nobody clicked" }
end)
it("hears of mail that cannot arrive", function()
  local c = customer { email = "a@b.invalid" }
  c:track "Check"
  expect(c.logged).to.equal { "failed: there is no such address" }
  expect(function() c:open "second-order" end).to.fail("there is no message second-order")
end)
it("tells others", function()
  local friend = customer { email = "f@b.vn" }
  local c = customer { email = "a@b.vn", referrer = friend }
  c:track "Praise"
  expect(friend.events).to.contain("Praised")
  expect(c).to.have.tag("fan"); expect(c:has_tag("fan")).to.be.truthy(); expect(c.tags.fan).to.equal(true); expect(c.score).to.equal(5)
  expect(c.refused).to.equal { "member > lost" }
end)
`, map[string]string{"shop/member.lua": `stage { title = "Member", goal = "Order Completed", next = "single-purchase" }
on("Ask", function(customer, event)
  local mail = send "second-order"
  local click = wait_for(mail, "clicked", "2 days")
  if click then log("clicked", click.properties.url) else log("nobody clicked") end
end)
on("Check", function(customer, event)
  local mail = send "second-order"
  local failed = wait_for(mail, "failed", "1 day")
  if failed then log("failed:", failed.properties.reason) end
end)
on("Praise", function(customer, event)
  tag "fan"
  score(5)
  track("Praised", {}, { to = customer.referrer })
  move "lost"
end)
`}), 4)
}

// TestFailuresSayWhere holds what people see of a case that fails to line, sentence and story.
func TestFailuresSayWhere(t *testing.T) {
	results := runTests(t, `
it("equals", function()
  local c = customer { email = "a@b.vn" }
  local wanted = "active"
  expect(c.stage).to.equal(wanted)
end)
it("received", function()
  local c = customer { email = "a@b.vn" }
  c:track("Order Completed", { revenue = 20 })
  expect(c).to.have.received("second-order")
end)
it("breaks", function()
  local c = customer { email = "a@b.vn" }
  c:track "Order Completed"; c:track "Order Completed"
  c:track "Broken"
end)
it("is misspelt", function() local c = customer {}; expect(c).to.have.received("second-ordr") end)
it("says nothing", function() expect(1) end)
it("says nothing to", function() expect(1).to.eqal(2) end)
it("sends", function() send "thank-you" end)
it("never ends", function() while true do end end)
it("sets", function() local c = customer {}; c.stage = "active" end)
it("goes back", function() local c = customer {}; at "2020-01-01" end)
it("calls nil", function()
  local c
  c:track "x"
end)
it("passes", function() expect(1).to.equal(1) end)
it("cannot be said", function() customer { email = "a@b.vn" }:track "Mumble" end)
`, map[string]string{"shop/member.lua": "stage { title = \"Member\", goal = \"Order Completed\", next = \"single-purchase\" }\non(\"Mumble\", function()\n  send \"mumble\"\nend)\n",
		"shop/messages/mumble.email.liquid": "---\nsubject: Hm\n---\n{{ customer.traits.nothing }}\n"})
	type seen struct{ place, message, hint, expected, actual string }
	want := map[string]seen{
		"equals":          {"shop/shop_test.lua:5", "expected \"active\", but it is \"member\"", "", `"active"`, `"member"`},
		"received":        {"shop/shop_test.lua:10", "", "", "second-order among the messages received", "thank-you"},
		"breaks":          {"shop/active.lua:4", "the script failed: cannot read or set 'field' of a nil value", "check that it is there first", "", ""},
		"is misspelt":     {"shop/shop_test.lua:17", "the journey has no message", "second-order", "", ""},
		"says nothing":    {"shop/shop_test.lua:18", "this expect says nothing", "", "", ""},
		"says nothing to": {"shop/shop_test.lua:19", "expect has no \"eqal\"", "equal", "", ""},
		"sends":           {"shop/shop_test.lua:20", "send is a word of stage scripts", "", "", ""},
		"never ends":      {"shop/shop_test.lua:1", "too much work", "", "", ""},
		"sets":            {"shop/shop_test.lua:22", "cannot be set", "identify", "", ""},
		"goes back":       {"shop/shop_test.lua:23", "time does not go back", "", "", ""},
		"calls nil":       {"shop/shop_test.lua:26", "", "", "", ""},
		"passes":          {},
		"cannot be said":  {"shop/member.lua:3", "it sends what cannot be said: message mumble: customer.traits.nothing is missing", "", "", ""},
	}
	if len(results) != len(want) {
		t.Fatalf("%d results, want %d", len(results), len(want))
	}
	for _, r := range results {
		w, f := want[r.Name], r.Failure
		if w == (seen{}) {
			if f != nil {
				t.Errorf("%s failed: %+v", r.Name, f)
			}
			continue
		}
		if f == nil {
			t.Errorf("%s passed", r.Name)
			continue
		}
		if place := fmt.Sprintf("%s:%d", f.File, f.Line); place != w.place || !strings.Contains(f.Message, w.message) || !strings.Contains(f.Hint, w.hint) ||
			!strings.Contains(f.Expected, w.expected) || !strings.Contains(f.Actual, w.actual) {
			t.Errorf("%s: at %s, want %s\n%+v", r.Name, place, w.place, f)
		}
	}
	story := strings.Join(results[1].Story, "\n")
	for _, line := range []string{"2026-01-05 09:00  identify {\"email\":\"a@b.vn\"}", "entered member", "Order Completed {\"revenue\":20}", "moved member > single-purchase",
		"message thank-you: accepted, \"Thank you, friend\" (shop/single-purchase.lua:3)"} {
		if !strings.Contains(story, line) {
			t.Errorf("the story lacks %q:\n%s", line, story)
		}
	}
	if f := results[2].Failure; f.During != "shop/shop_test.lua:15" || !strings.Contains(f.Source, "event.properties.missing.field") {
		t.Errorf("a script that fails says what the test was doing, and the line: %+v", f)
	}
}

// TestCasesAreTheSameEveryTime runs draws in a new store each time, and beside other cases.
func TestCasesAreTheSameEveryTime(t *testing.T) {
	stage := map[string]string{"shop/member.lua": `stage { title = "Member" }
on("Draw", function(customer, event) log(split("half", "a", "b"), random(1000)) end)
`}
	draws := func(before string) []string {
		results := runTests(t, before+`
for i = 1, 8 do
  it("draws " .. i, function() local c = customer {}; c:track "Draw"; expect(c.logged[1]).to.equal("never") end)
end`, stage)
		var list []string
		for _, r := range results[len(results)-8:] {
			list = append(list, r.Failure.Actual)
		}
		return list
	}
	first := draws("")
	if again := draws("it('comes before', function() customer {} end)\n"); strings.Join(first, " ") != strings.Join(again, " ") {
		t.Errorf("the draws differ:\n%v\n%v", first, again)
	}
	if strings.Count(strings.Join(first, " "), "a ") == 0 || strings.Count(strings.Join(first, " "), "b ") == 0 {
		t.Errorf("eight customers and one answer: %v", first)
	}
}

func TestBrokenTestFiles(t *testing.T) {
	for text, want := range map[string]string{
		"it('x', function()":                          "shop/shop_test.lua:1",
		"describe('x', function()\n  nothing()\nend)": "shop/shop_test.lua:2",
		"\ncustomer {}":                               "shop/shop_test.lua:2",
		"\n\nit('x')":                                 "shop/shop_test.lua:3",
	} {
		results := runTests(t, text, nil)
		if len(results) != 1 || results[0].Failure == nil || fmt.Sprintf("%s:%d", results[0].Failure.File, results[0].Failure.Line) != want {
			t.Errorf("%q: %+v, want a failure at %s", text, results, want)
		}
	}
}

// BenchmarkThousandCases runs the case of the documentation a thousand times, each with a customer of its own.
func BenchmarkThousandCases(b *testing.B) {
	const files, cases = 5, 200
	more := map[string]string{}
	for file := range files {
		var test strings.Builder
		for i := range cases {
			fmt.Fprintf(&test, `it("case %d", function()
  local c = customer { email = "a@b.vn" }; c:track("Order Completed", { revenue = 20 })
  expect(c.stage).to.equal("single-purchase"); advance "31 days"; expect(c).to.have.received("second-order")
end)
`, i)
		}
		more[fmt.Sprintf("shop/more-%d_test.lua", file)] = test.String()
	}
	for b.Loop() {
		passAll(b, runTests(b, "", more), files*cases)
	}
}

// A test file is somebody's own program, but a slip in it takes neither the memory nor the patience of the machine.
func TestATestIsBounded(t *testing.T) {
	results := runTests(t, `
it("doubles", function() local s = "x" while true do s = s .. s end end)
it("fills a list", function() local t = {} t[1e7] = 1 local n = 60000 local all = {} while true do local u = {} u[n] = 1 all[#all + 1] = u end end)
it("makes customers", function() while true do customer {} end end)
it("makes events", function() local c = customer {} while true do pcall(function() c:track("X") end) end end)
it("lets time pass", function() for i = 1, 1e9 do advance "1 day" end end)
it("is in order", function() local t = { 1, 2, ["x" .. 1] = 3 } t[#t + 1] = "a" .. 1 .. "b" expect(t).to.equal({ 1, 2, "a1b", x1 = 3 }) end)
`, nil)
	if len(results) != 6 {
		t.Fatalf("%d results", len(results))
	}
	for i, want := range []string{"a string may have 256 KB", "too much work", "too much work", "too much work", "too much work"} {
		if f := results[i].Failure; f == nil || !strings.Contains(f.Message, want) {
			t.Errorf("%s: %+v", results[i].Name, f)
		}
	}
	if f := results[5].Failure; f != nil {
		t.Errorf("%+v", f)
	}
}

// A case under way ends with its context.
func TestTestsCanBeInterrupted(t *testing.T) {
	files := lifecycleFiles(map[string]string{"shop/shop_test.lua": `it("goes on", function() local c = customer {} while true do pcall(function() c:track("X") end) end end)`})
	source, err := app.FindSource(files, "shop")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = app.RunTests(ctx, script.New(script.Limits{}), files, source, "", func(r script.TestResult) { t.Errorf("%+v", r) })
	if err == nil {
		t.Error("they went on")
	}
	ctx, cancel = context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err = app.RunTests(ctx, script.New(script.Limits{}), files, source, "", func(r script.TestResult) { t.Errorf("%+v", r) }); err == nil {
		t.Error("it went on")
	}
}
