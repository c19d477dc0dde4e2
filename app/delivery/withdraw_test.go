package delivery_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// shelf keeps what it accepts until it is released.
type shelf struct {
	*connector
	mu        sync.Mutex
	down      bool
	closing   bool // what is on the shelf is about to leave
	there     []lifecycle.Ref
	gone      map[lifecycle.ID]bool // released
	forgotten []lifecycle.ID
}

func newShelf() *shelf {
	s := &shelf{connector: newConnector(), gone: map[lifecycle.ID]bool{}}
	s.gate = func(batch []channels.Outgoing) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, m := range batch {
			s.there = append(s.there, m.Ref)
		}
	}
	return s
}

func (s *shelf) Withdraws() bool { return true }

func (s *shelf) Waiting(context.Context) ([]lifecycle.Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || !s.closing {
		return nil, nil
	}
	return slices.Clone(s.there), nil
}

func (s *shelf) Release(_ context.Context, refs []lifecycle.Ref) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ref := range refs {
		s.gone[ref.ID] = true
		s.there = slices.DeleteFunc(s.there, func(r lifecycle.Ref) bool { return r.ID == ref.ID })
	}
	return nil
}

func (s *shelf) Withdraw(_ context.Context, refs []lifecycle.Ref, forget bool) (out []channels.Withdrawal, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errors.New("down")
	}
	for _, ref := range refs {
		before := len(s.there)
		s.there = slices.DeleteFunc(s.there, func(r lifecycle.Ref) bool { return r.ID == ref.ID })
		w := channels.Withdrawal{Message: ref, Fate: channels.Unknown}
		switch {
		case len(s.there) < before:
			w.Fate = channels.Withdrawn
		case s.gone[ref.ID]:
			w.Fate, w.Reason = channels.TooLate, "it was picked up"
		}
		if forget {
			s.forgotten = append(s.forgotten, ref.ID)
		}
		out = append(out, w)
	}
	return out, nil
}

func (s *shelf) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *shelf) has(m *lifecycle.Message) (there, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.there, func(r lifecycle.Ref) bool { return r.ID == m.ID }), s.gone[m.ID]
}

func shelved(t *testing.T) (*post, *shelf) {
	s := newShelf()
	p := newPost(t, s.connector, func(p *post) {
		p.connect = func(d *delivery.Delivery) { d.Connect("letter", s) }
	}, heirs)
	p.run()
	return p, s
}

// letterTo puts a letter and waits until it lies on the shelf.
func (p *post) letterTo(customer lifecycle.ID, kind lifecycle.MessageKind) *lifecycle.Message {
	p.t.Helper()
	m := p.message(customer, kind, "hello")
	m.Channel = "letter"
	p.put(m)
	p.becomes(m, lifecycle.Accepted)
	return m
}

// says stores that a customer does not want marketing, with what the engine calls then.
func (p *post) refuses(customer lifecycle.ID, told bool) {
	p.t.Helper()
	p.do(customer.Partition(), func(tx store.Tx) {
		key := append([]byte{'c'}, customer[:]...)
		var c lifecycle.Customer
		if err := store.Decode(tx.Get(key), &c); err != nil {
			panic(err)
		}
		c.SayNow(lifecycle.Consent{Granted: false, At: p.clock.Now(), Source: "counter"})
		tx.Set(key, store.Encode(&c))
		if told {
			if err := p.delivery.WithdrawRefused(tx, &c, p.clock.Now()); err != nil {
				panic(err)
			}
		}
	})
}

var home = map[string]any{"street": "12 Main St", "city": "Huế"}

func (p *post) kinds(m *lifecycle.Message) string {
	p.t.Helper()
	for _, life := range p.personal(m.Customer).Messages {
		if life.ID == m.ID {
			var kinds []string
			for _, s := range life.Steps {
				kinds = append(kinds, string(s.Kind))
			}
			return strings.Join(kinds, ", ")
		}
	}
	return ""
}

