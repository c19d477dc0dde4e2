package script_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// past is a customer's history, oldest first.
type past []lifecycle.Event

func (p past) Events(name string, since time.Time, visit func(time.Time, *lifecycle.Event) bool) (int, error) {
	for i := len(p) - 1; i >= 0; i-- {
		if e := p[i]; e.Name == name && !e.Timestamp.Before(since) && !visit(e.Timestamp, &e) {
			return len(p) - i, nil
		}
	}
	return len(p), nil
}

func happened(name string, ago time.Duration, properties string) lifecycle.Event {
	return lifecycle.Event{Type: lifecycle.Track, Name: name, Timestamp: noon.Add(-ago), Properties: json.RawMessage(properties)}
}

const day = 24 * time.Hour

// acts runs the body as an enter handler for a customer with a past.
func acts(t testing.TB, body string, history script.History) (script.Result, error) {
	t.Helper()
	who := customer()
	who.Tags = []string{"known"}
	who.Give(lifecycle.Award{Points: 8, HalfLife: 10 * day}, noon.Add(-10*day))
	p := compile(t, journey("stage { title = \"One\", goal = \"Order Completed\" }\nenter(function(customer, event)\n"+body+"\nend)"))
	return p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: who, Event: order(), Now: noon, Seed: 7, Run: lifecycle.HashID("run"), History: history})
}

