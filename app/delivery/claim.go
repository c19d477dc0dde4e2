package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// maxClaimBytes bounds what one claim writes. The message that passes it is the last one.
const maxClaimBytes = 1 << 20

// heldLife is how long a message in doubt is held for someone to decide about it.
const heldLife = 72 * time.Hour

// becauseCrashed is why an attempt of an earlier start of the program is in doubt.
const becauseCrashed = "it may have left before a crash"

// becauseTooOld is why a message that has an end did not leave.
const becauseTooOld = "too old to leave"

// claim is the input "hand me what is due in this lane". It is where policy is asked for the last time and where the
// attempt becomes durable: only what a committed claim has answered may be sent.
type claim struct {
	Lane       string
	From       []byte // where in the lane to begin: what stands before is in flight or done; empty for the beginning
	At         time.Time
	Limit      int
	Boot       string
	Idempotent bool // the connector's: a message in doubt may simply be sent again
}

type claimed struct {
	Batch []outgoing
	Next  time.Time // when the next entry of the lane is due; zero: there is none
	From  []byte    // where the next claim begins
}

func (d *Delivery) claim(tx store.Tx, in claim) claimed {
	type entry struct {
		place        []byte // its key behind the lane's prefix
		due, decided time.Time
		id           lifecycle.ID
	}
	answer := claimed{From: in.From}
	var due []entry
	prefix := lanePrefix(in.Lane)
	n := len(prefix)
	tx.Scan(append(lanePrefix(in.Lane), in.From...), store.PrefixEnd(prefix), func(key, _ []byte) bool {
		e := entry{bytes.Clone(key[n:]), store.KeyTime(key[n : n+8]), store.KeyTime(key[n+8 : n+16]), lifecycle.ID(key[n+16 : n+32])}
		// Those in flight are passed over below, so a few more than the limit are looked at.
		if e.due.After(in.At) || len(due) >= in.Limit+maxInFlight {
			answer.Next = e.due
			return false
		}
		due = append(due, e)
		return true
	})
	size := 0
	for _, e := range due {
		if len(answer.Batch) >= in.Limit || size >= maxClaimBytes {
			answer.Next = e.due
			break
		}
		out, wrote, err := d.claimOne(tx, in, e.due, e.decided, e.id)
		if err != nil { // it stays where it is, and is not in the way of others
			d.log.Error("a queued message cannot be claimed", "message", e.id.String(), "error", err)
		}
		size += wrote
		if out != nil {
			answer.Batch = append(answer.Batch, *out)
		}
		answer.From = e.place
	}
	return answer
}

