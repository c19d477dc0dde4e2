package engine

import (
	"slices"
	"time"

	"stagecraft/app/lifecycle"
)

// The events of segments, where a script names them. Their properties are segment and title.
const (
	SegmentEntered = "Segment Entered"
	SegmentLeft    = "Segment Left"
)

// What FactSegment says in To.
const (
	SegmentIn  = "entered"
	SegmentOut = "left"
)

// maxProbes is how many changes that time alone will make to the answers are looked ahead through, to find the one at which
// the segment's own answer changes. Behind that many a timer is armed without knowing.
const maxProbes = 4

// assessment is what a session knows of changes that segments may look at.
type assessment struct {
	names      []string       // traits that were set
	bits       uint64         // what has no name
	whole      string         // why everything may have changed, so that what is kept is made anew; "": it has not
	entry      *TimelineEntry // what is about to be written
	identities int            // how many there were
	revenue    lifecycle.Revenue
	back       []backItem // of the timeline, the newest first, since backTo
	backTo     int64
	lookedBack bool
}

// Why everything about a customer is to be looked at anew, as facts say it.
const (
	BecauseMerged = "merged"
	becauseTest   = "test person"
)

// telling is how a change of membership is told.
type telling uint8

const (
	loudly  telling = iota // a fact, and an event where a script wants it
	asFact                 // a fact: it comes from a merge, or from becoming a test person, which is no event of the customer
	quietly                // by nothing: the segment is new, and this is who is a member from its beginning
)

// touchTrait notes that a trait has another value now.
func (s *session) touchTrait(name string) {
	if s.engine.segments(s.tx) != nil {
		s.assessing.names = append(s.assessing.names, name)
	}
}

// reassess lets all segments be asked anew. What changes by it is told with the reason, and is no event of the customer.
func (s *session) reassess(why string) { s.assessing.whole = why }

// assess asks the segments that what is about to be written into the timeline touches. What follows from it becomes part of
// the entry, and its events happen after the present one.
func (s *session) assess(entry *TimelineEntry) {
	set := s.engine.segments(s.tx)
	if set == nil || s.customer.Applicant() {
		return
	}
	if !entry.From.IsZero() { // of a merged customer: there will be more
		s.reassess(BecauseMerged)
		return
	}
	a, first := &s.assessing, len(s.decision.Facts)
	a.entry = entry
	s.assessWith(set, entry)
	a.entry = nil
	if a.lookedBack {
		itemsOf(s.customer, entry, func(item backItem) { a.back = append(a.back, item) })
	}
	entry.Facts = append(entry.Facts[:len(entry.Facts):len(entry.Facts)], s.decision.Facts[first:]...)
}

// assessRest asks the segments about what has changed without an entry in the timeline, at the end of a session.
func (s *session) assessRest() {
	set := s.engine.segments(s.tx)
	if set == nil || s.customer.Applicant() {
		return
	}
	for range maxTracked {
		a := &s.assessing
		if a.whole == "" && len(a.names) == 0 && a.bits == 0 && a.identities == len(s.customer.Identities) && a.revenue == s.customer.Revenue &&
			(s.known || s.customer.Segments != nil) {
			return
		}
		first := len(s.decision.Facts)
		s.assessWith(set, nil)
		if facts := s.decision.Facts[first:]; len(facts) > 0 {
			s.timeline(TimelineEntry{At: s.customer.Real(s.now), Facts: facts})
		}
		s.handleTracked()
	}
}

