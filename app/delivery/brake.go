package delivery

import (
	"bytes"
	"context"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// The messages of a journey that is braked or in shadow, and those that a pause covers, are taken out of their lanes when a
// claim comes upon them, so that they neither leave nor stand in the way of others, however many they are. They keep their
// moment, and go back to their lanes when the journey is live again, or the pause is taken back. Their keys are
//
//	p holder, 0, lane, 0, due, decided, message -> nothing
//
// The holder is the journey that is braked or in shadow; of a pause it is what that covers, behind a byte that no journey's name begins with.
const parkedKind = 'p'

// placeBytes is the end of a key in a lane, and of a parked one: due, decided, message.
const placeBytes = 8 + 8 + 16

const (
	brakePoll  = 500 * time.Millisecond // how often it is asked whether a brake was let go
	maxRelease = 200                    // messages that one input puts back
	maxTurns   = 4                      // partitions that go through their messages at a time: what is decided meanwhile must not wait for a million
)

const (
	becauseBraked = "the journey is braked"
	becauseShadow = "the journey is in shadow; what was decided before waits until it is live again"
)

const pauseMark = "\x01"

func parkedPrefix(holder string) []byte {
	return append(append([]byte{parkedKind}, holder...), 0)
}

func parkedKey(lane string, m *lifecycle.Message, holder string) []byte {
	place := outboxKey(lane, m.Due, m.Decided, m.ID)
	return append(append(append(parkedPrefix(holder), lane...), 0), place[len(place)-placeBytes:]...)
}

// holder names a pause in the keys of what it holds.
func (s Target) holder() string {
	holder := pauseMark + s.Channel + pauseMark + s.Journey + pauseMark + s.Name + pauseMark + s.Endpoint
	if s.Kind != "" {
		holder += pauseMark + string(s.Kind)
	}
	return holder
}

// targetOf reads what holder wrote; ok is false for a journey.
func targetOf(holder string) (s Target, ok bool) {
	parts := strings.Split(holder, pauseMark)
	if len(parts) != 5 && len(parts) != 6 {
		return s, false
	}
	s = Target{Channel: parts[1], Journey: parts[2], Name: parts[3], Endpoint: parts[4]}
	if len(parts) == 6 {
		s.Kind = lifecycle.MessageKind(parts[5])
	}
	return s, true
}

// closes reports whether a holder is a pause that closes a whole lane, and leaves messages where they are.
func closes(holder, lane string) bool {
	target, is := targetOf(holder)
	return is && target.closes(lane)
}

// heldBy returns who keeps a message from leaving, and why; "": nobody.
func (d *Delivery) heldBy(tx store.Reader, m *lifecycle.Message) (holder, reason string) {
	return d.heldUnder(tx, d.controlled(tx), m)
}

// heldUnder is heldBy with the orders of the partition, for those who ask from outside of Apply.
func (d *Delivery) heldUnder(tx store.Reader, orders *controls, m *lifecycle.Message) (holder, reason string) {
	if d.journeys != nil {
		switch mode := d.journeys.Mode(tx, m.Journey); {
		case mode == lifecycle.Braked:
			return m.Journey, becauseBraked
		case mode == lifecycle.Shadow && !isSample(m): // a script is looked at before it is live
			return m.Journey, becauseShadow
		}
	}
	if o := orders.pauseOf(m); o != nil {
		return o.Target.holder(), o.reason("paused")
	}
	return "", ""
}

func (d *Delivery) braked(tx store.Reader, m *lifecycle.Message) bool {
	holder, _ := d.heldBy(tx, m)
	return holder != ""
}

// holds reports whether a holder still keeps what it holds. What was braked and is then in shadow or off stays where it is:
// only going live lets go.
func (d *Delivery) holds(tx store.Reader, holder string) bool {
	if target, is := targetOf(holder); is {
		return d.controlled(tx).paused(target) >= 0
	}
	if d.journeys == nil {
		return false
	}
	switch d.journeys.Mode(tx, holder) {
	case lifecycle.Braked, lifecycle.Shadow, lifecycle.Off:
		return true
	}
	return false
}

// park takes a message out of its lane and returns how many bytes that wrote.
func (d *Delivery) park(tx store.Tx, lane string, m *lifecycle.Message, holder, reason string, at time.Time) int {
	tx.Delete(outboxKey(lane, m.Due, m.Decided, m.ID))
	d.putAside(tx, lane, m, holder)
	m.Reason = reason
	step(tx, m.ID, Step{Kind: StepPaused, At: at, Reason: reason})
	return d.stand(tx, m)
}

// putAside keeps a message that stands in no lane for when its holder lets go.
func (d *Delivery) putAside(tx store.Tx, lane string, m *lifecycle.Message, holder string) {
	tx.Set(parkedKey(lane, m, holder), []byte{})
	if _, pause := targetOf(holder); pause {
		return // the end of a pause rouses the owner; that of a brake has to be looked for
	}
	wake := d.parked[tx.Partition()]
	tx.After(func() {
		select {
		case wake <- struct{}{}:
		default: // the owner is roused already
		}
	})
}

// unpark forgets that a message is held, wherever that is.
func (d *Delivery) unpark(tx store.Tx, m *lifecycle.Message) {
	holders := []string{m.Journey}
	for _, o := range d.controlled(tx).Pauses {
		holders = append(holders, o.Target.holder())
	}
	for _, holder := range holders {
		tx.Delete(parkedKey(laneOf(m), m, holder))
	}
	d.awaitNothing(tx, questionedKey(laneOf(m), m))
}

// release is the input "put back what nobody holds any more". Its answer is whether there may be more of it.
type release struct{ At time.Time }

func (d *Delivery) release(tx store.Tx, in release) (more bool) {
	var free [][]byte
	for from := []byte{parkedKind}; len(free) < maxRelease; {
		holder, ok := firstParked(tx, from)
		if !ok {
			break
		}
		prefix := parkedPrefix(holder)
		from = store.PrefixEnd(prefix)
		if d.holds(tx, holder) {
			continue
		}
		tx.Scan(prefix, from, func(key, _ []byte) bool {
			free = append(free, bytes.Clone(key))
			return len(free) < maxRelease
		})
	}
	for _, key := range free {
		place := key[len(key)-placeBytes:]
		name := string(key[bytes.IndexByte(key, 0)+1 : len(key)-placeBytes-1])
		tx.Delete(key)
		if _, pause := targetOf(string(key[1:bytes.IndexByte(key, 0)])); !pause { // of a pause the orders tell when it was taken back
			step(tx, lifecycle.ID(place[16:]), Step{Kind: StepResumed, At: in.At, Reason: "the journey is live again"})
		}
		d.backToLane(tx, name, place)
	}
	return len(free) == maxRelease
}

// firstParked returns the first holder, from a key on, that has parked messages.
func firstParked(tx store.Reader, from []byte) (holder string, ok bool) {
	tx.Scan(from, store.PrefixEnd([]byte{parkedKind}), func(key, _ []byte) bool {
		holder, ok = string(key[1:bytes.IndexByte(key, 0)]), true
		return false
	})
	return holder, ok
}

// chores asks what there is to be done in a partition besides sending.
type chores struct{}

// chore says what the owner of a partition has to do. While pauses hold messages there is nothing, however many they are.
type chore struct {
	braked bool // a journey holds messages: it is to be asked again and again whether it is live
	free   bool // what a pause held is held no more
	cancel bool // a cancellation has not been everywhere
}

func choreOf(tx store.Reader) chore {
	orders := readControls(tx)
	c := chore{cancel: orders.walking() >= 0}
	for from := []byte{parkedKind}; ; {
		holder, ok := firstParked(tx, from)
		if !ok {
			return c
		}
		if target, is := targetOf(holder); is {
			c.free = c.free || orders.paused(target) < 0
		} else {
			c.braked = true
		}
		from = store.PrefixEnd(parkedPrefix(holder))
	}
}

// mindOrders lets senders claim from the partition, also those of channels that come later, puts back what is no longer held,
// and goes on with cancellations, until ctx ends. While there is nothing of that, it only waits for it.
func (d *Delivery) mindOrders(ctx context.Context, p int) {
	for known := 0; ctx.Err() == nil; {
		known = d.meet(ctx, p, known)
		now := d.clock.Now()
		answer, err := d.store.Ask(ctx, p, chores{})
		if err == nil {
			switch c := answer.(chore); {
			case c.cancel:
				answer, err = d.inTurn(ctx, p, cancelSome{now})
			case c.braked || c.free:
				answer, err = d.inTurn(ctx, p, release{now})
				if err == nil && answer == false && !c.braked {
					continue
				}
			default:
				select {
				case <-d.parked[p]:
				case <-ctx.Done():
				}
				continue
			}
		}
		if err == nil && answer == true {
			continue
		}
		if err != nil && ctx.Err() == nil {
			d.log.Warn("what is held or cancelled in a partition could not be looked at and is tried again", "partition", p, "error", err)
		}
		lifecycle.Sleep(ctx, d.clock, now.Add(brakePoll), nil)
	}
}

// inTurn gives a partition one of the inputs that go through very many messages, when it is its turn.
func (d *Delivery) inTurn(ctx context.Context, p int, input any) (any, error) {
	select {
	case d.turns <- struct{}{}:
		defer func() { <-d.turns }()
		return d.store.Do(ctx, p, input)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
