package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// claimLife is for how long a claim stands by itself. What has waited longer for its connector, which may have been slow or
// away, is asked about once more: a customer may have taken consent back, an operator may have paused or cancelled it, or
// the night may have come.
const claimLife = time.Second

// reconsider is the input "these have waited since they were claimed; may they still leave?". What may not is
// settled, or goes back to the outbox.
type reconsider struct {
	Claimed []*outgoing // of one partition
	At      time.Time
}

// reconsider answers for each message whether it may leave.
func (d *Delivery) reconsider(tx store.Tx, in reconsider) []verdict {
	verdicts := make([]verdict, len(in.Claimed))
	var refused []result
	for i, out := range in.Claimed {
		v := d.lastWord(tx, out, in.At)
		if verdicts[i] = v; !v.passes() {
			refused = append(refused, result{Message: out.message, AtOnce: out.atOnce, Attempt: out.Attempt, At: in.At, Kept: v})
		}
	}
	d.settle(tx, settle{refused})
	return verdicts
}

// lastWord asks what would be asked about another attempt.
func (d *Delivery) lastWord(tx store.Tx, out *outgoing, at time.Time) verdict {
	if d.cancelOf(tx, out.message) >= 0 {
		return deferred(at, "") // the next claim settles it
	}
	if holder, reason := d.heldBy(tx, out.message); holder != "" {
		return deferred(at, reason)
	}
	_, v := d.permit(tx, out.message, &attempt{Number: out.Attempt - 1, Rendered: out.Rendered}, at, true)
	return v
}

// takeBack undoes an attempt that was not made. What is to wait goes back to its place in the outbox, where the next claim
// finds what is to be done with it; anything else is settled.
func (d *Delivery) takeBack(tx store.Tx, m *lifecycle.Message, v verdict, at time.Time) {
	var last *attempt
	whole, err := loadMessage(tx, m.Decided, m.ID)
	if err == nil && whole != nil {
		last, err = lastAttempt(tx, whole)
	}
	if last == nil {
		d.log.Error("an attempt cannot be taken back", "message", m.ID.String(), "error", err)
		return
	}
	undo(tx, m, *last)
	m.Attempts = last.Number - 1
	if v.state == lifecycle.Queued {
		d.queue(tx, m)
	} else {
		if v.state == lifecycle.Suppressed && m.Attempts == 0 {
			d.divert(tx, m, at)
		}
		d.change(tx, m, v.state, v.reason, at)
	}
	d.stand(tx, m)
}

// undo writes down that an attempt was not made, with its bytes for the next one, and returns how many it wrote. If there was none
// before it, nothing has left, and caps do not count it.
func undo(tx store.Tx, m *lifecycle.Message, last attempt) int {
	if last.Number--; last.Number == 0 {
		unremember(tx, m, &last.Rendered)
	}
	data := store.Encode(&last)
	tx.Set(attemptKey(m.ID), data)
	return len(data)
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
		return d.heirsLet(ctx, batch, now)
	}
	var items []store.Item
	for partition, list := range asked {
		items = append(items, store.Item{Partition: partition, Input: reconsider{list, now}})
	}
	stays := map[*outgoing]bool{}
	for i, answer := range d.store.DoAll(ctx, items) {
		list := asked[items[i].Partition]
		if answer.Err == nil {
			for j, v := range answer.Answer.([]verdict) {
				stays[list[j]], list[j].heir = !v.passes(), v.heir
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
	return d.heirsLet(ctx, leaving, now)
}
