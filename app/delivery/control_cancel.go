package delivery

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// maxWalk is how many entries of the outbox one input of a cancellation looks at.
const maxWalk = 200

// cancellation is an order to settle what is queued, and how far its walk through the partition's outbox has come.
type cancellation struct {
	Order
	ID    lifecycle.ID `msgpack:"o"`
	From  []byte       `msgpack:"f,omitempty"` // the key at which the walk goes on
	Done  bool         `msgpack:"d,omitempty"` // the walk is over; the order still holds for what comes back from an attempt
	Count int          `msgpack:"k,omitempty"` // cancelled so far
}

// wantedSince returns when a message was last asked for: when it was decided, replayed, or sent anyway.
func wantedSince(tx store.Reader, m *lifecycle.Message) time.Time {
	since := m.Decided
	if m.Channel == webhookChannel || m.InDoubt > 0 {
		for _, s := range stepsOf(tx, m.ID) {
			if s.Kind == StepReplayed || s.Kind == StepOrdered {
				since = s.At
			}
		}
	}
	return since
}

// Cancelled is how far a cancellation has come.
type Cancelled struct {
	Order
	ID    lifecycle.ID `json:"id"`
	Done  bool         `json:"done"`
	Count int          `json:"count"`
}

func (o *Orders) add(c cancellation) {
	for i := range o.Cancels {
		if o.Cancels[i].ID == c.ID {
			o.Cancels[i].Done = o.Cancels[i].Done && c.Done
			o.Cancels[i].Count += c.Count
			return
		}
	}
	o.Cancels = append(o.Cancels, Cancelled{c.Order, c.ID, c.Done, c.Count})
}

// cancel is the input "settle what is queued of these".
type cancel struct {
	ID lifecycle.ID
	Order
}

func (d *Delivery) cancel(tx store.Tx, in cancel) error {
	changed := d.controlled(tx).clone()
	kept := changed.Cancels[:0]
	for _, c := range changed.Cancels {
		if c.ID == in.ID {
			return nil
		}
		if !c.Done || in.At.Sub(c.At) < cancelLife {
			kept = append(kept, c)
		}
	}
	if len(kept) >= maxCancels {
		if !kept[0].Done {
			return lifecycle.Errorf(lifecycle.Busy, "%d cancellations are under way; try again when they are done", maxCancels)
		}
		kept = kept[1:]
	}
	changed.Cancels = append(kept, cancellation{Order: in.Order, ID: in.ID})
	d.control(tx, changed)
	return d.withdrawCancelled(tx, &changed.Cancels[len(changed.Cancels)-1])
}

// CancelMessages settles what is queued now as cancelled. Nothing of it is claimed after it has returned; what is with a
// connector already may still leave, unless the connector keeps it and is told in time. It returns the order's ID, by which Orders tells how far it has come.
func (d *Delivery) CancelMessages(ctx context.Context, s Target, by, why string) (lifecycle.ID, error) {
	o, err := d.order(ctx, s, by, why)
	if err != nil {
		return lifecycle.ID{}, err
	}
	id := lifecycle.HashID("cancel", s.Channel, s.Journey, s.Name, s.Endpoint, string(s.Kind), o.At.Format(time.RFC3339Nano))
	return id, d.everywhere(ctx, cancel{id, o})
}

// cancelOf returns the cancellation that settles a message, as an index; -1 if there is none. What was asked for later than
// that is not settled by it.
func (d *Delivery) cancelOf(tx store.Reader, m *lifecycle.Message) int {
	cancels := d.controlled(tx).Cancels
	if len(cancels) == 0 {
		return -1
	}
	endpoint, since := endpointOf(m), wantedSince(tx, m)
	for i := range cancels {
		if !since.After(cancels[i].At) && cancels[i].covers(m, endpoint) {
			return i
		}
	}
	return -1
}

// cancelSome is the input "go on with a walk". Its answer is whether there may be more of it.
type cancelSome struct{ At time.Time }

func (d *Delivery) cancelSome(tx store.Tx, in cancelSome) (more bool, err error) {
	changed := d.controlled(tx).clone()
	i := changed.walking()
	if i < 0 {
		return false, nil
	}
	c := &changed.Cancels[i]
	var entries []entry
	var next []byte
	if bytes.Compare(c.From, openCallsPrefix()) < 0 {
		entries, next = outboxEntries(tx, c.Target, c.From)
	}
	for _, e := range entries {
		gone, err := d.cancelEntry(tx, c, e, in.At)
		if err != nil {
			return false, err
		}
		if gone {
			c.Count++
		}
	}
	switch {
	case next != nil:
	case len(entries) > 0: // what an input looks at is bounded
		next = openCallsPrefix()
	default:
		if next, err = d.cancelCalls(tx, c, in.At); err != nil {
			return false, err
		}
	}
	c.From, c.Done = next, next == nil
	d.control(tx, changed)
	return changed.walking() >= 0, nil
}

func (c *controls) walking() int {
	for i := range c.Cancels {
		if !c.Cancels[i].Done {
			return i
		}
	}
	return -1
}

// entry is one key of the outbox, in a lane or parked.
type entry struct {
	key     []byte
	due     time.Time
	decided time.Time
	id      lifecycle.ID
}

func entryOf(key []byte) entry {
	key = bytes.Clone(key)
	place := key[len(key)-placeBytes:]
	return entry{key, store.KeyTime(place[:8]), store.KeyTime(place[8:16]), lifecycle.ID(place[16:])}
}

