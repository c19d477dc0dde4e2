package engine

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Lives that became one are lived again side by side, each to its end, and become one where they did.

// after reports whether an entry in the life of whoever stayed came after they took somebody over. Entries of one who became part
// of somebody else in turn were numbered anew, one after the other, which tells what happened at the same moment apart.
func (r *Reliving) after(entry *LifeEntry, a adoption) bool {
	if entry.From.IsZero() {
		return entry.Seq > a.Seq
	}
	return entry.At.After(a.At) || entry.At.Equal(a.At) && entry.Seq-r.followed[entry.From] >= a.Seq
}

// next takes the next thing that happened out of the lives that became one: the oldest, but nothing that came after somebody
// was taken over before that has happened to the end of their life.
func (r *Reliving) next() (entry LifeEntry, more bool) {
	first, blocked := -1, -1
	for i, life := range r.lives {
		switch {
		case len(life) == 0:
		case r.waitsForOthers(i):
			blocked = i
		case first < 0 || r.before(&life[0], &r.lives[first][0]):
			first = i
		}
	}
	if first < 0 {
		first = blocked
	}
	if first < 0 {
		return entry, false
	}
	entry, r.lives[first] = r.lives[first][0], r.lives[first][1:]
	return entry, true
}

// waitsForOthers reports whether the next entry of a life came after somebody was taken over who still lives on.
func (r *Reliving) waitsForOthers(i int) bool {
	for from, a := range r.adoptions {
		if a.Into == r.ids[i] && r.after(&r.lives[i][0], a) && r.livesOn(from, len(r.ids)) {
			return true
		}
	}
	return false
}

// livesOn reports whether more is to happen to somebody, or to whom they have yet to take over; others have been taken over by
// each other at most so many times.
func (r *Reliving) livesOn(id lifecycle.ID, times int) bool {
	if r.alive(id) || times == 0 {
		return r.alive(id)
	}
	for from, a := range r.adoptions {
		if a.Into == id && r.livesOn(from, times-1) {
			return true
		}
	}
	return false
}

// takeOver lets those become part of others who did so by now, of whom it is known when: as soon as nothing more happens to them,
// at that place in the life of whoever took them over. What it was that made them one does not matter: it is said in many ways, and
// which of them came first is a matter of milliseconds.
func (r *Reliving) takeOver(ctx context.Context, now time.Time) error {
	for {
		from, a := r.takenOverNext(now)
		if from.IsZero() {
			return nil
		}
		delete(r.adoptions, from)
		if err := r.takeOverOne(ctx, from, a); err != nil {
			return err
		}
	}
}

// takenOverNext returns who is taken over next of those who are by a moment; the zero ID if nobody is.
func (r *Reliving) takenOverNext(now time.Time) (next lifecycle.ID, when adoption) {
	for from, a := range r.adoptions {
		coming := r.coming(a.Into)
		switch {
		case r.alive(from) || r.takesOver(from, math.MaxUint64) || r.takesOver(a.Into, a.Seq) || coming != nil && !r.after(coming, a):
		case a.Said.After(now) && (coming == nil || coming != r.about): // what is about to happen to whoever stays came after it
		case next.IsZero() || cmp.Or(a.Said.Compare(when.Said), cmp.Compare(a.Seq, when.Seq), bytes.Compare(from[:], next[:])) < 0:
			next, when = from, a
		}
	}
	return next, when
}

// takesOver reports whether somebody has yet to take another one over, before a number of theirs.
func (r *Reliving) takesOver(id lifecycle.ID, before uint64) bool {
	for _, a := range r.adoptions {
		if a.Into == id && a.Seq < before {
			return true
		}
	}
	return false
}

func (r *Reliving) takeOverOne(ctx context.Context, from lifecycle.ID, a adoption) error {
	into := a.Into
	c, err := r.engine.Record(ctx, into)
	switch {
	case err == nil && c.ID == into && c.Seq < a.Seq: // entries of others have taken these numbers by now
		n := int(a.Seq - c.Seq)
		if err = r.do(ctx, into.Partition(), passBy{Customer: into, Taken: n}); err != nil {
			return err
		}
		if coming := r.coming(into); coming != nil {
			r.taken[coming.Seq] = max(r.taken[coming.Seq]-n, 0)
		}
	case err == nil:
		into = c.ID
	case lifecycle.CodeOf(err) != lifecycle.NotFound:
		return err
	}
	for {
		c, err := r.engine.Record(ctx, from)
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			return nil
		}
		if err != nil || c.ID != from || into == from {
			return err
		}
		// Once more for whoever has slept for so long that it takes more than one input.
		if err = r.do(ctx, from.Partition(), becomePart{From: from, Into: into, At: a.Said}); err != nil {
			return err
		}
	}
}

// becomePart is the input "this customer is part of that one as of now".
type becomePart struct {
	From, Into lifecycle.ID
	At         time.Time
}

func (e *Engine) becomePart(tx store.Tx, in becomePart) error {
	if tx.Get(customerKey(in.From)) == nil {
		return nil
	}
	return e.become(tx, in.From, link{Customer: in.Into, From: in.From, At: in.At})
}

// alive reports whether more is to happen to somebody who became part of the customer.
func (r *Reliving) alive(id lifecycle.ID) bool { return r.coming(id) != nil }

// coming returns what happens next to somebody; nil if nothing does.
func (r *Reliving) coming(id lifecycle.ID) *LifeEntry {
	if r.about != nil && r.whose(r.about) == id {
		return r.about
	}
	if i := slices.Index(r.ids, id); i >= 0 && len(r.lives[i]) > 0 {
		return &r.lives[i][0]
	}
	return nil
}

// before puts what happened at different times in order. Of what happened at one moment, events that others made happen to a
// customer come after those that may have led to them.
func (r *Reliving) before(a, b *LifeEntry) bool {
	if !r.when[a.Seq].Equal(r.when[b.Seq]) {
		return r.when[a.Seq].Before(r.when[b.Seq])
	}
	if !a.At.Equal(b.At) {
		return a.At.Before(b.At)
	}
	return !r.byOthers(a) && r.byOthers(b)
}

func (r *Reliving) byOthers(entry *LifeEntry) bool {
	return entry.Event != nil && entry.Event.Depth > 0 && !r.own[entry.Seq]
}

// takenNumbers returns how many entries of others came into a life right before one of its own, by the number of that one: they
// took numbers, and the IDs of what a life leads to hang on its numbers.
func (l *Life) takenNumbers() map[uint64]int {
	taken, pending := map[uint64]int{}, map[lifecycle.ID]int{}
	for i := range l.Entries {
		entry := &l.Entries[i]
		whose := entry.From
		if whose.IsZero() {
			whose = l.Customer.ID
		}
		if n := pending[whose]; n > 0 {
			taken[entry.Seq] = n
			delete(pending, whose)
		}
		for hops := 0; whose != l.Customer.ID; hops++ {
			a, is := l.adoptions[whose]
			if whose = a.Into; !is || hops == len(l.adoptions) {
				whose = l.Customer.ID
			}
			pending[whose]++
		}
	}
	return taken
}