// assessWith asks the segments that are touched by the entry and by what was noted since the last time.
func (s *session) assessWith(set *segmentSet, entry *TimelineEntry) {
	a, c := &s.assessing, s.customer
	if a.identities != len(c.Identities) {
		a.bits |= touchPerson
	}
	if a.revenue != c.Revenue {
		a.bits |= touchRevenue
	}
	names, touched, why := a.names, a.bits, a.whole
	a.names, a.bits, a.whole, a.identities, a.revenue = nil, 0, "", len(c.Identities), c.Revenue
	state := &s.engine.parts[s.tx.Partition()].segments.scratch
	ok := state.read(c.Segments)
	if !ok || state.epoch != set.epoch || why != "" {
		s.assessAll(set, state, ok, why)
		return
	}
	var room [8]string
	touchedNames := append(room[:0], names...)
	if len(names) > 0 {
		touched |= touchPerson
	}
	if entry != nil {
		touchedNames, touched = touchesOf(entry, touchedNames, touched)
	}
	var due segmentList
	for _, name := range touchedNames {
		for _, touch := range set.index[name] {
			if state.ones[touch.at].reads&touch.bits != 0 {
				due.put(touch.at)
			}
		}
	}
	for at := range state.ones {
		reads := state.ones[at].reads
		if reads&touched != 0 || len(touchedNames) > 0 && reads&touchOther != 0 {
			due.put(at)
		}
	}
	fed := entry != nil && state.feed(s, entry)
	if due.empty() {
		if fed {
			c.Segments = state.append(make([]byte, 0, len(c.Segments)+16), s.now.UnixMilli())
		}
		return
	}
	s.ask(set, state, &due, "", func(int) telling { return loudly })
}

// assessAll asks all segments, and makes anew what is kept of them.
func (s *session) assessAll(set *segmentSet, state *segmentState, readable bool, why string) {
	c := s.customer
	before, former := map[segmentRef]bool{}, map[string]bool{}
	if readable {
		for at, ref := range set.former[state.epoch] {
			if at < len(state.ones) {
				before[ref] = true
				former[ref.Name] = state.ones[at].member
			}
		}
	}
	state.epoch, state.series = set.epoch, state.series[:0]
	state.ones = slices.Grow(state.ones[:0], len(set.List))[:len(set.List)]
	var due segmentList
	for at, segment := range set.List {
		state.ones[at] = oneSegment{member: former[segment.Name]}
		due.put(at)
	}
	s.ask(set, state, &due, why, func(at int) telling {
		segment := set.List[at]
		switch {
		case why != "":
			return asFact
		case before[segmentRef{segment.Name, segment.Version}] || !s.known && len(c.Segments) == 0:
			return loudly
		}
		return quietly
	})
}

// ask asks segments in their order, those that ask for others after them, and keeps what they say.
func (s *session) ask(set *segmentSet, state *segmentState, due *segmentList, why string, how func(at int) telling) {
	look := segmentLook{s: s, set: set, state: state}
	for _, at := range set.Order {
		if !due.has(at) {
			continue
		}
		one := &state.ones[at]
		was := one.member
		s.askOne(&look, at, one)
		if one.member == was {
			continue
		}
		for _, other := range set.needed[at] {
			if state.ones[other].reads&set.List[other].Touches(set.List[at].Name) != 0 {
				due.put(other)
			}
		}
		s.changeMember(set, at, one.member, how(at), why)
	}
	c := s.customer
	c.Segments = state.append(make([]byte, 0, len(c.Segments)+32), s.now.UnixMilli())
	c.SegmentsDue = state.due()
}

// askOne asks one segment, and when its answer will change by time alone.
func (s *session) askOne(look *segmentLook, at int, one *oneSegment) {
	segment := look.set.List[at]
	steps := &s.engine.parts[s.tx.Partition()].segments.steps
	look.now = s.now
	out, err := segment.Ask(look)
	*steps += out.Steps
	one.reads, one.until = out.Reads, 0
	if err != nil {
		s.engine.segmentFailed(segment, err)
		return // they stay what they were, until what was read until here changes
	}
	one.member = out.Member
	until := out.Until
	for n := 0; n < maxProbes && !until.IsZero(); n++ {
		look.now = until
		then, err := segment.Ask(look)
		*steps += then.Steps
		one.reads |= then.Reads
		if err != nil || then.Member != out.Member {
			break
		}
		if !then.Until.IsZero() && !then.Until.After(until) {
			then.Until = until.Add(time.Second)
		}
		until = then.Until
	}
	if !until.IsZero() {
		one.until = max(until.UnixMilli(), s.now.UnixMilli()+1)
	}
}

