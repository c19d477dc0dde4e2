package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// welcoming is a journey whose first stage writes, and waits, at once.
func welcoming(h *harness) {
	h.publish(journey("wel", twoStages, "a", `stage { title = "A" }
enter(function() send "hello" end)
on("Go", function() move "b" end)`, "b", `stage { title = "B" }
enter(function() wait "3 days" send "reminder" end)`))
}

// sent counts the messages of a name.
func (h *harness) sent(name string) int {
	n := 0
	for _, m := range h.book.all() {
		if m.Name == name {
			n++
		}
	}
	return n
}

func (h *harness) visits(anonymous, name string) lifecycle.Event {
	event := h.event("", name)
	event.AnonymousID = anonymous
	return event
}

// A visitor who identifies stays where they are: nothing begins again, and what waits goes on.
func TestAVisitorWhoIdentifiesStaysWhereTheyAre(t *testing.T) {
	for _, public := range []bool{false, true} {
		h := newHarness(t)
		welcoming(h)
		h.receive(h.visits("dw1", ""))
		h.receive(h.visits("dw1", "Go"))
		before := h.of(lifecycle.AnonymousID, "dw1")
		identify := h.says("dwu1", "dw1", map[string]any{"email": "dw1@example.com"})
		identify.Public = public
		h.receive(identify)
		h.quiet()
		c := h.customer("dwu1")
		if c.ID.String() != before || !c.Named() || c.UserID() != "dwu1" || c.Visit("wel").Stage != "b" || h.sent("hello") != 1 {
			t.Errorf("public %v: %d welcomes, %+v", public, h.sent("hello"), c)
		}
		h.restart()
		h.track("dwu1", "Page")
		h.clock.Advance(4 * 24 * time.Hour)
		h.eventually(func() bool { return h.sent("reminder") == 1 })
		if c = h.customer("dwu1"); c.ID.String() != before || !c.Named() {
			t.Errorf("public %v: after a restart %+v", public, c)
		}
	}
}

// The same in one batch, whichever of both stands first there, and what follows stays in its order.
func TestAVisitorWhoIdentifiesInABatch(t *testing.T) {
	h := newHarness(t)
	welcoming(h)
	for i := range 5 {
		visitor, user := fmt.Sprint("v", i), fmt.Sprint("u", i)
		batch := []lifecycle.Event{h.says(user, visitor, nil), h.visits(visitor, "Page"), h.visits(visitor, "Go")}
		for range 8 {
			batch = append(batch, h.event(user, "Step"))
		}
		h.receive(batch...)
		h.quiet()
		c := h.customer(user)
		if c.Visit("wel").Stage != "b" || h.sent("hello") != i+1 {
			t.Errorf("%d welcomes of %d, %+v", h.sent("hello"), i+1, c)
		}
		var order []string
		for _, entry := range h.timelineOf(user) { // newest first
			if entry.Event != nil && entry.Event.UserID != "" {
				order = append(order, entry.Event.MessageID)
			}
		}
		if len(order) != 9 || order[8] != batch[0].MessageID || order[7] != batch[3].MessageID || order[0] != batch[10].MessageID {
			t.Errorf("the events came as %v", order)
		}
	}
}

// With the write key an address or the ID of another system is enough; a page that says an address is not believed.
func TestAnAddressTellsWhoAUserIs(t *testing.T) {
	h := newHarness(t)
	welcoming(h)
	h.receive(h.says("", "guest", map[string]any{"email": "gil@example.com"}))
	h.receive(h.visits("guest", "Go"))
	shop := h.visits("pos", "Go")
	shop.Context = json.RawMessage(`{"externalIds":[{"id":"77","type":"shopify"}]}`)
	h.receive(shop)
	h.quiet()
	thief := h.says("mallory", "", map[string]any{"email": "gil@example.com"})
	thief.Public = true
	h.receive(thief)
	h.receive(h.says("gil", "", map[string]any{"email": "Gil@example.com"}))
	order := h.event("shopper", "Order", "externalIds", []map[string]string{{"id": "77", "type": "shopify"}})
	h.receive(order)
	h.quiet()
	if h.of(lifecycle.UserID, "gil") != h.of(lifecycle.AnonymousID, "guest") || h.customer("gil").Visit("wel").Stage != "b" {
		t.Errorf("gil is %+v", h.customer("gil"))
	}
	if h.of(lifecycle.UserID, "shopper") != h.of(lifecycle.AnonymousID, "pos") || h.of(lifecycle.UserID, "mallory") == h.of(lifecycle.UserID, "gil") {
		t.Error("the shop's customer is somebody else, or the thief is gil")
	}
	if h.sent("hello") != 3 {
		t.Errorf("%d welcomes for three people", h.sent("hello"))
	}
}

