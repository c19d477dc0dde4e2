package engine

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// inherit is the input "this customer is owed the message of a merged one".
type inherit struct {
	Customer lifecycle.ID
	Message  *lifecycle.Message
	Rendered *lifecycle.Rendered // its bytes, if it has some
	At       time.Time
}

// Inherit hands a queued message on to whoever the customer has become, and reports whether there is such a one. It is
// called inside Apply, in the partition of the message, by whoever settles it in the same commit.
func (e *Engine) Inherit(tx store.Tx, m *lifecycle.Message, rendered *lifecycle.Rendered, at time.Time) bool {
	heir, _ := e.follow(tx, m.Customer)
	if heir == m.Customer {
		return false
	}
	at = later(at, adoptionUnderWay(tx, m.Customer, at))
	handed := *m
	handed.ID, handed.Customer = lifecycle.HashID("inherited", m.ID.Part()), heir
	handed.State, handed.Reason, handed.Attempts, handed.Watched = lifecycle.Queued, "", 0, false
	handed.Decided, handed.Due, handed.Settled = at, at, time.Time{}
	e.instruct(tx, at, lastly(handed.ID), 33, instruction{Inherit: &inherit{Customer: heir, Message: &handed, Rendered: rendered, At: at}})
	return true
}

// Adopted reports whether a customer has taken over what was known of one who became part of them. It is called inside Apply,
// in the partition of the former.
func (e *Engine) Adopted(tx store.Reader, customer, from lifecycle.ID) bool {
	return tx.Has(adoptMark(customer, from, ""))
}

// Erased reports whether whoever had an ID was erased at a moment or after it. It is called inside Apply, in the partition of
// the ID.
func (e *Engine) Erased(tx store.Reader, customer lifecycle.ID, since time.Time) bool {
	was, is := e.erased(tx, customer)
	return is && !was.at.Before(since)
}

// adoptionUnderWay returns when somebody became part of another customer, if that was at a time or after it and the other one
// has still to be told; else zero. Who claims a message may have read the clock before.
func adoptionUnderWay(tx store.Reader, from lifecycle.ID, since time.Time) (at time.Time) {
	tx.Scan(store.AppendTime([]byte{'f'}, since), store.PrefixEnd([]byte{'f'}), func(key, _ []byte) bool {
		if key[len(key)-1] == adoptNumber && bytes.Equal(key[9:len(key)-1], from[:]) {
			at = store.KeyTime(key[1:9])
		}
		return at.IsZero()
	})
	return at
}

// lastly makes a cause come behind all others of its moment. What a merged customer owned may be of the same moment, and goes
// first: their address is among it, without which the message could not leave.
func lastly(cause lifecycle.ID) lifecycle.ID {
	binary.BigEndian.PutUint32(cause[:4], math.MaxUint32)
	return cause
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
		e.instruct(tx, in.At, lastly(in.Message.ID), 33, instruction{Inherit: &in})
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
	if m.Test != s.customer.Test() {
		in.Rendered = nil // those of a test person go to another address, and say so
	}
	m.Customer, m.User, m.Test = id, s.user(), s.customer.Test()
	s.at, s.event = in.At, nil
	s.now = later(s.customer.Lapsed(in.At), s.customer.Clock)
	e.outbox.PutRendered(tx, m, in.Rendered, s.customer, in.At)
	fact := lifecycle.Fact{Kind: lifecycle.FactMessage, Journey: m.Journey, From: m.Stage, Name: m.Name, Reason: string(m.State),
		File: m.File, Line: m.Line, Version: m.Version}
	if !m.Test {
		fact.Message = m.ID
	}
	s.note(fact)
	s.timeline(TimelineEntry{At: s.customer.Real(s.now), Facts: s.decision.Facts})
	return s.save()
}
