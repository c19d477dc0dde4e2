package engine

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Who was a member of segments is asked again in a replay, of the version that was in force, with the ranks among all customers that
// held. What cannot be asked is taken from the timeline: segments of a time of which no version is stored, and those that ask for a
// rank if it is not stored which ones held.

// segmentsThen are the segments that were in force from a moment on.
type segmentsThen struct {
	SegmentsPast
	source script.Source     // of those that are asked
	asked  map[string]string // versions of those that are asked, by name
	others []string          // that are not, by name
	ranked bool              // some are asked that ask for ranks
}

// ReplayedSegments says which segments a replay has asked, and which it could not.
type ReplayedSegments struct {
	Now    []string  // asked to the end, by name
	Ranked []string  // not asked, because they ask for a rank of a time of which none is stored, by name
	Before []string  // not asked of in a time of which no version is stored, by name
	Since  time.Time // from when on versions are stored; zero: none is, or no segment may be asked of this customer
}

// keepMembers notes in which segments somebody is, by their record and by the list; nothing where they have yet to be asked by
// the present ones.
func (l *Life) keepMembers(tx store.Reader, table *segmentTable) {
	l.segments, l.segmentsNow, l.segmentsPacked = table.Past, table.Version, table.Packed
	if len(l.segments) == 0 && table.Version != "" && !table.Since.IsZero() { // they are older than their past
		l.segments = []SegmentsPast{{At: table.Since, Version: table.Version}}
	}
	c := l.Customer
	var state segmentState
	if !state.read(c.Segments) || state.epoch != table.Epoch {
		return
	}
	l.Members = map[string]string{}
	for at, ref := range table.Former[state.epoch] {
		member := at < len(state.ones) && state.ones[at].member
		switch listed := tx.Has(memberKey(segmentHash(ref.Name), c.ID)); {
		case member && (listed || c.Test()):
			l.Members[ref.Name] = "member"
		case member:
			l.Members[ref.Name] = "member, but not in the list of members"
		case listed:
			l.Members[ref.Name] = "no member, but in the list of members"
		}
	}
}

