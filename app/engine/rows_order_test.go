package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// line is one of the list of a name.
type line struct {
	list string
	engine.RowLine
}

// drawRows draws lines of lists that give their customers further names, and say what they allow and refuse.
func drawRows(t *rapid.T) (rows []line) {
	minute := func(label string) time.Time {
		return start.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, label)) * time.Minute)
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "rows") {
		row := engine.RowLine{ID: fmt.Sprint("row", i), Event: lifecycle.Event{Type: lifecycle.Identify, MessageID: fmt.Sprint("row", i), Timestamp: minute("as of")}}
		if row.Event.UserID = rapid.SampledFrom([]string{"", "ada", "eve"}).Draw(t, "user"); row.Event.UserID == "" {
			row.Event.AnonymousID = rapid.SampledFrom([]string{"device-0", "device-1"}).Draw(t, "device")
		}
		if out := rapid.SampledFrom([]string{"", "true", "false", "null"}).Draw(t, "unsubscribed"); out != "" {
			row.Event.Traits = json.RawMessage(`{"unsubscribed":` + out + `}`)
		}
		for range rapid.IntRange(0, 2).Draw(t, "identities") {
			row.Row.Identities = append(row.Row.Identities, rapid.SampledFrom(names("")[1:4]).Draw(t, "identity"))
		}
		for range rapid.IntRange(0, 2).Draw(t, "words") {
			at := minute("said")
			if at.After(row.Event.Timestamp) {
				at = row.Event.Timestamp
			}
			row.Row.Consents = append(row.Row.Consents, lifecycle.Consent{Channel: rapid.SampledFrom([]string{"", "sms"}).Draw(t, "channel"),
				Granted: rapid.Bool().Draw(t, "granted"), At: at, Source: "crm"})
		}
		rows = append(rows, line{rapid.SampledFrom([]string{"crm", "shop"}).Draw(t, "list"), row})
	}
	return rows
}

// list takes a line with a text before all names.
func (s *still) list(prefix string, row line) {
	ctx := context.Background()
	if err := s.engine.OpenImport(ctx, row.list, false); err != nil {
		s.fail(err)
	}
	row.Event = under(prefix, row.Event)
	row.Row.Identities = append([]lifecycle.Identity(nil), row.Row.Identities...)
	for i := range row.Row.Identities {
		row.Row.Identities[i].Value = prefix + row.Row.Identities[i].Value
	}
	results, err := s.engine.ImportRows(ctx, row.list, []engine.RowLine{row.RowLine})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		s.fail(err)
	}
}

// refusals describes everybody: who is one with whom, and what they allow and refuse.
func (s *still) refusals(identities []lifecycle.Identity) string {
	var people []string
	for _, identity := range identities {
		found, err := s.engine.Customer(context.Background(), identity)
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			continue
		}
		if err != nil {
			s.fail(err)
		}
		var known, words []string
		for _, identity := range found.Customer.Identities {
			known = append(known, string(identity.Kind)+":"+identity.Value)
		}
		for _, word := range found.Customer.Consents {
			words = append(words, fmt.Sprint(word.Channel, word.Granted))
		}
		slices.Sort(known)
		slices.Sort(words)
		people = append(people, fmt.Sprintf("%v: opted out %v, words %v", known, found.Customer.OptedOut(), words))
	}
	slices.Sort(people)
	return strings.Join(slices.Compact(people), "\n")
}

// Two lists that know customers by further names, events and a merge may come in in any order: they end in the same people, who
// refuse the same.
func TestListsInAnyOrderEndInTheSamePeople(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := drawRows(rt)
		events := []lifecycle.Event{{Type: lifecycle.Alias, MessageID: "alias", UserID: "ada", Timestamp: start.Add(3 * time.Minute),
			Properties: json.RawMessage(`{"previousId":"eve"}`)}}
		for i := range rapid.IntRange(0, 3).Draw(rt, "events") {
			word := lifecycle.Event{Type: lifecycle.Track, MessageID: fmt.Sprint("m", i), Timestamp: start.Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "minute")) * time.Minute),
				Name: rapid.SampledFrom([]string{"Subscribed", "Unsubscribed"}).Draw(rt, "word"), Properties: json.RawMessage(`{"channel":"sms"}`)}
			if word.UserID = rapid.SampledFrom([]string{"", "ada", "eve"}).Draw(rt, "user"); word.UserID == "" {
				word.AnonymousID = rapid.SampledFrom([]string{"device-0", "device-1"}).Draw(rt, "device")
			}
			events = append(events, word)
		}
		prefix := drawPrefix(rt)
		play := func(label string, order []int) string {
			s := newStill("", func(args ...any) { rt.Helper(); rt.Fatal(args...) })
			defer func() { s.store.Close() }()
			for _, i := range order {
				if i < len(rows) {
					s.list(prefix, rows[i])
				} else {
					s.receive(under(prefix, events[i-len(rows)]))
				}
				s.clock.Advance(time.Second)
				for range rapid.IntRange(0, 3).Draw(rt, label) {
					s.deliver(rapid.IntRange(0, 9).Draw(rt, label+" which"), true)
				}
			}
			for i := 0; s.deliver(i*7, true); i++ {
				if i > 2000 {
					rt.Fatal("instructions go on for ever")
				}
			}
			return strings.ReplaceAll(s.refusals(names(prefix)), prefix, "")
		}
		indices := make([]int, len(rows)+len(events))
		for i := range indices {
			indices[i] = i
		}
		first, second := play("first", indices), play("second", rapid.Permutation(indices).Draw(rt, "order"))
		if first != second {
			rt.Fatalf("another order ends in other people\n%s\n\n%s", first, second)
		}
	})
}

// A list that names another known user joins nobody; the alias call that follows does, though the name is known already.
func TestAnAliasAfterAList(t *testing.T) {
	s := newStill(t.TempDir(), func(args ...any) { t.Helper(); t.Fatal(args...) })
	defer func() { s.store.Close() }()
	id := func(user string) lifecycle.ID {
		found, err := s.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: user})
		if err != nil {
			t.Fatal(err)
		}
		return found.Customer.ID
	}
	settle := func() {
		for s.deliver(0, true) {
		}
	}
	for _, user := range []string{"ada", "eve"} {
		s.receive(lifecycle.Event{Type: lifecycle.Identify, MessageID: user, UserID: user, Timestamp: start})
	}
	s.list("", line{"crm", engine.RowLine{ID: "1", Event: lifecycle.Event{Type: lifecycle.Identify, MessageID: "row", UserID: "ada", Timestamp: start},
		Row: engine.Row{Identities: []lifecycle.Identity{{Kind: lifecycle.UserID, Value: "eve"}}}}})
	if settle(); id("ada") == id("eve") {
		t.Error("a list has joined two users")
	}
	s.receive(lifecycle.Event{Type: lifecycle.Alias, MessageID: "alias", UserID: "ada", Timestamp: start, Properties: json.RawMessage(`{"previousId":"eve"}`)})
	if settle(); id("ada") != id("eve") {
		t.Error("an alias call has not")
	}
}