func TestWordsAct(t *testing.T) {
	for body, want := range map[string]script.Effect{
		`set("plan", "free")`:                   {Kind: script.Set, Name: "plan", Value: "free"},
		`set("plan", nil)`:                      {Kind: script.Set, Name: "plan"},
		`set("n", { 1, "a", { deep = true } })`: {Kind: script.Set, Name: "n", Value: []any{1.0, "a", map[string]any{"deep": true}}},
		`set("first order", event.properties)`: {Kind: script.Set, Name: "first order", Value: map[string]any{"total": 49.5, "currency": "EUR", "gift": nil,
			"items": []any{map[string]any{"sku": "A", "n": 2.0}, map[string]any{"sku": "B", "n": 1.0}}}},
		`tag "vip"`:                              {Kind: script.Tag, Name: "vip"},
		`untag "vip"`:                            {Kind: script.Untag, Name: "vip"},
		`score(10)`:                              {Kind: script.Score, Award: lifecycle.Award{Points: 10}},
		`score(-2.5, { half_life = "30 days" })`: {Kind: script.Score, Award: lifecycle.Award{Points: -2.5, HalfLife: 30 * day}},
		`track "Trial Ended"`:                    {Kind: script.Track, Name: "Trial Ended", Args: map[string]any{}},
		`track("Friend Joined", { name = customer.first_name }, { to = "u2" })`: {Kind: script.Track, Name: "Friend Joined", Args: map[string]any{"name": "Ada"}, To: "u2"},
		`webhook("https://example.com/hook", { n = 1 })`:                        {Kind: script.Webhook, Name: "https://example.com/hook", Args: map[string]any{"n": 1.0}},
		`webhook "http://example.com"`:                                          {Kind: script.Webhook, Name: "http://example.com", Args: map[string]any{}},
		`send("hello", { by = "sms", subject = "Hi", preheader = "You", expires = "2 days", caps = "drop" })`: {Kind: script.Send, Name: "hello",
			Args: map[string]any{"by": "sms", "subject": "Hi", "preheader": "You", "expires": 2 * day, "caps": "drop"}},
		`send("hello", {})`:            {Kind: script.Send, Name: "hello"},
		`choose("line", { "a", "a" })`: {Kind: script.Choose, Name: "line", Value: "a", Odds: 0.5, Text: "Order Completed"},
		`choose("line", { 1, 1, 1, 1 }, { goal = "Email Clicked" })`: {Kind: script.Choose, Name: "line", Value: 1.0, Odds: 0.25, Text: "Email Clicked"},
		`split("half", "a", "b", { weights = { 0, 3 } })`:            {Kind: script.Split, Name: "half", Value: "b", Odds: 1},
		`split("half", true, true)`:                                  {Kind: script.Split, Name: "half", Value: true, Odds: 0.5},
	} {
		r, err := acts(t, body, nil)
		if err != nil || len(r.Effects) != 1 {
			t.Errorf("%s: %+v, %v", body, r, err)
			continue
		}
		got := r.Effects[0]
		want.File, want.Line, want.Step = "test/one.lua", 3, got.Step
		if !reflect.DeepEqual(got, want) || r.Journal[got.Step].Op != string(got.Kind) {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
}

// unseen hides the words from the checks before the run: what cannot be known then must be refused in the run.
const unseen = `local set, tag, untag, score, track, webhook, send, wait_until, wait_for = set, tag, untag, score, track, webhook, send, wait_until, wait_for
  local count, sum, last, split, choose, random = count, sum, last, split, choose, random `

func TestWordsRefuse(t *testing.T) {
	for body, want := range map[string]string{
		`set("plan")`: "set needs a value", `set("stage", "x")`: `cannot be set (use move "…")`, `set("", 1)`: "needs a name", `set("a\nb", 1)`: "needs a name", `set(1, 2)`: "set needs the name of a trait",
		`set("x", log)`: "cannot hold a function", `set("x", 0 / 0)`: "a number that is none", `set("x", { 1, a = 2 })`: "half a list", `set("x", { [1.5] = 2 })`: "without a name",
		`local t = {} t.t = t set("x", t)`: "more than 20 levels", `set("x", string.rep("a", 33000))`: "larger than 32 KB", `set("x", send "hello")`: "give its .id", `set("x", customer)`: "cannot hold a customer", `set("x", event)`: "cannot hold a event",
		`tag(1)`: "tag needs a tag", `tag(string.rep("x", 201))`: "at most 200 bytes", `untag ""`: "untag needs a name",
		`score "10"`: "score needs a number", `score(0 / 0)`: "not nan", `score(1e10)`: "score needs a number", `score(1, { half_life = 3 })`: "half_life of score must be a duration", `score(1, { halflife = "1 day" })`: `did you mean "half_life"?`, `score(1, { half_life = "0 days" })`: "longer than nothing", `score(1, 2)`: "must be a table",
		`track ""`: "needs the name of an event", `track("x", 1)`: "must be a table", `track("x", { 1 })`: "must have names", `track("x", {}, {})`: "track has no one to go to", `track("x", {}, { to = customer.referrer })`: "if customer.referrer then", `track("x", {}, { to = 7 })`: "to is a number", `track("x", {}, { to = " " })`: "must be a user ID", `track("x", {}, { fo = "u" })`: `did you mean "to"?`, `track("a\nb")`: "one line",
		`webhook "example.com"`: "does not begin with https", `webhook "ftp://example.com"`: "does not begin with https", `webhook "https://"`: "names no host", `webhook "https:example.com"`: "names no host", `webhook "https://me:secret@example.com/"`: "holds a user name", `webhook "https://example.com:99999/"`: "port is none", `webhook("https://x/" .. string.rep("a", 3000))`: "too long", `webhook("https://x", { 1 })`: "must have names", `webhook "https://exa mple.com"`: "no address",
		`send("hello", { by = "sms", subject = 3 })`: "subject of send must be a text", `send("hello", { subject = "a\nb" })`: "one line", `send("hello", { expires = "soon" })`: "soon", `send("hello", { caps = "perhaps" })`: "perhaps", `send("hello", { expiry = "1 day" })`: `"expires"`, `send("hello", 7)`: "must be a table",
		`log((send "hello").nmae)`: `a message has no field "nmae"`, `local h = send "hello" h.id = 1`: "message hello.id cannot be set", `customer.tags.vip = true`: "customer.tags.vip cannot be set",
		`wait_until "9"`: "is not a time of day", `wait_until(9)`: "wait_until needs a time of day", `wait_until "funday 09:00"`: "does not name days",
		`wait_for "x"`: `wait_for needs how long to wait, such as "2 days"`, `wait_for("x", 5)`: `how long to wait, such as "2 days", not number`, `wait_until "2026-02-30 09:00"`: `"2026-02-30" is no date of the calendar`, `wait_for("x", "0 days")`: "longer than nothing", `wait_for("", "1 day")`: "name of an event", `wait_for(customer, "1 day")`: "cannot wait for customer", `wait_for(send "hello", "1 day")`: "does not know what", `wait_for(send "hello", "clikced", "1 day")`: `did you mean "clicked"?`,
		`wait_for("x", "1 day", 3)`: "must be a table of properties", `wait_for("x", "1 day", { 1 })`: "named properties", `wait_for("x", "1 day", { a = {} })`: "a is none of them", `wait_for(7, "1 day")`: "the name of an event",
		`count()`: "count needs the name", `count("x", "dayz")`: "dayz", `count("x", "0 days")`: "longer than nothing", `sum("x")`: "sum needs the name of a property", `sum("x", "y", 7)`: "a duration", `last(nil)`: "last needs",
		`split("x")`: "2 to 100 values", `split("x", "a")`: "2 to 100 values", `split("x", "a", {})`: "2 to 100 values", `split("x", "a", nil)`: "not a nil", `split("x", {}, "a")`: "not a table", `split("x", "a", "b", { weights = { 1 } })`: "one weight per value", `split("x", "a", "b", { weights = { 0, 0 } })`: "add up to 0", `split("x", "a", "b", { weights = { -1, 2 } })`: "one weight", `split("x", "a", "b", { weights = 3 })`: "list of numbers", `split("x", "a", "b", { weight = {} })`: `"weights"`,
		`choose("x", "a")`: "a list of values", `choose("x", { "a" })`: "2 to 100 values", `choose("x", { "a", {} })`: "not a table", `choose("x", { 1, 2 }, { goal = 3 })`: "goal of choose", `choose("x", { 1, 2 }, { gaol = "x" })`: `"goal"`,
		`random(0)`: "from 1 to 0", `random(5, 4)`: "from 5 to 4", `random("a")`: "must be a number",
	} {
		_, err := acts(t, unseen+body, nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "test/one.lua:4:") {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestWordsLook(t *testing.T) {
	history := past{
		happened("Order Completed", 100*day, `{"revenue":5}`), happened("Page Viewed", 50*day, ``), happened("Order Completed", 30*day, `{"revenue":7}`),
		happened("Order Completed", 30*day-1, `{"revenue":"2.5"}`), happened("Order Completed", day, `{"revenue":"many"}`), happened("Order Completed", 0, `{"revenue":1,"sku":"A"}`),
	}
	for body, want := range map[string]string{
		`log(count "Order Completed")`: "5", `log(count("Order Completed", "30 days"))`: "3", `log(count("Order Completed", "1 day"))`: "1", `log(count "Never")`: "0",
		`log(sum("Order Completed", "revenue"))`: "15.5", `log(sum("Order Completed", "revenue", "30 days"))`: "3.5", `log(sum("Order Completed", "sku"))`: "0", `log(sum("Page Viewed", "x"))`: "0",
		`local o = last "Order Completed" log(o.name, o.properties.sku, o.timestamp, tostring(o), o.user_id, o.type)`: "Order Completed A 2025-03-01T12:00:00Z event nil track",
		`log(last "Never")`: "nil",
		`log(customer.score, customer.tags.known, customer.tags.vip)`: "4 true nil",
		`for tag in pairs(customer.tags) do log(tag) end`:             "known",
		`log(now())`: "1740830400", `log(now() == now())`: "true",
		`log(pcall(function() return last("Order Completed").context end))`: "false test/one.lua:3: an event from wait_for or last has no context (its own data is in .properties)",
		`local h = send "hello" log(#h.id, h.name, h)`:                      "32 hello message hello",
	} {
		r, err := acts(t, body, history)
		if err != nil || logged(r) != want {
			t.Errorf("%s: %q, %v, want %q", body, logged(r), err, want)
		}
	}
	if _, err := acts(t, `for i = 1, 100000 do count("a" .. i) end`, history); err == nil || !strings.Contains(err.Error(), "too much work") && !strings.Contains(err.Error(), "4096 times") {
		t.Errorf("%v", err)
	}
	long := make(past, 250_000)
	if _, err := acts(t, `count "x"`, long); err == nil || !strings.Contains(err.Error(), "too much work") {
		t.Errorf("a long past: %v", err)
	}
}

func TestAWindowIsOpenAtItsStart(t *testing.T) {
	history := past{happened("x", day, ""), happened("x", day-1, ""), happened("x", 0, "")}
	if r, err := acts(t, `log(count("x", "1 day"))`, history); err != nil || logged(r) != "2" {
		t.Errorf("%q, %v", logged(r), err)
	}
}

func TestAHandlerSeesItsOwnWrites(t *testing.T) {
	const body = `
log(customer.plan, customer.traits.plan, customer.tags.vip, customer.score)
set("plan", "free") set("new", { 1, 2 }) set("age", nil)
tag "vip" untag "known"
score(3) score(-1, { half_life = "1 day" })
log(customer.plan, customer.traits.plan, #customer.new, customer.age, customer.tags.vip, customer.tags.known, customer.score)
local names = "" for name in pairs(customer.traits) do names = names .. name .. " " end log(names)
local tags = "" for tag in pairs(customer.tags) do tags = tags .. tag .. " " end log(tags)
untag "vip" log(customer.tags.vip)`
	r, err := acts(t, body, nil)
	want := "pro pro nil 4\nfree free 2 nil true nil 6\naddress email empty first_name new none plan score vip \nvip \nnil"
	if err != nil || logged(r) != want {
		t.Errorf("%q, %v", logged(r), err)
	}
}

// What the run wrote itself is with the customer when it goes on; what others wrote counts as much.
func TestAfterAWaitFieldsAreReadAnew(t *testing.T) {
	p := compile(t, journey(`enter(function(customer)
	  local before, then_, score = customer.plan, now(), customer.score
	  set("plan", "free") tag "vip" score_ = customer.tags.vip
	  wait "1 day"
	  log(before, customer.plan, score_, customer.tags.vip, now() - then_, score)
	end)`))
	who := customer()
	r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: who, Now: noon})
	if err != nil || !r.Waiting {
		t.Fatal(err)
	}
	who.SetTrait("plan", json.RawMessage(`"gold"`))
	r, err = p.Run(script.Call{Handler: "one.lua#1", Customer: who, Now: noon.Add(day), Journal: stored(t, r.Journal)})
	if want := "pro gold true nil 86400 0"; err != nil || logged(r) != want {
		t.Errorf("%q, %v", logged(r), err)
	}
}

func TestNowIsTheTimeOfTheRun(t *testing.T) {
	at := time.Date(2025, 3, 1, 12, 0, 0, 250_000_000, time.UTC)
	p := compile(t, journey(`enter(function() log(now() % 1, now() - now()) end)`))
	if r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Now: at}); err != nil || logged(r) != "0.25 0" || len(r.Journal) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSplitGivesTheSameCustomerTheSameAnswer(t *testing.T) {
	p := compile(t, journey(`enter(function() log(split("a", "x", "y", { weights = { 70, 30 } }), split("b", 1, 2, 3)) end) on("e", function() log(split("a", "x", "y", { weights = { 70, 30 } })) end)`))
	const people = 4000
	seen := map[string]int{}
	for i := range people {
		who := customer()
		who.ID = lifecycle.HashID("customer", fmt.Sprint(i))
		first := ""
		for seed := range uint64(2) {
			r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: who, Now: noon, Seed: seed, Run: lifecycle.HashID(fmt.Sprint(seed))})
			if err != nil || first != "" && logged(r) != first {
				t.Fatalf("%q after %q, %v", logged(r), first, err)
			}
			first = logged(r)
		}
		if r, err := p.Run(script.Call{Handler: "one.lua#2", Customer: who, Now: noon.Add(900 * day)}); err != nil || logged(r) != first[:1] {
			t.Fatalf("%q after %q, %v", logged(r), first, err)
		}
		seen[first[:1]]++
		seen[first[2:]]++
	}
	for value, share := range map[string]float64{"x": 0.7, "y": 0.3, "1": 1. / 3, "2": 1. / 3, "3": 1. / 3} {
		if off := math.Abs(float64(seen[value])/people - share); off > 0.04 { // five standard deviations
			t.Errorf("%s: %d of %d", value, seen[value], people)
		}
	}
}

