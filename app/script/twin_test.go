package script_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// A script is drawn at random, run by the machine with a stop and a fresh start at every wait, and at the same time played
// in one go by a twin that was never put away: the plan below, in Go. Between two waits the world changes under both.

// world is the customer and what has happened, as both see it.
type world struct {
	now    time.Time
	traits map[string]string // text traits only
	tags   map[string]bool
	points float64
	events past
}

func (w *world) customer() *lifecycle.Customer {
	id := lifecycle.Identity{Kind: lifecycle.UserID, Value: "u1"}
	c := &lifecycle.Customer{ID: id.Hash(), Identities: []lifecycle.Identity{id}, Tags: slices.Sorted(maps.Keys(w.tags))}
	for name, value := range w.traits {
		c.SetTrait(name, json.RawMessage(quote(value)))
	}
	c.Give(lifecycle.Award{Points: w.points}, w.now)
	return c
}

// scene is one statement: its Lua, and what the twin does. say tells what the script decides; variables live as long as
// the run.
type scene struct {
	lua  string
	play func(tw *twin)
}

type twin struct {
	world *world
	vars  map[string]string
	said  []string
	woken *lifecycle.Event
	pause func(lua string) // the world turns
}

func (tw *twin) say(text string) { tw.said = append(tw.said, text) }

func drawScene(t *rapid.T, depth int) scene {
	trait := rapid.SampledFrom([]string{"plan", "city", "x"}).Draw(t, "trait")
	tag := rapid.SampledFrom([]string{"vip", "new"}).Draw(t, "tag")
	event := rapid.SampledFrom([]string{"Order Completed", "Page Viewed"}).Draw(t, "event")
	variable := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "variable")
	value := rapid.SampledFrom([]string{"gold", "", "Huế"}).Draw(t, "value")
	or := func(text string, ok bool) string {
		if !ok {
			return "nil"
		}
		return text
	}
	kinds := 13
	if depth > 1 {
		kinds = 11
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return scene{`send "hello"`, func(tw *twin) { tw.say("send hello") }}
	case 1:
		return scene{fmt.Sprintf("set(%q, %q)", trait, value), func(tw *twin) { tw.say("set " + trait + " " + value); tw.world.traits[trait] = value }}
	case 2:
		return scene{fmt.Sprintf("log(customer.%s, customer.traits.%s)", trait, trait), func(tw *twin) {
			v, ok := tw.world.traits[trait]
			tw.say("log " + or(v, ok) + " " + or(v, ok))
		}}
	case 3:
		return scene{fmt.Sprintf("%s = tostring(customer.%s)", variable, trait), func(tw *twin) {
			v, ok := tw.world.traits[trait]
			tw.vars[variable] = or(v, ok)
		}}
	case 4:
		return scene{fmt.Sprintf("log(%s)", variable), func(tw *twin) { v, ok := tw.vars[variable]; tw.say("log " + or(v, ok)) }}
	case 5:
		return scene{fmt.Sprintf("tag %q", tag), func(tw *twin) { tw.say("tag " + tag); tw.world.tags[tag] = true }}
	case 6:
		return scene{fmt.Sprintf("if customer.tags.%s then untag %q log \"gone\" end", tag, tag), func(tw *twin) {
			if tw.world.tags[tag] {
				tw.say("untag " + tag)
				tw.say("log gone")
				delete(tw.world.tags, tag)
			}
		}}
	case 7:
		return scene{"score(2) log(customer.score)", func(tw *twin) { tw.world.points += 2; tw.say("score "); tw.say(fmt.Sprintf("log %v", tw.world.points)) }}
	case 8:
		return scene{fmt.Sprintf("log(count(%q, \"2 days\"), sum(%q, \"n\"))", event, event), func(tw *twin) {
			recent, total := 0, 0
			for _, e := range tw.world.events {
				if e.Name == event {
					total += 3
					if e.Timestamp.After(tw.world.now.Add(-2 * day)) {
						recent++
					}
				}
			}
			tw.say(fmt.Sprintf("log %d %d", recent, total))
		}}
	case 9:
		return scene{`wait "1 day"`, func(tw *twin) { tw.pause("wait") }}
	case 10:
		return scene{fmt.Sprintf("local e = wait_for(%q, \"2 days\") log(now(), e and e.properties.n)", event), func(tw *twin) {
			tw.pause("wait_for " + event)
			n := "nil"
			if tw.woken != nil {
				n = "3"
			}
			tw.say(fmt.Sprintf("log %v %s", luaNumber(tw.world.now), n))
		}}
	case 11:
		inner, times := drawScenes(t, depth+1), rapid.IntRange(0, 3).Draw(t, "times")
		return scene{fmt.Sprintf("for i = 1, %d do\n%s\nend", times, text(inner)), func(tw *twin) {
			for range times {
				play(tw, inner)
			}
		}}
	default:
		inner := drawScenes(t, depth+1)
		return scene{"pcall(function()\n" + text(inner) + "\nerror(\"no\") end)", func(tw *twin) { play(tw, inner) }}
	}
}

