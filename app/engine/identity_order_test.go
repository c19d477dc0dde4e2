package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// still is a harness in which nothing travels between partitions by itself: a test delivers each instruction, as late and
// as often as it likes, as if the program ended in between.
type still struct {
	dir    string
	clock  *lifecycle.ManualClock
	engine *engine.Engine
	store  *store.Store
	book   *book
	fail   func(args ...any)
}

type stillMachine struct{ machine }

func (stillMachine) Own(ctx context.Context, _ int) { <-ctx.Done() }

func newStill(dir string, fail func(args ...any)) *still {
	s := &still{dir: dir, clock: lifecycle.NewManualClock(start.Add(time.Hour)), book: &book{}, fail: fail}
	s.open()
	return s
}

func (s *still) open() {
	var err error
	if s.store, err = store.Open(store.Options{Dir: s.dir}); err != nil {
		s.fail(err)
	}
	s.engine = engine.New(engine.Options{Clock: s.clock, Host: script.New(script.Limits{Wall: time.Minute}), Outbox: s.book, Recorder: s.book,
		Log: slog.New(slog.DiscardHandler), MaxPending: 10000, Precedence: []string{"crm"}})
	s.engine.Bind(s.store)
	s.store.Start(stillMachine{machine{s.engine}})
}

func (s *still) restart() {
	if err := s.store.Close(); err != nil {
		s.fail(err)
	}
	s.open()
}

func (s *still) publish(source script.Source) {
	if err := s.engine.Publish(context.Background(), engine.Publish{Source: source, Mode: lifecycle.Live}); err != nil {
		s.fail(err)
	}
}

func (s *still) receive(event lifecycle.Event) {
	if event.Name == "Subscribed" || event.Name == "Unsubscribed" {
		var word lifecycle.Consent
		_ = json.Unmarshal(event.Properties, &word) // its channel and topic
		word.Granted, word.Source = event.Name == "Subscribed", "shop"
		if err := s.engine.SayOf(context.Background(), event, word); err != nil {
			s.fail(err)
		}
		return
	}
	results, err := s.engine.Receive(context.Background(), []lifecycle.Event{event})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		s.fail(err)
	}
}

// deliver carries out the nth instruction that is pending anywhere; without done it will come again. It reports whether
// there was one.
func (s *still) deliver(nth int, done bool) bool {
	any, err := s.engine.DeliverNth(context.Background(), nth, done)
	if err != nil {
		s.fail(err)
	}
	return any
}

// tell describes everybody: who is one with whom, and what is known of them, without what depends on the order.
func (s *still) tell(identities []lifecycle.Identity) string {
	seen := map[lifecycle.ID]bool{}
	var people []string
	for _, identity := range identities {
		found, err := s.engine.Customer(context.Background(), identity)
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			continue
		}
		if err != nil {
			s.fail(err)
		}
		c := found.Customer
		if seen[c.ID] {
			continue
		}
		seen[c.ID] = true
		var known, events []string
		for _, identity := range c.Identities {
			known = append(known, string(identity.Kind)+":"+identity.Value)
		}
		slices.Sort(known)
		entries, err := s.engine.Timeline(context.Background(), c.ID, 1000)
		if err != nil {
			s.fail(err)
		}
		for i, entry := range entries {
			if i > 0 && entry.At.After(entries[i-1].At) {
				s.fail("the events do not stand in order of time")
			}
			if entry.Event != nil {
				events = append(events, entry.Event.MessageID)
			}
		}
		slices.Sort(events)
		traits, _ := json.Marshal(c.Traits)
		var words []string
		for _, word := range c.Consents {
			words = append(words, fmt.Sprint(word.Channel, word.Topic, word.Granted))
		}
		slices.Sort(words)
		people = append(people, fmt.Sprintf("%v\n  traits %s tags %v words %v\n  events %v", known, traits, c.Tags, words, events))
	}
	slices.Sort(people)
	return strings.Join(people, "\n")
}

