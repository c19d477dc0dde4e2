package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// posted is what a shop posts of an order, under whatever name it knows the buyer by then.
func posted(id string, name lifecycle.Identity, public bool) lifecycle.Event {
	traits, _ := json.Marshal(map[string]string{"email": "ada@example.com"})
	event := lifecycle.Event{Type: lifecycle.Track, Name: "Order Completed", MessageID: "shop:" + id, Source: "shop", Public: public,
		Traits: traits, Properties: json.RawMessage(`{"total":10}`)}
	if name.Kind == lifecycle.UserID {
		event.UserID = name.Value
	} else {
		event.AnonymousID = name.Value
	}
	return event
}

func (h *harness) post(events ...lifecycle.Event) []engine.Receipt {
	h.t.Helper()
	results, err := h.engine.ReceivePosted(context.Background(), events)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.receipts(results)
}

// An order that is told of again under other names of its buyer is one order, also after a start of the program. What proves
// nothing of its sender keeps its own name, and after 30 days an ID is free again.
func TestWhatIsPostedAgainUnderAnotherName(t *testing.T) {
	anonymous := func(value string) lifecycle.Identity {
		return lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: value}
	}
	names := []lifecycle.Identity{anonymous("source:shop:601"), anonymous("email:ada@example.com"), anonymous("source:shop:602"), {Kind: lifecycle.UserID, Value: "ada"}}
	h := newHarness(t)
	for i, name := range names {
		if receipt := h.post(posted("40", name, false))[0]; receipt.Duplicate != (i > 0) {
			t.Errorf("under %v it is a repeat: %t", name, receipt.Duplicate)
		}
		if i == 1 {
			h.restart()
		}
	}
	h.quiet() // all the names are one customer's
	orders := func() int {
		found, err := h.engine.FindCustomer(t.Context(), "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		entries, err := h.engine.Timeline(t.Context(), found.ID, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return times(entries, "Order Completed")
	}
	if n := orders(); n != 1 {
		t.Errorf("one order was taken %d times", n)
	}
	if receipts := h.post(posted("41", names[2], false), posted("42", names[1], false), posted("40", names[3], false)); receipts[0].Duplicate || receipts[1].Duplicate || !receipts[2].Duplicate {
		t.Errorf("two new orders and a repeat: %+v", receipts)
	}
	h.eventually(func() bool { return orders() == 3 })

	for _, name := range []string{"page1", "page2"} {
		if receipt := h.post(posted("50", anonymous(name), true))[0]; receipt.Duplicate {
			t.Errorf("what %s says was taken from them", name)
		}
	}

	h.clock.Advance(31 * 24 * time.Hour)
	if receipt := h.post(posted("40", lifecycle.Identity{Kind: lifecycle.UserID, Value: "bob"}, false))[0]; receipt.Duplicate {
		t.Error("an ID of a month ago is taken for a repeat")
	}
}

// What was not taken leaves its ID to whomever it is said of next.
func TestWhatWasPostedAndNotTaken(t *testing.T) {
	h := newHarness(t)
	eve := lifecycle.Identity{Kind: lifecycle.UserID, Value: "eve"}
	var refused error
	for i := 0; refused == nil; i++ { // more and more traits, until there is no room
		event := posted("60", eve, false)
		event.Traits, _ = json.Marshal(map[string]string{fmt.Sprint("t", i): strings.Repeat("x", 30<<10)})
		if i < 20 {
			h.engine.ReceivePosted(t.Context(), []lifecycle.Event{{Type: lifecycle.Identify, UserID: "eve", MessageID: fmt.Sprint("shop:fill", i), Source: "shop", Traits: event.Traits}})
			continue
		}
		results, err := h.engine.ReceivePosted(t.Context(), []lifecycle.Event{event})
		if refused = results[0].Err; err != nil || refused == nil {
			t.Fatalf("it was taken: %v", err)
		}
	}
	if receipt := h.post(posted("60", lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}, false))[0]; receipt.Duplicate || receipt.Customer == eve.Hash() {
		t.Errorf("it is somebody else's: %+v", receipt)
	}
}