// outboxEntries returns the next entries, in lanes and then parked, from a key on, and where to go on; nil: there are no
// more.
func outboxEntries(tx store.Reader, s Target, from []byte) (entries []entry, next []byte) {
	lanes := []byte{'o'}
	if s.Channel != "" {
		lanes = append(append(lanes, s.Channel...), '/')
	}
	looked := 0
	for _, prefix := range [][]byte{lanes, {parkedKind}} {
		begin := prefix
		if bytes.Compare(from, begin) > 0 {
			begin = from
		}
		end := store.PrefixEnd(prefix)
		if bytes.Compare(begin, end) >= 0 {
			continue
		}
		tx.Scan(begin, end, func(key, _ []byte) bool {
			if looked == maxWalk {
				next = bytes.Clone(key)
				return false
			}
			looked++
			entries = append(entries, entryOf(key))
			return true
		})
		if next != nil {
			break
		}
	}
	return entries, next
}

// cancelEntry settles the message of an entry if the cancellation covers it. One that is in flight, or may have left
// before a crash, is left to what is found out about it.
func (d *Delivery) cancelEntry(tx store.Tx, c *cancellation, e entry, at time.Time) (bool, error) {
	if e.decided.After(c.At) {
		return false, nil
	}
	m, err := loadMessage(tx, e.decided, e.id)
	if err != nil || m == nil || m.State != lifecycle.Queued || !m.Due.Equal(e.due) ||
		!c.covers(&m.Message, endpointOf(&m.Message)) || wantedSince(tx, &m.Message).After(c.At) {
		return false, err
	}
	last, err := lastAttempt(tx, m)
	if err != nil || last != nil && last.Number > m.Attempts {
		return false, err
	}
	tx.Delete(e.key)
	d.change(tx, &m.Message, lifecycle.Cancelled, c.reason("cancelled"), at)
	d.stand(tx, &m.Message)
	return true, nil
}

// countCancelled counts a message that a claim has cancelled.
func (d *Delivery) countCancelled(tx store.Tx, i int) {
	changed := d.controlled(tx).clone()
	changed.Cancels[i].Count++
	d.keepControls(tx, changed)
}

// cancelOne is the input "settle this message, if it is still queued".
type cancelOne struct {
	Ref string
	Order
}

// cancelOne reports whether the message was accepted and its connector is to be told.
func (d *Delivery) cancelOne(tx store.Tx, in cancelOne) (told bool, err error) {
	_, decided, id, err := parseRef(in.Ref)
	if err != nil {
		return false, err
	}
	m, err := loadMessage(tx, decided, id)
	if err != nil {
		return false, err
	}
	if m == nil {
		return false, lifecycle.Errorf(lifecycle.NotFound, "there is no message %q", in.Ref)
	}
	last, err := lastAttempt(tx, m)
	if err != nil {
		return false, err
	}
	switch {
	case m.State == lifecycle.Cancelled:
		return false, nil
	case waitingCall(tx, &m.Message) != nil:
		return false, d.cancelCall(tx, waitingCall(tx, &m.Message), in.Order)
	case isKept(tx, &m.Message):
		d.orderWithdrawal(tx, &m.Message, withdrawal{State: lifecycle.Cancelled, Reason: in.reason("cancelled")}, in.At)
		return true, nil
	case m.State == lifecycle.Accepted && slices.ContainsFunc(stepsOf(tx, m.ID), func(s Step) bool { return s.Kind == StepReleased }):
		return false, tooLate()
	case m.State != lifecycle.Queued && m.State != lifecycle.Held:
		return false, lifecycle.Errorf(lifecycle.Conflict, "the message is %s already", m.State)
	case m.State == lifecycle.Queued && last != nil && last.Number > m.Attempts:
		return false, lifecycle.Errorf(lifecycle.Conflict, "the message is with the connector; cancel it again if it is not accepted")
	}
	d.unqueue(tx, &m.Message)
	d.unpark(tx, &m.Message)
	d.change(tx, &m.Message, lifecycle.Cancelled, in.reason("cancelled"), in.At)
	d.stand(tx, &m.Message)
	return false, nil
}

// withdrawPatience is how long whoever cancels one accepted message waits for what the connector says.
const withdrawPatience = 5 * time.Second

// awaitWithdrawn waits for what becomes of a message that its connector is to give back.
func (d *Delivery) awaitWithdrawn(ctx context.Context, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, withdrawPatience)
	defer cancel()
	for {
		life, err := d.LifeOf(ctx, ref)
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case err != nil:
			return lifecycle.Errorf(lifecycle.Conflict, "the connector has not said yet whether it was in time; it is asked until it does, and the ledger tells")
		case life.State != lifecycle.Accepted:
			return nil
		case slices.ContainsFunc(life.Steps, func(s Step) bool { return s.Kind == StepTooLate }):
			return tooLate()
		}
		lifecycle.Sleep(ctx, lifecycle.WallClock{}, time.Now().Add(10*time.Millisecond), nil)
	}
}

func tooLate() error {
	return lifecycle.Errorf(lifecycle.Conflict, "it is too late: the message has left")
}

// CancelMessage settles one message as cancelled that is queued, or accepted and still kept by its connector, or a call that
// nobody has made. It is a Conflict if the message has left or is leaving, and if an agent has the call.
func (d *Delivery) CancelMessage(ctx context.Context, ref, by, why string) error {
	partition, err := RefPartition(ref)
	if err != nil {
		return err
	}
	told, err := d.store.Do(ctx, partition, cancelOne{ref, Order{By: orderText(by), Why: orderText(why), At: d.clock.Now()}})
	if err != nil || told != true {
		return err
	}
	return d.awaitWithdrawn(ctx, ref)
}
