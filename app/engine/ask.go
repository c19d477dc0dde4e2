package engine

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What speaks against writing to an address is known in the partition of the address, and a customer who gets it may be in
// another one. So a customer carries a question from the moment at which the address is said: delivery lets no message leave
// for it before the answer. The question travels with the claim, which is an instruction; the answer comes back when that is
// carried out, and takes effect in the commit that forgets the instruction. A crash in between asks again.

// finding is what speaks against writing to whoever has an identity. Mostly that is nothing.
type finding struct {
	Identity   lifecycle.Identity
	Customer   lifecycle.ID // who asked
	At         time.Time    // of the question
	Suppressed []lifecycle.Suppression
	Words      []lifecycle.Consent // withdrawals that came from the address itself
	Former     bool                // it was asked about under its former form, the last question of two
}

// inquire sends the questions that nobody has sent yet: those that a merged customer has left behind.
func (s *session) inquire() {
	for i, q := range s.customer.Questions {
		if q.Asked {
			continue // or answered
		}
		s.customer.Questions[i].Asked = true
		s.engine.instruct(s.tx, s.at, lifecycle.HashID("ask", s.customer.ID.Part(), q.Identity.Hash().Part()), 38,
			instruction{Link: &link{Identity: q.Identity, Customer: s.customer.ID, At: s.at, Question: true, Since: knownAt(s.customer, q.Identity)}})
	}
}

// AskAddress asks what speaks against writing to a place that a customer of the partition has, and tells its partition that they do; or
// only asks, of a number that a message names. Free is called with the answer. It is called inside Apply, while no session of theirs is
// open.
func (e *Engine) AskAddress(tx store.Tx, customer lifecycle.ID, place lifecycle.Identity, message lifecycle.ID, at time.Time) error {
	s, err := e.openRecord(tx, customer, tx.Get(customerKey(customer)))
	if err != nil {
		return err
	}
	s.at, s.event = at, nil
	s.now = later(s.customer.Lapsed(at), s.customer.Clock)
	ask := link{Identity: place, Customer: customer, At: at, Since: knownAt(s.customer, place)}
	if cause := lifecycle.HashID("ask place", customer.Part(), place.Hash().Part()); place.Kind.IsPlace() {
		ask.Hearsay = true
		s.customer.Ask(place, true)
		e.instruct(tx, at, cause, 38, instruction{Link: &ask})
	} else {
		ask.Question = true
		s.customer.AskFor(place, message)
		e.instruct(tx, at, lifecycle.HashID("ask number", cause.Part(), message.Part()), 38, instruction{Link: &ask})
	}
	return s.save()
}

// askStill asks what a refused claim had asked along with it: what waits for the answer must not wait for ever. A question
// that is refused itself stays open, because what is known of the address cannot be read: nothing leaves for there.
func (e *Engine) askStill(tx store.Tx, refused []byte) {
	var in instruction
	if store.Decode(refused, &in) != nil || in.Link == nil || in.Link.Question || !in.Link.From.IsZero() {
		return
	}
	in.Link.Question = true
	cause := lifecycle.HashID("ask still", in.Link.Customer.Part(), in.Link.Identity.Hash().Part())
	e.instruct(tx, in.Link.At, cause, 38, in)
}

// against answers a claim or a question. tooOld says that the identity was erased after it was said, so that the claim is
// not to be taken.
func (e *Engine) against(tx store.Reader, in link, known *claimed) (a *finding, tooOld bool) {
	a = &finding{Identity: in.Identity, Customer: in.Customer, At: in.At, Suppressed: known.Suppressed, Words: known.Words}
	erased, tooOld := e.erasedAddress(tx, in)
	a.Suppressed = append(erased, a.Suppressed...)
	if len(a.Suppressed)+len(a.Words) == 0 && !in.Identity.Asks() {
		return nil, tooOld
	}
	return a, tooOld
}

// againstFormer says what was kept against writing to a place under its former form.
func (e *Engine) againstFormer(tx store.Reader, in link) (*finding, error) {
	place := in.Identity
	in.Identity, _ = place.Former()
	known, err := readClaimed(tx, in.Identity)
	if err != nil {
		return nil, err
	}
	a, _ := e.against(tx, in, &known)
	a.Identity, a.Former = place, true
	for i := range a.Suppressed {
		a.Suppressed[i].Address = place.Value
	}
	return a, nil
}

// answered lets an answer take effect, and what waited for it go on. Who has become part of somebody else meanwhile has
// left the question to them, and what waits here is theirs.
func (e *Engine) answered(tx store.Tx, in *finding) error {
	e.outbox.Free(tx, in.Customer)
	record := tx.Get(customerKey(in.Customer))
	if record == nil {
		return nil
	}
	s, err := e.openRecord(tx, in.Customer, record)
	if err != nil {
		return err
	}
	c := s.customer
	s.at, s.event = in.At, nil
	s.now = later(c.Lapsed(in.At), c.Clock)
	changed, named := false, c.IsNamed(in.Identity)
	if _, is := in.Identity.Former(); is && !in.Former {
		former := link{Identity: in.Identity, Customer: in.Customer, At: in.At, Question: true, Former: true}
		e.instruct(tx, in.At, lifecycle.HashID("former", in.Customer.Part(), in.Identity.Hash().Part()), 38, instruction{Link: &former})
	} else {
		changed = c.Answered(in.Identity)
	}
	if !c.Test() {
		for _, suppressed := range in.Suppressed {
			if c.Suppress(suppressed) {
				s.note(lifecycle.Fact{Kind: lifecycle.FactSuppressed, Name: suppressed.Channel, Reason: suppressed.Reason, To: suppressed.Address})
				changed = true
			}
		}
		for _, word := range in.Words {
			if !named && c.Clone().Say(word) { // what its owner wants to hear nothing of is no word of this customer's
				s.sayWord(word, nil, false)
				changed = true
			}
		}
	}
	if !changed {
		return nil
	}
	if len(s.decision.Facts) > 0 {
		s.withdrawRefused()
		s.timeline(TimelineEntry{At: c.Real(s.now), Facts: s.decision.Facts})
	}
	return s.save()
}

// ofAddress is the input "this was reported of an address", for the address's own partition: whoever has it hears of it, and
// what speaks against writing there stays for whoever gets it later.
type ofAddress struct {
	Identity lifecycle.Identity
	Receive  Receive // without a target
}

func (e *Engine) ofAddress(tx store.Tx, in ofAddress) error {
	known, err := readClaimed(tx, in.Identity)
	if err != nil {
		return err
	}
	heard := known.hear(in.Receive.Word, in.Receive.Suppress)
	if revived := in.Receive.Alive != "" && known.revive(in.Receive.Word.Channel, in.Receive.Word.At); heard || revived {
		known.write(tx)
	}
	for _, customer := range known.having(tx) {
		one := forCustomer(in.Receive, customer)
		e.instruct(tx, one.At, one.Mark, 39, instruction{Receive: &one})
	}
	return nil
}

// forCustomer makes of a report about an address one about somebody who has it. Whoever hears of it twice takes it once.
func forCustomer(in Receive, customer lifecycle.ID) Receive {
	in.Target, in.Mark = customer, lifecycle.HashID("report", in.Mark.Part(), customer.Part())
	return in
}
