package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

func newInboxes(t *testing.T) *post {
	p := newPost(t, newConnector(), func(p *post) {
		p.inapp = true
		p.templates["note"] = &lifecycle.Template{Front: map[string]string{}, Body: "Hello <b>you</b>",
			Data: map[string]string{"title": "A note", "url": "/news", "button": "Read"}}
	})
	p.run()
	return p
}

// user stores a customer who has a user ID.
func (p *post) user(name string) lifecycle.ID {
	p.t.Helper()
	identity := lifecycle.Identity{Kind: lifecycle.UserID, Value: name}
	customer := lifecycle.Customer{ID: identity.Hash(), Identities: []lifecycle.Identity{identity}}
	p.do(customer.ID.Partition(), func(tx store.Tx) { tx.Set(append([]byte{'c'}, customer.ID[:]...), store.Encode(&customer)) })
	return customer.ID
}

// note makes a message for an inbox.
func (p *post) note(customer lifecycle.ID, name string) *lifecycle.Message {
	m := p.message(customer, lifecycle.Transactional, name)
	m.Channel = "inapp"
	return m
}

func (p *post) inbox(customer lifecycle.ID) []delivery.InboxMessage {
	p.t.Helper()
	answer, err := p.store.Ask(context.Background(), customer.Partition(), delivery.Inbox{Customer: customer, At: p.clock.Now()})
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.([]delivery.InboxMessage)
}

func (p *post) mark(customer lifecycle.ID, m *lifecycle.Message, deed lifecycle.Answer) {
	p.t.Helper()
	in := delivery.InboxMark{Customer: customer, Message: m.ID, Deed: deed, At: p.clock.Now()}
	if _, err := p.store.Do(context.Background(), customer.Partition(), in); err != nil {
		p.t.Fatal(err)
	}
}

func TestInbox(t *testing.T) {
	p := newInboxes(t)
	ada := p.user("ada")
	first, second := p.note(ada, "note"), p.note(ada, "note")
	second.Expires = start.Add(time.Hour)
	for _, m := range []*lifecycle.Message{first, second} {
		p.put(m)
		if full := p.becomes(m, lifecycle.Accepted); full.Rendered == nil || full.Rendered.To != "ada" {
			t.Errorf("the ledger shows %+v", full.Rendered)
		}
	}
	list := p.inbox(ada)
	if len(list) != 2 || list[0].Ref.ID != second.ID || list[1].Ref != first.Ref() {
		t.Fatalf("the inbox has %+v", list)
	}
	want := delivery.InboxMessage{Ref: first.Ref(), At: list[1].At, Expires: list[1].Expires, Title: "A note", Text: "Hello <b>you</b>", URL: "/news", Button: "Read"}
	if list[1] != want || !list[1].Expires.Equal(start.Add(lifecycle.InboxLife)) || !list[0].Expires.Equal(second.Expires) {
		t.Errorf("the first message is %+v, want %+v", list[1], want)
	}
	p.mark(ada, first, lifecycle.Opened)
	p.mark(ada, second, lifecycle.Clicked)
	list = p.inbox(ada)
	if !list[1].Opened || list[1].Clicked || !list[0].Opened || !list[0].Clicked {
		t.Errorf("after reading the first and clicking the second: %+v", list)
	}
	p.clock.Set(start.Add(time.Hour))
	if list = p.inbox(ada); len(list) != 1 || list[0].Ref.ID != first.ID {
		t.Errorf("after the second has expired: %+v", list)
	}
	p.mark(ada, first, lifecycle.Dismissed)
	p.mark(ada, first, lifecycle.Opened)
	if list = p.inbox(ada); len(list) != 0 {
		t.Errorf("after all was dismissed: %+v", list)
	}
	if grace := p.inbox(p.user("grace")); len(grace) != 0 {
		t.Errorf("somebody else sees %+v", grace)
	}
}

