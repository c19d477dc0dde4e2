package app_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// ranked is a world in which five people have bought something, each more than the one before, and scripts hear of segments.
type ranked struct{ *lived }

func newRanked(t *testing.T) *ranked {
	w := &ranked{newLived(t, delivery.Policy{})}
	t.Cleanup(func() { w.store.Close() })
	files := club("discount")
	files["journey.lua"] += "\non(\"Segment Entered\", function(customer, event) tag(event.properties.segment) end)" +
		"\non(\"Segment Left\", function(customer, event) set(\"left\", event.properties.segment) end)" +
		"\non(\"Ping\", function(customer, event) wait \"1 day\" tag(\"late\") end)"
	w.publish(files)
	for i := range 5 {
		w.buy(fmt.Sprint("customer", i), 10*(i+1))
	}
	return w
}

func (w *ranked) buy(user string, revenue int) {
	w.track(user, "Order Completed", map[string]any{"revenue": revenue})
	w.clock.Advance(time.Second)
}

// othersBuy makes what the five have bought little.
func (w *ranked) othersBuy() {
	for i := range 5 {
		w.buy(fmt.Sprint("friend", i), 1000)
	}
}

func (w *ranked) rank() {
	w.t.Helper()
	_, err := w.engine.Rank(context.Background())
	w.must(err)
	w.clock.Advance(time.Second)
}

// told returns the tags of somebody, and which segment they left last.
func (w *ranked) told(user string) string {
	w.t.Helper()
	c, err := w.engine.Record(context.Background(), userID(user))
	w.must(err)
	return fmt.Sprint(c.Tags, c.Trait("left"))
}

// notes returns what the replay of a life says that is the same.
func (w *ranked) notes(user string) string {
	w.t.Helper()
	found := w.replay(user)
	if len(found.Differences) > 0 {
		w.t.Errorf("%s: %+v", user, found.Differences)
	}
	return strings.Join(found.Notes, "\n")
}

// TestAReplayOfRanks has segments that compare with all customers: by the ranks that held, and not by those that others' purchases
// have brought since.
func TestAReplayOfRanks(t *testing.T) {
	w := newRanked(t)
	w.publishSegments("best", `rfm { m = 5 }`, "rest", `rfm { m = 1 } and not in_segment("best")`, "recent", `count("Order Completed", "1 hour") >= 1`)
	w.settleAll()
	w.rank()
	w.settleAll()
	w.pass("customer3", 24*time.Hour)
	w.pass("customer4", 24*time.Hour)
	w.othersBuy()
	w.rank()
	w.buy("customer3", 3000) // before everybody is asked
	if got := w.told("customer4"); got != "[best]recent" {
		t.Errorf("who had bought most was told of %s", got)
	}
	w.buy("customer4", 3000) // who was among the best, and is: but not by those ranks without this
	w.settleAll()
	w.rank()
	w.settleAll()
	w.agrees()
	if text := w.notes("customer4"); strings.Contains(text, "ranks") {
		t.Errorf("notes: %s", text)
	}
	if got := w.told("customer0"); !strings.Contains(got, "rest") {
		t.Errorf("who had bought least was told of %s", got)
	}
}

// TestAReplayOfRanksAfterAPause has ranks change before a timer fires that was due while nobody was there to fire it.
func TestAReplayOfRanksAfterAPause(t *testing.T) {
	w := newRanked(t)
	w.publishSegments("best", `rfm { m = 5 }`, "late-best", `customer.tags.late and rfm { m = 5 }`)
	w.settleAll()
	w.rank()
	w.settleAll()
	w.track("customer4", "Ping", nil)
	w.othersBuy()
	w.clock.Advance(30 * 24 * time.Hour)
	w.rank()
	w.settleAll()
	w.agrees()
	if got := w.told("customer4"); got != "[best late]best" {
		t.Errorf("who had bought most was told of %s", got)
	}
}

