package delivery

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What the outbox keeps of one person is found by going through the ledger, the calls and the addresses of a partition:
// nobody asks for it but the person, or whoever wants to be forgotten, and an index would cost every message a key.
//
// A position is a key of the outbox; nil is the beginning, and of an answer the end.

// becauseErased is why messages did not leave whose customer was erased.
const becauseErased = "erased"

// personalKinds are where what belongs to a person lies without the person's ID at the front, in the order of their keys.
var personalKinds = [...][]byte{{'m'}, []byte("qt"), []byte("ul"), {'w'}}

// personal visits the keys from a position on whose values, or keys, mention one of the IDs, and looks at so many.
func personal(tx store.Reader, ids []lifecycle.ID, from []byte, look int, visit func(kind byte, key, value []byte)) (next []byte) {
	for _, prefix := range personalKinds {
		end := store.PrefixEnd(prefix)
		start := prefix
		if bytes.Compare(from, start) > 0 {
			start = from
		}
		if bytes.Compare(start, end) >= 0 {
			continue
		}
		tx.Scan(start, end, func(key, value []byte) bool {
			if look--; look < 0 {
				next = bytes.Clone(key)
				return false
			}
			// most values are none of theirs, and need not be decoded
			if lifecycle.MentionsAny(value, ids) || prefix[0] == 'w' && lifecycle.MentionsAny(key, ids) {
				visit(prefix[0], key, value)
			}
			return true
		})
		if next != nil {
			return next
		}
	}
	return nil
}

// Forget removes what the outbox keeps of a customer who had these IDs, a part at a time: messages with their bytes and
// what became of them, the inbox, calls, and addresses that were written to. It is called inside Apply, from a position on,
// and returns where to go on; nil at the end.
func (d *Delivery) Forget(tx store.Tx, ids []lifecycle.ID, from []byte, look int) (next []byte, err error) {
	if from == nil {
		for _, id := range ids {
			prefix := append([]byte{'n'}, id[:]...)
			var keys [][]byte
			tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
				keys = append(keys, bytes.Clone(key))
				return true // MaxInbox bounds them
			})
			for _, key := range keys {
				tx.Delete(key)
			}
			if key := leavingsKey(id); tx.Has(key) {
				tx.Delete(key)
			}
		}
	}
	type found struct {
		kind       byte
		key, value []byte
	}
	var all []found
	next = personal(tx, ids, from, look, func(kind byte, key, value []byte) {
		all = append(all, found{kind, bytes.Clone(key), bytes.Clone(value)})
	})
	var landed []lifecycle.ID
	for _, one := range all {
		switch one.kind {
		case 'm':
			at, id := store.KeyTimeNewestFirst(one.key[1:9]), lifecycle.ID(one.key[9:25])
			m, failed := readMessage(tx, one.value, at, id)
			if failed != nil {
				return nil, failed
			}
			if !slices.Contains(ids, m.Customer) {
				continue
			}
			if !settled(&m.Message) { // in the figures it waits no longer; nobody else is told
				d.note(tx, &m.Message, lifecycle.Fact{Kind: lifecycle.FactSettled, From: string(m.State), To: string(lifecycle.Cancelled), Reason: becauseErased})
			}
			d.unqueue(tx, &m.Message)
			d.unpark(tx, &m.Message)
			d.forgetKept(tx, &m.Message)
			for _, key := range [][]byte{one.key, standingKey(at, id), attemptKey(id), stepsKey(id), answersKey(at, id)} {
				tx.Delete(key)
			}
			landed = append(landed, id)
		case 'q':
			var call Call
			if failed := store.Decode(one.value, &call); failed != nil {
				return nil, lifecycle.Wrap(lifecycle.Internal, failed, "a call cannot be read")
			}
			if slices.Contains(ids, call.Customer) {
				tx.Delete(openCallKey(&call))
				tx.Delete(closedCallKey(&call))
				tx.Delete(one.key)
			}
		case 'u': // what a link says of others may mention them
			if len(one.value) >= len(lifecycle.ID{}) && slices.Contains(ids, lifecycle.ID(one.value[:len(lifecycle.ID{})])) {
				tx.Delete(one.key)
			}
		case 'w':
			tx.Delete(one.key)
		}
	}
	d.aloft[tx.Partition()].landed(landed) // what comes back of them is nobody's
	return next, nil
}