// The same message again changes nothing: neither that it was read, nor that it is gone.
func TestInboxIsIdempotent(t *testing.T) {
	p := newInboxes(t)
	ada := p.user("ada")
	read, gone := p.note(ada, "note"), p.note(ada, "note")
	p.put(read, gone)
	p.becomes(read, lifecycle.Accepted)
	p.becomes(gone, lifecycle.Accepted)
	p.mark(ada, read, lifecycle.Opened)
	p.mark(ada, gone, lifecycle.Dismissed)
	before := p.inbox(ada)
	for _, m := range []*lifecycle.Message{read, gone} {
		again := channels.Outgoing{ID: m.ID, Ref: m.Ref(), Attempt: 2, Rendered: lifecycle.Rendered{Text: "else"}}
		if r := p.delivery.InApp(p.connector).Send(t.Context(), []channels.Outgoing{again}); len(r) != 1 || r[0].Outcome != lifecycle.OutcomeAccepted {
			t.Errorf("sent again: %+v", r)
		}
	}
	if after := p.inbox(ada); len(after) != 1 || after[0] != before[0] {
		t.Errorf("after the same messages again: %+v, before: %+v", after, before)
	}
}

func TestInboxKeepsAHundred(t *testing.T) {
	p := newInboxes(t)
	ada := p.user("ada")
	var all []*lifecycle.Message
	for range delivery.MaxInbox + 30 {
		m := p.note(ada, "note")
		p.put(m)
		p.becomes(m, lifecycle.Accepted)
		p.clock.Set(p.clock.Now().Add(time.Second))
		all = append(all, m)
	}
	list := p.inbox(ada)
	if len(list) != delivery.MaxInbox || list[0].Ref.ID != all[len(all)-1].ID || list[len(list)-1].Ref.ID != all[30].ID {
		t.Fatalf("%d messages", len(list))
	}
	p.mark(ada, all[0], lifecycle.Opened) // it is not there any more
	for _, m := range all[30:] {
		p.mark(ada, m, lifecycle.Dismissed)
	}
	if list = p.inbox(ada); len(list) != 0 {
		t.Errorf("%d messages are left", len(list))
	}
	// Nothing of what they said is left: only the list of what was there.
	keys := 0
	p.do(ada.Partition(), func(tx store.Tx) {
		prefix := append([]byte{'n'}, ada[:]...)
		tx.Scan(prefix, store.PrefixEnd(prefix), func(_, _ []byte) bool { keys++; return true })
	})
	if keys != 1 {
		t.Errorf("%d keys are left of the inbox", keys)
	}
}

// A message that nobody knows has no inbox; what the connector refuses comes into none.
func TestInboxRefuses(t *testing.T) {
	p := newInboxes(t)
	ada := p.user("ada")
	inboxes := p.delivery.InApp(p.connector)
	unknown := channels.Outgoing{ID: lifecycle.HashID("x"), Ref: lifecycle.Ref{Partition: 3, Decided: start, ID: lifecycle.HashID("x")}, Rendered: lifecycle.Rendered{Text: "x"}}
	if r := inboxes.Send(t.Context(), []channels.Outgoing{unknown}); r[0].Outcome != lifecycle.OutcomePermanent {
		t.Errorf("a message that nobody knows: %+v", r)
	}
	p.connector.answer = func(channels.Outgoing) lifecycle.Receipt {
		return lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "it says nothing"}
	}
	m := p.note(ada, "note")
	p.put(m)
	if full := p.becomes(m, lifecycle.Failed); full.Reason != "it says nothing" {
		t.Errorf("it failed because %q", full.Reason)
	}
	if list := p.inbox(ada); len(list) != 0 {
		t.Errorf("the inbox has %+v", list)
	}
}

// What a customer has said while a message was with the connector holds for their inbox.
func TestAnInboxHearsTheCustomerFirst(t *testing.T) {
	p := newInboxes(t)
	ada := p.user("ada")
	offer := p.note(ada, "note")
	offer.Kind = lifecycle.Marketing
	owed := p.note(ada, "note")
	p.connector.mu.Lock()
	p.connector.gate = func([]channels.Outgoing) {
		customer := lifecycle.Customer{ID: ada, Identities: []lifecycle.Identity{{Kind: lifecycle.UserID, Value: "ada"}}}
		customer.SetTrait("unsubscribed", json.RawMessage("true"))
		p.do(ada.Partition(), func(tx store.Tx) { tx.Set(append([]byte{'c'}, ada[:]...), store.Encode(&customer)) })
	}
	p.connector.mu.Unlock()
	p.put(offer, owed)
	p.eventually(func() bool { return p.look(offer).Reason == lifecycle.BecauseOptedOut }, func() string { return fmt.Sprint(p.look(offer).Message) })
	if waits := p.look(offer).Due.Sub(start); waits > 10*time.Second {
		t.Errorf("it waits for %v until it is asked about again", waits)
	}
	p.clock.Set(p.look(offer).Due)
	if full := p.becomes(offer, lifecycle.Suppressed); full.Reason != lifecycle.BecauseOptedOut || full.InDoubt != 0 {
		t.Errorf("%+v", full.Message)
	}
	p.becomes(owed, lifecycle.Accepted)
	if list := p.inbox(ada); len(list) != 1 || list[0].Ref.ID != owed.ID {
		t.Errorf("the inbox has %+v", list)
	}
}

