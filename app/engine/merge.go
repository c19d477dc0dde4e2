package engine

import (
	"bytes"
	"slices"
	"sort"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// adoptNumber is the number of the instruction with which a customer's record travels.
const adoptNumber = 10

// mergeChunk is how many timeline entries travel in one instruction.
const mergeChunk = 100

// become makes one customer part of another: a redirect takes their place, and their runs and timers end here, in this
// commit, before anything of them takes effect there. What they own travels on as instructions.
func (e *Engine) become(tx store.Tx, id lifecycle.ID, in link) error {
	s, err := e.open(tx, id)
	if err != nil {
		return err
	}
	c := s.customer
	// What was due there by now happened before. Who has slept for so long that one input cannot hold it all becomes part of the
	// other one when that is over.
	s.history, s.at = c.Import != "", in.At
	if !s.catchUp(c.Lapsed(in.At)) {
		in.Again++ // the instruction that is being carried out is still there, and is deleted by its key
		e.instruct(tx, in.At, lifecycle.HashID("become", id.Part(), in.Customer.Part(), strconv.Itoa(in.Again)), 18, instruction{Link: &in})
		return s.save()
	}
	tx.Set(identityKey(id), bytes.Clone(in.Customer[:]))
	s.now = later(c.Lapsed(in.At), c.Clock)
	if err = s.letInInstead(in.Customer); err != nil {
		return err
	}
	s.leaveFigures()
	s.leaveSegments(BecauseMerged)
	if !c.Due.IsZero() {
		tx.Delete(timerKey(c.Due, id))
	}
	s.release()
	tx.Delete(customerKey(id))
	s.fold()
	for i := range c.Visits {
		for _, ref := range c.Visits[i].Runs {
			tx.Delete(runKey(id, ref.ID))
		}
	}
	said, err := takeSaid(tx, c)
	if err != nil {
		return err
	}
	further, err := takeSurplus(tx, id)
	if err != nil {
		return err
	}
	e.instruct(tx, in.At, id, adoptNumber, instruction{Adopt: &adopt{Customer: in.Customer, From: id, At: in.At, Loser: c, Said: said, Surplus: further}})
	e.instruct(tx, in.At, id, 11, instruction{Move: &moveTimeline{From: id, To: in.Customer, At: in.At}})
	return nil
}

// leaveFigures notes that the customer is counted no longer: not as one, not in any stage, and not where runs wait.
func (s *session) leaveFigures() {
	for i := range s.customer.Visits {
		visit := &s.customer.Visits[i]
		for _, ref := range visit.Runs {
			s.woke(visit, ref.ID, "the customer is counted no longer")
		}
		if visit.Stage != "" {
			s.note(lifecycle.Fact{Kind: lifecycle.FactMerged, Journey: visit.Journey, From: visit.Stage})
		}
	}
	s.note(lifecycle.Fact{Kind: lifecycle.FactMerged})
}

// adopt is the input "this customer takes over what is known of a merged one". It carries either the record or some
// entries of the timeline.
type adopt struct {
	Customer lifecycle.ID
	From     lifecycle.ID
	At       time.Time
	Loser    *lifecycle.Customer
	Entries  []TimelineEntry
	Part     string // names the chunk of entries
	Said     []Said
	Surplus  []lifecycle.Identity `msgpack:",omitempty"` // of Loser, besides those in the record
	Again    int                  `msgpack:",omitempty"` // how often the customer was not done yet with what was due by then
}

func (e *Engine) adopt(tx store.Tx, in adopt) error {
	mark := adoptMark(in.Customer, in.From, in.Part)
	if tx.Get(mark) != nil {
		return nil
	}
	id, here := e.follow(tx, in.Customer)
	if !here {
		in.Customer = id
		e.instruct(tx, in.At, lifecycle.HashID(in.From.Part(), in.Part), 12, instruction{Adopt: &in})
		return nil
	}
	if erased, is := e.erased(tx, id); is && !in.At.After(erased.at) { // whoever has the name now is somebody else
		tx.Set(mark, []byte{})
		return e.forgetLoser(tx, in)
	}
	s, err := e.open(tx, id)
	if err != nil {
		return err
	}
	s.history, s.at = s.customer.Import != "", in.At
	if at := s.customer.Lapsed(in.At); at.After(s.customer.Clock) {
		if !s.catchUp(at) { // who has slept for so long takes over when that is over
			in.Again++
			e.instruct(tx, in.At, lifecycle.HashID("adopt", in.From.Part(), in.Part, strconv.Itoa(in.Again)), 12, instruction{Adopt: &in})
			return s.save()
		}
		s.customer.Clock = at
	}
	tx.Set(mark, []byte{})
	s.now, s.event = s.customer.Clock, nil
	if !s.known {
		s.customer.Created = s.now
		s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	}
	if in.Loser != nil {
		s.keepAdoption(mark)
		if in.Loser.Test() && !s.customer.Test() {
			s.becomeTest() // rather nobody is mailed than somebody by mistake
		}
		in.Loser.SetLapse(s.customer.Lapse, in.At)
		first := len(s.decision.Facts)
		s.takeOver(in.Loser)
		if facts := s.decision.Facts[first:]; len(facts) > 0 {
			s.timeline(TimelineEntry{At: s.customer.Real(s.now), Facts: facts})
		}
	}
	for i := range in.Said {
		s.keepSaid(&in.Said[i])
	}
	if in.Loser != nil {
		if err = s.keepSurplus(slices.Concat(in.Loser.Identities, in.Surplus)...); err != nil {
			return err
		}
		s.settleWith(in.Loser, in.At)
	}
	for _, entry := range in.Entries {
		if entry.From.IsZero() {
			entry.From = in.From
		}
		s.timeline(entry)
	}
	return s.save()
}

// settleWith joins what a merged customer said to what this one did: each of their names has its own say until it became one
// with others.
func (s *session) settleWith(loser *lifecycle.Customer, at time.Time) {
	s.keepUnkept()
	s.customer.TakeJoins(loser, at)
	s.settle()
	s.settleOptOut()
}

// takeOver joins the record of a merged customer into this one: of two words about a trait the later one holds, tags
// are joined and points added up, in each journey the latest entry or exit wins, and a merge is not a move.
func (s *session) takeOver(loser *lifecycle.Customer) {
	s.reassess(BecauseMerged)
	c := s.customer
	if loser.Created.Before(c.Created) {
		c.Created = loser.Created
	}
	s.seen = later(s.seen, loser.Real(loser.LastSeen()))
	c.Revenue = c.Revenue.Plus(loser.Revenue)
	for _, identity := range loser.Identities {
		if !c.Knows(identity) && s.mayGrow() {
			c.Identities = append(c.Identities, identity)
		}
	}
	c.TraitsHash = 0
	s.accepted = true
	c.TakeOptOuts(loser)
	s.takeTraits(loser)
	c.TakeSuppressions(loser)
	s.takeAcquired(loser)
	for _, tag := range loser.Tags {
		if len(c.Tags) < maxTags {
			c.AddTag(tag)
		}
	}
	s.takeScores(loser)
	for i := range loser.Visits {
		s.takeOverVisit(loser, &loser.Visits[i])
	}
	for _, past := range loser.Past {
		c.SetLeft(past.Journey, past.Stage, past.Left)
	}
}

// takeOverVisit puts the customer where the merged one was in a journey, if that one came there later. Of a broadcast one
// message is enough: whoever waited for theirs waits no longer if the other one has been through it, and letInInstead sees to
// one who was merged while waiting. Whose messages they were stays with the visit: if all turn out not to have left, LetInInstead
// lets this one in.
func (s *session) takeOverVisit(loser *lifecycle.Customer, theirs *lifecycle.Visit) {
	c := s.customer
	visit := c.Visit(theirs.Journey)
	if lifecycle.IsBroadcast(theirs.Journey) {
		if len(theirs.Runs) > 0 {
			return
		}
		if visit != nil && len(visit.Runs) == 0 {
			visit.Of = append(letInAs(visit, c.ID), letInAs(theirs, loser.ID)...)
			return
		}
	} else if visit != nil && !arrived(loser, theirs).After(arrived(c, visit)) {
		return
	}
	place := lifecycle.Visit{Journey: theirs.Journey, Stage: theirs.Stage, Entered: theirs.Entered, Number: s.nextSeq(),
		Converted: theirs.Converted, Version: theirs.Version}
	if lifecycle.IsBroadcast(theirs.Journey) {
		place.Of = letInAs(theirs, loser.ID)
	}
	for _, timer := range theirs.Timers {
		if timer.Run.IsZero() { // silences go on; runs have ended with the customer they belonged to
			timer.Seq = s.nextSeq()
			place.Timers = append(place.Timers, timer)
		}
	}
	from := ""
	if visit == nil {
		c.Visits = append(c.Visits, place)
		sort.Slice(c.Visits, func(i, j int) bool { return c.Visits[i].Journey < c.Visits[j].Journey })
	} else {
		from = visit.Stage
		s.endRuns(visit, place.Stage == "", "they became one with another customer") // runs of journey.lua outlive the stage
		place.Runs = visit.Runs
		for _, timer := range visit.Timers {
			if !timer.Run.IsZero() {
				place.Timers = append(place.Timers, timer)
			}
		}
		*visit = place
	}
	switch {
	case place.Stage != "":
		s.note(lifecycle.Fact{Kind: lifecycle.FactPlaced, Journey: place.Journey, From: from, To: place.Stage})
	case from != "":
		s.note(lifecycle.Fact{Kind: lifecycle.FactExited, Journey: place.Journey, From: from, Reason: "merged with somebody who had left"})
	}
}

// letInAs returns who was let in of those whom a customer's visit of a broadcast stands for.
func letInAs(visit *lifecycle.Visit, customer lifecycle.ID) []lifecycle.ID {
	if len(visit.Of) > 0 {
		return slices.Clone(visit.Of)
	}
	return []lifecycle.ID{customer}
}

// arrived is when a customer came to where they are in a journey, be it out of it.
func arrived(c *lifecycle.Customer, visit *lifecycle.Visit) time.Time {
	if visit.Stage == "" {
		return c.Left(visit.Journey, "")
	}
	return visit.Entered
}

// moveTimeline is the input "send the next part of a merged customer's timeline to the one they became".
type moveTimeline struct {
	From lifecycle.ID
	To   lifecycle.ID
	At   time.Time
	Part int
}

func (e *Engine) moveTimeline(tx store.Tx, in moveTimeline) error {
	var keys [][]byte
	chunk := adopt{Customer: in.To, From: in.From, At: in.At}
	prefix, size, first := timelinePrefix(in.From), 0, ""
	var listed listedEntries
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		if first == "" {
			first = string(key)
		}
		var entry TimelineEntry
		if err := store.Decode(value, &entry); err == nil {
			chunk.Entries = append(chunk.Entries, entry)
			listed.add(key, &entry)
		}
		keys = append(keys, bytes.Clone(key))
		size += len(value)
		return len(keys) < mergeChunk && size < 256<<10
	})
	if len(keys) == 0 {
		return nil
	}
	e.unlist(tx, listed)
	for _, key := range keys {
		tx.Delete(key)
	}
	// Oldest first, so that the numbers they are given there keep their order.
	for i, j := 0, len(chunk.Entries)-1; i < j; i, j = i+1, j-1 {
		chunk.Entries[i], chunk.Entries[j] = chunk.Entries[j], chunk.Entries[i]
	}
	chunk.Part = first
	cause := lifecycle.HashID("timeline", in.From.Part(), first)
	e.instruct(tx, in.At, cause, 13, instruction{Adopt: &chunk})
	in.Part++
	e.instruct(tx, in.At, lifecycle.HashID(cause.Part(), strconv.Itoa(in.Part)), 14, instruction{Move: &in})
	return nil
}
