package engine

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// An address that is dead, or whose owner complained, is suppressed for everyone who has it or gets it later. The
// partition of the address remembers it and knows who has the address; each of them carries the suppression in their own
// record, where it is asked for before every message.

// ban is the input "nothing may go to this address", or "whoever has it does not want that", for the partition of the address, or
// for somebody who has it.
type ban struct {
	Identity    lifecycle.Identity
	Suppression lifecycle.Suppression
	Word        *lifecycle.Consent `msgpack:",omitempty"` // a refusal, in the place of the suppression, or what lifts one
	Customer    lifecycle.ID       // who has it; zero: it is for the address's own partition
	At          time.Time
}

// cause tells what one ban makes of somebody apart from what others make of them.
func (b *ban) cause(about string, who lifecycle.ID) lifecycle.ID {
	if b.Word != nil {
		return lifecycle.HashID(about+" no", who.Part(), b.Identity.Hash().Part(), b.Word.Channel, b.Word.Topic, b.Word.Source, strconv.FormatBool(b.Word.Granted))
	}
	return lifecycle.HashID(about, who.Part(), b.Suppression.Channel, b.Suppression.Address)
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
		of := ban{Identity: identity, Suppression: suppression, At: s.at}
		s.engine.instruct(s.tx, s.at, of.cause("ban", s.customer.ID), 30, instruction{Ban: &of})
	}
}

// refuseAddress tells the partition of an address what somebody refuses who is known by it alone, where that joins nobody:
// whoever has the address, or says later that it is theirs, would never hear of it otherwise. It is refused for what goes there: with
// such an address people have others of their own. What the same name allows later lifts that for whoever gets the address from then on,
// and allows nobody else anything.
func (s *session) refuseAddress(word lifecycle.Consent, event *lifecycle.Event) {
	name := event.Identity()
	if name.Kind != lifecycle.AnonymousID || s.customer.Test() || word.Granted && !event.MayLift() {
		return
	}
	identity, is := lifecycle.NamedAddress(name.Value)
	if !is || !identity.Meaningless() {
		return
	}
	tell := func(word lifecycle.Consent) {
		of := ban{Identity: identity, Word: &word, At: s.at}
		s.engine.instruct(s.tx, s.at, of.cause("ban", s.customer.ID), 30, instruction{Ban: &of})
	}
	if word.Granted { // what allows one channel says nothing of the others
		tell(word)
		return
	}
	for _, channel := range channelsTo(identity.Kind) {
		if said := word.Channel; said == "" || lifecycle.KindOf(said) == channel {
			there := word
			there.Channel = channel
			tell(there)
		}
	}
}

// channelsTo returns the kinds of channels that go to addresses of a kind; nil for what is no address.
func channelsTo(kind lifecycle.IdentityKind) []string {
	switch kind {
	case lifecycle.EmailIdentity:
		return []string{"email"}
	case lifecycle.PhoneIdentity:
		return []string{"sms", "call"}
	case lifecycle.DeviceIdentity:
		return []string{"push"}
	case lifecycle.SocialIdentity:
		return []string{"social"}
	}
	if place := kind.PlaceOf(); place != "" {
		return []string{place}
	}
	return nil
}

func (e *Engine) ban(tx store.Tx, in ban) error {
	if !in.Customer.IsZero() {
		return e.banFor(tx, in)
	}
	known, err := readClaimed(tx, in.Identity)
	if err != nil {
		return err
	}
	switch {
	case in.Word == nil:
		if !known.hear(nil, &in.Suppression) {
			return nil
		}
	case in.Word.Granted:
		known.lift(*in.Word)
		known.write(tx)
		return nil
	default:
		known.refuse(*in.Word)
	}
	known.write(tx)
	for _, customer := range known.having(tx) {
		one := in
		one.Customer = customer
		e.instruct(tx, in.At, in.cause("had", customer), 31, instruction{Ban: &one})
	}
	return nil
}

func (e *Engine) banFor(tx store.Tx, in ban) error {
	id, record, here := e.find(tx, in.Customer)
	if !here {
		cause := in.cause("had", in.Customer)
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
	tried := c.Clone()
	if c.Test() || in.Word != nil && !tried.Say(*in.Word) || in.Word == nil && !tried.Suppress(in.Suppression) {
		return nil
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return err
	}
	s.at, s.event = in.At, nil
	s.now = later(c.Lapsed(in.At), c.Clock)
	if in.Word != nil {
		s.sayWord(*in.Word, nil, false)
		return s.save()
	}
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
	for {
		answer, err := e.store.Ask(ctx, identity.Hash().Partition(), barredOf{lifecycle.KindOf(channel), identity})
		if err != nil {
			return nil, err
		}
		former, is := identity.Former()
		if barred := answer.(*lifecycle.Suppression); barred != nil || !is {
			return barred, nil
		}
		identity = former
	}
}

// namesOthers reports whether an object may name IDs of other systems, or a device.
func namesOthers(raw []byte) bool {
	return bytes.Contains(raw, []byte(`"externalIds"`)) || bytes.Contains(raw, []byte(`"token"`))
}