func TestRandomIsSeededByRunAndStep(t *testing.T) {
	p := compile(t, journey(`enter(function() local a, b, c = random(), random(6), random(-3, 3) log(a, b, c) wait "1 day" log(a, b, c, random(1, 1)) end)`))
	call := script.Call{Handler: "one.lua#1", Customer: customer(), Now: noon}
	different := map[string]bool{}
	for seed := range uint64(300) {
		call.Seed, call.Journal = seed, nil
		r, err := p.Run(call)
		again, _ := p.Run(call)
		if err != nil || logged(r) != logged(again) {
			t.Fatalf("%q and %q, %v", logged(r), logged(again), err)
		}
		var a float64
		var b, c int
		if n, _ := fmt.Sscan(logged(r), &a, &b, &c); n != 3 || a < 0 || a >= 1 || b < 1 || b > 6 || c < -3 || c > 3 {
			t.Fatalf("%q", logged(r))
		}
		different[logged(r)] = true
		call.Seed, call.Journal = seed+1, stored(t, r.Journal)
		if later, err := p.Run(call); err != nil || logged(later) != logged(r)+" 1" {
			t.Fatalf("%q after %q, %v", logged(later), logged(r), err)
		}
	}
	if len(different) < 290 {
		t.Errorf("300 seeds gave %d draws", len(different))
	}
}