// A word of consent takes back marketing that is still kept, and nothing else, over a restart in between.
func TestWithdrawnWithConsent(t *testing.T) {
	p, s := shelved(t)
	ada, eve := p.customer("name", "Ada", "address", home), p.customer("name", "Eve", "address", home)
	refused, kept, others := p.letterTo(ada, wanted), p.letterTo(ada, owed), p.letterTo(eve, wanted)
	s.set(func() { s.down = true })
	p.refuses(ada, true)
	p.clock.Advance(time.Minute)
	if full := p.look(refused); full.State != lifecycle.Accepted {
		t.Fatalf("before the connector has answered it is %s", full.State)
	}
	p.stop()
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	p.open()
	p.run()
	s.set(func() { s.down = false })
	p.eventually(func() bool { p.clock.Advance(time.Second); return p.look(refused).State == lifecycle.Suppressed },
		func() string { return "it is " + string(p.look(refused).State) })
	if full := p.look(refused); full.Reason != "withdrawn: opted out: counter" {
		t.Errorf("the reason is %q", full.Reason)
	}
	p.counts("accepted>suppressed", 1)
	for _, m := range []*lifecycle.Message{kept, others} {
		if there, _ := s.has(m); !there {
			t.Error("another letter was taken back")
		}
	}
}

// The last word finds what nobody has told, and after it everything is too late.
func TestLastCall(t *testing.T) {
	p, s := shelved(t)
	ada, eve := p.customer("name", "Ada", "address", home), p.customer("name", "Eve", "address", home)
	refused, fine := p.letterTo(ada, wanted), p.letterTo(eve, wanted)
	p.refuses(ada, false)
	s.set(func() { s.closing = true })
	p.eventually(func() bool {
		p.clock.Advance(time.Second)
		_, gone := s.has(fine)
		return gone && p.look(refused).State == lifecycle.Suppressed
	}, func() string { return "refused is " + string(p.look(refused).State) })
	if there, gone := s.has(refused); there || gone {
		t.Error("the refused letter is still there, or has left")
	}
	if kinds := p.kinds(fine); !strings.Contains(kinds, "released") {
		t.Errorf("its life is %s", kinds)
	}
	err := p.delivery.CancelMessage(t.Context(), p.look(fine).Ref, "ada", "")
	if lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "too late") {
		t.Errorf("after it: %v", err)
	}
	p.refuses(eve, true)
	if full := p.look(fine); full.State != lifecycle.Accepted {
		t.Errorf("what has left is %s", full.State)
	}
}

// Nothing leaves of whose customer is being erased, and no marketing of whom has become part of another one. What is owed to
// such a one does, when whoever they became lets it.
func TestLastCallWithoutACustomer(t *testing.T) {
	p, s := shelved(t)
	heir := p.customer("name", "Eve")
	letter := func(kind lifecycle.MessageKind) *lifecycle.Message {
		return p.letterTo(p.customer("name", "Ada", "address", home), kind)
	}
	erasing, marketing, fine, early, refused, erased := letter(owed), letter(wanted), letter(owed), letter(owed), letter(owed), letter(owed)
	p.do(fine.Customer.Partition(), func(tx store.Tx) { tx.Delete(append([]byte{'b'}, fine.ID[:]...)) }) // where it was sent is not known any more
	p.do(erasing.Customer.Partition(), func(tx store.Tx) { tx.Delete(append([]byte{'c'}, erasing.Customer[:]...)) })
	for _, m := range []*lifecycle.Message{marketing, fine, early} {
		p.redirects(m.Customer, heir)
	}
	p.adopts(heir, fine.Customer)
	strict, gone := p.customer("name", "Zoe"), p.customer("name", "Max")
	p.changes(strict, func(c *lifecycle.Customer) {
		c.Suppress(lifecycle.Suppression{Channel: "letter", Reason: lifecycle.SuppressedComplaint, At: start})
	})
	p.redirects(refused.Customer, strict)
	p.adopts(strict, refused.Customer)
	p.redirects(erased.Customer, gone)
	p.do(gone.Partition(), func(tx store.Tx) { tx.Set(erasedKey(gone), []byte{}) })
	s.set(func() { s.closing = true })
	left := func(m *lifecycle.Message) func() bool {
		return func() bool { p.clock.Advance(time.Second); _, gone := s.has(m); return gone }
	}
	p.eventually(left(fine), func() string { return "what is owed does not leave" })
	for m, why := range map[*lifecycle.Message]string{marketing: "merged", refused: "suppressed: complained", erased: "the customer they became was erased"} {
		p.eventually(func() bool { p.clock.Advance(time.Second); return p.look(m).Reason == "withdrawn: "+why }, func() string { return p.look(m).Reason + ", want " + why })
		if there, gone := s.has(m); there || gone {
			t.Errorf("%s: it is still there, or has left", why)
		}
	}
	for _, m := range []*lifecycle.Message{erasing, early} {
		if there, gone := s.has(m); !there || gone {
			t.Error("a letter has left of somebody who is being erased, or of whom it is not known yet what speaks against it")
		}
	}
	p.adopts(heir, early.Customer)
	p.eventually(left(early), func() string { return "it does not leave when that is known" })
}

