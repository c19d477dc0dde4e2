package app

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// scratch is the program without a network: the same engine, delivery and insight on the same store, which is kept in
// memory. Simulations, tests and dry runs are made of it.
type scratch struct {
	store    *store.Store
	engine   *engine.Engine
	delivery *delivery.Delivery
	insight  *insight.Insight
	limit    *limit
}

// scratchOptions say what differs between the uses.
type scratchOptions struct {
	host    *script.Host
	clock   lifecycle.Clock
	witness *witness           // sees every decision and message; nil for none
	connect delivery.Connector // takes the messages of the channels; nil: nothing leaves
	by      []string           // the channels that it is connected to
	idle    bool               // nothing happens by itself: whoever made it gives every input, with its time
	figures bool               // count what happens, for a report
	most    int                // how much may be decided within a limit; 0: as much as there is
}

func newScratch(opts scratchOptions) (*scratch, error) {
	log := slog.New(slog.DiscardHandler)
	s := &scratch{insight: insight.New(), limit: &limit{most: opts.most}}
	var err error
	if s.store, err = store.Open(store.Options{Log: log}); err != nil {
		return nil, err
	}
	see := opts.witness
	if see == nil {
		see = &witness{}
	}
	see.limit = s.limit
	if opts.figures {
		see.figures = s.insight
	}
	s.delivery = delivery.New(delivery.Options{Clock: opts.clock, Recorder: see, PublicURL: "https://stagecraft.example", Specimens: true, Boot: "scratch", Log: log})
	see.Delivery = s.delivery
	s.engine = engine.New(engine.Options{Clock: opts.clock, Host: opts.host, Outbox: see, Recorder: see, Log: log, MaxPending: 1 << 20, Unranked: true})
	s.delivery.SetTemplates(s.engine)
	s.delivery.SetJourneys(s.engine)
	s.delivery.SetWatcher(s.engine)
	if opts.connect != nil {
		for _, channel := range opts.by {
			s.delivery.Connect(channel, opts.connect)
		}
	}
	s.engine.Bind(s.store)
	s.delivery.Bind(s.store)
	s.insight.Bind(s.store)
	works := &machine{s.engine, s.delivery, s.insight}
	if opts.idle {
		s.store.Start(idleMachine{works})
	} else {
		s.store.Start(works)
	}
	return s, nil
}

// publish compiles a journey and puts it to work.
func (s *scratch) publish(ctx context.Context, host *script.Host, source script.Source) (*script.Program, error) {
	program, err := compile(host, source)
	if err == nil {
		err = s.engine.Publish(ctx, engine.Publish{Source: source, Program: program, Mode: lifecycle.Live})
	}
	return program, err
}

func (s *scratch) close() error { return s.store.Close() }

// compile is what every version passes before it is published anywhere: its scripts and its messages.
func compile(host *script.Host, source script.Source) (*script.Program, error) {
	program, err := host.Compile(source)
	if err != nil {
		return nil, err
	}
	var broken script.Errors
	for _, template := range program.Templates {
		for _, found := range delivery.CheckTemplate(template) {
			if !slices.ContainsFunc(broken, func(e *lifecycle.Error) bool { return e.Error() == found.Error() }) { // of what messages share
				broken = append(broken, found)
			}
		}
	}
	if len(broken) > 0 {
		return nil, broken
	}
	return program, nil
}

// idleMachine has no owners: no timer fires and nothing leaves unless an input says so.
type idleMachine struct{ *machine }

// Own waits for the end.
func (idleMachine) Own(ctx context.Context, _ int) { <-ctx.Done() }

// witness stands between the engine and delivery and sees what was decided, once it is committed.
type witness struct {
	*delivery.Delivery
	limit   *limit
	figures *insight.Insight
	tally   *tally // nil: nobody counts
	facts   func(customer lifecycle.ID, facts []lifecycle.Fact)
	put     func(message lifecycle.Message)
	decided func(tx store.Tx, message *lifecycle.Message, customer *lifecycle.Customer) // within Apply
}

// Fold sees a decision.
func (w *witness) Fold(tx store.Tx, decision *lifecycle.Decision) {
	w.limit.count(decision)
	if w.figures != nil {
		w.figures.Fold(tx, decision)
	}
	if w.tally != nil && w.tally.concerns(decision.Facts) {
		facts := decision.Facts
		tx.After(func() { w.tally.add(facts) })
	}
	if w.facts != nil {
		customer, facts := decision.Customer, decision.Facts
		tx.After(func() { w.facts(customer, facts) })
	}
}

// Put sees a message on its way to the outbox.
func (w *witness) Put(tx store.Tx, message *lifecycle.Message, customer *lifecycle.Customer, at time.Time) {
	w.Delivery.Put(tx, message, customer, at)
	if w.decided != nil {
		w.decided(tx, message, customer)
	}
	if w.put != nil {
		copied := *message
		tx.After(func() { w.put(copied) })
	}
}
