package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// doFor gives an input to whoever a customer is by now.
func (r *Reliving) doFor(ctx context.Context, id lifecycle.ID, input func(id lifecycle.ID) any) error {
	c, err := r.engine.Record(ctx, id)
	switch {
	case err == nil:
		id = c.ID
	case lifecycle.CodeOf(err) != lifecycle.NotFound:
		return err
	}
	return r.do(ctx, id.Partition(), input(id))
}

// withoutEvent is a timer, which fires by itself, or what somebody did to the customer.
func (r *Reliving) withoutEvent(ctx context.Context, entry *LifeEntry) error {
	facts := r.besides(entry)
	if len(facts) == 0 && len(entry.Facts) > 0 {
		return nil // the segments say it again
	}
	if broadcastOnly(facts) || segmentsOnly(facts) || notBrought(facts) {
		return r.skip(ctx, entry)
	}
	if err := r.closeUntil(ctx, entry.At); err != nil {
		return err
	}
	if len(facts) == 1 && facts[0].Kind == lifecycle.FactMessage {
		return r.inherited(ctx, entry)
	}
	for _, fact := range facts {
		if fact.Kind == lifecycle.FactSuppressed {
			return r.suppress(ctx, entry, fact)
		}
		ask := Change{Journey: fact.Journey, To: fact.To, By: fact.Name, Why: fact.Reason}
		switch {
		case fact.Kind == lifecycle.FactMoved && fact.File == "" && fact.Name != "":
			ask.Act = ActMove
		case fact.Kind == lifecycle.FactEntered && fact.From == "" && fact.Name != "":
			ask.Act = ActEnrol
		case fact.Kind == lifecycle.FactExited && fact.File == "" && fact.Name != "":
			ask.Act = ActExit
		case fact.Kind == lifecycle.FactPlaced && fact.Name != "":
			ask.Act, ask.Entered = ActPlace, fact.Entered
			if visit := r.life.Customer.Visit(fact.Journey); fact.Entered.IsZero() && visit != nil && visit.Entered.Before(fact.At) &&
				(visit.Stage == fact.To || visit.Stage == "" && r.life.lastInto(fact.Journey) == entry.Seq) {
				ask.Entered = r.life.Customer.Real(visit.Entered)
			}
		case fact.Kind == lifecycle.FactRefused && fact.File == "" && fact.Name != "":
			return r.skip(ctx, entry) // nothing came of it
		case fact.Kind == lifecycle.FactTest:
			return r.skip(ctx, entry) // their days are lived as days
		default:
			continue
		}
		if err := r.fire(ctx, entry.At); err != nil {
			return err
		}
		return r.doFor(ctx, r.whose(entry), func(id lifecycle.ID) any {
			ask.Customer = id
			return change{Change: ask, At: entry.At, Mark: entry.Mark, Sent: true}
		})
	}
	if len(facts) > 0 && (facts[0].Kind == lifecycle.FactPlaced || facts[0].Kind == lifecycle.FactExited) && len(r.ids) == 1 {
		if again, err := r.followedAgain(ctx, entry, facts[0]); again || err != nil {
			return err
		}
		r.Foreign = append(r.Foreign, *entry)
		return r.skip(ctx, entry)
	}
	return nil
}

// followedAgain reports whether a publication has put the customer into another stage as it did then: that entry is made again, and
// numbered.
func (r *Reliving) followedAgain(ctx context.Context, entry *LifeEntry, placed lifecycle.Fact) (bool, error) {
	if placed.Reason != BecauseRenamed && placed.Reason != BecauseRetired {
		return false, nil
	}
	if err := r.fire(ctx, entry.At); err != nil {
		return false, err
	}
	return r.happens(ctx, r.whose(entry), func(e *TimelineEntry) bool {
		return e.Event == nil && slices.ContainsFunc(e.Facts, func(f lifecycle.Fact) bool {
			return f.Kind == placed.Kind && f.Journey == placed.Journey && f.From == placed.From && f.To == placed.To && f.Reason == placed.Reason && f.At.Equal(placed.At)
		})
	})
}

// lastInto returns the number of the entry with which the customer last came into a stage of a journey.
func (l *Life) lastInto(journey string) (seq uint64) {
	for i := range l.Entries {
		for _, fact := range l.Entries[i].Facts {
			if fact.Journey == journey && l.Entries[i].From.IsZero() && (fact.Kind == lifecycle.FactEntered || fact.Kind == lifecycle.FactPlaced) {
				seq = l.Entries[i].Seq
			}
		}
	}
	return seq
}

// inherited hands on a message of somebody who became part of the customer, unless it is one that a timer has decided.
func (r *Reliving) inherited(ctx context.Context, entry *LifeEntry) error {
	if err := r.fire(ctx, entry.At); err != nil {
		return err
	}
	fact := entry.Facts[0]
	decided, err := r.happens(ctx, r.whose(entry), func(e *TimelineEntry) bool {
		return e.Event == nil && slices.ContainsFunc(e.Facts, func(f lifecycle.Fact) bool {
			return f.Kind == lifecycle.FactMessage && f.Message == fact.Message && f.Name == fact.Name && f.At.Equal(fact.At)
		})
	})
	if decided || err != nil {
		return err
	}
	m := &lifecycle.Message{ID: fact.Message, Journey: fact.Journey, Stage: fact.From, Name: fact.Name, State: lifecycle.MessageState(fact.Reason),
		File: fact.File, Line: fact.Line, Version: fact.Version}
	return r.doFor(ctx, r.whose(entry), func(id lifecycle.ID) any { return inherit{Customer: id, Message: m, At: entry.At} })
}