// claimOne decides about one entry: to be sent now, or settled without being sent, or left alone because it is in
// flight already. It also returns how many bytes it wrote. With an error it wrote nothing.
func (d *Delivery) claimOne(tx store.Tx, in claim, due, decided time.Time, id lifecycle.ID) (out *outgoing, wrote int, err error) {
	m, err := loadMessage(tx, decided, id)
	if err != nil {
		return nil, 0, err
	}
	if m == nil || m.State != lifecycle.Queued && m.State != lifecycle.Held || !m.Due.Equal(due) {
		tx.Delete(outboxKey(in.Lane, due, decided, id)) // nothing is to be done here, whatever left the entry
		return nil, 0, nil
	}
	last, err := lastAttempt(tx, m)
	if err != nil {
		return nil, 0, err
	}
	unresolved := last != nil && last.Number > m.Attempts
	if unresolved && last.Boot == in.Boot {
		return nil, 0, nil // in flight
	}
	cancelled := -1
	if m.State == lifecycle.Queued {
		if cancelled = d.cancelOf(tx, &m.Message); cancelled < 0 {
			if holder, reason := d.heldBy(tx, &m.Message); holder != "" {
				return nil, d.park(tx, in.Lane, &m.Message, holder, reason, in.At), nil
			}
		}
	}
	changed := func() (*outgoing, int, error) { return out, wrote + d.stand(tx, &m.Message), nil }
	end := func(state lifecycle.MessageState, reason string) (*outgoing, int, error) {
		d.unqueue(tx, &m.Message)
		d.change(tx, &m.Message, state, reason, in.At)
		return changed()
	}
	if last != nil && last.Number > 0 { // else nothing can have come back of it
		if arrived := arrival(tx, &m.Message); arrived != "" {
			if unresolved {
				m.Attempts = last.Number
			}
			return end(lifecycle.Accepted, arrived)
		}
	}
	if m.State == lifecycle.Held {
		return end(lifecycle.Expired, "in doubt for 72 hours")
	}
	if unresolved {
		m.Attempts = last.Number
		step(tx, id, Step{Kind: StepAttempt, At: last.At, Attempt: last.Number}, Step{Kind: StepInDoubt, At: in.At, Attempt: last.Number, Reason: becauseCrashed})
		if !d.mayRetry(tx, &m.Message, in.Idempotent, in.At) {
			d.unqueue(tx, &m.Message)
			d.hold(tx, &m.Message, becauseCrashed, in.At)
			return changed()
		}
		if m.Attempts-triesBefore(tx, id) >= maxAttempts { // every start of a program that cannot live would send it again
			return end(lifecycle.Failed, "tried too often: "+becauseCrashed)
		}
	}
	if cancelled >= 0 {
		d.countCancelled(tx, cancelled)
		return end(lifecycle.Cancelled, d.controlled(tx).Cancels[cancelled].reason("cancelled"))
	}
	rendered, v := d.permit(tx, &m.Message, last, in.At, last.made())
	switch {
	case v.state != lifecycle.Queued:
		if v.state == lifecycle.Suppressed && !last.made() {
			d.divert(tx, &m.Message, in.At)
		}
		return end(v.state, v.reason)
	case v.questioned:
		if v.ask.Kind != "" {
			if err = d.asker.AskAddress(tx, m.Customer, v.ask, m.ID, in.At); err != nil {
				return nil, 0, err
			}
		}
		tx.Delete(outboxKey(in.Lane, due, decided, id))
		d.awaitAnswer(tx, &m.Message)
		return changed()
	case !v.until.IsZero():
		d.unqueue(tx, &m.Message)
		putOff(&m.Message, v)
		d.queue(tx, &m.Message)
		step(tx, id, Step{Kind: StepDeferred, At: in.At, Reason: v.reason, Until: m.Due})
		return changed()
	}
	a := attempt{Number: m.Attempts + 1, Boot: in.Boot, At: in.At, Rendered: rendered}
	data := store.Encode(&a)
	tx.Set(attemptKey(id), data)
	m.Event = lifecycle.Event{} // it was there for the template
	out, wrote = &outgoing{
		Outgoing: channels.Outgoing{ID: id, Ref: m.Ref(), Attempt: a.Number, Kind: m.Kind, Direct: m.Direct, Rendered: d.whole(tx, &m.Message, rendered)},
		message:  &m.Message, heir: v.heir, claimed: in.At, partition: tx.Partition(),
	}, len(data)
	if unresolved {
		return changed()
	}
	return out, wrote, nil
}

// doubt counts an attempt whose receipt was never learned.
func (d *Delivery) doubt(tx store.Tx, m *lifecycle.Message, at time.Time) {
	m.InDoubt++
	d.note(tx, m, lifecycle.Fact{Kind: lifecycle.FactInDoubt, At: at})
}

// mayRetry counts an attempt whose result was never learned, and reports whether the message may be sent again. What is
// owed is retried, marketing is held; a message's in_doubt says otherwise.
func (d *Delivery) mayRetry(tx store.Tx, m *lifecycle.Message, idempotent bool, at time.Time) bool {
	d.doubt(tx, m, at)
	retry := idempotent || m.Kind == lifecycle.Transactional
	if template, err := d.templates.Template(tx, m.Version, m.Name, m.Channel, ""); err == nil && !idempotent {
		switch template.Front["in_doubt"] {
		case "retry":
			retry = true
		case "hold":
			retry = false
		}
	}
	return retry
}

// hold keeps a message that may have left, for someone to decide about it.
func (d *Delivery) hold(tx store.Tx, m *lifecycle.Message, reason string, at time.Time) {
	m.Due = at.Add(heldLife)
	d.change(tx, m, lifecycle.Held, reason, at)
	d.queue(tx, m)
}

// putOff lets a message wait for what the policy says, or until it is too old, whichever comes first.
func putOff(m *lifecycle.Message, v verdict) {
	m.Due, m.Reason = v.until, v.reason
	if !m.Expires.IsZero() && m.Expires.Before(m.Due) {
		m.Due = m.Expires
	}
}

