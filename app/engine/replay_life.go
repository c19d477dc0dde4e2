package engine

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// A life is lived again by giving the events of a timeline, each at its time, to an engine whose store is empty, with the
// versions and modes of the journeys that were in force then. Events that scripts made are not given: they make them
// again. What came from elsewhere (a move by hand, a broadcast, an event that another customer's script made) is.

// Reliving is under way on a Twin.
type Reliving struct {
	engine   *Engine
	clock    *lifecycle.ManualClock
	life     *Life
	source   func(version string) (script.Source, error)
	id       lifecycle.ID
	past     []JourneyPast
	scores   []ScoresPast
	known    map[string]JourneyPast
	open     map[string]importRecord // imports that are open
	expected []LifeEntry             // events that scripts are to make yet, once an import lets them
	Foreign  []LifeEntry             // entries that nothing in the timeline explains; they were left out
}

// Relive prepares to live a life again on e, a Twin bound to an empty store in which nothing happens by itself, whose
// clock is given. source reads versions that were published.
func (e *Engine) Relive(life *Life, clock *lifecycle.ManualClock, source func(version string) (script.Source, error)) *Reliving {
	r := &Reliving{engine: e, clock: clock, life: life, source: source, id: life.Customer.ID, past: life.Past, scores: life.scores, known: map[string]JourneyPast{},
		open: map[string]importRecord{}}
	if len(r.past) == 0 { // the journeys are older than their past
		for _, state := range life.Now {
			r.past = append(r.past, JourneyPast{Journey: state.Name, Version: state.Version, Mode: state.Mode})
		}
	}
	return r
}

// Go lives it.
func (r *Reliving) Go(ctx context.Context) error {
	if err := r.erasedBefore(ctx); err != nil {
		return err
	}
	for _, entry := range r.life.byTime() {
		if err := r.entry(ctx, &entry); err != nil {
			return err
		}
	}
	c := r.life.Customer
	end := c.Real(c.Clock)
	for name, record := range r.open {
		if c.Import != name {
			if err := r.closeImport(ctx, record); err != nil {
				return err
			}
		}
	}
	if err := r.missing(ctx); err != nil {
		return err
	}
	if err := r.fire(ctx, end); err != nil {
		return err
	}
	// An input that changed nothing stands nowhere, but time has passed.
	if err := r.do(ctx, r.id.Partition(), passBy{Customer: r.id, Clock: c.Clock}); err != nil {
		return err
	}
	return r.journeysUntil(ctx, farFuture())
}

// journeysUntil publishes and switches what was until a moment.
func (r *Reliving) journeysUntil(ctx context.Context, until time.Time) error {
	for len(r.past) > 0 && !r.past[0].At.After(until) {
		next := r.past[0]
		if err := r.scoresUntil(ctx, next.At); err != nil {
			return err
		}
		if err := r.fireUntil(ctx, next.At.Add(-1)); err != nil { // what was due before fired before
			return err
		}
		r.past = r.past[1:]
		r.clock.Set(next.At)
		before, known := r.known[next.Journey]
		r.known[next.Journey] = next
		if before.Version != next.Version {
			source, err := r.source(next.Version)
			if err != nil {
				return err
			}
			if err = r.engine.Publish(ctx, Publish{Source: source, Mode: next.Mode, Drain: next.Drained}); err != nil {
				return err
			}
		}
		if known && before.Mode != next.Mode {
			if err := r.engine.SetMode(ctx, SetMode{Journey: next.Journey, Mode: next.Mode}); err != nil {
				return err
			}
		}
		for more := true; more; {
			answer, err := r.engine.store.Do(ctx, r.id.Partition(), resync{200})
			if err != nil {
				return err
			}
			more = answer.(bool)
		}
	}
	return r.scoresUntil(ctx, until)
}

