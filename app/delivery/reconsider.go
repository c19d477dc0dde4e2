package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// claimLife is for how long a claim stands by itself. What has waited longer for its connector, which may have been slow or
// away, is asked about once more: a customer may have taken consent back, or an address may have turned out to be dead.
const claimLife = time.Second

// reconsider is the input "these have waited since they were claimed; may they still leave?". What may not is settled.
type reconsider struct {
	Claimed []*outgoing // of one partition
	At      time.Time
}

// reconsider answers for each message whether it may leave.
func (d *Delivery) reconsider(tx store.Tx, in reconsider) ([]bool, error) {
	leaves := make([]bool, len(in.Claimed))
	var refused []result
	for i, out := range in.Claimed {
		v := d.lastWord(tx, out, in.At)
		if leaves[i] = v.passes(); !leaves[i] {
			refused = append(refused, result{Message: out.message, AtOnce: out.atOnce, Attempt: out.Attempt, At: in.At, Refused: v.reason})
		}
	}
	return leaves, d.settle(tx, settle{refused})
}

// lastWord asks what may have changed since the claim: suppression and consent.
func (d *Delivery) lastWord(tx store.Tx, out *outgoing, at time.Time) verdict {
	customer := &lifecycle.Customer{}
	data := tx.Get(append([]byte{'c'}, out.message.Customer[:]...))
	if data == nil || store.Decode(data, customer) != nil {
		return drop("merged")
	}
	q := d.question(out.message, customer, &attempt{Rendered: out.Rendered}, at)
	if v := d.suppression(tx, q); !v.passes() {
		return v
	}
	return d.consent(tx, q)
}

// stillLeaving returns those of a claimed batch that may leave. Nearly always that is all of them, and nobody is asked.
func (d *Delivery) stillLeaving(ctx context.Context, batch []outgoing) []outgoing {
	now := d.clock.Now()
	asked := map[int][]*outgoing{}
	for i := range batch {
		if out := &batch[i]; now.Sub(out.claimed) > claimLife {
			asked[out.partition] = append(asked[out.partition], out)
		}
	}
	if len(asked) == 0 {
		return batch
	}
	var items []store.Item
	for partition, list := range asked {
		items = append(items, store.Item{Partition: partition, Input: reconsider{list, now}})
	}
	stays := map[*outgoing]bool{}
	for i, answer := range d.store.DoAll(ctx, items) {
		list := asked[items[i].Partition]
		if answer.Err == nil {
			for j, leaves := range answer.Answer.([]bool) {
				stays[list[j]] = !leaves
			}
			continue
		}
		// Nobody knows: they are tried again.
		results := map[int][]result{}
		for _, out := range list {
			stays[out] = true
			results[out.partition] = append(results[out.partition], result{Message: out.message, AtOnce: out.atOnce, Attempt: out.Attempt, At: now,
				Receipt: lifecycle.Receipt{Message: out.ID, Outcome: lifecycle.OutcomeTemporary, Reason: "it could not be looked up whether it may still leave"}})
		}
		d.settler.add(results)
	}
	var leaving []outgoing
	for i := range batch {
		if !stays[&batch[i]] {
			leaving = append(leaving, batch[i])
		}
	}
	return leaving
}
