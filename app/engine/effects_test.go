package engine_test

import (
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

func TestWhatScriptsDoToACustomer(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer)
  set("plan", "pro") set("tier", 3) set("old", nil)
  tag "vip" tag "vip" tag "new" untag "new" untag "never"
  score(10) score(8, { half_life = "1 day" })
  log(customer.traits.plan, customer.traits.tier, customer.tags.vip, customer.tags.new, customer.score)
  wait "1 day"
  log(customer.traits.plan, customer.traits.tier, customer.tags.vip, customer.tags.new, customer.score)
end)`, "b", `stage { title = "B" }`))
	identify := h.event("ada", "")
	identify.Type, identify.Traits = lifecycle.Identify, []byte(`{"old":1}`)
	h.receive(identify)
	h.track("ada", "Order")
	h.clock.Advance(2 * day24)
	h.want(`
		0 event identify
		0 entered j/a
		0 event Order
		0 set plan="pro"
		0 set tier=3
		0 set old=null
		0 tagged vip
		0 tagged new
		0 untagged new
		0 scored 10
		0 scored 8
		0 log j/a pro 3 true nil 18
		1 log j/a pro 3 true nil 14`)
	ada := h.customer("ada")
	if ada.Traits["old"] != nil || ada.Trait("plan") != "pro" || ada.Trait("tier") != 3.0 || !ada.HasTag("vip") {
		t.Errorf("the customer is %+v", ada)
	}
}

func TestBetweenTwoWaitsAllOrNothing(t *testing.T) {
	h := newHarness(t, journey("j", twoStages+`
on("Start", function() wait_for("Order", "9 days") log "a run that waited is a step of its own" end)`, "a", `stage { title = "A" }
on("Order", function(customer, event)
  set("plan", "pro") tag "vip" score(10) track "Paid" send "hello" log "said"
  wait "1 day"
  set("plan", "free") untag "vip" score(-3) track "Paid"
  if event.properties.n == 1 then error("after the wait") end
  move "b"
end)
on("Order", function(customer, event)
  if event.properties.n == 0 then error("in the second handler") end
end)
on("Paid", function() log "paid" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	before := h.customer("ada")
	h.track("ada", "Order", "n", 0)
	ada := h.customer("ada")
	if ada.Trait("plan") != nil || len(ada.Tags)+len(ada.Points)+len(ada.Past) > 0 || len(ada.Visit("j").Runs) != 0 ||
		ada.Visit("j").Number != before.Visit("j").Number {
		t.Errorf("the step that failed left %+v", ada)
	}
	if m := h.book.message("hello"); m != nil {
		t.Errorf("a message was put: %+v", m)
	}
	h.track("ada", "Order", "n", 1)
	h.clock.Advance(2 * day24)
	h.want(`
		0 event Start
		0 entered j/a
		0 event Order
		0 failed j/a j/a.lua:10
		0 log j/a a run that waited is a step of its own
		0 event Order
		0 set plan="pro"
		0 tagged vip
		0 scored 10
		0 tracked Paid
		0 message j/a hello queued
		0 log j/a said
		0 event Paid
		0 log j/a paid
		1 failed j/a j/a.lua:6`)
	ada = h.customer("ada")
	if ada.Trait("plan") != "pro" || !ada.HasTag("vip") || ada.Score(h.clock.Now()) != 10 || ada.Visit("j").Stage != "a" {
		t.Errorf("after the second half failed: %+v", ada)
	}
	if letters := h.letters(); len(letters) != 2 || h.book.gauges() != "" {
		t.Errorf("%d dead letters; wait %q", len(letters), h.book.gauges())
	}
}

// A run that failed when an event woke it is replayed with that event.
func TestAWokenRunThatFailedIsReplayedWithItsEvent(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Start", function(customer)
  local order = wait_for("Order", "9 days")
  if not customer.traits.plan then error("no plan") end
  log("order", order.properties.n)
  wait "1 day"
  log "done"
end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.track("ada", "Order", "n", 5)
	letters := h.letters()
	if len(letters) != 1 || letters[0].Kind != "run" || letters[0].Line != 4 {
		t.Fatalf("dead letters: %+v", letters)
	}
	identify := h.event("ada", "")
	identify.Type, identify.Traits = lifecycle.Identify, []byte(`{"plan":"gold"}`)
	h.receive(identify)
	if err := h.engine.Replay(t.Context(), letters[0].Ref); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(2 * day24)
	h.want(`
		0 event Start
		0 entered j/a
		0 event Order
		0 failed j/a j/a.lua:4
		0 event identify
		0 log j/a order 5
		1 log j/a done`)
	if gauges := h.book.gauges(); gauges != "" {
		t.Errorf("nobody waits, but the gauges say %s", gauges)
	}
}

