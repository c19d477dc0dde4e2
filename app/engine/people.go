package engine

import (
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// CustomerByIdentity asks for a customer's record in the partition of the identity; a redirect is answered with the
// ID to ask for next.
type CustomerByIdentity struct{ ID lifecycle.ID }

// CustomerAnswer is the record, or the ID to which the identity leads.
type CustomerAnswer struct {
	Customer *lifecycle.Customer
	Redirect lifecycle.ID
	Timeline []TimelineEntry // newest first, at most 200
}

func (e *Engine) customerByIdentity(tx store.Reader, q CustomerByIdentity) (CustomerAnswer, error) {
	id, here := e.follow(tx, q.ID)
	if !here {
		return CustomerAnswer{Redirect: id}, nil
	}
	data := tx.Get(customerKey(id))
	if data == nil {
		return CustomerAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	answer := CustomerAnswer{Customer: &lifecycle.Customer{}}
	if err := store.Decode(data, answer.Customer); err != nil {
		return CustomerAnswer{}, err
	}
	answer.Timeline = e.newest(tx, id, 200)
	return answer, nil
}

// newest returns the newest entries of a customer's timeline. What came with merged customers stands in the timeline
// where the merge does, and is put in its place by time: it is never newer than that.
func (e *Engine) newest(tx store.Reader, id lifecycle.ID, limit int) []TimelineEntry {
	var entries []TimelineEntry
	own, joined := 0, 0
	prefix := timelinePrefix(id)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		if own >= limit || joined >= maxJoined {
			return false
		}
		var entry TimelineEntry
		if store.Decode(value, &entry) != nil {
			return true
		}
		if entries = append(entries, entry); entry.From.IsZero() {
			own++
		} else {
			joined++
		}
		return true
	})
	if joined > 0 {
		slices.SortStableFunc(entries, func(a, b TimelineEntry) int { return b.At.Compare(a.At) })
	}
	return entries[:min(limit, len(entries))]
}

// maxJoined is how many entries of merged customers are looked through for the newest of all.
const maxJoined = 10_000

// Customer finds a customer by an identity, following redirects.
func (e *Engine) Customer(ctx context.Context, identity lifecycle.Identity) (CustomerAnswer, error) {
	return e.customerAt(ctx, identity.Hash())
}

func (e *Engine) customerAt(ctx context.Context, id lifecycle.ID) (CustomerAnswer, error) {
	for range 8 {
		answer, err := e.store.Ask(ctx, id.Partition(), CustomerByIdentity{id})
		if err != nil {
			return CustomerAnswer{}, err
		}
		found := answer.(CustomerAnswer)
		if found.Customer != nil {
			return found, nil
		}
		id = found.Redirect
	}
	return CustomerAnswer{}, lifecycle.Errorf(lifecycle.Internal, "the identity leads in a circle")
}

// FindCustomer finds a customer by whatever people know of them: the customer's own ID in hex, a user ID, a mail address, a
// telephone number, an ID of another system as "shopify:123", or an anonymous ID, in this order; at last by an address that a page or a
// form said is theirs, if only one of them has it.
func (e *Engine) FindCustomer(ctx context.Context, user string) (*lifecycle.Customer, error) {
	var ids []lifecycle.ID
	if id, err := lifecycle.ParseID(user); err == nil {
		ids = append(ids, id)
	}
	for _, identity := range identitiesIn(user) {
		ids = append(ids, identity.Hash())
	}
	for _, id := range ids {
		found, err := e.customerAt(ctx, id)
		if err == nil {
			return found.Customer, nil
		}
		if lifecycle.CodeOf(err) != lifecycle.NotFound {
			return nil, err
		}
	}
	found, err := e.SearchCustomers(ctx, user, MaxMatches)
	if err != nil {
		return nil, err
	}
	return onlyClaimant(user, found)
}

// timeline asks for the newest entries of a customer's timeline.
type timeline struct {
	Customer lifecycle.ID
	Limit    int
}