// TestAReplayOfRanksThatAreNotKept has lives that began before ranks were kept, and after.
func TestAReplayOfRanksThatAreNotKept(t *testing.T) {
	w := newRanked(t)
	at := w.clock.Now()
	w.rank()
	w.publishSegments("best", `rfm { m = 5 }`)
	w.settleAll()
	for _, user := range []string{"customer4", "newcomer"} {
		w.damage(user, store.AppendTime([]byte{'Q'}, at)) // as where an older version of the program has ranked
	}
	for range 3 {
		w.clock.Advance(24 * time.Hour)
		w.rank()
		w.settleAll()
	}
	w.buy("newcomer", 4000)
	w.settleAll()
	if text := w.notes("customer4"); !strings.Contains(text, "which ask for ranks (best)") {
		t.Errorf("notes of whose life began before: %s", text)
	}
	if text := w.notes("newcomer"); strings.Contains(text, "ranks") || !strings.Contains(w.told("newcomer"), "best") {
		t.Errorf("notes of whose life began after: %s; told of %s", text, w.told("newcomer"))
	}
	for range 400 { // the first ones are forgotten
		w.clock.Advance(24 * time.Hour)
		w.rank()
	}
	w.settleAll()
	if text := w.notes("newcomer"); !strings.Contains(text, "which ask for ranks (best)") {
		t.Errorf("notes of a life that is older than the ranks that are kept: %s", text)
	}
	w.buy("baby", 5000)
	w.settleAll()
	if text := w.notes("baby"); strings.Contains(text, "ranks") || !strings.Contains(w.told("baby"), "best") {
		t.Errorf("notes of a life under ranks that are kept: %s; told of %s", text, w.told("baby"))
	}
}

// TestAReplayOfRanksThatReachedOneOfTwoFirst has two become one, of whom each was asked by new segments and by new ranks at another
// time than the other.
func TestAReplayOfRanksThatReachedOneOfTwoFirst(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := newRanked(t)
		phone := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "phone"}
		order := []int{userID("customer2").Partition(), phone.Hash().Partition()}
		if !first {
			slices.Reverse(order)
		}
		oneByOne := func() {
			for _, p := range order {
				w.clock.Advance(time.Hour)
				w.must(w.engine.Chores(context.Background(), p))
			}
			w.clock.Advance(time.Hour)
			w.settleAll()
		}
		w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Order Completed", AnonymousID: "phone", Properties: []byte(`{"revenue":35}`)})
		w.publishSegments("best", `rfm { m = 5 }`, "rest", `rfm { m = 1 } and count("Order Completed", "90 minutes") == 0`)
		oneByOne()
		w.rank()
		oneByOne()
		w.othersBuy()
		w.rank()
		oneByOne()
		w.publishSegments("best", `rfm { m = 4 }`, "rest", `rfm { m = 1 }`)
		oneByOne()
		w.settled(lifecycle.Event{Type: lifecycle.Identify, UserID: "customer2", AnonymousID: "phone"})
		w.settleAll()
		w.agrees()
	}
}

// TestAReplayOfAWalkBehindAnEvent has an event that was committed before everybody was asked, by a clock that was read later.
func TestAReplayOfAWalkBehindAnEvent(t *testing.T) {
	w := newRanked(t)
	w.publishSegments("best", `rfm { m = 5 }`)
	w.settleAll()
	w.rank()
	w.settleAll()
	w.othersBuy()
	w.rank()
	at := w.clock.Now().Add(10 * time.Millisecond)
	event := lifecycle.Event{Type: lifecycle.Track, Name: "Looked", UserID: "customer4", MessageID: "later", Timestamp: at, Received: at}
	w.must(w.engine.ReceiveAt(context.Background(), event, at))
	w.settleAll()
	w.agrees()
}

// TestAReplayOfRandomRanks has people buy, segments that ask for ranks come and go, and ranks change, at random.
func TestAReplayOfRandomRanks(t *testing.T) {
	liveAndReplay(t, []string{"buy", "buy", "buy", "rank", "rank segments", "look", "time", "sign in", "history"}, 40)
}