func TestSendsWithOptionsAndWebhooks(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event)
  send("hello", { subject = "Just for you", preheader = "Really", expires = "2 hours" })
  webhook("https://hooks.example.com/orders?x=1", { n = event.properties.n, deep = { a = true } })
  split("greeting", "short", "long")
  choose("offer", { "ten", "twenty" }, { goal = "Order Completed" })
end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order", "n", 3)
	hello, hook := h.book.message("hello"), h.book.message("hooks.example.com")
	if hello.Options["subject"] != "Just for you" || hello.Options["preheader"] != "Really" || !hello.Expires.Equal(start.Add(2*time.Hour)) {
		t.Errorf("the mail is %+v", hello)
	}
	if hook == nil || hook.Channel != "webhook" || hook.Kind != lifecycle.Transactional || hook.Options["url"] != "https://hooks.example.com/orders?x=1" ||
		hook.Options["payload"] != `{"deep":{"a":true},"n":3}` {
		t.Errorf("the webhook is %+v", hook)
	}
	text := h.book.text()
	if !strings.Contains(text, "chose j/a greeting=") || !strings.Contains(text, "chose j/a offer=t") || strings.Count(text, " 0.5") != 2 {
		t.Errorf("the choices are not recorded:\n%s", text)
	}
}

func TestMergingJoinsTagsScoresAndPast(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }`,
		"a", `stage { title = "A" }
on("Go", function() move "b" end)
on("Tag", function(customer, event) tag(event.properties.tag) score(10) score(4, { half_life = "1 day" }) end)`,
		"b", `stage { title = "B", exit = "Unsubscribed" }
on("Back", function() move "a" end)`))
	h.track("ada", "Tag", "tag", "vip")
	device := func(name string, properties ...any) {
		event := h.event("", name, properties...)
		event.AnonymousID = "device"
		h.receive(event)
	}
	h.clock.Advance(day24)
	device("Tag", "tag", "mobile")
	device("Go")
	device("Unsubscribed")
	both := h.event("ada", "Page")
	both.AnonymousID = "device"
	h.receive(both)
	h.eventually(func() bool { return h.customer("ada").HasTag("mobile") })
	ada := h.customer("ada")
	if visit := ada.Visit("j"); !ada.HasTag("vip") || ada.Score(h.clock.Now()) != 26 || visit.Stage != "" ||
		!ada.Left("j", "a").Equal(start.Add(day24)) || !ada.Left("j", "").Equal(start.Add(day24)) {
		t.Errorf("after the merge: %+v", ada)
	}
	if !strings.Contains(h.book.text(), "1 exited j/a") {
		t.Errorf("the exit of the visitor holds for the customer:\n%s", h.book.text())
	}
}

// Who waits is counted at the line where they wait, however the wait ends.
func TestTheGaugesOfWaitingRuns(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function()
  wait "1 day"
  wait_for("Order", "9 days")
  wait "1 day"
end)
on("Go", function() move "b" end)`, "b", `stage { title = "B" }`))
	at := func(want string) {
		t.Helper()
		if got := h.book.gauges(); got != want {
			t.Errorf("there wait %q, want %q", got, want)
		}
	}
	h.track("ada", "Page")
	device := h.event("", "Page")
	device.AnonymousID = "device"
	h.receive(device)
	at("j/a.lua:3=2")
	h.clock.Advance(day24)
	h.eventually(func() bool { return h.book.gauges() == "j/a.lua:4=2" })
	h.restart()
	h.track("ada", "Order")
	at("j/a.lua:4=1 j/a.lua:5=1")
	both := h.event("ada", "Page")
	both.AnonymousID = "device"
	h.receive(both)
	h.eventually(func() bool { return h.book.gauges() == "j/a.lua:5=1" }) // the visitor's runs have ended
	h.track("ada", "Go")
	at("")
}
