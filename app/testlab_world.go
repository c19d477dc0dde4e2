package app

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// laboratory is a scratch in which nothing happens by itself. Its time is that of the customers who are in it since the
// last begin; everybody else's stands still.
type laboratory struct {
	*scratch
	now time.Time

	mu        sync.Mutex // the witness reports from the store's goroutines
	customers []lifecycle.ID
	messages  []*labMessage
	failures  []labFailure
}

// labMessage is a message as it was last seen.
type labMessage struct {
	script.Said
	stuck bool // nobody takes it
}

type labFailure struct {
	customer lifecycle.ID
	fact     lifecycle.Fact
}

func newLaboratory(ctx context.Context, host *script.Host, sources []script.Source, by []string, most int) (*laboratory, error) {
	l := &laboratory{}
	var err error
	l.scratch, err = newScratch(scratchOptions{host: host, clock: lifecycle.NewManualClock(time.Unix(0, 0)), connect: postbox{}, by: by, idle: true, most: most,
		witness: &witness{facts: l.facts, put: l.put}})
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		if _, err = l.publish(ctx, host, source); err != nil {
			l.scratch.close()
			return nil, err
		}
	}
	return l, nil
}

// begin forgets who was there.
func (l *laboratory) begin(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.customers, l.messages, l.failures = now, nil, nil, nil
}

func (l *laboratory) facts(customer lifecycle.ID, facts []lifecycle.Fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meet(customer)
	for _, fact := range facts {
		if fact.Kind == lifecycle.FactFailed {
			l.failures = append(l.failures, labFailure{customer, fact})
		}
	}
}

// meet lets time pass for a customer. The caller holds the lock.
func (l *laboratory) meet(customer lifecycle.ID) {
	if !slices.Contains(l.customers, customer) {
		l.customers = append(l.customers, customer)
	}
}

func (l *laboratory) put(message lifecycle.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, &labMessage{Said: script.Said{Message: message}})
}

// Receive lets an event happen now, and everything that follows at once.
func (l *laboratory) Receive(ctx context.Context, event lifecycle.Event) (err error) {
	ctx, end := l.limit.within(ctx)
	defer end(&err)
	if err = l.engine.ReceiveAt(ctx, event, l.now); err != nil {
		return err
	}
	return l.settle(ctx)
}

