package delivery_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

const (
	owed    = lifecycle.Transactional
	wanted  = lifecycle.Marketing
	address = "ada@example.com"
)

func TestAccepted(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	m := p.send(p.customer("email", address, "first_name", "Ada"), wanted, "hello")
	full := p.becomes(m, lifecycle.Accepted)
	if full.Attempts != 1 || full.InDoubt != 0 || !full.Settled.Equal(start) {
		t.Errorf("the message is %+v", full.Message)
	}
	sent := p.connector.sendings(m)
	if len(sent) != 1 || sent[0].To != address || sent[0].Subject != "Hello Ada" || !strings.Contains(sent[0].Text, "Good to see you") ||
		!sent[0].Date.Equal(start) || sent[0].Attempt != 1 || sent[0].Kind != wanted {
		t.Errorf("what was sent: %+v", sent)
	}
	if full.Rendered == nil || full.Rendered.Subject != "Hello Ada" {
		t.Errorf("what the ledger shows: %+v", full.Rendered)
	}
	p.counts("queued>accepted", 1)
}

func TestPermanent(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "no such mailbox"}))
	p.run()
	full := p.becomes(p.send(p.customer("email", address), owed, "hello"), lifecycle.Failed)
	if full.Reason != "no such mailbox" || full.Attempts != 1 {
		t.Errorf("the message is %+v", full.Message)
	}
}

// A message that could not leave is tried again when the other side wishes, else after 5 s, 10 s, 20 s … Whatever becomes
// known of the customer meanwhile, it is the same message.
func TestTemporary(t *testing.T) {
	temporary := lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "greylisted"}
	later := temporary
	later.RetryAfter = 90 * time.Second
	p := newPost(t, replies(temporary, later, temporary, temporary))
	p.run()
	customer := p.customer("email", address, "first_name", "Ada")
	m := p.send(customer, owed, "hello")
	due := start
	for attempt, pause := range []time.Duration{5 * time.Second, 90 * time.Second, 20 * time.Second, 40 * time.Second} {
		due = due.Add(pause)
		full := p.queuedFor(m, due)
		if full.Attempts != attempt+1 || full.Reason != "greylisted" {
			t.Errorf("after attempt %d: %+v", attempt+1, full.Message)
		}
		if attempt == 0 {
			p.traits(customer, "email", "else@example.com", "first_name", "Grace")
		}
		p.clock.Set(due.Add(-time.Second))
		quiet()
		p.clock.Set(due)
	}
	p.becomes(m, lifecycle.Accepted)
	sent := p.connector.sendings(m)
	if len(sent) != 5 {
		t.Fatalf("%d attempts, want 5", len(sent))
	}
	seconds := []int{0, 5, 95, 115, 155}
	for i, s := range sent {
		if !s.at.Equal(start.Add(time.Duration(seconds[i]) * time.Second)) {
			t.Errorf("attempt %d was made at %v", i+1, s.at)
		}
		if s.Attempt != i+1 || !reflect.DeepEqual(normal(s.Rendered), normal(sent[0].Rendered)) {
			t.Errorf("attempt %d differs: %+v", i+1, s)
		}
	}
}

func normal(r lifecycle.Rendered) lifecycle.Rendered {
	r.Date = r.Date.UTC()
	return r
}

