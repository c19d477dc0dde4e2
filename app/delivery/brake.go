package delivery

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A braked journey's messages are taken out of their lanes when a claim comes upon them, so that they neither leave nor
// stand in the way of other journeys, however many they are. They keep their moment, and go back to their lanes when
// the journey is live or in shadow again. Their keys are
//
//	p journey, 0, lane, 0, due, decided, message -> nothing
const parkedKind = 'p'

// placeBytes is the end of a key in a lane, and of a parked one: due, decided, message.
const placeBytes = 8 + 8 + 16

const (
	brakePoll  = 500 * time.Millisecond // how often it is asked whether a brake was let go
	maxRelease = 1000                   // messages that one input puts back
)

const becauseBraked = "the journey is braked"

func parkedPrefix(journey string) []byte {
	return append(append([]byte{parkedKind}, journey...), 0)
}

func (d *Delivery) braked(tx store.Reader, m *lifecycle.Message) bool {
	return d.journeys != nil && d.journeys.Mode(tx, m.Journey) == lifecycle.Braked
}

// park takes a message out of its lane and returns how many bytes that wrote.
func (d *Delivery) park(tx store.Tx, lane string, m *lifecycle.Message) int {
	from := outboxKey(lane, m.Due, m.Decided, m.ID)
	tx.Delete(from)
	tx.Set(append(append(append(parkedPrefix(m.Journey), lane...), 0), from[len(from)-placeBytes:]...), []byte{})
	m.Reason = becauseBraked
	wrote := d.stand(tx, m)
	wake := d.parked[tx.Partition()]
	tx.After(func() {
		select {
		case wake <- struct{}{}:
		default: // the owner is roused already
		}
	})
	return wrote
}

// release is the input "put back what no brake holds any more". Its answer is whether there may be more of it.
type release struct{}

func (d *Delivery) release(tx store.Tx, _ release) (more bool) {
	var free [][]byte
	for from := []byte{parkedKind}; len(free) < maxRelease; {
		journey, ok := firstParked(tx, from)
		if !ok {
			break
		}
		prefix := parkedPrefix(journey)
		from = store.PrefixEnd(prefix)
		// What was braked and then switched off stays where it is: only going on lets go.
		if d.journeys != nil {
			if mode := d.journeys.Mode(tx, journey); mode == lifecycle.Braked || mode == lifecycle.Off {
				continue
			}
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
		tx.Set(append(lanePrefix(name), place...), []byte{})
		if lane := d.byName[name]; lane != nil {
			partition, due := tx.Partition(), store.KeyTime(place[:8])
			tx.After(func() { lane.hint(partition, due) })
		}
	}
	return len(free) == maxRelease
}

// firstParked returns the first journey, from a key on, that has parked messages.
func firstParked(tx store.Reader, from []byte) (journey string, ok bool) {
	tx.Scan(from, store.PrefixEnd([]byte{parkedKind}), func(key, _ []byte) bool {
		journey, ok = string(key[1:bytes.IndexByte(key, 0)]), true
		return false
	})
	return journey, ok
}

// anyParked asks whether brakes hold anything in a partition.
type anyParked struct{}

func hasParked(tx store.Reader) bool {
	_, ok := firstParked(tx, []byte{parkedKind})
	return ok
}

// mindBrakes puts back what brakes no longer hold, until ctx ends. While they hold nothing, it only waits for that.
func (d *Delivery) mindBrakes(ctx context.Context, p int) {
	for ctx.Err() == nil {
		now := d.clock.Now()
		answer, err := d.store.Ask(ctx, p, anyParked{})
		if err == nil && answer == false {
			select {
			case <-d.parked[p]:
			case <-ctx.Done():
			}
			continue
		}
		if err == nil {
			answer, err = d.store.Do(ctx, p, release{})
		}
		if err == nil && answer == true {
			continue
		}
		if err != nil && ctx.Err() == nil {
			d.log.Warn("what a brake holds could not be looked at and is tried again", "partition", p, "error", err)
		}
		lifecycle.Sleep(ctx, d.clock, now.Add(brakePoll), nil)
	}
}