func TestWaitForSaysWhatItWaitsFor(t *testing.T) {
	run := lifecycle.HashID("run")
	for body, want := range map[string]script.Awaited{
		`wait_for("Email Opened", "2 days")`:                                               {Event: "Email Opened"},
		`wait_for("x", "2 days", { sku = "A1", n = 2, gift = false })`:                     {Event: "x", Filter: map[string]any{"sku": "A1", "n": 2.0, "gift": false}},
		`wait_for(send "hello", "clicked", "2 days")`:                                      {Message: script.MessageID(run, 0), What: "clicked"},
		`log "x" local h = send "hello" wait_for(h, "failed", "2 days", { reason = "x" })`: {Message: script.MessageID(run, 1), What: "failed", Filter: map[string]any{"reason": "x"}},
	} {
		r, err := acts(t, body, nil)
		if err != nil || !r.Waiting || !reflect.DeepEqual(*r.For, want) || !r.Until.Equal(noon.Add(2*day)) || r.Line != 3 || r.File != "test/one.lua" {
			t.Errorf("%s: %+v %+v, %v", body, r, r.For, err)
		}
	}
	r, err := acts(t, `local h = send "hello" log(h.id)`, nil)
	if err != nil || logged(r) != script.MessageID(run, 0).String() {
		t.Errorf("%q, %v", logged(r), err)
	}
}

