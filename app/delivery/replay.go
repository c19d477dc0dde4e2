package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// MaxReplay is how many messages one call of ReplayFailed sends once more.
const MaxReplay = 200

// replay is the input "send this webhook once more". It is the same message with the same bytes: receivers know it by its
// ID, and may have it already.
type replay struct {
	Ref string
	By  string
	At  time.Time
}

func (d *Delivery) replay(tx store.Tx, in replay) error {
	_, decided, id, err := parseRef(in.Ref)
	if err != nil {
		return err
	}
	m, err := loadMessage(tx, decided, id)
	if err != nil {
		return err
	}
	if m == nil {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no message %q", in.Ref)
	}
	last, err := lastAttempt(tx, m)
	switch {
	case err != nil:
		return err
	case m.Channel != webhookChannel:
		return lifecycle.Errorf(lifecycle.Conflict, "only webhooks are replayed; this message goes by %s, and its customer would get it twice", m.Channel)
	case last == nil || last.Number == 0:
		return lifecycle.Errorf(lifecycle.Conflict, "the message was never posted: it is %s", m.State)
	case m.State == lifecycle.Queued && last.Number > m.Attempts:
		return lifecycle.Errorf(lifecycle.Conflict, "the message is just being posted")
	}
	d.unqueue(tx, &m.Message)
	d.unpark(tx, &m.Message)
	if m.State != lifecycle.Queued && m.State != lifecycle.Held { // that end is no longer the last, but it is part of its life
		if !hasStep(stepsOf(tx, id), StepAttempt, last.Number) { // the next one takes its place
			step(tx, id, Step{Kind: StepAttempt, At: last.At, Attempt: last.Number})
		}
		step(tx, id, Step{Kind: StepSettled, At: m.Settled, State: m.State, Reason: m.Reason})
	}
	step(tx, id, Step{Kind: StepReplayed, At: in.At, Attempt: m.Attempts, Reason: "by " + in.By})
	m.Due, m.Settled = in.At, time.Time{}
	if m.State != lifecycle.Queued {
		d.change(tx, &m.Message, lifecycle.Queued, "", in.At)
	}
	m.Reason = ""
	d.stand(tx, &m.Message)
	d.queue(tx, &m.Message)
	return nil
}

// lastReplay returns the step in which a message was last replayed; nil if it never was.
func lastReplay(tx store.Reader, id lifecycle.ID) (last *Step) {
	steps := stepsOf(tx, id)
	for i := range steps {
		if steps[i].Kind == StepReplayed {
			last = &steps[i]
		}
	}
	return last
}

// triesBefore returns how often a message was tried before it was last replayed.
func triesBefore(tx store.Reader, id lifecycle.ID) int {
	if s := lastReplay(tx, id); s != nil {
		return s.Attempt
	}
	return 0
}

// ReplayMessage posts a webhook once more, whatever has become of it; one that waits for its next attempt is posted now.
// It is a Conflict for what is no webhook, was never posted, or is being posted.
func (d *Delivery) ReplayMessage(ctx context.Context, ref, by string) error {
	partition, err := RefPartition(ref)
	if err == nil {
		_, err = d.store.Do(ctx, partition, replay{ref, orderText(by), d.clock.Now()})
	}
	return err
}

// Replayed is how far a replay of many has come.
type Replayed struct {
	Count  int    `json:"replayed"`
	Looked int    `json:"looked"` // messages
	Next   []byte `json:"-"`      // where it goes on; nil: it is done
}

// ReplayFailed posts the webhooks once more that fit the filter and are in its state, which is Failed unless it names
// another; to an endpoint only, if it is not empty, which is an address with or without its query. One call does a bounded part: it goes on where Next says. What fails
// again meanwhile is not met again.
func (d *Delivery) ReplayFailed(ctx context.Context, f Filter, endpoint, by string, next []byte) (Replayed, error) {
	endpoint, err := endpointNamed(endpoint)
	switch {
	case err != nil:
		return Replayed{}, err
	case !f.Until.IsZero() && !f.Until.After(f.From):
		return Replayed{}, invalid("until", "until is not after since: no message was decided between them")
	}
	f.Channel = webhookChannel
	if f.State == "" {
		f.State = lifecycle.Failed
	}
	page, err := d.Ledger(ctx, f, next, MaxReplay)
	if err != nil {
		return Replayed{}, err
	}
	done := Replayed{Looked: page.Looked, Next: page.Next}
	var items []store.Item
	for i := range page.Messages {
		m := &page.Messages[i]
		if endpoint == "" || endpointOf(&m.Message) == endpoint {
			items = append(items, store.Item{Partition: m.Customer.Partition(), Input: replay{m.Ref, orderText(by), d.clock.Now()}})
		}
	}
	for _, answer := range d.store.DoAll(ctx, items) {
		switch lifecycle.CodeOf(answer.Err) {
		case "":
			done.Count++
		case lifecycle.Conflict, lifecycle.NotFound: // something else has become of it
		default:
			return done, answer.Err
		}
	}
	return done, nil
}