// Advance brings the customers to a moment, firing their timers on the way in order of time.
func (l *laboratory) Advance(ctx context.Context, until time.Time) (err error) {
	ctx, end := l.limit.within(ctx)
	defer end(&err)
	for {
		due, who, err := l.next(ctx, until)
		if err != nil {
			return err
		}
		if due.IsZero() {
			l.now = until
			return nil
		}
		if due.After(l.now) {
			l.now = due
		}
		if !who.IsZero() {
			err = l.engine.FireAt(ctx, who, l.now)
		}
		if err == nil {
			err = l.settle(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// next returns when something is due first, up to a moment, and for whom: a timer's customer, or nobody for a message
// that may leave then.
func (l *laboratory) next(ctx context.Context, until time.Time) (due time.Time, who lifecycle.ID, err error) {
	sooner := func(at time.Time) bool { return !at.IsZero() && !at.After(until) && (due.IsZero() || at.Before(due)) }
	l.mu.Lock()
	customers := slices.Clone(l.customers)
	for _, m := range l.messages {
		if !m.stuck && m.State == lifecycle.Queued && sooner(m.Due) {
			due = m.Due
		}
	}
	l.mu.Unlock()
	for _, id := range customers {
		c, err := l.engine.Record(ctx, id)
		if err != nil {
			return due, who, err
		}
		if sooner(c.Due) {
			due, who = c.Due, c.ID
		}
	}
	return due, who, nil
}

// settle hands over what may leave now, and lets scripts hear of it, until nothing is left to do.
func (l *laboratory) settle(ctx context.Context) error {
	for {
		m := l.ready()
		if m == nil {
			return l.failed(ctx)
		}
		if err := l.delivery.HandOver(ctx, &m.Message, l.now); err != nil {
			return err
		}
		if err := l.engine.Settle(ctx, m.Customer.Partition()); err != nil {
			return err
		}
		found, err := l.delivery.Find(ctx, m.Customer, m.Decided, m.ID)
		if err != nil {
			return err
		}
		m.Message, m.Rendered = found.Message, found.Rendered
		if m.State == lifecycle.Failed && m.Rendered == nil {
			l.mu.Lock()
			l.failures = append(l.failures, labFailure{m.Customer, lifecycle.Fact{Reason: "it sends what cannot be said: " + m.Reason, File: m.File, Line: m.Line}})
			l.mu.Unlock()
		}
		m.stuck = m.State == lifecycle.Queued && !m.Due.After(l.now)
	}
}

// ready returns a message that may leave now.
func (l *laboratory) ready() *labMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.messages {
		if m.State == lifecycle.Queued && !m.stuck && !m.Due.After(l.now) {
			return m
		}
	}
	return nil
}

// failed returns the first failure that was not returned yet: of a script, with what its dead letter says, or of a
// message that it sent and that could not be rendered.
func (l *laboratory) failed(ctx context.Context) error {
	l.mu.Lock()
	failures := l.failures
	l.failures = nil
	l.mu.Unlock()
	if len(failures) == 0 {
		return nil
	}
	first := failures[0]
	failure := &lifecycle.Error{Code: lifecycle.ScriptFailed, Message: first.fact.Reason, File: first.fact.File, Line: first.fact.Line}
	answer, err := l.store.Ask(ctx, first.customer.Partition(), engine.DeadLetters{Limit: 100})
	if err != nil {
		return err
	}
	for _, letter := range answer.([]engine.DeadLetter) {
		if letter.Customer == first.customer && letter.Message == failure.Message {
			failure.Hint = letter.Hint
		}
	}
	return failure
}

// Look implements script.Case.
func (l *laboratory) Look(ctx context.Context, who lifecycle.Identity) (*script.Life, error) {
	return l.life(ctx, who.Hash())
}

// maxLooked is how far back a life is told.
const maxLooked = 5000

func (l *laboratory) life(ctx context.Context, id lifecycle.ID) (*script.Life, error) {
	c, err := l.engine.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	life := &script.Life{Customer: c}
	if life.Happened, err = l.happened(ctx, c.ID, maxLooked); err != nil {
		return nil, err
	}
	if life.Segments, err = l.engine.SegmentsOf(ctx, c); err != nil {
		return nil, err
	}
	own := []lifecycle.ID{c.ID}
	for _, identity := range c.Identities {
		own = append(own, identity.Hash())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.messages {
		if slices.Contains(own, m.Customer) {
			life.Messages = append(life.Messages, m.Said)
		}
	}
	return life, nil
}

// happened reads a timeline, oldest first.
func (s *scratch) happened(ctx context.Context, id lifecycle.ID, limit int) ([]script.Happening, error) {
	entries, err := s.engine.Timeline(ctx, id, limit)
	if err != nil {
		return nil, err
	}
	list := make([]script.Happening, len(entries))
	for i, entry := range entries {
		list[len(list)-1-i] = script.Happening{At: entry.At, Event: entry.Event, Facts: entry.Facts}
	}
	return list, nil
}

// postbox is the connector of laboratories: it takes every message at once, but for mail to the domains that never exist
// (RFC 2606: .invalid), which it refuses for good.
type postbox struct{}

// Send implements delivery.Connector.
func (postbox) Send(_ context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	receipts := make([]lifecycle.Receipt, len(batch))
	for i, message := range batch {
		receipts[i] = lifecycle.Receipt{Message: message.ID, Outcome: lifecycle.OutcomeAccepted}
		if strings.HasSuffix(message.To, ".invalid") {
			receipts[i].Outcome, receipts[i].Reason = lifecycle.OutcomePermanent, "there is no such address"
		}
	}
	return receipts
}

// Idempotent implements delivery.Connector.
func (postbox) Idempotent() bool { return true }

// Ready implements delivery.Connector.
func (postbox) Ready() bool { return true }