// TestAReplayOfRandomWalks has people become one who have been asked by segments and ranks at moments of their own, at random.
func TestAReplayOfRandomWalks(t *testing.T) {
	names := []string{"buy", "rank", "rank", "rank segments", "sign in", "sign in"}
	liveAndReplay(t, names, 20)
	liveAndReplaySeeds(t, names, 166)
}

// TestAReplayOfARush has people buy and become one at the same moment, where one more purchase makes somebody rank higher, and what
// one leaves for others is carried out at random.
func TestAReplayOfARush(t *testing.T) {
	names := []string{"buy", "rank", "rank segments", "rush", "rush"}
	liveAndReplay(t, names, 40)
	liveAndReplaySeeds(t, names, 42, 66, 95, 97, 100, 123, 141, 248, 329, 582, 1499)
}

// TestAReplayOfEverything has all of it happen to the same people.
func TestAReplayOfEverything(t *testing.T) {
	names := append(append(crowdNames(), burstNames()...), "rush", "rush", "rank", "rank segments", "buy")
	liveAndReplay(t, names, 20)
	// Who became one in a rush; what somebody else's script made while others lived history.
	liveAndReplaySeeds(t, names, 28, 173, 224, 241, 676, 687, 771, 774)
}

// rankSteps are what happens besides where ranks matter.
func rankSteps() map[string]func(w *crowd) {
	return map[string]func(w *crowd){
		"buy": func(w *crowd) {
			e := w.somebody()
			e.Name, e.Properties = "Order Completed", fmt.Appendf(nil, `{"revenue":%d}`, rapid.IntRange(1, 200).Draw(w.rt, "revenue"))
			w.say("%s%s buys for %s", e.UserID, e.AnonymousID, e.Properties)
			w.send(e)
		},
		"rank": func(w *crowd) {
			w.say("rank")
			_, err := w.engine.Rank(context.Background())
			w.must(err)
			w.oneByOne()
		},
		"rush": func(w *crowd) {
			for range rapid.IntRange(2, 12).Draw(w.rt, "rush") {
				crowdSteps()[rapid.SampledFrom([]string{"buy", "buy", "sign in", "alias", "passage"}).Draw(w.rt, "step")](w)
				if rapid.Bool().Draw(w.rt, "later") {
					w.clock.Advance(time.Millisecond)
				}
			}
		},
		"passage": func(w *crowd) {
			p := rapid.SampledFrom(slices.Sorted(maps.Keys(w.partitions))).Draw(w.rt, "partition")
			w.say("what partition %d has left for others", p)
			w.must(w.engine.Chores(context.Background(), p))
		},
		"rank segments": func(w *crowd) {
			files := map[string][]byte{}
			define := func(name string, predicates ...string) {
				predicate := rapid.SampledFrom(predicates).Draw(w.rt, name)
				w.say("segment %s: %s", name, predicate)
				files[name+".lua"] = fmt.Appendf(nil, "segment { title = %q }\nmember(function() return %s end)", name, predicate)
			}
			define("best", `rfm { m = 4 }`, `rfm { m = 5, r = 2 }`, `rfm { f = 3 } or rfm { r = 5 }`)
			if rapid.Bool().Draw(w.rt, "both") {
				define("quiet", `rfm { r = 2 } and count("Order Completed", "3 days") == 0`, `not in_segment("best")`, `rfm { recency = "5 days" }`)
			}
			w.must(w.engine.PublishSegments(context.Background(), script.Source{Name: script.SegmentsFolder, Files: files}))
			w.oneByOne()
		},
	}
}

// oneByOne lets partitions ask everybody one after the other, at moments of their own, between which somebody may buy.
func (w *crowd) oneByOne() {
	w.t.Helper()
	if !rapid.Bool().Draw(w.rt, "one by one") {
		return
	}
	for _, p := range rapid.Permutation(slices.Sorted(maps.Keys(w.partitions))).Draw(w.rt, "order") {
		w.clock.Advance(time.Minute)
		w.say("partition %d", p)
		w.must(w.engine.Chores(context.Background(), p))
		if rapid.Bool().Draw(w.rt, "meanwhile") {
			w.clock.Advance(time.Second)
			rankSteps()["buy"](w)
		}
	}
}