// What policy says when a message could leave, whatever it said when the script decided.
func TestPolicyIsAskedAtTheClaim(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.run()
	ada := p.customer("email", address)
	old := p.message(ada, wanted, "hello")
	old.Expires = start.Add(time.Hour)
	inTime := p.message(ada, owed, "hello")
	inTime.Expires = start.Add(4 * time.Hour)
	p.put(old, inTime)
	marketing, transactional := p.send(ada, wanted, "hello"), p.send(ada, owed, "hello")
	nowhere := p.send(p.customer("first_name", "Bob"), owed, "hello")
	merged := p.send(lifecycle.HashID("nobody"), owed, "hello")
	nameless := p.send(p.customer("email", "bob@example.com"), owed, "personal")
	unwritten := p.send(ada, owed, "no such message")
	p.clock.Advance(2 * time.Hour)
	p.traits(ada, "email", address, "unsubscribed", true) // committed before any claim
	c.ready.Store(true)
	for _, want := range []struct {
		name    string
		message *lifecycle.Message
		state   lifecycle.MessageState
		reason  string
	}{
		{"too old", old, lifecycle.Expired, "too old to leave"},
		{"not yet too old", inTime, lifecycle.Accepted, ""},
		{"marketing", marketing, lifecycle.Suppressed, lifecycle.BecauseOptedOut},
		{"transactional", transactional, lifecycle.Accepted, ""},
		{"no address", nowhere, lifecycle.Suppressed, lifecycle.BecauseNoAddress},
		{"merged", merged, lifecycle.Suppressed, "merged"},
		{"missing variable", nameless, lifecycle.Failed, "first_name"},
		{"missing template", unwritten, lifecycle.Failed, "no such message"},
	} {
		full := p.becomes(want.message, want.state)
		if full.Reason != want.reason && !(want.state == lifecycle.Failed && strings.Contains(full.Reason, want.reason)) {
			t.Errorf("%s: the reason is %q, want %q", want.name, full.Reason, want.reason)
		}
		if sent := len(c.sendings(want.message)); (sent == 1) != (want.state == lifecycle.Accepted) {
			t.Errorf("%s: sent %d times", want.name, sent)
		}
	}
	if reason := p.look(nameless).Reason; !strings.Contains(reason, "j/messages/personal.email.liquid:4") {
		t.Errorf("the reason does not say where: %s", reason)
	}
}

// Nothing is claimed for a connector that does not run.
func TestNotReady(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.run()
	m := p.send(p.customer("email", address), owed, "hello")
	quiet()
	if full := p.look(m); full.Attempts != 0 || full.Rendered != nil || full.State != lifecycle.Queued || c.called() != 0 {
		t.Errorf("it was claimed: %+v, %d calls", full, c.called())
	}
	c.ready.Store(true)
	p.becomes(m, lifecycle.Accepted)
}

// A message that becomes due before the partition has its owner leaves as soon as it has one.
func TestDueBeforeOwned(t *testing.T) {
	p := newPost(t, newConnector())
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	p.own = make(chan struct{})
	p.open()
	p.run()
	m := p.send(p.customer("email", address), owed, "hello")
	quiet()
	if p.connector.called() != 0 {
		t.Error("it was sent without an owner")
	}
	close(p.own)
	p.becomes(m, lifecycle.Accepted)
}

func TestDueLater(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	m := p.message(p.customer("email", address), owed, "hello")
	m.Due = start.Add(10 * time.Minute)
	p.put(m)
	p.becomes(p.send(m.Customer, owed, "hello"), lifecycle.Accepted)
	p.clock.Set(m.Due.Add(-1))
	quiet()
	p.clock.Set(m.Due)
	p.becomes(m, lifecycle.Accepted)
	if sent := p.connector.sendings(m); len(sent) != 1 || !sent[0].at.Equal(m.Due) {
		t.Errorf("sent %+v", sent)
	}
}

// What is recorded as suppressed stays in the ledger and is never sent.
func TestSuppressedIsOnlyKept(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	m := p.message(p.customer("email", address), owed, "hello")
	m.State, m.Reason = lifecycle.Suppressed, lifecycle.BecauseHistory
	p.put(m)
	p.becomes(p.send(m.Customer, owed, "hello"), lifecycle.Accepted)
	if full := p.look(m); full.State != lifecycle.Suppressed || len(p.connector.sendings(m)) != 0 {
		t.Errorf("the message is %+v", full.Message)
	}
}

