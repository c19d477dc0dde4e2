package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// parked counts what brakes hold in all partitions.
func (p *post) parked() int {
	p.t.Helper()
	n := 0
	for partition := range lifecycle.Partitions {
		p.do(partition, func(tx store.Tx) {
			tx.Scan([]byte{'p'}, []byte{'q'}, func([]byte, []byte) bool { n++; return true })
		})
	}
	return n
}

func (p *post) holds(n int) {
	p.t.Helper()
	p.eventually(func() bool { return p.parked() == n }, func() string { return fmt.Sprintf("brakes hold %d messages, want %d", p.parked(), n) })
}

// A braked journey's messages stay in the outbox, those that are claimed as they are decided too, and leave once within
// a second when it goes on. Other journeys do not notice.
func TestABrakedJourneyKeepsItsMessages(t *testing.T) {
	p := newPost(t, newConnector())
	ada := warm(p)
	p.modes.set("j", lifecycle.Braked)
	var held []*lifecycle.Message
	for i := range 300 {
		m := p.message([]lifecycle.ID{ada, p.customer("email", address)}[i%2], []lifecycle.MessageKind{owed, wanted}[i%2], "hello")
		held = append(held, m)
	}
	p.put(held...)
	p.holds(300)
	for _, m := range held {
		if full := p.look(m); full.State != lifecycle.Queued || full.Attempts != 0 || full.Rendered != nil || full.Reason == "" {
			t.Fatalf("a braked message is %+v", full)
		}
	}
	other := p.message(ada, wanted, "hello")
	other.Journey = "other"
	p.put(other)
	p.becomes(other, lifecycle.Accepted)
	p.clock.Advance(time.Hour)
	quiet()
	if n := len(p.connector.sendings(nil)); n != 3 {
		t.Errorf("%d messages left, want 3", n)
	}
	p.modes.set("j", lifecycle.Live)
	p.clock.Advance(time.Second)
	for _, m := range held {
		p.becomes(m, lifecycle.Accepted)
		if n := len(p.connector.sendings(m)); n != 1 {
			t.Fatalf("a message left %d times", n)
		}
	}
	p.holds(0)
}

// More than one input may do is let go all the same.
func TestABrakeLetsGoOfMany(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	p.modes.set("j", lifecycle.Braked)
	var held []*lifecycle.Message
	for range 2500 {
		held = append(held, p.message(ada, wanted, "hello"))
	}
	p.put(held...)
	p.holds(2500)
	p.modes.set("j", lifecycle.Live)
	p.clock.Advance(time.Second)
	p.counts("queued>accepted", 2500)
}

// Shadow sends nothing: not what a brake held before, not what a pause held, and not what was only waiting for its time.
func TestShadowHoldsWhatWasDecidedBefore(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	target := delivery.Target{Name: "insistent"}
	p.must(p.delivery.PauseMessages(t.Context(), target, "ops", ""))
	paused := p.send(ada, owed, "insistent")
	waiting := p.message(ada, owed, "hello")
	waiting.Due = start.Add(time.Minute)
	p.put(waiting)
	p.holds(1)
	p.modes.set("j", lifecycle.Braked)
	braked := p.send(ada, wanted, "hello")
	p.holds(2)
	p.modes.set("j", lifecycle.Shadow)
	p.must(p.delivery.ResumeMessages(t.Context(), target, "ops"))
	p.clock.Advance(2 * time.Minute)
	p.holds(3)
	quiet()
	if n := len(p.connector.sendings(nil)); n != 0 {
		t.Fatalf("%d messages left in shadow", n)
	}
	if full := p.look(waiting); full.State != lifecycle.Queued || !strings.Contains(full.Reason, "in shadow") {
		t.Errorf("the message is %+v", full.Message)
	}
	p.modes.set("j", lifecycle.Off)
	p.clock.Advance(time.Second)
	quiet()
	p.holds(3)
	p.modes.set("j", lifecycle.Live)
	p.clock.Advance(time.Second)
	for _, m := range []*lifecycle.Message{braked, paused, waiting} {
		p.becomes(m, lifecycle.Accepted)
		if n := len(p.connector.sendings(m)); n != 1 {
			t.Errorf("a message left %d times", n)
		}
	}
}

// Two journeys are braked and one goes on; the other one's messages stay, also when it is switched off.
func TestEachJourneyHasItsOwnBrake(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	a, b := p.message(ada, owed, "hello"), p.message(ada, owed, "hello")
	a.Journey, b.Journey = "a", "b"
	p.modes.set("a", lifecycle.Braked)
	p.modes.set("b", lifecycle.Braked)
	p.put(a, b)
	p.holds(2)
	p.modes.set("a", lifecycle.Off)
	p.modes.set("b", lifecycle.Live)
	p.clock.Advance(time.Second)
	p.becomes(b, lifecycle.Accepted)
	p.clock.Advance(time.Second)
	quiet()
	p.holds(1)
	p.modes.set("a", lifecycle.Live)
	p.clock.Advance(time.Second)
	p.becomes(a, lifecycle.Accepted)
}