type timelineAnswer struct {
	Entries  []TimelineEntry
	Redirect lifecycle.ID // where the customer has gone; zero: here
}

func (e *Engine) timeline(tx store.Reader, q timeline) (timelineAnswer, error) {
	id, here := e.follow(tx, q.Customer)
	if !here {
		return timelineAnswer{Redirect: id}, nil
	}
	if !tx.Has(customerKey(id)) {
		return timelineAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	return timelineAnswer{Entries: e.newest(tx, id, q.Limit)}, nil
}

// Timeline returns the newest entries of a customer's timeline, newest first.
func (e *Engine) Timeline(ctx context.Context, id lifecycle.ID, limit int) ([]TimelineEntry, error) {
	for range 8 {
		answer, err := e.store.Ask(ctx, id.Partition(), timeline{id, limit})
		if err != nil {
			return nil, err
		}
		found := answer.(timelineAnswer)
		if found.Redirect.IsZero() {
			return found.Entries, nil
		}
		id = found.Redirect
	}
	return nil, lifecycle.Errorf(lifecycle.Internal, "the customer's ID leads in a circle")
}

// setTest is the input "this customer is a test person from now on", or is none any more.
type setTest struct {
	Customer lifecycle.ID
	On       bool
	At       time.Time
}

func (e *Engine) setTest(tx store.Tx, in setTest) error {
	if !tx.Has(customerKey(in.Customer)) {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	s, err := e.open(tx, in.Customer)
	if err != nil {
		return err
	}
	c := s.customer
	switch {
	case c.Import != "":
		return lifecycle.Errorf(lifecycle.Conflict, "the import %q is open and holds this customer; close it first", c.Import)
	case c.Test() == in.On:
		return nil
	}
	s.at = in.At
	at := later(c.Lapsed(in.At), c.Clock)
	if !s.catchUp(at) {
		return lifecycle.Errorf(lifecycle.Busy, "the customer has much to catch up with; try again in a moment")
	}
	c.Clock, s.now, s.event = at, at, nil
	to := "off"
	if in.On {
		to = "on"
	}
	now := c.Real(at)
	s.timeline(TimelineEntry{At: now, Facts: []lifecycle.Fact{{Kind: lifecycle.FactTest, At: now, To: to}}})
	if in.On {
		s.becomeTest()
	} else {
		s.leaveSegments(becauseTest)
		c.SetLapse(time.Time{}, in.At)
		s.now = c.Clock
		s.decision.Facts = nil // until here they were a test person
		s.enterFigures()
	}
	return s.save()
}

// becomeTest makes the customer a test person at the session's time: what was decided until now is counted, and the
// customer is counted no longer.
func (s *session) becomeTest() {
	s.leaveFigures()
	s.fold()
	s.decision.Facts = nil
	s.leaveSegments(becauseTest)
	s.customer.SetLapse(s.now, s.now)
}

// enterFigures notes that the customer is counted from now on: as one, in their stages, and where their runs wait.
func (s *session) enterFigures() {
	s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	for i := range s.customer.Visits {
		visit := &s.customer.Visits[i]
		if visit.Stage != "" {
			s.note(lifecycle.Fact{Kind: lifecycle.FactPlaced, Journey: visit.Journey, To: visit.Stage})
		}
		for _, ref := range visit.Runs {
			if ref.File != "" {
				s.note(lifecycle.Fact{Kind: lifecycle.FactWaits, Journey: visit.Journey, From: visit.Stage, File: ref.File, Line: ref.Line, Version: ref.Version})
			}
		}
	}
}

// SetTest makes a customer a test person, for whom a day is a minute, whose messages go to the catch-all address, and
// whom no figure counts; or ends that.
func (e *Engine) SetTest(ctx context.Context, id lifecycle.ID, on bool) error {
	found, err := e.customerAt(ctx, id)
	if err != nil {
		return err
	}
	id = found.Customer.ID
	_, err = e.store.Do(ctx, id.Partition(), setTest{id, on, e.clock.Now()})
	return err
}
