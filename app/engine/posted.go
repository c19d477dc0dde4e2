package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What a provider calls by an ID of its own happened once, whomever it says that it happened to: an order is told of again under
// the customer who was made of its buyer meanwhile. A mark recognises a repeat by the same name only. So under which name an ID
// was taken first is kept in the partition of the ID, before the event is given to anybody; whatever comes by the ID again is given
// to that name, and its mark tells whether it was taken. It holds for as long as marks do.
//
//	P i 30-day epoch, hash of the message ID -> firstName

// firstName is the name under which an ID was taken first. Of somebody who was erased nothing is kept but that it was taken.
type firstName struct {
	At       time.Time          `msgpack:"a"`
	Hash     []byte             `msgpack:"h"` // of the identity, to be found by; an ID would be written in hex
	Identity lifecycle.Identity `msgpack:"i"`

	isNew bool // it was not there before
}

// nameFirst is the input "this ID comes under this name". Its answer is the firstName.
type nameFirst struct {
	ID       lifecycle.ID
	Identity lifecycle.Identity
	At       time.Time
}

// unname is the input "nothing was taken by this ID under this name".
type unname nameFirst

func firstNamePrefix() []byte { return []byte{'P', 'i'} }

func firstNameKey(epoch uint32, id lifecycle.ID) []byte {
	return append(binary.BigEndian.AppendUint32(firstNamePrefix(), epoch), id[:]...)
}

// ReceivePosted is Receive for what a source was sent, whose message IDs are the provider's own: what comes by one again is given
// to the name under which it came first, for 30 days. What comes with nothing that proves its sender keeps its own name: anybody
// could have another one's events given to themselves by an ID that they guess.
func (e *Engine) ReceivePosted(ctx context.Context, events []lifecycle.Event) ([]store.Result, error) {
	now := e.clock.Now()
	results := make([]store.Result, len(events))
	var items []store.Item
	var asked, taken []int
	for i := range events {
		if event := &events[i]; !event.Public && event.MessageID != "" {
			id := lifecycle.HashID("posted", event.MessageID)
			items = append(items, store.Item{Partition: id.Partition(), Input: nameFirst{id, event.Identity(), now}})
			asked = append(asked, i)
		}
	}
	begun := map[int]unname{}
	var renamed []int
	named := make([]lifecycle.Event, len(events))
	copy(named, events)
	for n, answer := range e.store.DoAll(ctx, items) {
		i := asked[n]
		if results[i].Err = answer.Err; answer.Err != nil {
			continue
		}
		first := answer.Answer.(firstName)
		switch {
		case first.Identity.Value == "":
			results[i].Answer = Receipt{Duplicate: true}
		case first.isNew:
			begun[i] = unname(items[n].Input.(nameFirst))
		case first.Identity == named[i].Identity():
		case first.Identity.Kind == lifecycle.UserID:
			named[i].UserID, named[i].AnonymousID = first.Identity.Value, ""
			renamed = append(renamed, i)
		default:
			named[i].UserID, named[i].AnonymousID = "", first.Identity.Value
			renamed = append(renamed, i)
		}
	}
	var rest []lifecycle.Event
	for i := range named {
		if results[i].Err == nil && results[i].Answer == nil {
			rest, taken = append(rest, named[i]), append(taken, i)
		}
	}
	if len(rest) == 0 {
		return results, nil
	}
	answers, err := e.Receive(ctx, rest)
	if err != nil {
		return nil, err
	}
	for n, answer := range answers {
		results[taken[n]] = answer
		if gone, is := begun[taken[n]]; is && refusedForGood(answer.Err) {
			_, _ = e.store.Do(ctx, gone.ID.Partition(), gone) // so that it may be somebody else's when it comes again
		}
	}
	return results, e.receiveWho(ctx, events, renamed, results)
}