// Marketing that does not get through holds nothing back of what is owed.
func TestLanesAreIndependent(t *testing.T) {
	c := newConnector()
	blocked := make(chan struct{})
	c.gate = func(batch []channels.Outgoing) {
		if batch[0].Kind == wanted {
			<-blocked
		}
	}
	p := newPost(t, c)
	p.run()
	var marketing []*lifecycle.Message
	for range 64 {
		marketing = append(marketing, p.send(p.customer("email", address), wanted, "hello"))
	}
	p.eventually(func() bool { return c.called() > 0 }, func() string { return "marketing was not tried" })
	for range 64 {
		p.becomes(p.send(p.customer("email", address), owed, "hello"), lifecycle.Accepted)
	}
	if len(c.sendings(nil)) != 64 {
		t.Errorf("%d messages were sent, want those that are owed alone", len(c.sendings(nil)))
	}
	close(blocked)
	for _, m := range marketing {
		p.becomes(m, lifecycle.Accepted)
	}
}

// Everything leaves exactly once, however many senders there are.
func TestManyLeaveExactlyOnce(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	const n = 5000
	var customers []lifecycle.ID
	for range 200 {
		customers = append(customers, p.customer("email", address))
	}
	var all []*lifecycle.Message
	for i := range n {
		all = append(all, p.message(customers[i%len(customers)], []lifecycle.MessageKind{owed, wanted}[i%2], "hello"))
	}
	for from := 0; from < n; from += 500 {
		p.put(all[from : from+500]...)
	}
	p.counts("queued>accepted", n)
	seen := map[lifecycle.ID]int{}
	for _, s := range p.connector.sendings(nil) {
		seen[s.ID]++
		if s.Attempt != 1 {
			t.Errorf("attempt %d of a message", s.Attempt)
		}
	}
	for _, m := range all {
		if seen[m.ID] != 1 {
			t.Fatalf("a message was sent %d times", seen[m.ID])
		}
	}
	if calls := p.connector.called(); calls > n/2 {
		t.Errorf("%d calls for %d messages: they were not sent in batches", calls, n)
	}
}

// Long messages of one partition are claimed a few at a time; the store would refuse them all at once.
func TestLongMessages(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.run()
	customer := p.customer("email", address)
	var all []*lifecycle.Message
	for range 24 {
		all = append(all, p.message(customer, wanted, "long"))
	}
	p.put(all...)
	c.ready.Store(true)
	for _, m := range all {
		p.becomes(m, lifecycle.Accepted)
	}
	if sent := c.sendings(nil); len(sent) != 24 || len(sent[0].HTML) < 150<<10 {
		t.Errorf("%d messages were sent", len(sent))
	}
}

// Thousands that may not leave any more are settled in bounded steps as well.
func TestManyExpire(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.run()
	customer := p.customer("email", address)
	var all []*lifecycle.Message
	for range 400 {
		m := p.message(customer, wanted, "hello")
		m.Expires = start.Add(time.Hour)
		m.Event.Properties = []byte(`{"text":"` + strings.Repeat("x", 20<<10) + `"}`)
		all = append(all, m)
	}
	p.put(all...)
	p.clock.Advance(2 * time.Hour)
	c.ready.Store(true)
	p.counts("queued>expired", len(all))
	if c.called() != 0 {
		t.Error("an expired message was sent")
	}
}

// What is no reference of a message is not found.
func TestAMessageReference(t *testing.T) {
	p := newPost(t, newConnector())
	for _, ref := range []string{"", "1", "1-", "64-00", "x-00", "1-zz", "1-" + strings.Repeat("0", 46)} {
		if _, err := delivery.RefPartition(ref); lifecycle.CodeOf(err) != lifecycle.NotFound {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if partition, err := delivery.RefPartition("12-" + strings.Repeat("0", 48)); err != nil || partition != 12 {
		t.Errorf("%d, %v", partition, err)
	}
	_, err := p.store.Ask(t.Context(), 12, delivery.OneMessage{Ref: "12-" + strings.Repeat("0", 48)})
	if lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("a message that is not there: %v", err)
	}
}

func FuzzRefPartition(f *testing.F) {
	for _, ref := range []string{"", "0-", "63-" + strings.Repeat("00", 24), "64-" + strings.Repeat("00", 24), "-1-00", "1-zz"} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		partition, err := delivery.RefPartition(ref)
		if err == nil && (partition < 0 || partition >= lifecycle.Partitions) || err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
			t.Errorf("%q was read as %d, %v", ref, partition, err)
		}
	})
}