// A second user of the same browser is somebody of their own, and so is whoever has a name that means nobody.
func TestASecondUserOfABrowserIsAnother(t *testing.T) {
	h := newHarness(t)
	welcoming(h)
	h.receive(h.visits("kiosk", "Go"))
	h.receive(h.says("ada", "kiosk", nil))
	h.receive(h.says("bob", "kiosk", nil))
	h.receive(h.says("null", "kiosk", nil))
	h.receive(h.visits("kiosk", "Page"))
	h.quiet()
	ada, bob := h.customer("ada"), h.customer("bob")
	if ada.ID == bob.ID || h.of(lifecycle.AnonymousID, "kiosk") != ada.ID.String() || bob.Visit("wel").Stage != "a" || h.sent("hello") != 3 {
		t.Errorf("%d welcomes; ada %+v, bob %+v", h.sent("hello"), ada, bob)
	}
	h.alias("ada", "bob", false)
	h.quiet()
	h.eventually(h.same("ada", "bob"))
}

// A user ID that two visitors are said to have at once is one customer in the end.
func TestOneUserIDForTwoVisitors(t *testing.T) {
	h := newHarness(t)
	h.receive(h.visits("phone", "Page"), h.visits("laptop", "Page"))
	h.receive(h.says("ada", "phone", nil), h.says("ada", "laptop", nil))
	h.quiet()
	h.eventually(func() bool {
		ada := h.of(lifecycle.UserID, "ada")
		return ada != "" && ada == h.of(lifecycle.AnonymousID, "phone") && ada == h.of(lifecycle.AnonymousID, "laptop")
	})
}

// A user ID that somebody got as a visitor leads nowhere once they are erased, and begins anew.
func TestErasingWhoWasCalled(t *testing.T) {
	h := newHarness(t)
	h.receive(h.visits("web", "Page"))
	h.receive(h.says("ada", "web", nil))
	h.quiet()
	if err := h.engine.Erase(t.Context(), h.customer("ada").ID, nil); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	if _, err := h.engine.FindCustomer(t.Context(), "ada"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("ada is still found: %v", err)
	}
	h.clock.Advance(time.Minute)
	h.eventually(func() bool {
		h.receive(h.visits("web", "Page"))
		h.quiet()
		return h.of(lifecycle.AnonymousID, "web") != ""
	})
	if c, err := h.engine.Customer(t.Context(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "web"}); err != nil || c.Customer.UserID() != "" {
		t.Errorf("the browser is still ada's: %v", err)
	}
}

// A list that knows people by their addresses is about whoever has these, and whoever says theirs later is that one: with
// what the list says they have agreed to, and where it has put them.
func TestAListOfAddresses(t *testing.T) {
	h := newHarness(t)
	welcoming(h)
	h.openImport("list")
	h.receive(h.says("ada", "", map[string]any{"email": "ada@example.com"}))
	h.quiet()
	row := func(address string, row engine.Row) engine.RowLine {
		event := lifecycle.Event{Type: lifecycle.Identify, AnonymousID: "email:" + address}
		event.Traits, _ = json.Marshal(map[string]string{"email": address})
		return engine.RowLine{ID: address, Event: event, Row: row}
	}
	no := engine.Row{Consents: []lifecycle.Consent{{Channel: "email"}}}
	h.rows("list", row("ada@example.com", no), row("mc1@example.com", no),
		row("mc2@example.com", engine.Row{Stages: []engine.RowStage{{Journey: "wel", Stage: "b"}}}))
	h.quiet()
	h.receive(h.says("4711", "", map[string]any{"email": "mc1@example.com"}))
	web := h.says("4712", "web", map[string]any{"email": "MC2@example.com"})
	h.receive(web)
	guest := h.visits("source:shop:9", "Order")
	guest.Context = json.RawMessage(`{"traits":{"email":"mc2@example.com"}}`)
	h.receive(guest)
	h.quiet()
	for _, user := range []string{"ada", "4711"} {
		if word, said := h.customer(user).Consented("email", ""); !said || word.Granted {
			t.Errorf("%s may be written to: %+v", user, h.customer(user).Consents)
		}
	}
	if c := h.customer("4712"); c.Visit("wel").Stage != "b" || h.of(lifecycle.AnonymousID, "email:mc2@example.com") != c.ID.String() ||
		h.of(lifecycle.AnonymousID, "source:shop:9") != c.ID.String() {
		t.Errorf("4712 is %+v", c)
	}
	if h.sent("hello") != 2 {
		t.Errorf("%d welcomes", h.sent("hello"))
	}
}

// An alias call gives a new user ID to whoever had the other name.
func TestAnAliasGivesANewName(t *testing.T) {
	h := newHarness(t)
	welcoming(h)
	h.receive(h.visits("web", "Go"))
	h.receive(h.event("old", "Go"))
	h.alias("new", "web", true)
	h.alias("newer", "old", false)
	h.quiet()
	if h.of(lifecycle.UserID, "new") != h.of(lifecycle.AnonymousID, "web") || h.of(lifecycle.UserID, "newer") != h.of(lifecycle.UserID, "old") || h.sent("hello") != 2 {
		t.Errorf("%d welcomes, new %+v, newer %+v", h.sent("hello"), h.customer("new"), h.customer("newer"))
	}
}