// scoresUntil publishes what was declared of scores until a moment.
func (r *Reliving) scoresUntil(ctx context.Context, until time.Time) error {
	for len(r.scores) > 0 && !r.scores[0].At.After(until) {
		next := r.scores[0]
		if err := r.fireUntil(ctx, next.At.Add(-1)); err != nil {
			return err
		}
		r.scores = r.scores[1:]
		r.clock.Set(next.At)
		if err := r.engine.PublishScores(ctx, next.Rules); err != nil {
			return err
		}
		if err := r.do(ctx, r.id.Partition(), walkScores{Limit: scoresChunk, At: next.At}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reliving) do(ctx context.Context, partition int, input any) error {
	if _, err := r.engine.store.Do(ctx, partition, input); err != nil {
		return err
	}
	return r.engine.Settle(ctx, partition)
}

// fire brings the world to a moment, with all that is due by then.
func (r *Reliving) fire(ctx context.Context, at time.Time) error {
	if err := r.journeysUntil(ctx, at); err != nil {
		return err
	}
	if err := r.fireUntil(ctx, at); err != nil {
		return err
	}
	r.clock.Set(at)
	return nil
}

// fireUntil fires what is due in the journeys as they are, each timer at its time.
func (r *Reliving) fireUntil(ctx context.Context, at time.Time) error {
	for {
		c, err := r.engine.Record(ctx, r.id)
		if err != nil {
			if lifecycle.CodeOf(err) == lifecycle.NotFound {
				return nil
			}
			return err
		}
		if c.Import != "" || c.Due.IsZero() || c.Due.After(at) {
			return nil
		}
		r.clock.Set(c.Due)
		if err = r.do(ctx, c.ID.Partition(), fire{c.ID, c.Due}); err != nil {
			return err
		}
	}
}

// entry lets one thing of the timeline happen.
func (r *Reliving) entry(ctx context.Context, entry *LifeEntry) error {
	if entry.Event == nil {
		return r.withoutEvent(ctx, entry)
	}
	if broadcastOnly(entry.Facts) && entry.Event.Depth == 0 && len(entry.Facts) > 0 && entry.Facts[0].Kind != lifecycle.FactEvent {
		return r.skip(ctx, entry)
	}
	in := r.input(entry)
	when := in.At
	if in.History {
		if err := r.openImport(ctx, in.Source); err != nil {
			return err
		}
		when = entry.Event.Received
	} else {
		for name, record := range r.open {
			if record.State != ImportOpen && record.At.Before(in.At) && r.life.Customer.Import != name {
				if err := r.closeImport(ctx, record); err != nil {
					return err
				}
			}
		}
	}
	if entry.Event.Depth > 0 { // did our own script make it?
		made, err := r.made(ctx, entry)
		if made || err != nil {
			return err
		}
	}
	if err := r.fire(ctx, when); err != nil {
		return err
	}
	return r.give(ctx, entry, in)
}

// give gives an event to the engine, at the present moment.
func (r *Reliving) give(ctx context.Context, entry *LifeEntry, in Receive) error {
	if name := entry.Event.Name; entry.Event.Depth > 0 && (name == SegmentEntered || name == SegmentLeft) {
		mark, err := lifecycle.ParseID(entry.Event.MessageID)
		if err != nil {
			return err
		}
		return r.do(ctx, r.id.Partition(), passOn{r.id, trackedEvent{event: *entry.Event, mark: mark}})
	}
	if d, is := directOf(entry); is {
		return r.do(ctx, d.Event.Identity().Hash().Partition(), d)
	}
	partition := entry.Event.Identity().Hash().Partition()
	if in.Inner {
		partition = in.Target.Partition()
	}
	return r.do(ctx, partition, in)
}

// made reports whether an event that a script made has been made again.
func (r *Reliving) made(ctx context.Context, entry *LifeEntry) (bool, error) {
	if err := r.fire(ctx, entry.At); err != nil {
		return false, err
	}
	c, err := r.engine.Record(ctx, r.id)
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			err = nil
		}
		return false, err
	}
	found, err := r.happened(ctx, c.ID, entry)
	if found || err != nil || c.Import == "" {
		return found, err
	}
	// An import holds the timers: what made it fires as history, with a line that comes after or when the import closes.
	r.expected = append(r.expected, *entry)
	return true, nil
}

