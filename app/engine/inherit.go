package engine

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// inherit is the input "this customer is owed the message of a merged one".
type inherit struct {
	Customer lifecycle.ID
	Message  *lifecycle.Message
	At       time.Time
}

// Inherit hands a queued message on to whoever the customer has become, and reports whether there is such a one. It is
// called inside Apply, in the partition of the message, by whoever settles it in the same commit.
func (e *Engine) Inherit(tx store.Tx, m *lifecycle.Message, at time.Time) bool {
	heir, _ := e.follow(tx, m.Customer)
	if heir == m.Customer {
		return false
	}
	handed := *m
	handed.ID, handed.Customer = lifecycle.HashID("inherited", m.ID.Part()), heir
	handed.State, handed.Reason, handed.Attempts, handed.Watched = lifecycle.Queued, "", 0, false
	handed.Decided, handed.Due, handed.Settled = at, at, time.Time{}
	e.instruct(tx, at, handed.ID, 33, instruction{Inherit: &inherit{Customer: heir, Message: &handed, At: at}})
	return true
}

func (e *Engine) inherit(tx store.Tx, in inherit) error {
	// Whom it was for is part of the mark: people may have been merged to and fro since, and it passes through here twice.
	mark := markKey(0, lifecycle.HashID("inherit", in.Customer.Part(), in.Message.ID.Part()))
	if tx.Has(mark) {
		return nil
	}
	id, record, here := e.find(tx, in.Customer)
	if !here {
		in.Customer = id
		tx.Set(mark, []byte{})
		e.instruct(tx, in.At, in.Message.ID, 33, instruction{Inherit: &in})
		return nil
	}
	if record == nil {
		return lifecycle.Errorf(lifecycle.NotFound, "message %q is owed to a customer who is not there any more", in.Message.Name)
	}
	tx.Set(mark, []byte{})
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return err
	}
	m := in.Message
	m.Customer, m.User, m.Test = id, s.user(), s.customer.Test()
	s.at, s.event = in.At, nil
	s.now = later(s.customer.Lapsed(in.At), s.customer.Clock)
	e.outbox.Put(tx, m, s.customer, in.At)
	fact := lifecycle.Fact{Kind: lifecycle.FactMessage, Journey: m.Journey, From: m.Stage, Name: m.Name, Reason: string(m.State),
		File: m.File, Line: m.Line, Version: m.Version}
	if !m.Test {
		fact.Message = m.ID
	}
	s.note(fact)
	s.timeline(TimelineEntry{At: s.customer.Real(s.now), Facts: s.decision.Facts})
	return s.save()
}
