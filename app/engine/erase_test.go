package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
	"stagecraft/scripts"
)

func (h *harness) identify(user, anonymous, traits string) {
	h.t.Helper()
	h.n++
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: user, AnonymousID: anonymous, MessageID: "i" + time.Duration(h.n).String(), Traits: json.RawMessage(traits)})
}

// gone reports whether nobody is found by a name.
func (h *harness) gone(who string) bool {
	h.t.Helper()
	_, err := h.engine.FindCustomer(context.Background(), who)
	if err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
		h.t.Fatal(err)
	}
	return err != nil
}

func (h *harness) eraseUser(user string) lifecycle.ID {
	h.t.Helper()
	found, err := h.engine.FindCustomer(context.Background(), user)
	if err != nil {
		h.t.Fatal(err)
	}
	if err = h.engine.Erase(context.Background(), found.ID, nil); err != nil {
		h.t.Fatal(err)
	}
	return found.ID
}

// Somebody who was erased is gone under every name; what happened to them before is not taken again, by history or by an
// event on its way, and they are suppressed if they come back. Others stay.
func TestErase(t *testing.T) {
	h := newHarness(t)
	h.track("other", "Order Completed")
	h.identify("", "visitor", `{}`)
	h.identify("ada", "visitor", `{"email":"ada@example.com","phone":"+84901234567"}`)
	h.eventually(func() bool {
		found, err := h.engine.FindCustomer(context.Background(), "visitor")
		return err == nil && found.UserID() == "ada"
	})
	h.eventually(func() bool { return !h.gone("ada@example.com") })
	h.eraseUser("ada")
	for _, who := range []string{"ada", "visitor", "ada@example.com", "+84901234567"} {
		if !h.gone(who) {
			t.Errorf("%s is still found", who)
		}
	}
	if h.gone("other") {
		t.Error("somebody else is gone too")
	}
	if err := h.engine.Erase(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash(), nil); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("erasing twice is answered %v", err)
	}

	old := h.event("ada", "Order Completed")
	old.Timestamp = start.Add(-time.Hour)
	h.openImport("past")
	h.history("past", old)
	h.closeImport("past", false)
	if !h.gone("ada") {
		t.Error("the past has brought them back")
	}

	h.clock.Advance(time.Hour)
	h.restart()
	h.track("ada", "Order Completed")
	found, err := h.engine.FindCustomer(context.Background(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	if s, is := found.Suppressed("email", "new@example.com"); !is || s.Reason != lifecycle.SuppressedErased {
		t.Errorf("who comes back is suppressed: %v %v", s, is)
	}
	h.identify("eve", "", `{"email":"Ada@example.com"}`)
	h.eventually(func() bool {
		found, err := h.engine.FindCustomer(context.Background(), "eve")
		if err != nil {
			t.Fatal(err)
		}
		_, is := found.Suppressed("email", "ada@example.com")
		_, other := found.Suppressed("email", "eve@example.com")
		return is && !other
	})
}

// A step that was set aside is part of what a customer can have, and goes with them. One of somebody else stays, whoever it
// mentions.
func TestStepsSetAsideAreOfTheCustomer(t *testing.T) {
	h := newHarness(t, journey("life", `journey { stages = { "a", "b" }, moves = { a = { "b" } } }`, "a", `
		on("Jump", function(customer, event) move(event.properties.to) end)`, "b", ``))
	h.identify("", "visitor", `{}`)
	h.receive(lifecycle.Event{Type: lifecycle.Track, AnonymousID: "visitor", Name: "Jump", MessageID: "v", Properties: json.RawMessage(`{"to":"nowhere"}`)})
	h.identify("ada", "visitor", `{}`)
	h.eventually(func() bool {
		found, err := h.engine.FindCustomer(context.Background(), "visitor")
		return err == nil && found.UserID() == "ada"
	})
	h.track("ada", "Jump", "to", "nowhere")
	ada, err := h.engine.FindCustomer(context.Background(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	h.track("eve", "Jump", "to", "nowhere", "friend", ada.ID.String())
	person, err := h.engine.Person(context.Background(), ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(person.SetAside) != 2 {
		t.Errorf("%d steps are theirs: %+v", len(person.SetAside), person.SetAside)
	}
	h.eraseUser("ada")
	if left := h.letters(); len(left) != 1 || left[0].User != "eve" {
		t.Errorf("there are still %+v", left)
	}
}

// An erasure that a stop interrupts goes on with the next start.
func TestEraseSurvivesAStop(t *testing.T) {
	for range 4 {
		h := newHarness(t)
		h.identify("", "visitor", `{}`)
		h.identify("ada", "visitor", `{"email":"ada@example.com","phone":"+84901234567"}`)
		for range 300 {
			h.track("ada", "Viewed")
		}
		found, err := h.engine.FindCustomer(context.Background(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		watching, e := make(chan struct{}), h.engine
		go func() {
			defer close(watching)
			for {
				if _, err := e.FindCustomer(context.Background(), "ada"); err != nil {
					cancel()
					return
				}
				time.Sleep(100 * time.Microsecond)
			}
		}()
		if err = h.engine.Erase(ctx, found.ID, nil); err != nil && lifecycle.CodeOf(err) != lifecycle.Unavailable { // ctx may end just before the answer
			t.Fatal(err)
		}
		<-watching
		h.restart()
		h.eventually(func() bool {
			list, err := h.engine.Erasures(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return len(list) == 4 && h.gone("visitor") && h.gone("ada@example.com")
		})
	}
}

// A store that is older than the list forgets those on it, and those only.
func TestErasuresAreReplayed(t *testing.T) {
	h := newHarness(t)
	h.identify("ada", "", `{"email":"ada@example.com"}`)
	h.eraseUser("ada")
	list, err := h.engine.Erasures(context.Background())
	if err != nil || len(list) != 2 {
		t.Fatalf("%d keyed hashes stay, %v", len(list), err)
	}
	older := newHarness(t)
	older.identify("ada", "", `{"email":"ada@example.com"}`)
	older.track("other", "Order Completed")
	for i := range list {
		list[i].At = list[i].At.Add(time.Minute)
	}
	erase := func(ctx context.Context, id lifecycle.ID) error { return older.engine.Erase(ctx, id, nil) }
	if n, err := older.engine.ReplayErasures(context.Background(), list, erase); n != 1 || err != nil {
		t.Fatalf("%d were erased again, %v", n, err)
	}
	if !older.gone("ada") || older.gone("other") {
		t.Error("the wrong one is gone")
	}
	if n, err := older.engine.ReplayErasures(context.Background(), list, erase); n != 0 || err != nil {
		t.Fatalf("the second time %d were erased, %v", n, err)
	}
}

// Every word of consent stays with its proof, also when it is replaced and its customer merged.
func TestConsentHistory(t *testing.T) {
	h := newHarness(t)
	say := func(who lifecycle.Event, granted bool, source string) {
		h.t.Helper()
		h.clock.Advance(time.Minute)
		who.Properties = json.RawMessage(`{"proof":"` + source + `","ip":"10.1.1.1"}`)
		if err := h.engine.SayOf(context.Background(), who, lifecycle.Consent{Topic: "news", Granted: granted, Source: source}); err != nil {
			t.Fatal(err)
		}
	}
	say(lifecycle.Event{AnonymousID: "visitor"}, true, "page")
	say(lifecycle.Event{AnonymousID: "visitor"}, false, "link")
	say(lifecycle.Event{UserID: "ada"}, true, "counter")
	h.identify("ada", "visitor", `{}`)
	var said []engine.Said
	h.eventually(func() bool {
		found, err := h.engine.FindCustomer(context.Background(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		if said, err = h.engine.ConsentHistory(context.Background(), found.ID); err != nil {
			t.Fatal(err)
		}
		return len(said) == 3
	})
	for i, want := range []string{"page", "link", "counter"} {
		if said[i].Source != want || said[i].IP != "10.1.1.1" || len(said[i].Proof) == 0 || said[i].From.IsZero() != (want == "counter") {
			t.Errorf("word %d is %+v", i, said[i])
		}
	}
}

// What is older than it may be goes, and nothing else.
func TestRetention(t *testing.T) {
	h := newHarness(t)
	h.identify("", "passer-by", `{}`)
	h.track("ada", "Old")
	h.clock.Advance(100 * 24 * time.Hour)
	h.track("ada", "New")
	h.identify("", "visitor", `{}`)
	kept, err := h.engine.Retain(context.Background(), engine.Retention{Events: 60 * 24 * time.Hour, Anonymous: 30 * 24 * time.Hour})
	if err != nil || kept.Anonymous != 1 {
		t.Fatalf("%+v is gone, %v", kept, err)
	}
	h.eventually(func() bool { return h.gone("passer-by") })
	if h.gone("visitor") || h.gone("ada") {
		t.Error("somebody else is gone too")
	}
	found, err := h.engine.FindCustomer(context.Background(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := h.engine.Timeline(context.Background(), found.ID, 100)
	if err != nil || len(entries) != 1 || entries[0].Event.Name != "New" {
		t.Errorf("of the timeline there is %+v, %v", entries, err)
	}
	h.identify("", "passer-by", `{}`)
	h.eventually(func() bool { return !h.gone("passer-by") })
	again, err := h.engine.FindCustomer(context.Background(), "passer-by")
	if err != nil || len(again.Suppressions) > 0 {
		t.Errorf("who was only kept no longer comes back as %+v, %v", again, err)
	}
}

// Who was brought in as history is as old as their last event, whatever happened to them since: the end of the import, and timers.
func TestVisitorsOfAnImportAreKeptByTheirLastEvent(t *testing.T) {
	h := newHarness(t, journey("shop", `journey { title = "Shop", stages = { "member" } }`, "member",
		`stage { title = "Member" } enter(function() wait "96 days" log "hello" wait "3 days 12 hours" log "hello again" end)`))
	visited := func(who string, days int) lifecycle.Event {
		event := h.event("", "Viewed")
		event.AnonymousID, event.Timestamp = who, h.clock.Now().Add(-time.Duration(days)*24*time.Hour)
		return event
	}
	h.openImport("old")
	h.history("old", visited("long ago", 100), visited("lately", 100), visited("lately", 3), visited("came back", 100))
	h.closeImport("old", false)
	h.receive(visited("came back", 0))
	h.clock.Advance(time.Hour)
	for who, days := range map[string]int{"long ago": 100, "lately": 3, "came back": 0} {
		c, err := h.engine.FindCustomer(context.Background(), who)
		if want := start.Add(-time.Duration(days) * 24 * time.Hour); err != nil || !c.LastSeen().Equal(want) {
			t.Errorf("%s was seen %s, want %s, %v", who, c.LastSeen(), want, err)
		}
	}
	if kept, err := h.engine.Retain(context.Background(), engine.Retention{Anonymous: 7 * 24 * time.Hour}); err != nil || kept.Anonymous != 1 {
		t.Fatalf("%+v is gone, %v", kept, err)
	}
	h.eventually(func() bool { return h.gone("long ago") })
	if h.gone("lately") || h.gone("came back") {
		t.Error("somebody else is gone too")
	}
}

// Somebody who comes under a name while what lay under it is still being removed finds nothing of it, and nothing of theirs
// is lost.
func TestComingBackWhileBeingForgotten(t *testing.T) {
	for _, retire := range []bool{false, true} {
		h := newHarness(t)
		ctx := context.Background()
		for range 1300 {
			event := h.event("", "Viewed")
			event.AnonymousID = "visitor"
			if _, err := h.engine.Receive(ctx, []lifecycle.Event{event}); err != nil {
				t.Fatal(err)
			}
		}
		id := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "visitor"}.Hash()
		h.clock.Advance(100 * 24 * time.Hour)
		if retire {
			if kept, err := h.engine.Retain(ctx, engine.Retention{Anonymous: 24 * time.Hour}); err != nil || kept.Anonymous != 1 {
				t.Fatal(kept, err)
			}
		} else {
			erased, stop := context.WithCancel(ctx)
			stop()
			if err := h.engine.Erase(erased, id, nil); err != nil && lifecycle.CodeOf(err) != lifecycle.Unavailable {
				t.Fatal(err)
			}
		}
		h.clock.Advance(time.Second)
		for range 3 {
			event := h.event("", "Came Back")
			event.AnonymousID = "visitor"
			h.receive(event)
		}
		h.eventually(func() bool {
			entries, err := h.engine.Timeline(ctx, id, 5000)
			if err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
				t.Fatal(err)
			}
			came := 0
			for i := range entries {
				if entries[i].Event != nil && entries[i].Event.Name == "Viewed" {
					t.Fatalf("of %d entries there is one of before", len(entries))
				}
				came++
			}
			return came == 3
		})
	}
}

// Who has sent a form is forgotten with the mail address, also if it was never confirmed; the form waits for them no longer.
func TestErasingAnApplicant(t *testing.T) {
	h := newHarness(t)
	ctx := context.Background()
	h.engine.SetApplicants(func(email string) string { return "applicant:" + email })
	forms, err := script.New(script.Limits{}).ReadForms(scripts.Files)
	if err != nil {
		t.Fatal(err)
	}
	q := engine.Question{Messages: forms.Messages, Name: "confirm", Title: "Guide", URL: "https://shop.example/y/1"}
	a := engine.Application{ID: lifecycle.HashID("a"), Form: "guide", Event: lifecycle.Event{AnonymousID: "subscriber:1", MessageID: "a"}}
	if err := h.engine.TakeApplication(ctx, a, "applicant:ada@example.com", "ada@example.com", "en", q); err != nil {
		t.Fatal(err)
	}
	h.identify("ada", "", `{"email":"ada@example.com"}`)
	person, err := h.engine.Person(ctx, h.customer("ada").ID)
	if err != nil || len(person.Applications) != 1 {
		t.Errorf("of them there are %d applications, %v", len(person.Applications), err)
	}
	h.eraseUser("ada")
	applicant := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "applicant:ada@example.com"}.Hash()
	if c, err := h.engine.Record(ctx, applicant); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("the applicant is still there: %+v, %v", c, err)
	}
	if _, err := h.engine.Application(ctx, applicant, a.ID); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("the application is still there: %v", err)
	}
	figures, err := h.engine.FormFigures(ctx)
	if c := figures["guide"]; err != nil || c.Waiting != 0 || c.Sent != 1 {
		t.Errorf("the form's figures are %+v, %v", c, err)
	}
}

// A name that is one's user ID and another's mail address is nobody's until its kind is said.
func TestAnAmbiguousName(t *testing.T) {
	h := newHarness(t)
	ctx := context.Background()
	h.identify("ada@example.com", "", `{}`)
	h.identify("ada", "", `{"email":"ada@example.com"}`)
	h.eventually(func() bool {
		who, err := h.engine.WhoHas(ctx, lifecycle.Identity{Kind: lifecycle.EmailIdentity, Value: "ada@example.com"})
		return err == nil && !who.Customer.IsZero()
	})
	if _, err := h.engine.OneCustomer(ctx, "ada@example.com", ""); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("without its kind: %v", err)
	}
	for kind, want := range map[string]string{"user": "ada@example.com", "email": "ada"} {
		if c, err := h.engine.OneCustomer(ctx, "ada@example.com", kind); err != nil || c.UserID() != want {
			t.Errorf("as %s it is %+v, %v", kind, c, err)
		}
	}
	c := h.customer("ada")
	for name, kind := range map[string]string{"ada": "", c.ID.String(): "id"} {
		if found, err := h.engine.OneCustomer(ctx, name, kind); err != nil || found.ID != c.ID {
			t.Errorf("%s is %+v, %v", name, found, err)
		}
	}
	for name, kind := range map[string]string{"eve": "", "no id": "id", "x": "shoe", "ada@example.org": "email"} {
		if found, err := h.engine.OneCustomer(ctx, name, kind); err == nil {
			t.Errorf("%s of kind %q is %+v", name, kind, found)
		}
	}
}

// A word from a page has the proof of where it came from.
func TestAWordHasItsProof(t *testing.T) {
	h := newHarness(t)
	h.identify("ada", "", `{}`)
	id := h.customer("ada").ID
	if err := h.engine.Say(context.Background(), id, lifecycle.Ref{}, engine.Proof{IP: "10.1.1.1", UserAgent: "Browser 1"}, lifecycle.Consent{Channel: "email", Source: "unsubscribe link"}); err != nil {
		t.Fatal(err)
	}
	said, err := h.engine.ConsentHistory(context.Background(), id)
	if err != nil || len(said) != 1 || said[0].IP != "10.1.1.1" || said[0].UserAgent != "Browser 1" {
		t.Errorf("%+v %v", said, err)
	}
}

// Of where an erased person lived nothing is left that can be read: neither where a letter came back from, nor where they were written
// to before they became part of somebody, nor what a source sent that names a fax of theirs. What it says there against writing is
// known nevertheless while they are there.
func TestWhereTheErasedLived(t *testing.T) {
	h := newHarness(t)
	h.inspected()
	h.faxes().Store(true)
	lives := func(user, anonymous, street string) {
		h.clock.Advance(time.Minute)
		h.receive(h.says(user, anonymous, map[string]any{"name": "An Zzyzx", "address": map[string]any{"street": street, "city": "Hanoi", "country": "VN"}}))
		h.quiet()
	}
	h.receive(h.says("u1", "", map[string]any{"fax": "+84 28 3822 1111"}), h.says("u2", "", map[string]any{"fax": "+84 28 3822 1111"}))
	h.quiet()
	h.clock.Advance(time.Minute)
	h.receive(h.says("u1", "", map[string]any{"fax": "+84 28 3822 0000"}))
	h.quiet()
	shared := `{"fax":"+842838221111","total":"x"}`
	for _, body := range []string{`{"fax":"+842838220000","total":"x"}`, `{"fax":"+84 28  38220000","total":"x"}`, shared} {
		reject := engine.SourceReject{ID: lifecycle.HashID("reject", body), At: h.clock.Now(), Reason: "no amount", Body: []byte(body)}
		if err := h.engine.KeepSource(t.Context(), "shop", nil, []engine.SourceReject{reject}); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (n int) {
		for p := range h.store.Partitions() {
			h.inspect(p, func(tx store.Tx) {
				tx.Scan(nil, nil, func(_, value []byte) bool {
					if bytes.Contains(bytes.ToLower(value), []byte("zzyzx")) || bytes.Contains(value, []byte("38220000")) {
						n++
					}
					return true
				})
			})
		}
		return n
	}
	lives("", "dev1", "7 Quuxstreet")
	dev := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "dev1"}.Hash()
	place, _ := lifecycle.AddressIdentity("letter", `{"name":"An Zzyzx","street":"7 Quuxstreet","city":"Hanoi"}`)
	h.inspect(dev.Partition(), func(tx store.Tx) {
		if err := h.engine.AskAddress(tx, dev, place, lifecycle.ID{}, h.clock.Now()); err != nil {
			t.Error(err)
		}
	})
	h.eventually(func() bool {
		who, err := h.engine.WhoHas(t.Context(), place)
		return err == nil && len(who.Unproven) == 1
	})
	lives("u1", "dev1", "9 Corgestreet")
	h.receive(h.event("u1", "Letter Bounced"))
	h.quiet()
	h.eventually(func() bool {
		barred, err := h.engine.Barred(t.Context(), "letter", `{"name":"AN ZZYZX","street":"9 Corgestreet","city":"Hanoi"}`)
		return err == nil && barred != nil && barred.Reason == lifecycle.SuppressedBounce && barred.Address == "an zzyzx 9 corgestreet hanoi"
	})
	lives("u1", "", "11 Graultstreet")
	if kept() == 0 {
		t.Fatal("nothing is found")
	}
	h.eraseUser("u1")
	scrubs, err := h.engine.Scrubs(t.Context())
	for _, one := range scrubs {
		err = errors.Join(err, h.engine.Scrubbed(t.Context(), one.Customer))
	}
	if err != nil || len(scrubs) != 2 {
		t.Errorf("files are to be looked through for %+v, %v", scrubs, err)
	}
	h.eventually(func() bool { return kept() == 0 })
	if left, err := h.engine.SourceRejects(t.Context(), "shop"); err != nil || len(left) != 1 || string(left[0].Body) != shared {
		t.Errorf("of what names a place only what is somebody else's is to be left: %+v %v", left, err)
	}
	for _, street := range []string{"7 Quuxstreet", "9 Corgestreet", "11 Graultstreet"} {
		h.eventually(func() bool {
			barred, err := h.engine.Barred(t.Context(), "letter", `{"name":"An Zzyzx","street":"`+street+`","city":"Hanoi"}`)
			return err == nil && barred != nil && barred.Reason == lifecycle.SuppressedErased
		})
	}
}