// A connector that does not say what it did with a message has certainly not put it into the inbox.
func TestAnInboxIsNeverInDoubt(t *testing.T) {
	p := newInboxes(t)
	tries := 0
	p.connector.answer = func(channels.Outgoing) lifecycle.Receipt {
		if tries++; tries == 1 {
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "it died"}
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}
	ada := p.user("ada")
	m := p.note(ada, "note")
	p.put(m)
	p.eventually(func() bool { return p.look(m).Attempts == 1 && p.look(m).Reason == "it died" }, func() string { return fmt.Sprint(p.look(m).Message) })
	p.clock.Set(p.look(m).Due)
	if full := p.becomes(m, lifecycle.Accepted); full.InDoubt != 0 || full.Attempts != 2 {
		t.Errorf("%+v", full.Message)
	}
}

// The newest message is the one that was decided last, in whatever order they come.
func TestAnInboxIsInTheOrderOfDecisions(t *testing.T) {
	p := newInboxes(t)
	ada := p.user("ada")
	var all []*lifecycle.Message
	for i := range 4 { // two handlers with two lines each
		m := p.note(ada, "note")
		m.Decided, m.Line = start.Add(time.Duration(i/2)*time.Second), 5+i%2
		all = append(all, m)
	}
	p.clock.Set(start.Add(time.Minute))
	for _, i := range []int{3, 0, 2, 1} {
		p.put(all[i])
		p.becomes(all[i], lifecycle.Accepted)
	}
	list := p.inbox(ada)
	for i, m := range all {
		if at := len(all) - 1 - i; len(list) != len(all) || list[at].Ref.ID != m.ID {
			t.Fatalf("message %d is not the one at %d: %+v", i, at, list)
		}
	}
}

// Who has no user ID has no inbox; a test person has their own.
func TestInboxAddress(t *testing.T) {
	p := newInboxes(t)
	stranger := p.note(p.customer("email", address), "note")
	p.put(stranger)
	if full := p.becomes(stranger, lifecycle.Suppressed); full.Reason != lifecycle.BecauseNoAddress {
		t.Errorf("suppressed because %q", full.Reason)
	}
	ada := p.user("ada")
	m := p.note(ada, "note")
	m.Test = true
	p.put(m)
	p.becomes(m, lifecycle.Accepted)
	if list := p.inbox(ada); len(list) != 1 {
		t.Errorf("the test person's inbox has %+v", list)
	}
}

// Who looks is woken by what is new and by what was done elsewhere, and by nothing of others.
func TestWatchInbox(t *testing.T) {
	p := newInboxes(t)
	ada, grace := p.user("ada"), p.user("grace")
	wake, other := make(chan struct{}, 1), make(chan struct{}, 1)
	stop := p.delivery.WatchInbox([]lifecycle.ID{ada}, wake)
	defer p.delivery.WatchInbox([]lifecycle.ID{grace}, other)()
	woken := func(what string) {
		t.Helper()
		select {
		case <-wake:
		case <-time.After(2 * time.Minute):
			t.Fatalf("nobody was woken by %s", what)
		}
	}
	m := p.note(ada, "note")
	p.put(m)
	woken("a new message")
	p.becomes(m, lifecycle.Accepted)
	p.mark(ada, m, lifecycle.Dismissed)
	woken("a message that was dismissed")
	stop()
	p.put(p.note(ada, "note"))
	p.eventually(func() bool { return len(p.inbox(ada)) == 1 }, func() string { return fmt.Sprint(p.inbox(ada)) })
	if len(wake)+len(other) > 0 {
		t.Error("somebody was woken who is not looking")
	}
}
