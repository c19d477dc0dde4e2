package engine

import (
	"context"
	"maps"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// A life is lived again by giving the events of a timeline, each at its time, to an engine whose store is empty, with the
// versions and modes of the journeys that were in force then. Events that scripts made are not given: they make them
// again. What came from elsewhere (a move by hand, a broadcast, an event that another customer's script made) is.

// reliveWall is how long a script may take that is run again. What a machine was fast enough for once must not fail because it
// is busy now; the number of steps is bounded as ever.
const reliveWall = 10 * time.Second

// Reliving is under way on a Twin.
type Reliving struct {
	engine    *Engine
	compiled  *Compiled
	clock     *lifecycle.ManualClock
	life      *Life
	source    func(version string) (script.Source, error)
	id        lifecycle.ID
	journeys  []JourneyPast
	scores    []ScoresPast
	known     map[string]JourneyPast
	open      map[string]importRecord   // imports that are open
	expected  []LifeEntry               // events that scripts are to make yet, once an import lets them
	ids       []lifecycle.ID            // of the customer, and of those who became part of them
	own       map[uint64]bool           // numbers of entries whose event the customer's own scripts made
	lives     [][]LifeEntry             // what is still to happen, of each of them
	about     *LifeEntry                // has been taken out of lives, but has yet to happen
	adoptions map[lifecycle.ID]adoption // of those who are still to be taken over
	followed  map[lifecycle.ID]uint64   // the first number of what happened to each of those who became part of the customer
	waiting   []instruction             // for which it is too early
	between   map[string]bool           // message IDs of events that somebody else's script made, which are still to happen
	taken     map[uint64]int            // how many numbers entries of others took, by the number of the entry before which
	happening map[string]bool           // message IDs of all events that scripts made
	past      map[uint64]bool           // numbers of entries whose event belongs to history although it does not say so
	late      map[uint64]time.Time      // when timers fired after a pause, by the numbers of entries
	when      map[uint64]time.Time      // by when entries were written at the earliest, by their numbers
	segments  []*segmentsThen           // oldest first
	published int                       // how many of them have been
	ranks     []RanksPast               // that are still to be published
	asking    map[int]*asking           // by partitions
	Foreign   []LifeEntry               // entries that nothing in the timeline explains; they were left out
}

// Relive prepares to live a life again on e, a Twin bound to an empty store in which nothing happens by itself, whose
// clock is given. source reads versions that were published, of which compiled may know what they come to.
func (e *Engine) Relive(ctx context.Context, life *Life, clock *lifecycle.ManualClock, compiled *Compiled,
	source func(version string) (script.Source, error)) (*Reliving, error) {
	r := &Reliving{engine: e, compiled: compiled, clock: clock, life: life, source: source, id: life.Customer.ID, journeys: life.Past, scores: life.scores,
		known: map[string]JourneyPast{}, open: map[string]importRecord{}, ids: life.ids(),
		adoptions: maps.Clone(life.adoptions), followed: map[lifecycle.ID]uint64{}, between: map[string]bool{}, happening: map[string]bool{}}
	e.posted = life.posted()
	compiled.lend(e)
	defer compiled.learn(e) // of segments, which are many
	r.late = life.lateEntries()
	if err := r.readSegments(ctx); err != nil {
		return nil, err
	}
	r.own, r.past = life.made(), life.passedOn()
	r.lives, r.taken = life.lives(r.ids), life.takenNumbers()
	e.apart = map[lifecycle.ID]bool{r.id: true}
	for id := range r.adoptions {
		e.apart[id] = true
	}
	for i := range life.Entries {
		entry := &life.Entries[i]
		if _, is := r.followed[entry.From]; !is {
			r.followed[entry.From] = entry.Seq
		}
		if r.byOthers(entry) {
			r.between[entry.Event.MessageID] = true
		}
		if entry.Event != nil && entry.Event.Depth > 0 {
			r.happening[entry.Event.MessageID] = true
		}
	}
	if len(r.journeys) == 0 { // they are older than their past
		for _, state := range life.Now {
			r.journeys = append(r.journeys, JourneyPast{Journey: state.Name, Version: state.Version, Mode: state.Mode})
		}
	}
	return r, nil
}

// Go lives it.
func (r *Reliving) Go(ctx context.Context) error {
	defer r.compiled.learn(r.engine)
	if err := r.erasedBefore(ctx); err != nil {
		return err
	}
	for {
		entry, more := r.next()
		if !more {
			break
		}
		r.about = &entry
		if err := r.takeOver(ctx, r.when[entry.Seq]); err != nil {
			return err
		}
		if n := r.taken[entry.Seq]; n > 0 {
			if err := r.doFor(ctx, r.whose(&entry), func(id lifecycle.ID) any { return passBy{Customer: id, Taken: n} }); err != nil {
				return err
			}
		}
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		r.about = nil
		if err := r.entry(ctx, &entry); err != nil {
			return err
		}
		if err := r.takeOver(ctx, r.clock.Now()); err != nil {
			return err
		}
		if err := r.catchUp(ctx); err != nil {
			return err
		}
	}
	if err := r.takeOver(ctx, farFuture()); err != nil {
		return err
	}
	clear(r.between)
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	c := r.life.Customer
	end := firesAt(r.life.pauses(r.id), c.Real(c.Clock))
	for _, record := range r.inOrder() {
		if c.Import != record.Source {
			if err := r.closeImport(ctx, record); err != nil {
				return err
			}
		}
	}
	if err := r.missing(ctx, true); err != nil {
		return err
	}
	if err := r.fire(ctx, end); err != nil {
		return err
	}
	if err := r.learnNow(ctx, end); err != nil {
		return err
	}
	// An input that changed nothing stands nowhere, but time has passed.
	if err := r.do(ctx, r.id.Partition(), passBy{Customer: r.id, Clock: c.Clock}); err != nil {
		return err
	}
	if err := r.journeysUntil(ctx, farFuture()); err != nil {
		return err
	}
	return r.learnNow(ctx, later(end, r.clock.Now()))
}

// learnNow lets the customer know of what was published if they knew of the present segments, whether or not everybody did.
func (r *Reliving) learnNow(ctx context.Context, at time.Time) error {
	if r.life.Members == nil {
		return nil
	}
	return r.walk(ctx, at, r.id)
}

// whose returns to whom an entry happened: the customer, or somebody who became part of them.
func (r *Reliving) whose(entry *LifeEntry) lifecycle.ID {
	if entry.From.IsZero() {
		return r.id
	}
	return entry.From
}

// entry lets one thing of the timeline happen.
func (r *Reliving) entry(ctx context.Context, entry *LifeEntry) error {
	if at, late := r.late[entry.Seq]; late {
		if err := r.fire(ctx, at); err != nil {
			return err
		}
	}
	if err := r.learn(ctx, entry); err != nil {
		return err
	}
	if entry.Event == nil {
		return r.withoutEvent(ctx, entry)
	}
	if facts := r.besides(entry); r.reached(entry) || broadcastOnly(facts) && entry.Event.Depth == 0 && facts[0].Kind != lifecycle.FactEvent {
		return r.skip(ctx, entry)
	}
	if entry.Event.Type == lifecycle.Identify && len(entry.Facts) > 0 && entry.Facts[0].Kind != lifecycle.FactEvent {
		if entered, err := r.happened(ctx, r.whose(entry), entry); entered || err != nil { // with a direct message to somebody new
			return err
		}
	}
	in := r.input(entry)
	when := in.At
	if in.History {
		if _, open := r.open[in.Source]; !in.Inner || !open { // of what scripts made in history it is not known when it came
			if err := r.closeFor(ctx, entry, &in); err != nil {
				return err
			}
			if err := r.openImport(ctx, in.Source, entry.Event.Received); err != nil {
				return err
			}
		}
		when = entry.Event.Received
	} else if err := r.closeUntil(ctx, in.At); err != nil {
		return err
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
		return r.doFor(ctx, r.whose(entry), func(id lifecycle.ID) any { return passOn{id, trackedEvent{event: *entry.Event, mark: mark}} })
	}
	if !in.Inner {
		if err := r.recognise(ctx, entry); err != nil {
			return err
		}
	}
	if d, is := directOf(entry); is {
		if c, err := r.engine.Record(ctx, r.whose(entry)); err == nil && c.ID != d.Event.Identity().Hash() {
			d.Via = []lifecycle.ID{c.ID}
			return r.do(ctx, c.ID.Partition(), d)
		}
		return r.do(ctx, d.Event.Identity().Hash().Partition(), d)
	}
	return r.doFor(ctx, in.Target, func(id lifecycle.ID) any {
		in.Target = id
		return in
	})
}

// recognise lets a name that leads to nobody lead to whom an event by it happened: they were recognised by something else that it
// says, and have had the name since.
func (r *Reliving) recognise(ctx context.Context, entry *LifeEntry) error {
	name := entry.Event.Identity()
	if name.Value == "" || r.engine.isKnown(ctx, name) {
		return nil
	}
	c, err := r.engine.Record(ctx, r.whose(entry))
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound { // whose first event it is
			err = nil
		}
		return err
	}
	return r.do(ctx, name.Hash().Partition(), link{Identity: name, Customer: c.ID, Named: true, At: entry.Event.Received})
}