// permit asks just before sending: is the message still timely, what does the policy say, and can it be said? Only a
// message that passes has been rendered. again: it has been counted as leaving, and caps do not count it once more.
func (d *Delivery) permit(tx store.Tx, m *lifecycle.Message, last *attempt, at time.Time, again bool) (lifecycle.Rendered, verdict) {
	customer := &lifecycle.Customer{}
	data := tx.Get(append([]byte{'c'}, m.Customer[:]...))
	if data == nil {
		return d.bequeath(tx, m, last, at)
	}
	if err := store.Decode(data, customer); err != nil {
		return lifecycle.Rendered{}, verdict{state: lifecycle.Failed, reason: "the customer's record cannot be read: " + err.Error()}
	}
	return d.permitFor(tx, m, customer, last, at, again, !last.made() && at.Sub(m.Decided) > claimLife)
}

func (d *Delivery) permitFor(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, last *attempt, at time.Time, again, late bool) (rendered lifecycle.Rendered, v verdict) {
	if tooOld(m, at) {
		return rendered, verdict{state: lifecycle.Expired, reason: becauseTooOld}
	}
	q := d.question(m, customer, last, at)
	q.again, q.late = again, late
	if m.Channel == callChannel && last == nil && !m.Test {
		if call, err := d.render(tx, m, customer, at); err == nil && call.Data["number"] != "" { // else it fails below, or is the customer's own
			q.to, q.problem = call.Data["number"], ""
		}
	}
	if v = d.judge(tx, q); !v.passes() {
		return rendered, v
	}
	if address, is := d.unasked(m, q.to, customer); is {
		return rendered, verdict{state: lifecycle.Queued, reason: becauseQuestioned, questioned: true, ask: address}
	}
	if last != nil {
		if err := d.remember(tx, q); err != nil {
			return rendered, verdict{state: lifecycle.Failed, reason: err.Error()}
		}
		return last.Rendered, pass
	}
	if m.Channel == webhookChannel {
		rendered, v.state, v.reason = renderWebhook(m, at)
		return rendered, v
	}
	rendered, err := d.render(tx, m, customer, at)
	if err == nil {
		err = d.remember(tx, q)
	}
	if err != nil {
		reason := err.Error()
		var e *lifecycle.Error
		if errors.As(err, &e) && e.File != "" {
			reason = fmt.Sprintf("%s (%s:%d)", e.Message, e.File, e.Line)
			if e.Hint != "" {
				reason = fmt.Sprintf("%s; %s (%s:%d)", e.Message, e.Hint, e.File, e.Line)
			}
		}
		return lifecycle.Rendered{}, verdict{state: lifecycle.Failed, reason: reason}
	}
	rendered.To, rendered.Date = q.to, at
	rememberAddress(tx, m, q.to, at)
	d.policy.label(&rendered, m)
	d.trackOutsideMail(tx, m, &rendered)
	if m.Test {
		markTest(&rendered, m)
	}
	return rendered, pass
}

// render makes the message's bytes. A panic of the template library is an error of this message alone: it must not keep
// the lane from everyone else's.
func (d *Delivery) render(tx store.Reader, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) (rendered lifecycle.Rendered, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = lifecycle.Errorf(lifecycle.Internal, "the template could not be rendered: %v", cause)
		}
	}()
	locale, _ := customer.Trait("locale").(string)
	if locale == "" {
		locale, _ = customer.Trait("language").(string)
	}
	template, err := d.templates.Template(tx, m.Version, m.Name, m.Channel, locale)
	if err != nil {
		return lifecycle.Rendered{}, err
	}
	scope := Scope{Customer: customer, Event: &m.Event, Journey: m.Journey, Stage: m.Stage, PublicURL: d.publicURL, Now: at, Options: m.Options}
	d.ownLinks(&scope, m, template, at)
	rendered, err = d.renderer.RenderParts(template, m.Version+"/"+template.File, scope)
	if m.Channel == callChannel {
		if number, is := lifecycle.AddressIdentity(callChannel, rendered.Data["number"]); is {
			rendered.Data["number"] = number.Value // one number has one spelling, whoever asks about it
		}
	}
	return rendered, atSend(m, err)
}