// names are the identities that these tests play with, each with a text before it. There are two user IDs, which an
// alias call joins.
func names(prefix string) []lifecycle.Identity {
	list := []lifecycle.Identity{{Kind: lifecycle.UserID, Value: prefix + "ada"}, {Kind: lifecycle.UserID, Value: prefix + "eve"}}
	for i := range 4 {
		list = append(list, lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: fmt.Sprint(prefix, "device-", i)})
	}
	for _, address := range []string{"a@example.com", "b@example.com"} {
		list = append(list, lifecycle.Identity{Kind: lifecycle.EmailIdentity, Value: prefix + address})
	}
	return list
}

// under puts a text before the names of an event.
func under(prefix string, event lifecycle.Event) lifecycle.Event {
	for _, name := range []*string{&event.UserID, &event.AnonymousID} {
		if *name != "" {
			*name = prefix + *name
		}
	}
	event.Traits = json.RawMessage(strings.Replace(string(event.Traits), `"email":"`, `"email":"`+prefix, 1))
	event.Properties = json.RawMessage(strings.Replace(string(event.Properties), `"previousId":"`, `"previousId":"`+prefix, 1))
	return event
}

// drawEvents draws identify calls, alias calls and tags, at times of their own.
func drawEvents(t *rapid.T) []lifecycle.Event {
	var events []lifecycle.Event
	for i := range rapid.IntRange(2, 8).Draw(t, "events") {
		event := lifecycle.Event{Type: lifecycle.Identify, MessageID: fmt.Sprint("m", i),
			Timestamp: start.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "minute")) * time.Minute)}
		event.UserID = rapid.SampledFrom([]string{"", "", "ada", "eve"}).Draw(t, "user")
		event.AnonymousID = rapid.SampledFrom([]string{"", "device-0", "device-1", "device-2", "device-3"}).Draw(t, "device")
		if event.UserID == "" && event.AnonymousID == "" {
			event.AnonymousID = "device-0"
		}
		event.Source = rapid.SampledFrom([]string{"", "", "crm"}).Draw(t, "source")
		traits := map[string]any{}
		if address := rapid.SampledFrom([]string{"", "a@example.com", "b@example.com"}).Draw(t, "email"); address != "" {
			traits["email"] = address
		}
		switch plan := rapid.SampledFrom([]string{"", "", "free", "gold", "gone"}).Draw(t, "plan"); plan {
		case "":
		case "gone":
			traits["plan"] = nil
		default:
			traits["plan"] = plan
		}
		if out := rapid.SampledFrom([]string{"", "", "true", "false"}).Draw(t, "unsubscribed"); out != "" {
			traits["unsubscribed"] = json.RawMessage(out)
		}
		if tag := rapid.SampledFrom([]string{"", "vip", "new"}).Draw(t, "tag"); tag != "" {
			event.Type, event.Name = lifecycle.Track, "Tagged"
			event.Properties, _ = json.Marshal(map[string]string{"tag": tag})
		}
		if len(traits) > 0 {
			event.Traits, _ = json.Marshal(traits)
		}
		if word := rapid.SampledFrom([]string{"", "", "Subscribed", "Unsubscribed"}).Draw(t, "word"); word != "" {
			event.Type, event.Name = lifecycle.Track, word
			event.Properties, _ = json.Marshal(map[string]string{"channel": rapid.SampledFrom([]string{"", "sms"}).Draw(t, "channel"), "topic": rapid.SampledFrom([]string{"", "news"}).Draw(t, "topic")})
		}
		events = append(events, event)
	}
	return append(events, lifecycle.Event{Type: lifecycle.Alias, MessageID: "alias", UserID: "ada", Timestamp: start,
		Properties: json.RawMessage(`{"previousId":"eve"}`)})
}

const tagged = `stage { title = "A" }
on("Tagged", function(customer, event) tag(event.properties.tag) end)`

// drawPrefix draws a text before all names. Those of the same moment count in the order of their hashes, so orders are compared
// under the same names, each in a store of its own.
func drawPrefix(t *rapid.T) string {
	return fmt.Sprint("n", rapid.IntRange(0, 1<<20).Draw(t, "names"), "-")
}