// Of somebody who was erased it is not kept what they were called, nor is what was taken of them taken again.
func TestWhatIsPostedOfTheErased(t *testing.T) {
	h := newHarness(t)
	h.inspected()
	shop := func(name string) lifecycle.Identity {
		return lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "source:shop:" + name}
	}
	// More orders than one part of the work looks at, in one partition; theirs is the last there.
	var others []lifecycle.Event
	last, hash := "70", lifecycle.HashID("posted", "shop:70")
	for i := 0; len(others) < 600; i++ {
		id := fmt.Sprint("other", i)
		other := lifecycle.HashID("posted", "shop:"+id)
		if other.Partition() != hash.Partition() {
			continue
		}
		if other.Part() > hash.Part() {
			id, last, hash = last, id, other
		}
		event := posted(id, shop("bob"), false)
		event.Traits = nil
		others = append(others, event)
	}
	h.post(others...)
	h.post(posted(last, shop("secretname"), false))
	kept := func() (n int) {
		for p := range h.store.Partitions() {
			h.inspect(p, func(tx store.Tx) {
				tx.Scan([]byte("Pi"), []byte("Pj"), func(_, value []byte) bool {
					if bytes.Contains(value, []byte("secretname")) {
						n++
					}
					return true
				})
			})
		}
		return n
	}
	if n := kept(); n != 1 {
		t.Fatalf("the name is kept %d times", n)
	}
	h.eventually(func() bool { return !h.gone("ada@example.com") })
	h.eraseUser("ada@example.com")
	h.eventually(func() bool { return kept() == 0 })
	h.clock.Advance(time.Hour)
	if receipt := h.post(posted(last, lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}, false))[0]; !receipt.Duplicate {
		t.Error("it was taken again")
	}
}

// What comes second under an ID still says who somebody is: the customer of the first becomes the one whom the second names, with
// their address and the one order. A bare name says nothing, and makes nobody.
func TestWhatIsPostedSecondSaysWhoItIs(t *testing.T) {
	h := newHarness(t)
	external := json.RawMessage(`{"externalIds":[{"id":"cus_1","type":"stripe","collection":"users","encoding":"none"}]}`)
	first := lifecycle.Event{Type: lifecycle.Track, Name: "Order Completed", MessageID: "stripe:in_1", Source: "stripe",
		AnonymousID: lifecycle.SourceName("stripe", "cus_1"), Context: external, Properties: json.RawMessage(`{"total":10}`)}
	second := first
	second.UserID, second.AnonymousID, second.Traits = "user_9", "", json.RawMessage(`{"email":"ada@example.com","phone":"+4915112345678"}`)
	bare := first
	bare.UserID, bare.AnonymousID, bare.Context = "guessed", "", nil
	for i, event := range []lifecycle.Event{first, bare, second, second} {
		if receipt := h.post(event)[0]; receipt.Duplicate != (i > 0) {
			t.Errorf("%d is a repeat: %t", i, receipt.Duplicate)
		}
	}
	h.quiet()
	if ada := h.of(lifecycle.UserID, "user_9"); ada == "" || ada != h.of(lifecycle.AnonymousID, first.AnonymousID) || h.gone("ada@example.com") {
		t.Fatalf("the names are not one customer's: %q", ada)
	}
	ada := h.customer("user_9")
	if got := fmt.Sprintf("%s %s", ada.Traits["email"], ada.Traits["phone"]); got != `"ada@example.com" "+4915112345678"` {
		t.Errorf("their addresses are %s", got)
	}
	entries, err := h.engine.Timeline(t.Context(), ada.ID, 1000)
	if n := times(entries, "Order Completed"); err != nil || n != 1 || ada.Revenue.Orders != 1 {
		t.Errorf("one order was taken %d times: %v, %+v", n, err, ada.Revenue)
	}
	if !h.gone("guessed") {
		t.Error("an ID that nothing was said of is somebody")
	}
}
