package delivery

import (
	"context"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What is claimed as it is decided waits in memory for a sender, be it with thousands of others. Nobody would send marketing again
// that may have left, so each partition writes down which of it is with a connector, before it is handed over: after a crash nothing
// else of it is in doubt. What customers are owed leaves without that wait, for it is sent again anyway.

// hands is the record under the key ah: the start of the program that wrote it, and what of the marketing that was claimed in the commit
// that decided it may be with a connector.
type hands struct {
	Boot string         `msgpack:"b"`
	List []lifecycle.ID `msgpack:"l,omitempty"`
}

func handsKey() []byte { return []byte{'a', 'h'} }

// readHands returns what the last start handed over, as a set; of a start that wrote nothing down, no boot.
func readHands(tx store.Reader) (boot string, handed map[lifecycle.ID]bool) {
	data, last := tx.Get(handsKey()), hands{}
	if data == nil || store.Decode(data, &last) != nil {
		return "", nil
	}
	handed = map[lifecycle.ID]bool{}
	for _, id := range last.List {
		handed[id] = true
	}
	return last.Boot, handed
}

// isMarked reports whether a message that was claimed as it was decided is handed over only after that is on disk. It goes by nothing
// that may be another after a restart.
func isMarked(m *lifecycle.Message) bool { return m.Kind == lifecycle.Marketing }

// handOver is the input "these are about to be handed to their connector".
type handOver struct{ Messages []lifecycle.ID }

func (d *Delivery) handOver(tx store.Tx, in handOver) {
	a := &d.aloft[tx.Partition()]
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range in.Messages {
		a.handed[id] = true
	}
	d.writeHands(tx, a)
}

// writeHands writes what is with a connector; what has landed is not any more. a.mu is held.
func (d *Delivery) writeHands(tx store.Tx, a *aloft) {
	now := hands{Boot: d.boot, List: make([]lifecycle.ID, 0, len(a.handed))}
	for id := range a.handed {
		now.List = append(now.List, id)
	}
	tx.Set(handsKey(), store.Encode(&now))
}

// marked returns those of a batch that may be handed over now: all, unless it cannot be written down that they are.
func (d *Delivery) marked(ctx context.Context, batch []outgoing) []outgoing {
	var marks map[int][]lifecycle.ID
	for i := range batch {
		if out := &batch[i]; out.atOnce && isMarked(out.message) {
			if marks == nil {
				marks = map[int][]lifecycle.ID{}
			}
			marks[out.partition] = append(marks[out.partition], out.ID)
		}
	}
	if marks == nil {
		return batch
	}
	items := make([]store.Item, 0, len(marks))
	for partition, ids := range marks {
		items = append(items, store.Item{Partition: partition, Input: handOver{ids}})
	}
	failed := map[int]bool{}
	for i, answer := range d.store.DoAll(ctx, items) {
		if answer.Err != nil {
			failed[items[i].Partition] = true
		}
	}
	if len(failed) == 0 {
		return batch
	}
	var leaving []outgoing
	results, now := map[int][]result{}, d.clock.Now()
	for i := range batch {
		if out := &batch[i]; failed[out.partition] && out.atOnce && isMarked(out.message) {
			results[out.partition] = append(results[out.partition], result{Message: out.message, AtOnce: true, Attempt: out.Attempt, At: now,
				Receipt: lifecycle.Receipt{Message: out.ID, Outcome: lifecycle.OutcomeTemporary, Untried: true, Reason: "it could not be written down that it leaves"}})
		} else {
			leaving = append(leaving, *out)
		}
	}
	d.settler.add(results)
	return leaving
}
