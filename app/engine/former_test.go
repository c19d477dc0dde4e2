package engine_test

import (
	"context"
	"testing"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

const three = `journey { title = "J", stages = { "a", "b", "c" }, moves = "next" }`

func whoWaits() []string {
	return []string{"a", `stage { title = "A" }
enter(function() wait "5 days" log "five days on" end)
idle("Order", "9 days", function() log "silent for nine days" end)`, "b", `stage { title = "B" }`, "c", `stage { title = "C" }`}
}

func TestARenamedStageKeepsWhatWaits(t *testing.T) {
	h := newHarness(t, journey("j", three, whoWaits()...))
	h.track("ada", "Visit")
	h.clock.Advance(day24)
	files := whoWaits()
	files[0] = "first"
	files[1] = `stage { title = "First" } idle("Order", "9 days", function() log "silent for nine days" end)`
	h.publish(journey("j", `journey { title = "J", stages = { "first", "b", "c" }, moves = "next", renamed = { a = "first" } }`, files...))
	h.eventually(func() bool { return h.customer("ada").Visit("j").Stage == "first" })
	if entered := h.customer("ada").Visit("j").Entered; !entered.Equal(start) {
		t.Errorf("entered at %v", entered)
	}
	h.clock.Advance(9 * day24)
	h.want(`
		0 event Visit
		0 entered j/a
		1 placed j/a>first
		5 log j/first five days on
		9 log j/first silent for nine days`)
}

func TestARetiredStagePutsItsCustomersElsewhere(t *testing.T) {
	h := newHarness(t, journey("j", three, whoWaits()...))
	h.track("ada", "Visit")
	h.clock.Advance(day24)
	h.publish(journey("j", `journey { title = "J", stages = { "b", "c" }, moves = "next", retired = { a = "c" } }`,
		"b", `stage { title = "B" }`, "c", `stage { title = "C" } enter(function() send "hello" end) idle("Order", "3 days", function() log "silent in C" end)`))
	h.eventually(func() bool { return h.customer("ada").Visit("j").Stage == "c" })
	h.clock.Advance(9 * day24)
	h.want(`
		0 event Visit
		0 entered j/a
		1 placed j/a>c
		4 log j/c silent in C`)
	if text := h.book.gauges(); text != "" {
		t.Errorf("runs still wait: %s", text)
	}
	entries := h.timelineOf("ada")
	if fact := entries[1].Facts[len(entries[1].Facts)-1]; fact.Kind != lifecycle.FactPlaced || fact.Reason != "the stage was retired" {
		t.Errorf("the timeline says %+v", fact)
	}
}

func TestARetiredStageMayEndTheJourney(t *testing.T) {
	h := newHarness(t, journey("j", three, whoWaits()...))
	h.track("ada", "Visit")
	h.publish(journey("j", `journey { title = "J", stages = { "b", "c" }, moves = "next", retired = { a = false } }`, "b", `stage { title = "B" }`, "c", `stage { title = "C" }`))
	h.track("ada", "Visit")
	if visit := h.customer("ada").Visit("j"); visit.Stage != "" || len(visit.Runs)+len(visit.Timers) > 0 {
		t.Errorf("still there: %+v", visit)
	}
}

func TestAPlanSaysWhatPublishingWouldDo(t *testing.T) {
	h := newHarness(t, journey("j", three, whoWaits()...))
	for _, user := range []string{"ada", "bob", "eva"} {
		h.track(user, "Visit")
	}
	h.change(engine.ActMove, "eva", "j", "b")
	next := func(plan string, files ...string) *lifecycle.Journey {
		program, err := h.host.Compile(journey("j", plan, files...))
		if err != nil {
			t.Fatal(err)
		}
		return &program.Journey
	}
	files := []string{"b", `stage { title = "B" } idle("Order", "1 minute", function() end)`, "c", `stage { title = "C" }`}
	look := func(plan *lifecycle.Journey, where map[string]string) engine.StagePlan {
		t.Helper()
		p, err := h.engine.PlanStages(context.Background(), plan, false, where)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	gone := next(`journey { title = "J", stages = { "b", "c" }, moves = { b = { "c" }, c = { "b" } } }`, files...)
	p := look(gone, nil)
	if a := p.Stages[2]; !p.Blocked || !p.Complete || a.Stage != "a" || a.Fate != engine.StageMissing || a.Customers != 2 || a.Runs != 2 {
		t.Errorf("%+v", p)
	}
	if b := p.Stages[0]; b.Customers != 1 || b.TimersNew != 1 || b.Due != 1 {
		t.Errorf("of b %+v", b)
	}
	if len(p.Allowed) != 1 || p.Allowed[0] != [2]string{"c", "b"} || len(p.Refused) != 1 || p.Refused[0] != [2]string{"a", "b"} {
		t.Errorf("moves %v, %v", p.Allowed, p.Refused)
	}
	p = look(gone, map[string]string{"a": "c"})
	if a := p.Stages[2]; p.Blocked || a.Fate != engine.StageRetired || a.To != "c" || a.RunsEnd != 2 || a.TimersEnd != 2 {
		t.Errorf("with an answer %+v", p)
	}
	renamed := next(`journey { title = "J", stages = { "b", "c" }, moves = "next", renamed = { a = "b" } }`, files...)
	if a := look(renamed, nil).Stages[2]; a.Fate != engine.StageRenamed || a.RunsEnd != 0 || a.Runs != 2 {
		t.Errorf("renamed %+v", a)
	}
}
