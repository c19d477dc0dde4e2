package app

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// reliveTime bounds how long one life is lived again.
const reliveTime = 20 * time.Second

// Lives tells what happened to single customers, and why: it lives their lives again in a store of its own, in memory, by
// the same engine with the scripts that were live then.
type Lives struct {
	engine   *engine.Engine
	delivery *delivery.Delivery
	clock    lifecycle.Clock
	one      sync.Mutex // a life takes memory: one at a time
	compiled *engine.Compiled
}

// NewLives returns what tells of the customers of an engine and the messages of its outbox.
func NewLives(e *engine.Engine, d *delivery.Delivery, clock lifecycle.Clock) *Lives {
	return &Lives{engine: e, delivery: d, clock: clock, compiled: engine.NewCompiled()}
}

// relived is a life beside the one that was lived again from its events.
type relived struct {
	life     *engine.Life // as it is stored
	again    *engine.Life // as it was lived again; nil if it could not be
	messages map[lifecycle.ID]delivery.AsDecided
	traces   []*engine.Trace // every call of a script, in order
	foreign  []engine.LifeEntry
	asked    func(seq uint64, segment string) bool // whether a segment was asked of which an entry tells
	segments engine.ReplayedSegments
}

// relive lives a customer's life again.
func (l *Lives) relive(ctx context.Context, id lifecycle.ID) (*relived, error) {
	l.one.Lock()
	defer l.one.Unlock()
	ctx, cancel := context.WithTimeout(ctx, reliveTime)
	defer cancel()
	life, err := l.engine.Life(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &relived{life: life}
	if r.messages, err = l.messagesOf(ctx, life); err != nil {
		return nil, err
	}
	world, err := store.Open(store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer world.Close()
	clock := lifecycle.NewManualClock(time.Unix(0, 0))
	var mu sync.Mutex // the store's goroutines tell
	twin := l.engine.Twin(clock, &storedOutbox{known: r.messages, credited: creditedIn(life), clock: clock}, nobody{}, func(t *engine.Trace) {
		mu.Lock()
		defer mu.Unlock()
		r.traces = append(r.traces, t)
	})
	twin.Bind(world)
	world.Start(reliveMachine{twin})
	reliving, err := twin.Relive(ctx, life, clock, l.compiled, func(version string) (script.Source, error) { return l.engine.SourceOf(ctx, version) })
	if err != nil {
		return nil, err
	}
	if err = reliving.Go(ctx); err != nil {
		return nil, lifecycle.Wrap(lifecycle.CodeOf(err), err, "the life of %s cannot be lived again", life.Customer.ID)
	}
	r.foreign, r.asked, r.segments = reliving.Foreign, reliving.Asked, reliving.Segments()
	r.again, err = twin.Life(ctx, life.Customer.ID)
	if lifecycle.CodeOf(err) == lifecycle.NotFound {
		err = nil
	}
	mu.Lock()
	defer mu.Unlock()
	r.traces = slices.Clip(r.traces)
	return r, err
}

// messagesOf reads what the ledger has of the messages in a life.
func (l *Lives) messagesOf(ctx context.Context, life *engine.Life) (map[lifecycle.ID]delivery.AsDecided, error) {
	by := map[int][]lifecycle.Ref{} // a merged customer's are in the partition that was theirs
	for i := range life.Entries {
		entry := &life.Entries[i]
		partition := life.Customer.ID.Partition()
		if !entry.From.IsZero() {
			partition = entry.From.Partition()
		}
		for _, fact := range entry.Facts {
			if fact.Kind == lifecycle.FactMessage && !fact.Message.IsZero() {
				by[partition] = append(by[partition], lifecycle.Ref{Partition: partition, Decided: fact.At, ID: fact.Message})
			}
		}
	}
	all := map[lifecycle.ID]delivery.AsDecided{}
	for partition, refs := range by {
		found, err := l.delivery.AsDecided(ctx, partition, refs)
		if err != nil {
			return nil, err
		}
		for id, m := range found {
			all[id] = m
		}
	}
	return all, l.unnamedOf(ctx, life, all)
}

// unnamedOf reads what the ledger has of messages that a life tells of without their IDs, as of those of test people, and gives the
// facts their IDs.
func (l *Lives) unnamedOf(ctx context.Context, life *engine.Life, all map[lifecycle.ID]delivery.AsDecided) error {
	for i := range life.Entries {
		entry := &life.Entries[i]
		for k := range entry.Facts {
			fact := &entry.Facts[k]
			if fact.Kind != lifecycle.FactMessage || !fact.Message.IsZero() || !entry.From.IsZero() || lifecycle.IsBroadcast(fact.Journey) {
				continue
			}
			found, err := l.delivery.DecidedThen(ctx, life.Customer.ID, fact.At)
			if err != nil {
				return err
			}
			for _, m := range found {
				if _, taken := all[m.ID]; !taken && m.Journey == fact.Journey && m.Name == fact.Name && m.File == fact.File && m.Line == fact.Line {
					fact.Message, all[m.ID] = m.ID, m
					break
				}
			}
		}
	}
	return nil
}

// storedOutbox stands where the outbox does. It sends nothing, and answers as the ledger would have at the time.
type storedOutbox struct {
	known    map[lifecycle.ID]delivery.AsDecided
	credited map[lifecycle.ID][]time.Time // when a conversion counted for a message
	clock    lifecycle.Clock
}

// creditedIn returns when conversions counted for messages.
func creditedIn(life *engine.Life) map[lifecycle.ID][]time.Time {
	credited := map[lifecycle.ID][]time.Time{}
	for i := range life.Entries {
		for _, fact := range life.Entries[i].Facts {
			if fact.Kind == lifecycle.FactReceipt && fact.To == string(lifecycle.Converted) {
				credited[fact.Message] = append(credited[fact.Message], fact.At)
			}
		}
	}
	return credited
}

// PutRendered is Put: nothing leaves here.
func (o *storedOutbox) PutRendered(tx store.Tx, m *lifecycle.Message, _ *lifecycle.Rendered, customer *lifecycle.Customer, at time.Time) {
	o.Put(tx, m, customer, at)
}

// Put implements engine.Outbox. A message that policy put off is put off again.
func (o *storedOutbox) Put(_ store.Tx, m *lifecycle.Message, _ *lifecycle.Customer, _ time.Time) {
	if known, is := o.known[m.ID]; is && m.State == lifecycle.Queued && known.FirstDue.After(m.Due) {
		m.Due = known.FirstDue
	}
}

// Choose implements engine.Chooser: a message goes as it went, whatever policy is now and whoever serves which channel.
func (o *storedOutbox) Choose(_ store.Tx, m *lifecycle.Message, ways []*lifecycle.Template, _ *lifecycle.Customer, _ time.Time) (int, string) {
	known, is := o.known[m.ID]
	if !is {
		return -1, ""
	}
	return slices.IndexFunc(ways, func(t *lifecycle.Template) bool { return t.Channel == known.Channel }), known.Options[lifecycle.OptionPassed]
}

// stood is how a message stood at the moment that is lived.
func (o *storedOutbox) stood(id lifecycle.ID) (lifecycle.MessageState, string) {
	m, is := o.known[id]
	if !is || m.Settled.IsZero() || m.Settled.After(o.clock.Now()) {
		return lifecycle.Queued, ""
	}
	return m.State, m.Reason
}

// Watch implements engine.Outbox. What became of messages is among the events that are lived again.
func (o *storedOutbox) Watch(_ store.Tx, _ time.Time, id lifecycle.ID) (lifecycle.MessageState, string) {
	return o.stood(id)
}

// commitsTogether is how far apart the times of two inputs are at most whose order nobody knows by them: an event has the time at
// which it came in, and a receipt may have been written down before it nevertheless.
const commitsTogether = 10 * time.Second

// Left implements engine.Outbox: what counted then had left. Else it had when it was settled, and that was not just then.
func (o *storedOutbox) Left(_ store.Reader, _ time.Time, id lifecycle.ID) bool {
	m, is := o.known[id]
	now := o.clock.Now()
	if !is || m.Channel == "webhook" {
		return false
	}
	if slices.ContainsFunc(o.credited[id], func(at time.Time) bool { return at.Equal(now) }) {
		return true
	}
	return (m.State == lifecycle.Accepted || m.State == lifecycle.Held) && !m.Settled.IsZero() && now.Sub(m.Settled) > commitsTogether
}

// Sent implements engine.Outbox.
func (o *storedOutbox) Sent(_ store.Reader, _ time.Time, id lifecycle.ID) (*lifecycle.Message, string) {
	m, is := o.known[id]
	if !is {
		return nil, ""
	}
	to := ""
	if m.Rendered != nil {
		to = m.Rendered.To
	}
	message := m.Message
	message.State, message.Reason = o.stood(id)
	return &message, to
}

// Free implements engine.Outbox: nothing waits here.
func (o *storedOutbox) Free(store.Tx, lifecycle.ID) {}

// WrittenTo implements engine.Outbox.
func (o *storedOutbox) WrittenTo(store.Reader, string, string) []lifecycle.Addressee { return nil }

// nobody counts nothing.
type nobody struct{}

// Fold implements engine.Recorder.
func (nobody) Fold(store.Tx, *lifecycle.Decision) {}

// reliveMachine is an engine alone, in which nothing happens by itself.
type reliveMachine struct{ engine *engine.Engine }

// Apply changes a partition.
func (m reliveMachine) Apply(tx store.Tx, input any) (any, error) {
	answer, handled, err := m.engine.Apply(tx, input)
	if !handled && err == nil {
		err = lifecycle.Errorf(lifecycle.Internal, "nobody handles an input of type %T", input)
	}
	return answer, err
}

// Ask reads a partition.
func (m reliveMachine) Ask(tx store.Reader, query any) (any, error) {
	answer, handled, err := m.engine.Ask(tx, query)
	if !handled && err == nil {
		err = lifecycle.Errorf(lifecycle.Internal, "nobody answers a question of type %T", query)
	}
	return answer, err
}

// Own waits for the end.
func (reliveMachine) Own(ctx context.Context, _ int) { <-ctx.Done() }
