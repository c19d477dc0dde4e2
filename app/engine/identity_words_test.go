package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

// said is what these tests let somebody say about being written to, or two be called one, at a time of its own.
type said struct {
	at   time.Time
	by   int
	word *lifecycle.Consent
	one  int // without a word: who is the same person
}

// drawSaid draws words of three people and what makes one of them, in a chain or a star, before, between and after; some of it
// is said again at another time.
func drawSaid(t *rapid.T) (names []lifecycle.Identity, list []said) {
	minute := func() time.Time {
		return start.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "minute")) * time.Minute)
	}
	for i, kind := range []lifecycle.IdentityKind{lifecycle.UserID, lifecycle.UserID, rapid.SampledFrom([]lifecycle.IdentityKind{lifecycle.UserID, lifecycle.AnonymousID}).Draw(t, "third")} {
		names = append(names, lifecycle.Identity{Kind: kind, Value: fmt.Sprint("p", i)})
	}
	first := rapid.IntRange(0, 1).Draw(t, "with the third")
	for _, pair := range [][2]int{{0, 1}, {first, 2}} {
		if names[pair[1]].Kind == lifecycle.UserID && rapid.Bool().Draw(t, "the other way") {
			pair[0], pair[1] = pair[1], pair[0]
		}
		for range rapid.IntRange(1, 2).Draw(t, "times") {
			list = append(list, said{at: minute(), by: pair[0], one: pair[1]})
		}
	}
	for range rapid.IntRange(2, 6).Draw(t, "words") {
		at := minute()
		list = append(list, said{at: at, by: rapid.IntRange(0, 2).Draw(t, "who"), word: &lifecycle.Consent{At: at, Source: "shop",
			Channel: rapid.SampledFrom([]string{"", "email", "sms"}).Draw(t, "channel"), Topic: rapid.SampledFrom([]string{"", "", "news"}).Draw(t, "topic"),
			Granted: rapid.Bool().Draw(t, "granted")}})
	}
	return names, list
}

var kinds = [][2]string{{"email", ""}, {"email", "news"}, {"sms", ""}, {"sms", "news"}, {"push", "news"}}

// ruled works out by the rule alone what holds for all three in the end, kind by kind.
func ruled(list []said) (all []string) {
	list = slices.Clone(list)
	rank := func(s said) int {
		switch {
		case s.word == nil:
			return 2
		case s.word.Granted:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b said) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(rank(a), rank(b))) })
	for _, kind := range kinds {
		person, holds := []int{0, 1, 2}, []string{"", "", ""}
		for _, s := range list {
			one := person[s.by]
			switch {
			case s.word == nil && person[s.one] != one:
				other := person[s.one]
				if holds[other] != "" && holds[one] != "no" {
					holds[one] = holds[other]
				}
				for i := range person {
					if person[i] == other {
						person[i] = one
					}
				}
			case s.word != nil && (s.word.Channel == "" || s.word.Channel == kind[0]) && (s.word.Topic == "" || s.word.Topic == kind[1]):
				holds[one] = map[bool]string{true: "yes", false: "no"}[s.word.Granted]
			}
		}
		all = append(all, fmt.Sprint(kind, holds[person[0]]))
	}
	return all
}

// hear lets one thing come in.
func (s *still) hear(names []lifecycle.Identity, prefix string, n int, one said) {
	event := lifecycle.Event{MessageID: fmt.Sprint("m", n), Timestamp: one.at}
	by, other := names[one.by], names[one.one]
	if event.UserID = prefix + by.Value; by.Kind == lifecycle.AnonymousID {
		event.UserID, event.AnonymousID = "", prefix+by.Value
	}
	switch {
	case one.word != nil:
		if err := s.engine.SayOf(context.Background(), event, *one.word); err != nil {
			s.fail(err)
		}
		return
	case other.Kind == lifecycle.AnonymousID:
		event.Type, event.AnonymousID = lifecycle.Identify, prefix+other.Value
	default:
		event.Type, event.Properties = lifecycle.Alias, json.RawMessage(fmt.Sprintf(`{"previousId":%q}`, prefix+other.Value))
	}
	s.receive(event)
}

// Words before, between and after the merges of three people end in the same consent in whichever order all of it comes in,
// and in that which the rule says.
func TestAnyOrderOfWordsAndMergesEndsInTheSameConsent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names, list := drawSaid(rt)
		want := ruled(list)
		indices := make([]int, len(list))
		for i := range indices {
			indices[i] = i
		}
		var before []lifecycle.Consent
		prefix := drawPrefix(rt)
		for range 3 {
			s := newStill("", func(args ...any) { rt.Helper(); rt.Fatal(args...) })
			defer func() { s.store.Close() }()
			order := rapid.Permutation(indices).Draw(rt, "order")
			for _, i := range order {
				s.hear(names, prefix, i, list[i])
				s.clock.Advance(time.Second)
				for range rapid.IntRange(0, 2).Draw(rt, "deliveries") {
					s.deliver(rapid.IntRange(0, 9).Draw(rt, "which"), rapid.IntRange(0, 3).Draw(rt, "done") > 0)
				}
			}
			for i := 0; s.deliver(i*7, true); i++ {
				if i > 2000 {
					rt.Fatal("instructions go on for ever")
				}
			}
			var now []lifecycle.Consent
			for i, name := range names {
				found, err := s.engine.Customer(context.Background(), lifecycle.Identity{Kind: name.Kind, Value: prefix + name.Value})
				if err != nil {
					rt.Fatal(err)
				}
				c := found.Customer
				var got []string
				for _, kind := range kinds {
					word, is := c.Consented(kind[0], kind[1])
					got = append(got, fmt.Sprint(kind, map[bool]string{true: map[bool]string{true: "yes", false: "no"}[word.Granted]}[is]))
				}
				if !slices.Equal(got, want) {
					rt.Fatalf("%s: %v, not %v\n%s\n%+v\n%+v", name.Value, got, want, described(list, order), c.Consents, c.Joins)
				}
				if i == 0 {
					now = c.Consents
				}
			}
			if before != nil && !slices.EqualFunc(before, now, func(a, b lifecycle.Consent) bool {
				return a.At.Equal(b.At) && a.Channel == b.Channel && a.Topic == b.Topic && a.Granted == b.Granted && a.Source == b.Source
			}) {
				rt.Fatalf("another order keeps other words\n%+v\n%+v\n%s", before, now, described(list, order))
			}
			before = now
		}
	})
}

func described(list []said, order []int) (text string) {
	for _, i := range order {
		s := list[i]
		if text += fmt.Sprintf("minute %v: p%d ", s.at.Sub(start).Minutes(), s.by); s.word == nil {
			text += fmt.Sprintf("is p%d\n", s.one)
		} else {
			text += fmt.Sprintf("says %v on %q about %q\n", s.word.Granted, s.word.Channel, s.word.Topic)
		}
	}
	return text
}