// missing gives the events that were expected of scripts while an import held the timers, and that none has made.
func (r *Reliving) missing(ctx context.Context) error {
	expected := r.expected
	r.expected = nil
	for i := range expected {
		entry := &expected[i]
		c, err := r.engine.Record(ctx, r.id)
		if err != nil {
			return err
		}
		found, err := r.happened(ctx, c.ID, entry)
		if err == nil && !found {
			err = r.give(ctx, entry, r.input(entry))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// happened reports whether an event is in the life that is lived again.
func (r *Reliving) happened(ctx context.Context, id lifecycle.ID, entry *LifeEntry) (bool, error) {
	entries, err := r.engine.Timeline(ctx, id, 500)
	for i := range entries {
		if e := entries[i].Event; e != nil && e.MessageID == entry.Event.MessageID && e.Name == entry.Event.Name {
			return true, nil
		}
	}
	return false, err
}

// withoutEvent is a timer, which fires by itself, or what somebody did to the customer.
func (r *Reliving) withoutEvent(ctx context.Context, entry *LifeEntry) error {
	if broadcastOnly(entry.Facts) || segmentsOnly(entry.Facts) {
		return r.skip(ctx, entry)
	}
	for _, fact := range entry.Facts {
		if fact.Kind == lifecycle.FactSuppressed {
			return r.suppress(ctx, entry, fact)
		}
		ask := Change{Customer: r.id, Journey: fact.Journey, To: fact.To, By: fact.Name, Why: fact.Reason}
		switch {
		case fact.Kind == lifecycle.FactMoved && fact.File == "" && fact.Name != "":
			ask.Act = ActMove
		case fact.Kind == lifecycle.FactEntered && fact.From == "" && fact.Name != "":
			ask.Act = ActEnrol
		case fact.Kind == lifecycle.FactExited && fact.File == "" && fact.Name != "":
			ask.Act = ActExit
		case fact.Kind == lifecycle.FactPlaced && entry.From.IsZero() && fact.Name != "":
			ask.Act = ActPlace
			if visit := r.life.Customer.Visit(fact.Journey); visit != nil && visit.Stage == fact.To && visit.Entered.Before(fact.At) {
				ask.Entered = r.life.Customer.Real(visit.Entered)
			}
		case fact.Kind == lifecycle.FactRefused && fact.File == "" && fact.Name != "":
			return r.skip(ctx, entry) // nothing came of it
		default:
			continue
		}
		if err := r.fire(ctx, entry.At); err != nil {
			return err
		}
		return r.do(ctx, r.id.Partition(), change{Change: ask, At: entry.At, Mark: entry.Mark})
	}
	if len(entry.Facts) > 0 && (entry.Facts[0].Kind == lifecycle.FactPlaced || entry.Facts[0].Kind == lifecycle.FactExited) && len(r.merged()) == 0 {
		r.Foreign = append(r.Foreign, *entry)
		return r.skip(ctx, entry)
	}
	return nil
}

// merged returns the customers who became part of this one.
func (r *Reliving) merged() map[lifecycle.ID]bool {
	from := map[lifecycle.ID]bool{}
	for i := range r.life.Entries {
		if id := r.life.Entries[i].From; !id.IsZero() {
			from[id] = true
		}
	}
	return from
}

// skip passes by what is not lived again, so that what follows is numbered as it was.
func (r *Reliving) skip(ctx context.Context, entry *LifeEntry) error {
	if err := r.fire(ctx, entry.At); err != nil {
		return err
	}
	return r.do(ctx, r.id.Partition(), passBy{r.id, entry.Seq, r.life.Customer.Lapsed(entry.At)})
}

// suppress keeps everything from an address because of what somebody else who has it suffered.
func (r *Reliving) suppress(ctx context.Context, entry *LifeEntry, fact lifecycle.Fact) error {
	told := lifecycle.Suppression{Channel: fact.Name, Address: fact.To, Reason: fact.Reason, At: entry.At}
	for _, known := range r.life.Customer.Suppressions { // which knows the time
		if known.Channel == told.Channel && known.Address == told.Address {
			told = known
		}
	}
	if err := r.fire(ctx, entry.At); err != nil {
		return err
	}
	return r.do(ctx, r.id.Partition(), ban{Suppression: told, Customer: r.id, At: entry.At})
}

// passOn is the input "this event of our own happened": what the segments of the time have said is not asked again.
type passOn struct {
	Customer lifecycle.ID
	tracked  trackedEvent
}

func (e *Engine) passOn(tx store.Tx, in passOn) error {
	record := tx.Get(customerKey(in.Customer))
	if record == nil {
		return nil
	}
	s, err := e.openRecord(tx, in.Customer, record)
	if err != nil {
		return err
	}
	event := &in.tracked.event
	s.at, s.history = event.Received, s.customer.Import != ""
	s.now = later(s.customer.Lapsed(event.Timestamp), s.customer.Clock)
	s.customer.Clock = s.now
	s.tracked = append(s.tracked, in.tracked)
	s.handleTracked()
	return s.save()
}

// segmentsOnly reports whether an entry tells of nothing but who became a member of segments, or ceased to be one.
func segmentsOnly(facts []lifecycle.Fact) bool {
	for _, fact := range facts {
		if fact.Kind != lifecycle.FactSegment {
			return false
		}
	}
	return len(facts) > 0
}

// greeted is the input "somebody of this name was erased before": what is sent to whoever comes back is kept from them.
type greeted struct {
	Customer lifecycle.ID
	At       time.Time
}

func (e *Engine) greeted(tx store.Tx, in greeted) {
	e.keepErased(tx, e.keyedHash(in.Customer), remembrance{at: in.At, whole: true})
}

// erasedBefore lets the customer be greeted again as one who was erased under this name. Who got such a name later has a
// fact that says so.
func (r *Reliving) erasedBefore(ctx context.Context) error {
	for i := range r.life.Entries {
		for _, fact := range r.life.Entries[i].Facts {
			if fact.Kind == lifecycle.FactSuppressed && fact.Name == "" && fact.To == "" {
				return nil
			}
		}
	}
	for _, s := range r.life.Customer.Suppressions {
		if s.Reason == lifecycle.SuppressedErased && s.Channel == "" && s.Address == "" {
			return r.do(ctx, r.id.Partition(), greeted{r.id, s.At})
		}
	}
	return nil
}

// passBy is the input "the customer's numbers and their clock have come this far".
type passBy struct {
	Customer lifecycle.ID
	Seq      uint64
	Clock    time.Time
}

func (e *Engine) passBy(tx store.Tx, in passBy) error {
	record := tx.Get(customerKey(in.Customer))
	if record == nil {
		return nil
	}
	s, err := e.openRecord(tx, in.Customer, record)
	if err != nil {
		return err
	}
	s.customer.Seq, s.customer.Clock = max(s.customer.Seq, in.Seq), later(s.customer.Clock, in.Clock)
	return s.save()
}

func broadcastOnly(facts []lifecycle.Fact) bool {
	for _, fact := range facts {
		if fact.Kind != lifecycle.FactEvent && !lifecycle.IsBroadcast(fact.Journey) {
			return false
		}
	}
	return len(facts) > 0
}

func (r *Reliving) openImport(ctx context.Context, source string) error {
	if _, is := r.open[source]; is {
		return nil
	}
	for _, record := range r.life.imports {
		if record.Source == source {
			r.open[source] = record
		}
	}
	return r.engine.OpenImport(ctx, source, true)
}

func (r *Reliving) closeImport(ctx context.Context, record importRecord) error {
	delete(r.open, record.Source)
	if record.State == ImportOpen {
		return nil
	}
	if err := r.journeysUntil(ctx, record.At); err != nil {
		return err
	}
	if _, err := r.engine.CloseImport(ctx, record.Source, record.At, record.Abort, time.Minute); err != nil {
		return err
	}
	return r.missing(ctx)
}