// play lets the events come in in an order, with instructions between them carried out in any order and repeated.
func play(t *rapid.T, label, prefix string, events []lifecycle.Event, order []int) string {
	s := newStill("", func(args ...any) { t.Helper(); t.Fatal(args...) })
	defer func() { s.store.Close() }()
	s.publish(journey("j", twoStages, "a", tagged, "b", `stage { title = "B" }`))
	for _, i := range order {
		s.receive(under(prefix, events[i]))
		s.clock.Advance(time.Second)
		for range rapid.IntRange(0, 4).Draw(t, label+" deliveries") {
			s.deliver(rapid.IntRange(0, 9).Draw(t, label+" which"), rapid.IntRange(0, 3).Draw(t, label+" done") > 0)
		}
	}
	for n := 0; s.deliver(n*7, true); n++ {
		if n > 2000 {
			t.Fatal("instructions go on for ever")
		}
	}
	return strings.ReplaceAll(s.tell(names(prefix)), prefix, "")
}

// Whatever the order in which the same events and merges come in, and however their consequences travel, they end in the
// same people, with the same identities, traits, tags and events.
func TestAnyOrderEndsInTheSamePeople(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := drawEvents(rt)
		indices := make([]int, len(events))
		for i := range indices {
			indices[i] = i
		}
		prefix := drawPrefix(rt)
		first := play(rt, "first", prefix, events, indices)
		second := play(rt, "second", prefix, events, rapid.Permutation(indices).Draw(rt, "order"))
		if first != second {
			rt.Fatalf("another order ends in other people\n%s\n\n%s", first, second)
		}
	})
}

// A merge that is broken off after each of its steps, and whose steps are repeated, ends like one that is not.
func TestAMergeSurvivesAKillAtEveryStep(t *testing.T) {
	events := func() []lifecycle.Event {
		var list []lifecycle.Event
		add := func(e lifecycle.Event) {
			e.MessageID, e.Timestamp = fmt.Sprint("m", len(list)), start.Add(time.Duration(len(list))*time.Second)
			list = append(list, e)
		}
		for i := range 120 { // more than one chunk of a timeline
			add(lifecycle.Event{Type: lifecycle.Track, Name: "Tagged", AnonymousID: "device-0", Properties: json.RawMessage(fmt.Sprintf(`{"tag":"t%d"}`, i%3))})
		}
		add(lifecycle.Event{Type: lifecycle.Identify, UserID: "eve", Traits: json.RawMessage(`{"email":"a@example.com","plan":"gold"}`)})
		add(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", AnonymousID: "device-1", Traits: json.RawMessage(`{"plan":"free"}`)})
		add(lifecycle.Event{Type: lifecycle.Identify, AnonymousID: "device-0", Traits: json.RawMessage(`{"email":"a@example.com","city":"Hue"}`)})
		add(lifecycle.Event{Type: lifecycle.Alias, UserID: "ada", Properties: json.RawMessage(`{"previousId":"eve"}`)})
		return list
	}()
	run := func(killAt int, again bool) (told string, steps int) {
		s := newStill(t.TempDir(), func(args ...any) { t.Helper(); t.Fatal(args...) })
		defer func() { s.store.Close() }()
		s.publish(journey("j", twoStages, "a", tagged, "b", `stage { title = "B" }`))
		for _, event := range events {
			s.receive(event)
		}
		for ; ; steps++ {
			if steps == killAt {
				s.deliver(0, !again) // carried out, but the program ends before that is written down
				s.restart()
				continue
			}
			if !s.deliver(0, true) {
				return s.tell(names("")), steps
			}
		}
	}
	want, steps := run(-1, false)
	if !strings.Contains(want, "device-0") || strings.Contains(want, "\nc") && steps < 5 {
		t.Fatalf("nothing was merged: %s", want)
	}
	for at := range steps {
		if got, _ := run(at, true); got != want {
			t.Errorf("killed at step %d of %d\n got %s\nwant %s", at, steps, got, want)
		}
	}
}