// What grew too old under the brake, or whose customer has left meanwhile, does not leave when it is let go.
func TestPolicyIsAskedAfterABrake(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	p.modes.set("j", lifecycle.Braked)
	old, unwanted := p.message(ada, owed, "hello"), p.message(ada, wanted, "hello")
	old.Expires = start.Add(time.Hour)
	p.put(old, unwanted)
	p.holds(2)
	p.traits(ada, "email", address, "unsubscribed", true)
	p.clock.Advance(2 * time.Hour)
	p.modes.set("j", lifecycle.Live)
	p.clock.Advance(time.Second)
	p.becomes(old, lifecycle.Expired)
	if full := p.becomes(unwanted, lifecycle.Suppressed); full.Reason != lifecycle.BecauseOptedOut {
		t.Errorf("the reason is %q", full.Reason)
	}
	if n := len(p.connector.sendings(nil)); n != 0 {
		t.Errorf("%d messages left", n)
	}
}

// What waits for its next attempt is held as well, and goes on as the same message.
func TestABrakeHoldsRetries(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "not now"}))
	p.run()
	m := p.send(p.customer("email", address), owed, "hello")
	p.queuedFor(m, start.Add(5*time.Second))
	p.modes.set("j", lifecycle.Braked)
	p.clock.Advance(5 * time.Second)
	p.holds(1)
	p.modes.set("j", lifecycle.Live)
	p.clock.Advance(time.Second)
	if full := p.becomes(m, lifecycle.Accepted); full.Attempts != 2 {
		t.Errorf("the message is %+v", full.Message)
	}
}

// A brake outlives the program, and what was under way when the program ended is in doubt only when the journey goes on.
func TestABrakeOverARestart(t *testing.T) {
	p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
		return []*lifecycle.Message{p.send(p.customer("email", address), owed, "hello")}
	})
	p.modes.set("j", lifecycle.Braked)
	p.run()
	later := p.send(m[0].Customer, owed, "hello")
	p.holds(2)
	if full := p.look(m[0]); full.InDoubt != 0 || full.Attempts != 0 {
		t.Errorf("the message is %+v", full.Message)
	}
	p.stop()
	p.crash()
	p.modes.set("j", lifecycle.Live)
	p.run()
	p.clock.Advance(time.Second)
	if full := p.becomes(m[0], lifecycle.Accepted); full.InDoubt != 1 || full.Attempts != 2 {
		t.Errorf("the message is %+v", full.Message)
	}
	p.becomes(later, lifecycle.Accepted)
}

// Messages that nobody has to send, because no channel is connected, are let go without harm.
func TestABrakeWithoutAChannel(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	place := append([]byte("pj\x00pigeon/1\x00"), make([]byte, 32)...)
	p.do(ada.Partition(), func(tx store.Tx) { tx.Set(place, []byte{}) })
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	p.open()
	p.holds(0)
	p.do(ada.Partition(), func(tx store.Tx) {
		if !tx.Has(append([]byte("opigeon/1\x00"), make([]byte, 32)...)) {
			t.Error("the message is not in its lane")
		}
	})
}

// The plain path knows nothing of brakes: a message that leaves at once writes the keys it always wrote.
func TestNoKeysOfABrake(t *testing.T) {
	p := newPost(t, newConnector())
	ada := warm(p)
	var kinds string
	m := p.message(ada, wanted, "hello")
	p.do(ada.Partition(), func(tx store.Tx) {
		spy := &spy{Tx: tx}
		p.delivery.Put(spy, m, &lifecycle.Customer{ID: ada, Traits: nil}, p.clock.Now())
		kinds = spy.kinds
	})
	if kinds != "m" { // this customer has no address
		t.Errorf("the kinds of keys written are %q", kinds)
	}
	again := p.message(ada, wanted, "hello")
	p.do(ada.Partition(), func(tx store.Tx) {
		spy := &spy{Tx: tx}
		customer := &lifecycle.Customer{}
		if err := store.Decode(tx.Get(append([]byte{'c'}, ada[:]...)), customer); err != nil {
			t.Fatal(err)
		}
		p.delivery.Put(spy, again, customer, p.clock.Now())
		kinds = spy.kinds
	})
	if kinds != "m" { // with its attempt
		t.Errorf("the kinds of keys written are %q", kinds)
	}
	p.becomes(again, lifecycle.Accepted)
}

type spy struct {
	store.Tx
	kinds string
}

func (s *spy) Set(key, value []byte) {
	s.kinds += string(key[:1])
	s.Tx.Set(key, value)
}