// receiveWho takes what events say of who somebody is, under their own names, without what happened. It comes after the events: what
// is cut short in between comes again as a whole. An event of which it cannot be taken has failed.
func (e *Engine) receiveWho(ctx context.Context, events []lifecycle.Event, which []int, results []store.Result) error {
	var who []lifecycle.Event
	var of []int
	for _, i := range which {
		one := events[i]
		if says := one.UserID != "" && one.AnonymousID != "" || len(one.Traits) > 0 || len(one.Context) > 0; !says || results[i].Err != nil {
			continue // a bare name is nobody yet
		}
		one.Type, one.Name, one.Properties = lifecycle.Identify, "", nil
		who, of = append(who, one), append(of, i)
	}
	if len(who) == 0 {
		return nil
	}
	answers, err := e.Receive(ctx, who)
	if err != nil {
		return err
	}
	for n, answer := range answers {
		if answer.Err != nil {
			results[of[n]] = answer
		}
	}
	return nil
}

// refusedForGood reports whether an event was not taken and never will be, as it is.
func refusedForGood(err error) bool {
	switch lifecycle.CodeOf(err) {
	case "", lifecycle.Busy, lifecycle.Unavailable, lifecycle.Full, lifecycle.Internal:
		return false
	}
	return true
}

// findFirst returns under which name an ID was taken within the last 30 days, and its key; nil if it was not.
func findFirst(tx store.Reader, id lifecycle.ID, now time.Time) (first firstName, key []byte, err error) {
	present := epoch(now)
	for _, at := range []uint32{present, present - 1} {
		key := firstNameKey(at, id)
		data := tx.Get(key)
		if data == nil {
			continue
		}
		if err = store.Decode(data, &first); err != nil {
			return first, nil, lifecycle.Wrap(lifecycle.Internal, err, "under which name an ID was taken cannot be read")
		}
		if now.Sub(first.At) <= markLife {
			return first, key, nil
		}
	}
	return firstName{}, nil, nil
}

func (e *Engine) nameFirst(tx store.Tx, in nameFirst) (firstName, error) {
	first, key, err := findFirst(tx, in.ID, in.At)
	if err != nil || key != nil {
		return first, err
	}
	first = firstName{At: in.At, Hash: []byte(in.Identity.Hash().Part()), Identity: in.Identity}
	tx.Set(firstNameKey(epoch(in.At), in.ID), store.Encode(&first))
	first.isNew = true
	return first, nil
}

func (e *Engine) unname(tx store.Tx, in unname) error {
	first, key, err := findFirst(tx, in.ID, in.At)
	if err == nil && key != nil && first.Identity == in.Identity && first.At.Equal(in.At) {
		tx.Delete(key)
	}
	return err
}

// forgetFirstNames takes the names of somebody who is erased out of what was taken under them, among the next ones. That it was
// taken stays: it is not taken again under another name. It returns where to go on; nil at the end.
func forgetFirstNames(tx store.Tx, ids []lifecycle.ID, from []byte) (next []byte, failed error) {
	type change struct{ key, value []byte }
	var changes []change
	if len(from) == 0 {
		from = firstNamePrefix()
	}
	look := forgetLook
	tx.Scan(from, store.PrefixEnd(firstNamePrefix()), func(key, value []byte) bool {
		if look--; look < 0 {
			next = bytes.Clone(key)
			return false
		}
		if !lifecycle.MentionsAny(value, ids) {
			return true
		}
		var first firstName
		if failed = store.Decode(value, &first); failed != nil {
			return false
		}
		changes = append(changes, change{bytes.Clone(key), store.Encode(&firstName{At: first.At})})
		return true
	})
	for _, c := range changes {
		tx.Set(c.key, c.value)
	}
	return next, failed
}

// sweepFirst is the input "forget the first names of epochs that ended long ago".
type sweepFirst sweep

func sweepFirstNames(tx store.Tx, in sweepFirst) (next []byte) {
	current := epoch(in.At)
	if current < 2 {
		return nil
	}
	if in.From == nil {
		in.From = firstNamePrefix()
	}
	return deleteUntil(tx, in.From, firstNameKey(current-1, lifecycle.ID{}), in.Limit)
}