// changeMember writes that the customer entered or left a segment, and tells it.
func (s *session) changeMember(set *segmentSet, at int, member bool, how telling, why string) {
	segment := set.List[at]
	s.listMember(set.hashes[at], member)
	what, event := SegmentOut, SegmentLeft
	if member {
		what, event = SegmentIn, SegmentEntered
	}
	if how == quietly {
		return
	}
	s.note(lifecycle.Fact{Kind: lifecycle.FactSegment, Name: segment.Name, To: what, Reason: why})
	if how == loudly && s.wants(event) {
		s.happen(event, "", segmentChange{segment.Name, segment.Title})
	}
}

// segmentChange is what is told of a change of membership.
type segmentChange struct {
	Segment string `json:"segment"`
	Title   string `json:"title"`
}

// listMember keeps the list of members and their number, of which test people are no part.
func (s *session) listMember(hash []byte, member bool) {
	key := memberKey(hash, s.customer.ID)
	listed := s.tx.Has(key)
	switch {
	case member && !listed && !s.customer.Test():
		s.tx.Set(key, []byte{})
		countMember(s.tx, hash, 1)
	case listed && (!member || s.customer.Test()):
		s.tx.Delete(key)
		countMember(s.tx, hash, -1)
	}
}

// leaveSegments takes the customer off all lists and forgets what is kept, as before they become somebody else's part or a
// test person.
func (s *session) leaveSegments(why string) {
	c := s.customer
	if set := s.engine.segments(s.tx); set != nil {
		var state segmentState
		if state.read(c.Segments) {
			for at, ref := range set.former[state.epoch] {
				if at < len(state.ones) && state.ones[at].member && s.tx.Has(memberKey(segmentHash(ref.Name), c.ID)) {
					s.tx.Delete(memberKey(segmentHash(ref.Name), c.ID))
					countMember(s.tx, segmentHash(ref.Name), -1)
				}
			}
		}
	}
	c.Segments, c.SegmentsDue = nil, time.Time{}
	s.reassess(why)
}

// segmentsFirst reports whether segments are to be asked by a moment because time has passed, before the next timer.
func (s *session) segmentsFirst(owner *journey, timer lifecycle.Timer, until time.Time) bool {
	due := s.customer.SegmentsDue
	return !due.IsZero() && !due.After(until) && (owner == nil || due.Before(timer.Due))
}

// fireSegments asks the segments whose answer changes now because time has passed.
func (s *session) fireSegments() {
	c := s.customer
	s.now, s.event, s.moves, s.depth, s.first = c.SegmentsDue, nil, 0, 0, moveRequest{}
	if s.now.After(c.Clock) {
		c.Clock = s.now
	}
	s.cause = lifecycle.HashID("segments", c.ID.Part(), s.now.UTC().Format(time.RFC3339Nano))
	set := s.engine.segments(s.tx)
	c.SegmentsDue = time.Time{}
	if set == nil {
		return
	}
	first := len(s.decision.Facts)
	state := &s.engine.parts[s.tx.Partition()].segments.scratch
	if ok := state.read(c.Segments); !ok || state.epoch != set.epoch {
		s.assessAll(set, state, ok, "")
	} else {
		now := s.now.UnixMilli()
		var due segmentList
		for at := range state.ones {
			if until := state.ones[at].until; until != 0 && until <= now {
				due.put(at)
			}
		}
		s.ask(set, state, &due, "", func(int) telling { return loudly })
	}
	if facts := s.decision.Facts[first:]; len(facts) > 0 {
		s.timeline(TimelineEntry{At: c.Real(s.now), Facts: facts})
	}
	s.handleTracked()
}

// due returns when the first answer changes by time alone; zero for never.
func (st *segmentState) due() time.Time {
	first := int64(0)
	for at := range st.ones {
		if until := st.ones[at].until; until != 0 && (first == 0 || until < first) {
			first = until
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return time.UnixMilli(first).UTC()
}

// segmentList is a set of segments, by their places.
type segmentList struct {
	words [4]uint64 // room for 256; script.MaxSegments is 200
}

func (l *segmentList) put(at int)      { l.words[at/64] |= 1 << (at % 64) }
func (l *segmentList) has(at int) bool { return l.words[at/64]&(1<<(at%64)) != 0 }
func (l *segmentList) empty() bool     { return l.words == [4]uint64{} }
