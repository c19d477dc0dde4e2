package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// An address that is dead, or whose owner complained, is suppressed for everyone who has it or gets it later. The
// partition of the address remembers it and knows who has the address; each of them carries the suppression in their own
// record, where it is asked for before every message.

// ban is the input "nothing may go to this address", for the partition of the address, or for somebody who has it.
type ban struct {
	Identity    lifecycle.Identity
	Suppression lifecycle.Suppression
	Customer    lifecycle.ID // who has it; zero: it is for the address's own partition
	At          time.Time
}

func (b *ban) partition() int {
	if !b.Customer.IsZero() {
		return b.Customer.Partition()
	}
	return b.Identity.Hash().Partition()
}

// suppressAddress keeps everything from an address of the customer from now on, and tells its partition.
func (s *session) suppressAddress(suppression lifecycle.Suppression) {
	suppression.Channel = lifecycle.KindOf(suppression.Channel)
	fresh := s.customer.Suppress(suppression)
	if s.customer.Test() || !fresh && s.customer.SuppressedAt(suppression.Channel, suppression.Address) {
		return
	}
	if fresh {
		s.withdrawRefused()
	}
	if identity, ok := lifecycle.AddressIdentity(suppression.Channel, suppression.Address); ok {
		cause := lifecycle.HashID("ban", s.customer.ID.Part(), suppression.Channel, suppression.Address)
		s.engine.instruct(s.tx, s.at, cause, 30, instruction{Ban: &ban{Identity: identity, Suppression: suppression, At: s.at}})
	}
}

func (e *Engine) ban(tx store.Tx, in ban) error {
	if !in.Customer.IsZero() {
		return e.banFor(tx, in)
	}
	known, err := readClaimed(tx, in.Identity)
	if err != nil {
		return err
	}
	if !known.hear(nil, &in.Suppression) {
		return nil
	}
	known.write(tx)
	for _, customer := range known.having(tx) {
		one := in
		one.Customer = customer
		e.instruct(tx, in.At, lifecycle.HashID("had", customer.Part(), in.Suppression.Channel, in.Suppression.Address), 31, instruction{Ban: &one})
	}
	return nil
}

func (e *Engine) banFor(tx store.Tx, in ban) error {
	id, record, here := e.find(tx, in.Customer)
	if !here {
		cause := lifecycle.HashID("had", in.Customer.Part(), in.Suppression.Channel, in.Suppression.Address)
		in.Customer = id
		e.instruct(tx, in.At, cause, 32, instruction{Ban: &in})
		return nil
	}
	if record == nil {
		return nil
	}
	var c lifecycle.Customer
	if err := store.Decode(record, &c); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "customer %s cannot be read", id)
	}
	if c.Test() || !c.Clone().Suppress(in.Suppression) {
		return nil
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return err
	}
	s.at, s.event = in.At, nil
	s.now = later(c.Lapsed(in.At), c.Clock)
	s.customer.Suppress(in.Suppression)
	s.withdrawRefused()
	s.note(lifecycle.Fact{Kind: lifecycle.FactSuppressed, Name: in.Suppression.Channel, Reason: in.Suppression.Reason, To: in.Suppression.Address})
	s.timeline(TimelineEntry{At: c.Real(s.now), Facts: s.decision.Facts})
	return s.save()
}

// barredOf asks what keeps everything from an address, whoever has it.
type barredOf struct {
	Channel  string // its kind
	Identity lifecycle.Identity
}

func (e *Engine) barred(tx store.Reader, q barredOf) (*lifecycle.Suppression, error) {
	if r, erased := e.remembered(tx, q.Identity.Hash()); erased {
		return &lifecycle.Suppression{Channel: q.Channel, Address: q.Identity.Value, Reason: lifecycle.SuppressedErased, At: r.at}, nil
	}
	known, err := readClaimed(tx, q.Identity)
	if err != nil {
		return nil, err
	}
	for _, one := range known.Suppressed {
		if one.Channel == q.Channel {
			return &one, nil
		}
	}
	return nil, nil
}

// Barred returns what keeps everything from an address of a channel, whoever has it; nil if nothing does.
func (e *Engine) Barred(ctx context.Context, channel, address string) (*lifecycle.Suppression, error) {
	identity, ok := lifecycle.AddressIdentity(channel, address)
	if !ok {
		return nil, nil
	}
	answer, err := e.store.Ask(ctx, identity.Hash().Partition(), barredOf{lifecycle.KindOf(channel), identity})
	if err != nil {
		return nil, err
	}
	return answer.(*lifecycle.Suppression), nil
}

// namesOthers reports whether an object may name IDs of other systems, or a device.
func namesOthers(raw []byte) bool {
	return bytes.Contains(raw, []byte(`"externalIds"`)) || bytes.Contains(raw, []byte(`"token"`))
}