// Cancelling takes back one, or all that a target covers; the connector may have let go of one before.
func TestCancelledWhileKept(t *testing.T) {
	p, s := shelved(t)
	ada := p.customer("name", "Ada", "address", home)
	one, two, left := p.letterTo(ada, owed), p.letterTo(ada, owed), p.letterTo(ada, owed)
	if err := p.delivery.CancelMessage(t.Context(), p.look(one).Ref, "bob", "a mistake"); err != nil {
		t.Fatal(err)
	}
	if full := p.look(one); full.State != lifecycle.Cancelled || full.Reason != "withdrawn: cancelled by bob: a mistake" {
		t.Errorf("%s %q", full.State, full.Reason)
	}
	_ = s.Release(t.Context(), []lifecycle.Ref{left.Ref()}) // unasked
	if err := p.delivery.CancelMessage(t.Context(), p.look(left).Ref, "bob", ""); err == nil || !strings.Contains(err.Error(), "too late") {
		t.Errorf("%v", err)
	}
	if kinds := p.kinds(left); !strings.HasSuffix(kinds, "withdrawing, too late") {
		t.Errorf("its life is %s", kinds)
	}
	if _, err := p.delivery.CancelMessages(t.Context(), delivery.Target{Channel: "letter"}, "bob", ""); err != nil {
		t.Fatal(err)
	}
	p.becomes(two, lifecycle.Cancelled)
}

// Who is forgotten is forgotten by the connector too, whether their letters have left or not.
func TestForgottenByTheConnector(t *testing.T) {
	p, s := shelved(t)
	ada, eve := p.customer("name", "Ada", "address", home), p.customer("name", "Eve", "address", home)
	left := p.letterTo(ada, owed)
	s.set(func() { s.closing = true })
	p.eventually(func() bool { p.clock.Advance(time.Second); _, gone := s.has(left); return gone }, func() string { return "it does not leave" })
	s.set(func() { s.closing = false })
	kept, others := p.letterTo(ada, owed), p.letterTo(eve, owed)
	p.do(ada.Partition(), func(tx store.Tx) {
		if next, err := p.delivery.Forget(tx, []lifecycle.ID{ada}, nil, 1000); next != nil || err != nil {
			panic(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p.delivery.AwaitForgotten(ctx)
	s.set(func() {
		if len(s.forgotten) != 2 || !slices.Contains(s.forgotten, left.ID) || !slices.Contains(s.forgotten, kept.ID) {
			t.Errorf("%d are forgotten", len(s.forgotten))
		}
	})
	if there, _ := s.has(others); !there {
		t.Error("another letter was taken back")
	}
}
