package engine

import (
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
)

// What lives that are lived again leave for each other is carried out at once, unless it is too early for it, and nothing of it
// makes two of them one: they become so where they did.

// early reports whether it is too early for an instruction.
func (r *Reliving) early(ctx context.Context, in *instruction) bool {
	switch {
	case in.Link != nil && !in.Link.Hearsay && !in.Link.Question:
		return r.earlyToClaim(ctx, in.Link)
	case in.Receive != nil && in.Receive.Inner:
		return r.between[in.Receive.Event.MessageID]
	case in.Adopt != nil && in.Adopt.Loser == nil:
		return r.earlyToFollow(ctx, in.Adopt)
	}
	return false
}

// earlyToClaim reports whether whoever has the identity has yet to begin to live.
func (r *Reliving) earlyToClaim(ctx context.Context, in *link) bool {
	from := in.From
	if from.IsZero() {
		from = in.Identity.Hash()
	}
	_, err := r.engine.Record(ctx, from)
	return err != nil && r.alive(from)
}

// earlyToFollow reports whether it is too early for the timeline of one who was taken over, which follows them: it has numbers behind
// those of what happened to whoever they are part of before it came.
func (r *Reliving) earlyToFollow(ctx context.Context, in *adopt) bool {
	c, err := r.engine.Record(ctx, in.Customer)
	if err != nil {
		return false
	}
	coming := r.coming(c.ID)
	return coming != nil && coming.Seq < r.followed[in.From]
}

// never reports whether an instruction makes happen what has not happened: whom an event was for was not there yet, or had been
// erased.
func (r *Reliving) never(in *instruction) bool {
	return in.Receive != nil && in.Receive.Inner && in.Receive.Event.Depth > 0 && !r.life.Cut && !r.happening[in.Receive.Event.MessageID]
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

// adopt lets one who was taken over become part of whoever they became. Entries of theirs take no numbers here.
func (r *Reliving) adopt(ctx context.Context, in *adopt) error {
	if in.Loser != nil {
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
