package engine

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Between the event by which two become one and the moment at which one of them is taken over, more may happen to both, if it
// comes within milliseconds. The mark of the taking over remembers when that was in the life of the one who stayed, so that a
// replay can do it there: who is taken over lives on until everything that happened to them has.

// adoption is when somebody was taken over.
type adoption struct {
	Into lifecycle.ID // by whom
	Seq  uint64       // the number that whoever stayed had come to
	At   time.Time    // their clock; real time
	Said time.Time    // when what made them one was said, which comes in its turn only; zero: not written down
}

// keepAdoption writes down when this is. Its room in the store is taken by the mark anyway.
func (s *session) keepAdoption(mark []byte) {
	value := binary.BigEndian.AppendUint64(s.customer.ID[:], s.customer.Seq)
	value = binary.BigEndian.AppendUint64(value, uint64(s.customer.Real(s.customer.Clock).UnixNano()))
	s.tx.Set(mark, binary.BigEndian.AppendUint64(value, uint64(s.at.UnixNano())))
}

func adoptMark(customer, from lifecycle.ID, part string) []byte {
	return markKey(0, lifecycle.HashID("adopt", customer.Part(), from.Part(), part))
}

// adoptionOf asks when a customer took another one over.
type adoptionOf struct{ Customer, From lifecycle.ID }

func (e *Engine) adoptionOf(tx store.Reader, q adoptionOf) (a adoption) {
	if value := tx.Get(adoptMark(q.Customer, q.From, "")); len(value) >= len(a.Into)+16 {
		a.Into = lifecycle.ID(value)
		a.Seq = binary.BigEndian.Uint64(value[len(a.Into):])
		a.At = time.Unix(0, int64(binary.BigEndian.Uint64(value[len(a.Into)+8:])))
		if len(value) == len(a.Into)+24 {
			a.Said = time.Unix(0, int64(binary.BigEndian.Uint64(value[len(a.Into)+16:])))
		}
	}
	return a
}

// adoptions reads when each of those who became part of a customer was taken over.
func (e *Engine) adoptions(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]adoption, error) {
	all := map[lifecycle.ID]adoption{}
	for _, from := range ids[1:] {
		for _, customer := range ids {
			answer, err := e.store.Ask(ctx, customer.Partition(), adoptionOf{customer, from})
			if err != nil {
				return nil, err
			}
			if a := answer.(adoption); slices.Contains(ids, a.Into) && !a.At.Before(all[from].At) {
				all[from] = a
			}
		}
	}
	return all, nil
}

// after reports whether an entry in the life of whoever stayed came after they took somebody over. Entries of one who became part
// of somebody else in turn were numbered anew, one after the other, which tells what happened at the same moment apart.
func (r *Reliving) after(entry *LifeEntry, a adoption) bool {
	if entry.From.IsZero() {
		return entry.Seq > a.Seq
	}
	return entry.At.After(a.At) || entry.At.Equal(a.At) && entry.Seq-r.followed(entry.From) >= a.Seq
}

// followed returns the first number of the timeline of somebody who became part of the customer; 0: nothing happened to them.
func (r *Reliving) followed(from lifecycle.ID) uint64 {
	for i := range r.life.Entries {
		if r.life.Entries[i].From == from {
			return r.life.Entries[i].Seq
		}
	}
	return 0
}

// next takes the next thing that happened out of the lives that became one: the oldest, but nothing that came after somebody
// was taken over before that has happened to the end of their life. taken are those who were taken over right before.
func (r *Reliving) next() (entry LifeEntry, taken []lifecycle.ID, more bool) {
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
		return entry, nil, false
	}
	entry, r.lives[first] = r.lives[first][0], r.lives[first][1:]
	for from, a := range r.adoptions {
		if a.Into == r.ids[first] && r.after(&entry, a) {
			taken = append(taken, from)
			delete(r.adoptions, from)
		}
	}
	return entry, taken, true
}

// waitsForOthers reports whether the next entry of a life came after somebody was taken over who still lives on.
func (r *Reliving) waitsForOthers(i int) bool {
	for from, a := range r.adoptions {
		if a.Into == r.ids[i] && r.after(&r.lives[i][0], a) && r.alive(from) {
			return true
		}
	}
	return false
}