// Who gave an address that proves nothing is found by it all the same, as long as it is nobody's and they are the only one.
func TestAnAddressThatAPageGaveFindsItsCustomer(t *testing.T) {
	h := newHarness(t)
	page := func(visitor, address string) {
		event := h.says("", visitor, map[string]any{"email": address})
		event.Public = true
		h.receive(event)
		h.quiet()
	}
	page("web-1", "zoe@example.com")
	for _, find := range []func() (*lifecycle.Customer, error){
		func() (*lifecycle.Customer, error) { return h.engine.FindCustomer(t.Context(), "Zoe@example.com") },
		func() (*lifecycle.Customer, error) { return h.engine.OneCustomer(t.Context(), "Zoe@example.com", "") },
	} {
		if c, err := find(); err != nil || c.AnonymousID() != "web-1" {
			t.Fatalf("found %+v: %v", c, err)
		}
	}
	page("web-2", "zoe@example.com")
	for _, kind := range []string{"", "email"} {
		_, err := h.engine.OneCustomer(t.Context(), "zoe@example.com", kind)
		if lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "web-1") || !strings.Contains(err.Error(), "web-2") {
			t.Errorf("two who have it, asked for %q: %v", kind, err)
		}
	}
	h.clock.Advance(time.Minute)
	page("web-2", "other@example.com") // it was a slip
	if c, err := h.engine.FindCustomer(t.Context(), "zoe@example.com"); err != nil || c.AnonymousID() != "web-1" {
		t.Errorf("found %+v: %v", c, err)
	}
	h.receive(h.says("zoe", "", map[string]any{"email": "zoe@example.com"}))
	h.quiet()
	if c, err := h.engine.OneCustomer(t.Context(), "zoe@example.com", ""); err != nil || c.UserID() != "zoe" {
		t.Errorf("the owner is %+v: %v", c, err)
	}
}

// Requests at the same moment, of which one tells of a visitor and another one who that is, end in one customer who is welcomed
// once.
func TestAVisitorWhoIdentifiesAtTheSameMoment(t *testing.T) {
	h := newHarness(t)
	welcoming(h)
	const people = 40
	var group sync.WaitGroup
	var events []lifecycle.Event
	for i := range people {
		user, visitor := fmt.Sprint("u", i), fmt.Sprint("v", i)
		events = append(events, h.visits(visitor, "Page"), h.says(user, visitor, nil), h.visits(visitor, "Look"))
	}
	for _, event := range events {
		group.Go(func() {
			if _, err := h.engine.Receive(t.Context(), []lifecycle.Event{event}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	h.quiet()
	for i := range people {
		if h.of(lifecycle.UserID, fmt.Sprint("u", i)) != h.of(lifecycle.AnonymousID, fmt.Sprint("v", i)) {
			t.Errorf("person %d is two", i)
		}
	}
	if h.sent("hello") != people {
		t.Errorf("%d welcomes for %d people", h.sent("hello"), people)
	}
}

// A repeat of the event by which a visitor got their user ID changes nothing, wherever the two names are kept.
func TestARepeatOfTheFirstLoginChangesNothing(t *testing.T) {
	h := newHarness(t)
	together := false
	for n := 0; n < 400 && !together; n++ {
		user, visitor := fmt.Sprint("user", n), fmt.Sprint("visitor", n)
		same := (lifecycle.Identity{Kind: lifecycle.UserID, Value: user}).Hash().Partition() ==
			(lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: visitor}).Hash().Partition()
		if n > 2 && !same {
			continue
		}
		together = same
		h.receive(lifecycle.Event{Type: lifecycle.Track, Name: "Seen", AnonymousID: visitor, MessageID: visitor})
		login := lifecycle.Event{Type: lifecycle.Track, Name: "Bought", AnonymousID: visitor, UserID: user, MessageID: "login" + user}
		h.receive(login)
		h.clock.Advance(time.Second)
		h.receive(login)
		h.receive(login, login)
		if bought := times(h.timelineOf(user), "Bought"); bought != 1 {
			t.Errorf("in one partition: %v: the event stands there %d times", same, bought)
		}
	}
	if !together {
		t.Error("no two names were of one partition")
	}
}

// What history tells of a bounce speaks of the address of then.
func TestAnOldBounceLeavesTodaysAddress(t *testing.T) {
	h := newHarness(t)
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", Traits: []byte(`{"email":"new@example.com"}`), MessageID: "new"})
	h.openImport("past")
	old := h.event("ada", "Email Bounced", "kind", "hard")
	old.Timestamp = h.clock.Now().Add(-2 * 365 * 24 * time.Hour)
	h.history("past", old)
	h.closeImport("past", false)
	if s, is := h.customer("ada").Suppressed("email", "new@example.com"); is {
		t.Errorf("today's address is suppressed: %+v", s)
	}
}
