package engine

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
)

// Which events of a life its own scripts made, and which those of others did, is not written down with them. But a script
// that makes an event leaves a fact of the same name and moment in the timeline of its own customer.

// made returns the numbers of the entries whose event the customer's own scripts, or the engine for their sake, made.
func (l *Life) made() map[uint64]bool {
	type trace struct {
		from lifecycle.ID
		name string
		at   int64
	}
	tracked := map[trace]int{}
	for i := range l.Entries {
		for _, fact := range l.Entries[i].Facts {
			if fact.Kind == lifecycle.FactTracked && fact.To == "" && fact.Reason == "" {
				tracked[trace{l.Entries[i].From, fact.Name, fact.At.UnixNano()}]++
			}
		}
	}
	own := map[uint64]bool{}
	for i := range l.Entries {
		entry := &l.Entries[i]
		if entry.Event == nil || entry.Event.Depth == 0 {
			continue
		}
		switch entry.Event.Name {
		case StageEntered, StageLeft, MoveRefused, ScoreReached, ScoreFellBelow:
			own[entry.Seq] = true
		case SegmentEntered, SegmentLeft:
			own[entry.Seq] = l.asked[entry.Seq]
		default:
			key := trace{entry.From, entry.Event.Name, entry.Event.Timestamp.UnixNano()}
			if tracked[key] > 0 {
				tracked[key]--
				own[entry.Seq] = true
			}
		}
	}
	return own
}

// passedOn returns the numbers of the entries whose event somebody else's script made while it lived history: it is older
// than what was taken before it, and the moment at which it came is not kept.
func (l *Life) passedOn() map[uint64]bool {
	passed := map[uint64]bool{}
	if !slices.ContainsFunc(l.imports, func(record importRecord) bool { return record.History }) {
		return passed
	}
	own, last := l.made(), map[lifecycle.ID]time.Time{}
	for i := range l.Entries {
		entry := &l.Entries[i]
		taken := entry.At
		if e := entry.Event; e != nil {
			if _, came := momentIn(entry.Mark); e.Depth > 0 && !own[entry.Seq] && !came && e.Received.Before(last[entry.From]) {
				passed[entry.Seq] = true
			}
			taken = later(taken, e.Received)
		}
		last[entry.From] = later(last[entry.From], taken)
	}
	return passed
}

// posted returns the messages that no script has decided, which are those that tell of changes of stages, with their names.
func (l *Life) posted() map[lifecycle.ID]string {
	posted := map[lifecycle.ID]string{}
	for i := range l.Entries {
		for _, fact := range l.Entries[i].Facts {
			if fact.Kind == lifecycle.FactMessage && fact.File == "" && !fact.Message.IsZero() {
				posted[fact.Message] = fact.Name
			}
		}
	}
	return posted
}

// ids returns the ID of the customer, and those of whoever became part of them.
func (l *Life) ids() []lifecycle.ID {
	ids := []lifecycle.ID{l.Customer.ID}
	for i := range l.Entries {
		if from := l.Entries[i].From; !from.IsZero() && !slices.Contains(ids, from) {
			ids = append(ids, from)
		}
	}
	slices.SortFunc(ids[1:], func(a, b lifecycle.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// made reports whether an event that a script made has been made again.
func (r *Reliving) made(ctx context.Context, entry *LifeEntry) (bool, error) {
	if err := r.fire(ctx, entry.At); err != nil {
		return false, err
	}
	delete(r.between, entry.Event.MessageID)
	// Nobody is taken over before it is looked for: what they have lived is on its way then.
	if found, err := r.happened(ctx, r.whose(entry), entry); found || err != nil {
		return found, err
	}
	if err := r.catchUp(ctx); err != nil {
		return false, err
	}
	c, err := r.engine.Record(ctx, r.whose(entry))
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			err = nil
		}
		return false, err
	}
	found, err := r.happened(ctx, c.ID, entry)
	if found || err != nil || c.Import == "" || !r.own[entry.Seq] {
		return found || r.life.asked[entry.Seq], err // segments had the word
	}
	// An import holds the timers: what made it fires as history, with a line that comes after or when the import closes.
	r.expected = append(r.expected, *entry)
	return true, nil
}

// missing gives the events that were expected of scripts while an import held the timers, and that none has made. What is
// expected of whom another import holds is left, unless nothing more happens.
func (r *Reliving) missing(ctx context.Context, over bool) error {
	expected := r.expected
	r.expected = nil
	for i := range expected {
		entry := &expected[i]
		c, err := r.engine.Record(ctx, r.whose(entry))
		if err != nil {
			return err
		}
		if c.Import != "" && !over {
			r.expected = append(r.expected, *entry)
			continue
		}
		found, err := r.happened(ctx, c.ID, entry)
		if err == nil && !found && !r.life.asked[entry.Seq] {
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
	return r.happens(ctx, id, func(e *TimelineEntry) bool {
		return e.Event != nil && e.Event.MessageID == entry.Event.MessageID && e.Event.Name == entry.Event.Name
	})
}

// happens reports whether there is such an entry among the newest of the life that is lived again.
func (r *Reliving) happens(ctx context.Context, id lifecycle.ID, such func(*TimelineEntry) bool) (bool, error) {
	c, err := r.engine.Record(ctx, id)
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			err = nil
		}
		return false, err
	}
	entries, err := r.engine.Timeline(ctx, c.ID, 500)
	for i := range entries {
		if such(&entries[i]) {
			return true, nil
		}
	}
	return false, err
}