func luaNumber(at time.Time) string { return fmt.Sprintf("%.14g", float64(at.Unix())) }

func drawScenes(t *rapid.T, depth int) []scene {
	scenes := make([]scene, rapid.IntRange(1, 6).Draw(t, "scenes"))
	for i := range scenes {
		scenes[i] = drawScene(t, depth)
	}
	return scenes
}

func text(scenes []scene) string {
	lines := make([]string, len(scenes))
	for i, s := range scenes {
		lines[i] = "do " + s.lua + " end"
	}
	return strings.Join(lines, "\n")
}

func play(tw *twin, scenes []scene) {
	for _, s := range scenes {
		s.play(tw)
	}
}

// TestResumedScriptsDecideWhatTheirTwinDecides: put away at every wait, in the encoding of the store, and taken up again
// by another machine, a run decides what one that never slept decides.
func TestResumedScriptsDecideWhatTheirTwinDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scenes := drawScenes(t, 0)
		source := journey("enter(function(customer)\nlocal a, b\n" + text(scenes) + "\nend)")
		compiled := func() *script.Program {
			p, err := script.New(patient).Compile(source)
			if err != nil {
				t.Fatalf("%v\n%s", err, source.Files["one.lua"])
			}
			return p
		}
		p := compiled()
		w := &world{now: noon, traits: map[string]string{"plan": "pro"}, tags: map[string]bool{}}
		call := script.Call{Handler: "one.lua#1", Stage: "one", Seed: 3, Run: lifecycle.HashID("run")}
		var said []string
		tw := &twin{world: w, vars: map[string]string{}}
		waits := 0
		// advance runs the script up to its next wait and compares; the world is still as it was when this part began.
		begin := *w
		begin.traits, begin.tags = maps.Clone(w.traits), maps.Clone(w.tags)
		advance := func(want string) {
			call.Customer, call.Now, call.History = begin.customer(), begin.now, begin.events
			r, err := p.Run(call)
			if err != nil {
				t.Fatalf("%v\n%s", err, source.Files["one.lua"])
			}
			if again, err := p.Run(call); err != nil || fmt.Sprintf("%+v", again.Effects) != fmt.Sprintf("%+v", r.Effects) || again.Steps != r.Steps {
				t.Fatalf("the same call twice: %+v and %+v, %v", r, again, err)
			}
			for _, e := range r.Effects {
				line := string(e.Kind) + " " + e.Name + e.Text
				if e.Kind == script.Set {
					line += " " + e.Value.(string)
				}
				said = append(said, line)
			}
			got := ""
			if r.Waiting {
				if got = "wait"; r.For != nil {
					got = "wait_for " + r.For.Event
				}
			}
			if got != want || strings.Join(said, "\n") != strings.Join(tw.said, "\n") {
				t.Fatalf("after %d waits it says %q and %q, the twin %q and %q\n%s", waits, said, got, tw.said, want, source.Files["one.lua"])
			}
			call.Journal = roundTrip(t, r.Journal)
			if rapid.Bool().Draw(t, "restart") {
				p = compiled()
			}
		}
		tw.pause = func(want string) {
			advance(want)
			waits++
			w.now = w.now.Add(day)
			tw.woken, call.Woken = nil, nil
			if name, ok := strings.CutPrefix(want, "wait_for "); ok && rapid.Bool().Draw(t, "it comes") {
				event := lifecycle.Event{Type: lifecycle.Track, Name: name, Timestamp: w.now, Properties: json.RawMessage(`{"n":3}`)}
				w.events = append(slices.Clone(w.events), event)
				tw.woken, call.Woken = &event, &event
			}
			if rapid.Bool().Draw(t, "the world changes") {
				w.traits["plan"] = fmt.Sprint("plan", waits)
				delete(w.tags, "new")
				w.points++
				w.events = append(slices.Clone(w.events), lifecycle.Event{Type: lifecycle.Track, Name: "Page Viewed", Timestamp: w.now, Properties: json.RawMessage(`{"n":"3"}`)})
			}
			begin = *w
			begin.traits, begin.tags = maps.Clone(w.traits), maps.Clone(w.tags)
		}
		play(tw, scenes)
		advance("")
	})
}