// skip passes by what is not lived again, so that what follows is numbered as it was.
func (r *Reliving) skip(ctx context.Context, entry *LifeEntry) error {
	if err := r.fire(ctx, entry.At); err != nil {
		return err
	}
	seq := entry.Seq
	if !entry.From.IsZero() {
		seq = 0 // they were numbered anew
	}
	told := entry.TimelineEntry
	told.Facts = r.besides(entry)
	return r.doFor(ctx, r.whose(entry), func(id lifecycle.ID) any {
		in := passBy{Customer: id, Entry: true, Seq: seq}
		if !notBrought(told.Facts) && !r.reached(entry) && !learned(entry) { // at which nobody's clock goes on
			in.Clock = r.life.Customer.Lapsed(entry.At)
		}
		if broadcastOnly(told.Facts) {
			in.Told = &told
		}
		return in
	})
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
	return r.doFor(ctx, r.whose(entry), func(id lifecycle.ID) any { return ban{Suppression: told, Customer: id, At: entry.At} })
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

// notBrought reports whether an entry tells of a friend's order that did not count: what it hangs on is the friend's life.
func notBrought(facts []lifecycle.Fact) bool {
	return len(facts) == 1 && facts[0].Kind == lifecycle.FactLogged && facts[0].Name == referralConverted && facts[0].Journey == ""
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
	Entry    bool           // with one entry of the timeline that is not made again
	Seq      uint64         // the number of that entry; 0: the next one
	Told     *TimelineEntry // that entry, if segments may look at it; nil: they need not
	Taken    int            // with so many entries that came from others
	Clock    time.Time

	From    lifecycle.ID    // from whom entries come now
	Entries []TimelineEntry // which take no numbers of the customer's: Taken does, where they were taken in the life that is lived again
}

// elsewhere is beyond the numbers that a customer gives. What came from others is numbered from there on.
const elsewhere = 1 << 48

func (e *Engine) passBy(tx store.Tx, in passBy) error {
	record := tx.Get(customerKey(in.Customer))
	if record == nil {
		return nil
	}
	s, err := e.openRecord(tx, in.Customer, record)
	if err != nil {
		return err
	}
	switch {
	case in.Told != nil:
		s.customer.Seq = max(s.customer.Seq, max(1, in.Seq)-1)
		s.at, s.history = in.Told.At, s.customer.Import != ""
		s.now = later(in.Clock, s.customer.Clock)
		s.customer.Clock = s.now
		in.Told.From = lifecycle.ID{}
		s.timeline(*in.Told)
	case in.Entry:
		s.customer.Seq = max(s.customer.Seq+1, in.Seq)
	}
	s.customer.Seq += uint64(in.Taken)
	if own := s.customer.Seq; len(in.Entries) > 0 {
		s.customer.Seq = max(newestNumber(tx, in.Customer), elsewhere)
		s.at, s.history = s.customer.Real(s.now), s.customer.Import != ""
		for _, entry := range in.Entries {
			if entry.From.IsZero() {
				entry.From = in.From
			}
			s.timeline(entry)
		}
		s.customer.Seq = own
	}
	s.customer.Clock = later(s.customer.Clock, in.Clock)
	return s.save()
}

// newestNumber returns the highest number in a timeline; 0 if it is empty.
func newestNumber(tx store.Reader, customer lifecycle.ID) (seq uint64) {
	prefix := timelinePrefix(customer)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		seq = ^binary.BigEndian.Uint64(key[len(prefix):])
		return false
	})
	return seq
}

// reached reports whether an entry is that of somebody's being let into a broadcast.
func (r *Reliving) reached(entry *LifeEntry) bool {
	event := entry.Event
	if event == nil || event.Name != BroadcastEvent || event.Depth > 0 {
		return false
	}
	var broadcast string
	_ = json.Unmarshal(lifecycle.Property(event.Properties, "broadcast"), &broadcast)
	return slices.ContainsFunc(r.ids, func(id lifecycle.ID) bool {
		return event.MessageID == reachedBy(broadcast, id, event.Received).String()
	})
}

// learned reports whether an entry tells of segments alone, as when ranks are counted anew: that moves nobody's clock, or time did,
// which what comes next shows.
func learned(entry *LifeEntry) bool {
	return entry.Event == nil && !slices.ContainsFunc(entry.Facts, func(f lifecycle.Fact) bool { return f.Kind != lifecycle.FactSegment })
}

func broadcastOnly(facts []lifecycle.Fact) bool {
	for _, fact := range facts {
		if fact.Kind != lifecycle.FactEvent && !lifecycle.IsBroadcast(fact.Journey) {
			return false
		}
	}
	return len(facts) > 0
}