func TestWaitForGivesWhatCame(t *testing.T) {
	p := compile(t, journey(`enter(function(customer)
	  local e = wait_for("Order Completed", "2 days")
	  log(e and e.name, e and e.properties.total, e and e.properties.items[1].sku, e and e.timestamp, e and e.user_id)
	  wait "1 day"
	  log(e and e.properties.currency)
	end)`))
	for name, event := range map[string]*lifecycle.Event{"Order Completed 49.5 A 2025-03-01T12:00:00Z u1\nEUR": order(), "nil nil nil nil nil\nnil": nil} {
		call := script.Call{Handler: "one.lua#1", Customer: customer(), Now: noon}
		r, err := p.Run(call)
		if err != nil || r.For == nil {
			t.Fatal(err)
		}
		waiting := stored(t, r.Journal)
		call.Journal, call.Woken = waiting, event
		if r, err = p.Run(call); err != nil || !r.Waiting || r.For != nil {
			t.Fatalf("%+v, %v", r, err)
		}
		said := logged(r)
		if waiting[0].Value != nil {
			t.Error("the caller's journal was changed")
		}
		call.Journal, call.Woken = stored(t, r.Journal), nil
		if r, err = p.Run(call); err != nil || said+"\n"+logged(r) != name {
			t.Errorf("%q, %v", said+"\n"+logged(r), err)
		}
	}
	if _, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Now: noon, Woken: order()}); err == nil {
		t.Error("an event for a run that does not wait")
	}
}