// ForgetBodies takes out of old messages what they said, and out of their events what these said: who got what and when
// stays, with the address, to which something may still come back. It is called inside Apply. Messages decided in [since,
// before) are looked at, the newest first; the answer says where to go on, nil at the end.
func (d *Delivery) ForgetBodies(tx store.Tx, since, before time.Time, from []byte, look int) (next []byte, err error) {
	start, end := store.AppendTimeNewestFirst([]byte{'m'}, before.Add(-1)), store.AppendTimeNewestFirst([]byte{'m'}, since.Add(-1))
	if from != nil {
		start = from
	}
	type change struct{ key, value []byte }
	var changes []change
	var targets []string // texts that may have short links
	size := 0
	tx.Scan(start, end, func(key, value []byte) bool {
		if look--; look < 0 || size > maxClaimBytes/2 {
			next = bytes.Clone(key)
			return false
		}
		at, id := store.KeyTimeNewestFirst(key[1:9]), lifecycle.ID(key[9:25])
		m := &decided{}
		if err = store.Decode(value, m); err != nil {
			err = lifecycle.Wrap(lifecycle.Internal, err, "a message cannot be read")
			return false
		}
		now := *m
		if err = now.stands(tx, at, id); err != nil {
			return false
		}
		if !settled(&now.Message) {
			return true // it is still to be said
		}
		if m.Attempt != nil {
			targets = append(targets, m.Attempt.Rendered.Text)
			m.Attempt.Rendered = emptied(m.Attempt.Rendered)
		}
		m.Event, m.Options = lifecycle.Event{Type: m.Event.Type, Name: m.Event.Name}, nil
		if data := store.Encode(m); len(data) < len(value) {
			changes = append(changes, change{bytes.Clone(key), data})
			size += len(data) + len(key)
		}
		if key := attemptKey(id); tx.Has(key) {
			var a attempt
			if err = store.Decode(tx.Get(key), &a); err != nil {
				err = lifecycle.Wrap(lifecycle.Internal, err, "an attempt cannot be read")
				return false
			}
			targets = append(targets, a.Rendered.Text)
			a.Rendered = emptied(a.Rendered)
			changes = append(changes, change{key, store.Encode(&a)})
		}
		if key := stepsKey(id); tx.Has(key) { // other servers quote addresses and texts
			changes = append(changes, change{key, nil})
		}
		if key := inboxTextKey(m.Customer, id); m.Channel == inboxChannel && tx.Has(key) {
			changes = append(changes, change{key, store.Encode(&inboxText{})})
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, text := range targets {
		d.forgetTargets(tx, text)
	}
	for _, c := range changes {
		if c.value == nil {
			tx.Delete(c.key)
		} else {
			tx.Set(c.key, c.value)
		}
	}
	return next, nil
}

// emptied keeps of what was handed over only where it went, and when.
func emptied(r lifecycle.Rendered) lifecycle.Rendered {
	return lifecycle.Rendered{To: r.To, Date: r.Date}
}

// personalOf asks for what the outbox keeps of a person, a part at a time.
type personalOf struct {
	ids  []lifecycle.ID
	from []byte
	look int
	at   time.Time
}

// Personal is what the outbox of one partition keeps of a person.
type Personal struct {
	Messages []Life
	Calls    []Call
	Inbox    []InboxMessage
	next     []byte
}

func (d *Delivery) personalOf(tx store.Reader, q personalOf) (part Personal, err error) {
	if q.from == nil {
		for _, id := range q.ids {
			entries, failed := d.inbox(tx, Inbox{Customer: id, At: q.at})
			if failed != nil {
				return part, failed
			}
			part.Inbox = append(part.Inbox, entries...)
		}
	}
	part.next = personal(tx, q.ids, q.from, q.look, func(kind byte, key, value []byte) {
		switch kind {
		case 'm':
			life, failed := d.oneLife(tx, oneLife{refTo(tx.Partition(), key)})
			if failed == nil && slices.Contains(q.ids, life.Customer) {
				part.Messages = append(part.Messages, life)
			} else if failed != nil && err == nil {
				err = failed
			}
		case 'q':
			var call Call
			if failed := store.Decode(value, &call); failed == nil && slices.Contains(q.ids, call.Customer) {
				part.Calls = append(part.Calls, call)
			}
		}
	})
	return part, err
}

// PersonalOf returns what the outbox of a partition keeps of a customer who had these IDs, messages newest first.
func (d *Delivery) PersonalOf(ctx context.Context, partition int, ids []lifecycle.ID) (all Personal, err error) {
	q := personalOf{ids: ids, look: 2000, at: d.clock.Now()}
	for {
		answer, err := d.store.Ask(ctx, partition, q)
		if err != nil {
			return all, err
		}
		part := answer.(Personal)
		all.Messages, all.Calls, all.Inbox = append(all.Messages, part.Messages...), append(all.Calls, part.Calls...), append(all.Inbox, part.Inbox...)
		if q.from = part.next; q.from == nil {
			return all, nil
		}
	}
}