// endLives lets whoever was taken over by somebody be so when nothing more happens to either of them: the other one may be taken
// over next.
func (r *Reliving) endLives() {
	for from, a := range r.adoptions {
		if !r.alive(from) && !r.alive(a.Into) {
			delete(r.adoptions, from)
		}
	}
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

// early reports whether it is too early for an instruction: to take somebody over, or for what one of them made happen to another.
func (r *Reliving) early(ctx context.Context, in *instruction) bool {
	switch {
	case in.Link != nil && !in.Link.Hearsay && !in.Link.Question:
		return r.earlyToMeet(ctx, in.Link)
	case in.Receive != nil && in.Receive.Inner:
		return r.between[in.Receive.Event.MessageID]
	case in.Adopt != nil && in.Adopt.Loser != nil:
		_, waits := r.adoptions[in.Adopt.From]
		return waits
	case in.Adopt != nil:
		return r.earlyToFollow(ctx, in.Adopt)
	}
	return false
}

// earlyToFollow reports whether it is too early for the timeline of one who was taken over, which follows them: it has numbers behind
// those of what happened to whoever they are part of before it came.
func (r *Reliving) earlyToFollow(ctx context.Context, in *adopt) bool {
	if _, waits := r.adoptions[in.From]; waits {
		return true
	}
	c, err := r.engine.Record(ctx, in.Customer)
	if err != nil {
		return false
	}
	coming := r.coming(c.ID)
	return coming != nil && coming.Seq < r.followed(in.From)
}

// never reports whether an instruction makes happen what has not happened: whom an event was for was not there yet, or had been
// erased.
func (r *Reliving) never(in *instruction) bool {
	return in.Receive != nil && in.Receive.Inner && in.Receive.Event.Depth > 0 && !r.life.Cut && !r.happening[in.Receive.Event.MessageID]
}

// earlyToMeet reports whether it is too early for a claim: whoever has the identity has yet to begin to live, or more is to happen
// to the one of the two who becomes part of the other, as meet has it.
func (r *Reliving) earlyToMeet(ctx context.Context, in *link) bool {
	if len(r.marked) == 0 {
		return false
	}
	from := in.From
	if from.IsZero() {
		from = in.Identity.Hash()
	}
	claimant, named := in.Customer, in.Named
	if c, err := r.engine.Record(ctx, claimant); err == nil && c.ID != claimant { // they have become part of somebody meanwhile
		claimant, named = c.ID, c.Named()
	}
	loser, winner := claimant, from
	if c, err := r.engine.Record(ctx, from); err != nil {
		if r.alive(from) {
			return true
		}
		if named || in.Identity.Kind != lifecycle.UserID { // else who stays is made for it
			return false
		}
	} else {
		if c.ID == claimant || c.Named() && named && !in.Join {
			return false
		}
		if winner = c.ID; !stays(c.ID, c.Named(), claimant, named) {
			loser, winner = c.ID, claimant
		}
	}
	if !r.marked[loser] && slices.Contains(r.ids, loser) { // it was the other one: they have yet to learn who has a user ID
		return r.marked[winner] && (r.alive(loser) || r.alive(winner))
	}
	return r.marked[loser] && (r.alive(loser) || !r.into(ctx, loser, winner) || r.takesOver(ctx, loser))
}

// takesOver reports whether somebody has yet to take over one of those whom they did.
func (r *Reliving) takesOver(ctx context.Context, id lifecycle.ID) bool {
	for from, a := range r.life.adoptions {
		if a.Into != id {
			continue
		}
		if _, waits := r.adoptions[from]; waits || slices.ContainsFunc(r.waiting, func(in instruction) bool { return in.Adopt != nil && in.Adopt.From == from }) {
			return true
		}
		if c, err := r.engine.Record(ctx, from); err == nil && c.ID == from {
			return true
		}
	}
	return false
}

// into reports whether it was somebody, or whoever is part of them by now, who took one of those over that were. Two claims may be
// waiting, and the one that was heard first is not known to be the one that came first.
func (r *Reliving) into(ctx context.Context, loser, winner lifecycle.ID) bool {
	c, err := r.engine.Record(ctx, r.life.adoptions[loser].Into)
	return err == nil && c.ID == winner
}

// settle carries out what a partition has left for others, and what they leave in turn, as far as it is not too early.
func (r *Reliving) settle(ctx context.Context, partition int) error {
	for open := []int{partition}; len(open) > 0; {
		answer, err := r.engine.store.Ask(ctx, open[0], instructions{Limit: 256})
		if err != nil {
			return err
		}
		pending := answer.(instructionsAnswer)
		if len(pending.Keys)+len(pending.Broken) == 0 {
			open = open[1:]
			continue
		}
		var early [][]byte
		var adopts []instruction
		for i := range pending.Instructions {
			in := pending.Instructions[i]
			if r.never(&in) {
				early = append(early, pending.Keys[i])
			} else if r.early(ctx, &in) {
				r.waiting, early = append(r.waiting, in), append(early, pending.Keys[i])
			} else if in.Adopt != nil {
				adopts, early = append(adopts, in), append(early, pending.Keys[i])
			} else if next := in.item().Partition; !slices.Contains(open, next) {
				open = append(open, next)
			}
		}
		if len(early) > 0 {
			if _, err = r.engine.store.Do(ctx, open[0], done{Keys: early}); err != nil {
				return err
			}
		}
		for i := range adopts {
			if err = r.adopt(ctx, adopts[i].Adopt); err != nil {
				return err
			}
		}
		if _, err = r.engine.deliverInstructions(ctx, open[0], time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// adopt lets one who was taken over become part of whoever they became: as of when that was said, for it is said in many ways,
// and which of them came first is a matter of milliseconds. Entries of theirs take no numbers here.
func (r *Reliving) adopt(ctx context.Context, in *adopt) error {
	if in.Loser != nil {
		if said := r.life.adoptions[in.From].Said; !said.IsZero() {
			in.At = said
		}
		return r.do(ctx, in.Customer.Partition(), *in)
	}
	c, err := r.engine.Record(ctx, in.Customer)
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			err = nil
		}
		return err
	}
	_, err = r.engine.store.Do(ctx, c.ID.Partition(), passBy{Customer: c.ID, From: in.From, Entries: in.Entries})
	return err
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

// catchUp carries out what was too early until now.
func (r *Reliving) catchUp(ctx context.Context) error {
	for i := 0; i < len(r.waiting); {
		in := r.waiting[i]
		if r.early(ctx, &in) {
			i++
			continue
		}
		r.waiting = slices.Delete(r.waiting, i, i+1)
		var err error
		if in.Adopt != nil {
			err = r.adopt(ctx, in.Adopt)
		} else {
			item := in.item()
			err = r.do(ctx, item.Partition, item.Input)
		}
		if err != nil {
			return err
		}
		i = 0
	}
	return nil
}