func TestMoveEndsItsHandler(t *testing.T) {
	for _, body := range []string{`move "two" log "after"`, `pcall(move, "two") log "after"`, `local function go() move "two" end go() log "after"`} {
		r, err := acts(t, "log \"before\" "+body, nil)
		if err != nil || r.Move != "two" || logged(r) != "before" || r.Line != 3 || r.File != "test/one.lua" {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
	}
}

func TestLeaveCannotWait(t *testing.T) {
	for word, args := range map[string]string{"wait": `"1 day"`, "wait_until": `"09:00"`, "wait_for": `"x", "1 day"`, "move": `"two"`} {
		p := compile(t, journey("local function f() "+word+"("+args+") end\nleave(function() f() end)"))
		if _, err := run(p, "one.lua#1"); err == nil || !strings.Contains(err.Error(), "leave cannot "+word+": the customer is already on the way out") {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestAGoalFunctionOnlyLooks(t *testing.T) {
	goal := func(body string) (*script.Program, script.Call) {
		p := compile(t, journey("local function act() "+body+" end\nstage { title = \"One\", next = \"two\",\n goal = function(customer, event) act() return event.properties.total > 40 and customer.plan == \"pro\" end }\nenter(function() end)"))
		return p, script.Call{Handler: "one.lua#goal", Stage: "one", Customer: customer(), Event: order(), Now: noon}
	}
	p, call := goal("count(\"x\") now() random() split(\"x\", 1, 2)")
	stage := p.Journey.Stage("one")
	if stage.GoalFunc != "one.lua#goal" || len(stage.Handlers) != 2 || stage.Handlers[0].Kind != lifecycle.OnGoal || stage.Handlers[0].Line != 3 || stage.Handlers[1].ID != "one.lua#1" {
		t.Errorf("%+v", stage)
	}
	if r, err := p.Run(call); err != nil || !r.Reached || len(r.Effects) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	call.Event = &lifecycle.Event{Name: "x", Properties: json.RawMessage(`{"total":3}`)}
	if r, err := p.Run(call); err != nil || r.Reached {
		t.Errorf("%+v, %v", r, err)
	}
	call.Event = &lifecycle.Event{Name: "x", Properties: json.RawMessage(`{"far":1e400,"total":41}`)} // a number that no float holds
	if r, err := p.Run(call); err != nil || !r.Reached {
		t.Errorf("%+v, %v", r, err)
	}
	for _, word := range []string{`send "hello"`, `wait "1 day"`, `wait_until "09:00"`, `wait_for("x", "1 day")`, `move "two"`, `set("a", 1)`, `tag "a"`, `untag "a"`, `score(1)`, `track "x"`, `webhook "https://x.y"`, `choose("x", { 1, 2 })`} {
		p, call := goal(word)
		if _, err := p.Run(call); err == nil || !strings.Contains(err.Error(), "a goal function only looks") {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestStageFields(t *testing.T) {
	src := journey(`stage { title = "One", goal = { "A", "B" }, holdout = "10%", exit = "Left", reenter = "30 days" }`,
		"two.lua", `stage { title = "Two", reenter = "never" }`, "three.lua", `stage { title = "Three", reenter = "always", holdout = "0%" }`, "four.lua", "",
		"journey.lua", `journey { stages = { "one", "two", "three", "four" }, moves = {}, exit = { "Unsubscribed", "Left" }, holdout = "2.5%",
		  phases = { { "one", "one", "two" }, { "Late", "three" } } }`)
	p := compile(t, src)
	want := []lifecycle.Stage{
		{Name: "one", Title: "One", Goals: []string{"A", "B"}, Holdout: 0.1, Exit: []string{"Left", "Unsubscribed"}, Reenter: lifecycle.Reenter{After: 30 * day, Set: true}, File: "test/one.lua"},
		{Name: "two", Title: "Two", Holdout: 0.025, Exit: []string{"Unsubscribed", "Left"}, Reenter: lifecycle.Reenter{Never: true, Set: true}, File: "test/two.lua"},
		{Name: "three", Title: "Three", Exit: []string{"Unsubscribed", "Left"}, Reenter: lifecycle.Reenter{Set: true}, File: "test/three.lua"},
		{Name: "four", Title: "four", Holdout: 0.025, Exit: []string{"Unsubscribed", "Left"}, File: "test/four.lua"},
	}
	if !reflect.DeepEqual(p.Journey.Stages, want) {
		t.Errorf("got\n%+v\nwant\n%+v", p.Journey.Stages, want)
	}
	if phases := []lifecycle.Phase{{Title: "one", Stages: []string{"one", "two"}}, {Title: "Late", Stages: []string{"three"}}}; !reflect.DeepEqual(p.Journey.Phases, phases) {
		t.Errorf("%+v", p.Journey.Phases)
	}
	for table, want := range map[string]string{
		`holdout = "101%"`: "holdout is a share", `holdout = 10`: "holdout is a share", `holdout = "10"`: "holdout is a share", `holdout = "-1%"`: "holdout is a share", `holdout = "nan%"`: "holdout is a share",
		`exit = 3`: "exit must be the name", `exit = { "" }`: "no event can have", `exit = { "a", "a" }`: "twice", `goal = {}`: "next needs a goal", `goal = log`: "goal must be", `goal = { 3 }`: "list of names",
		`reenter = 30`: "reenter cannot be 30", `reenter = "soon"`: "reenter cannot be", `reenter = true`: "reenter cannot be true", `phases = {}`: `a stage has no "phases"`, `entrance = 1`: `a stage has no "entrance"`,
	} {
		errs := problems(t, journey("stage { next = \"two\", "+table+" }"))
		if !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v", table, errs)
		}
	}
	for table, want := range map[string]string{
		`phases = { { "A" } }`: "a title and at least one stage", `phases = { { "A", "tree" } }`: `phases names "tree"`, `phases = { { "A", "one" }, { "B", "one" } }`: "one is in two phases", `phases = 1`: "phases must be a list", `reenter = "never"`: `a journey has no "reenter"`,
	} {
		errs := problems(t, journey("", "journey.lua", `journey { stages = { "one", "two" }, `+table+" }"))
		if !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v", table, errs)
		}
	}
}