// readSegments reads the versions of the segments that were in force in this life, and finds out of which of its facts and
// events they are asked again.
func (r *Reliving) readSegments(ctx context.Context) error {
	l := r.life
	r.when, l.asked = r.moments(), map[uint64]bool{}
	r.asking = map[int]*asking{}
	for _, id := range r.ids {
		r.asking[id.Partition()] = &asking{}
	}
	if l.Customer.Test() || l.Cut {
		return nil
	}
	var first time.Time
	for _, at := range r.when {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	for i, past := range l.segments {
		if i+1 < len(l.segments) && !l.segments[i+1].At.After(first) {
			continue // nobody has lived under it
		}
		then, err := r.segmentsOf(ctx, past, first)
		if err != nil {
			return err
		}
		r.segments = append(r.segments, then)
	}
	if slices.ContainsFunc(r.segments, func(then *segmentsThen) bool { return then.ranked }) {
		r.ranks = l.ranks
		for len(r.ranks) > 1 && !r.ranks[1].At.After(first) {
			r.ranks = r.ranks[1:] // nobody has lived under them
		}
	}
	for i := range l.Entries {
		entry := &l.Entries[i]
		if e := entry.Event; e != nil && e.Depth > 0 && (e.Name == SegmentEntered || e.Name == SegmentLeft) {
			var told segmentChange
			_ = json.Unmarshal(e.Properties, &told) // we wrote it
			l.asked[entry.Seq] = r.Asked(entry.Seq, told.Segment)
		}
	}
	return nil
}

// moments returns by when each entry was written at the earliest, by its number: one that came with an import, or a timer that
// fired late, tells of a time that was over.
func (r *Reliving) moments() map[uint64]time.Time {
	l := r.life
	moments, last := make(map[uint64]time.Time, len(l.Entries)), map[lifecycle.ID]time.Time{}
	for i := range l.Entries {
		entry := &l.Entries[i]
		at := later(r.tookPlace(entry), last[entry.From])
		if entry.Event != nil && entry.Event.Depth == 0 {
			at = later(at, entry.Event.Received)
		}
		moments[entry.Seq], last[entry.From] = at, at
	}
	return moments
}

// segmentsOf reads one version, without what cannot be asked again of who has lived since first. One that cannot be read has nothing
// that can.
func (r *Reliving) segmentsOf(ctx context.Context, past SegmentsPast, first time.Time) (*segmentsThen, error) {
	then := &segmentsThen{SegmentsPast: past, source: script.Source{Name: script.SegmentsFolder}, asked: map[string]string{}}
	compiled, err := r.compiledSegments(ctx, past.Version)
	if compiled == nil {
		return then, err
	}
	source := compiled.Source()
	then.source.Files = map[string][]byte{}
	for path, text := range source.Files {
		then.source.Files[path] = text
	}
	for _, at := range compiled.Order { // whom others ask for comes first
		segment := compiled.List[at]
		byRank := ranked(source, segment)
		other := byRank && !r.life.ranksKnown(later(past.At, first))
		for _, need := range segment.Needs {
			other = other || slices.Contains(then.others, need)
		}
		if other {
			then.others = append(then.others, segment.Name)
			delete(then.source.Files, segment.Name+".lua")
		} else {
			then.asked[segment.Name], then.ranked = segment.Version, then.ranked || byRank
		}
	}
	return then, nil
}

// inForce returns the segments of a moment; nil if none is known.
func (r *Reliving) inForce(at time.Time) (then *segmentsThen) {
	for _, one := range r.segments {
		if !one.At.After(at) {
			then = one
		}
	}
	return then
}

// Asked reports whether a segment is asked again that an entry of the timeline tells of, by the entry's number.
func (r *Reliving) Asked(seq uint64, segment string) bool {
	then := r.inForce(r.when[seq])
	return then != nil && then.asked[segment] != ""
}

// besides returns what an entry tells of besides segments that are asked again.
func (r *Reliving) besides(entry *LifeEntry) []lifecycle.Fact {
	facts := make([]lifecycle.Fact, 0, len(entry.Facts))
	for _, fact := range entry.Facts {
		if fact.Kind != lifecycle.FactSegment || !r.Asked(entry.Seq, fact.Name) {
			facts = append(facts, fact)
		}
	}
	return facts
}

// Segments says which segments have been asked.
func (r *Reliving) Segments() (s ReplayedSegments) {
	for i, then := range r.segments {
		if i == 0 {
			s.Since = then.At
		}
		s.Ranked = append(s.Ranked, then.others...)
		s.Now = s.Now[:0]
		for name := range then.asked {
			s.Now = append(s.Now, name)
		}
	}
	for i := range r.life.Entries {
		for _, fact := range r.life.Entries[i].Facts {
			if seq := r.life.Entries[i].Seq; fact.Kind == lifecycle.FactSegment && !r.Asked(seq, fact.Name) && !slices.Contains(s.Ranked, fact.Name) {
				s.Before = append(s.Before, fact.Name)
			}
		}
	}
	for _, list := range []*[]string{&s.Now, &s.Ranked, &s.Before} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return s
}

// segmentsUntil publishes the segments of until a moment, and lets everybody know of them who knew by then.
func (r *Reliving) segmentsUntil(ctx context.Context, until time.Time) error {
	for {
		next := r.nextSegments()
		if next.IsZero() || next.After(until) {
			return nil
		}
		walked, before := r.walkedAt(next), next.Add(-1)
		if slices.ContainsFunc(walked, func(id lifecycle.ID) bool {
			return slices.ContainsFunc(r.life.pauses(id), func(p pause) bool { return p.until.Equal(next) })
		}) {
			before = next // what has waited fires first
		}
		if err := r.fireUntil(ctx, before); err != nil {
			return err
		}
		r.clock.Set(next)
		if len(walked) > 0 {
			for _, id := range walked {
				*r.asking[id.Partition()] = asking{}
			}
			if err := r.walk(ctx, next, walked...); err != nil {
				return err
			}
			continue
		}
		if err := r.publishNext(ctx, next); err != nil {
			return err
		}
		for p := range r.engine.parts { // not before its time
			r.engine.parts[p].segments.walking.Store(false)
		}
	}
}

// publishNext publishes the segments, or the ranks, of a moment.
func (r *Reliving) publishNext(ctx context.Context, at time.Time) error {
	if r.published < len(r.segments) && r.segments[r.published].At.Equal(at) {
		then := r.segments[r.published]
		r.published++
		for p, asking := range r.asking {
			asking.walked, asking.pending, asking.fresh = notBefore(at, r.life.walks[p].bySegments(then.SegmentsPast)), true, true
		}
		return r.engine.PublishSegments(ctx, then.source)
	}
	past := r.ranks[0]
	r.ranks = r.ranks[1:]
	for p, asking := range r.asking {
		if walked := notBefore(at, r.life.walks[p].byRanks(past)); !walked.IsZero() {
			asking.walked = walked
		}
		asking.pending = true
	}
	for _, id := range r.ids {
		if err := r.do(ctx, id.Partition(), publishRanks{past.Ranks, past.At}); err != nil {
			return err
		}
	}
	return nil
}

// walkedAt returns the customer, and those who became part of them, in whose partitions everybody knew at a moment.
func (r *Reliving) walkedAt(at time.Time) (ids []lifecycle.ID) {
	for _, id := range r.ids {
		if r.asking[id.Partition()].walked.Equal(at) {
			ids = append(ids, id)
		}
	}
	return ids
}

// nextSegments returns when segments or ranks are published next, or when everybody in a partition knows of the present ones; zero
// for never.
func (r *Reliving) nextSegments() time.Time {
	var next time.Time
	earlier := func(at time.Time) {
		if next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	for _, asking := range r.asking {
		earlier(asking.walked)
	}
	if r.published < len(r.segments) {
		earlier(r.segments[r.published].At)
	}
	if len(r.ranks) > 0 {
		earlier(r.ranks[0].At)
	}
	return next
}

// ranksKnown reports whether it is stored which ranks held from a moment on.
func (l *Life) ranksKnown(from time.Time) bool {
	if len(l.ranks) == 0 {
		return l.unranked
	}
	return l.ranks[0].First || !from.Before(l.ranks[0].At)
}

// walk asks everybody in the partitions of some customers who has not been asked by the present segments, and takes them off the
// lists of those that are gone.
func (r *Reliving) walk(ctx context.Context, at time.Time, ids ...lifecycle.ID) error {
	for _, id := range ids {
		for more := true; more; {
			answer, err := r.engine.store.Do(ctx, id.Partition(), walkSegments{Limit: 1000, At: at, Again: true})
			if err != nil {
				return err
			}
			more = answer.(bool)
		}
		if err := r.settle(ctx, id.Partition()); err != nil {
			return err
		}
	}
	return nil
}

// learn lets a customer know of the present segments before everybody does, where an entry shows that they did: it tells of a
// new one, of which nobody is told who hears of it at the same time, or nothing else explains it.
func (r *Reliving) learn(ctx context.Context, entry *LifeEntry) error {
	at := r.when[entry.Seq]
	if len(r.besides(entry)) == len(entry.Facts) {
		return nil
	}
	if err := r.closeUntil(ctx, at); err != nil {
		return err
	}
	if err := r.journeysUntil(ctx, at); err != nil || r.published == 0 {
		return err
	}
	then, former := r.segments[r.published-1], map[string]string{}
	asking := r.asking[r.whose(entry).Partition()]
	if !asking.pending {
		return nil // everybody knows
	}
	switch {
	case !asking.fresh:
		former = then.asked
	case r.published > 1:
		former = r.segments[r.published-2].asked
	}
	known := false
	for _, fact := range entry.Facts {
		known = known || fact.Kind == lifecycle.FactSegment && fact.Reason == "" && then.asked[fact.Name] != former[fact.Name]
	}
	if known {
		if behind, err := r.behind(ctx, entry); err != nil || !behind {
			return err
		}
		return r.walk(ctx, at.Add(-1), r.whose(entry))
	}
	if entry.Event != nil || len(r.besides(entry)) > 0 {
		return nil
	}
	if err := r.fire(ctx, at); err != nil {
		return err
	}
	behind, err := r.behind(ctx, entry)
	if err != nil || !behind {
		return err
	}
	return r.walk(ctx, at, r.whose(entry))
}

// behind reports whether somebody is there who has not been asked by the present segments.
func (r *Reliving) behind(ctx context.Context, entry *LifeEntry) (bool, error) {
	c, err := r.engine.Record(ctx, r.whose(entry))
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			err = nil
		}
		return false, err
	}
	answer, err := r.engine.store.Ask(ctx, c.ID.Partition(), segmentTableOf{})
	return err == nil && epochOf(c.Segments) != answer.(*segmentTable).Epoch, err
}
