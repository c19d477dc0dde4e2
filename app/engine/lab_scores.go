package engine

import (
	"context"
	"errors"
	"math"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// What laboratories and simulations do with scores and ranks.

// awarded is the input "this customer gets points now".
type awarded struct {
	Customer lifecycle.ID
	Award    lifecycle.Award
	At       time.Time
}

// AwardAt gives points as a script would, at a moment: what they cross is told. What is due by then happens before. Points for
// which the customer has no room are Invalid.
func (e *Engine) AwardAt(ctx context.Context, customer lifecycle.ID, award lifecycle.Award, at time.Time) error {
	if _, err := e.store.Do(ctx, customer.Partition(), awarded{customer, award, at}); err != nil {
		return err
	}
	return e.Settle(ctx, customer.Partition())
}

func (e *Engine) awarded(tx store.Tx, in awarded) error {
	s, err := e.open(tx, in.Customer)
	if err != nil {
		return err
	}
	c := s.customer
	s.at = in.At
	now := later(c.Lapsed(in.At), c.Clock)
	s.catchUp(now)
	s.now, s.event, s.moves, s.depth, s.first = now, nil, 0, 0, moveRequest{}
	c.Clock = now
	s.cause = lifecycle.HashID("awarded", c.ID.Part(), now.UTC().Format(time.RFC3339Nano))
	first := len(s.decision.Facts)
	err = s.award(&script.Effect{Kind: script.Score, Award: in.Award}, lifecycle.Fact{})
	var refused *lifecycle.Error
	if errors.As(err, &refused) { // it is not a script that failed
		return &lifecycle.Error{Code: lifecycle.Invalid, Message: refused.Message, Hint: refused.Hint}
	}
	if err != nil {
		return err
	}
	s.timeline(TimelineEntry{At: c.Real(s.now), Facts: s.decision.Facts[first:]})
	s.handleTracked()
	return s.save()
}

// withPoints asks a partition how many customers have points of each score at a moment.
type withPoints struct{ At time.Time }

// WithPoints returns how many customers have points at a moment, by score. Less than a thousandth of a point is none; test
// people do not count. All records are read: it is for simulations.
func (e *Engine) WithPoints(ctx context.Context, at time.Time) (map[string]int64, error) {
	all := map[string]int64{}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, withPoints{at})
		if err != nil {
			return nil, err
		}
		for score, count := range answer.(map[string]int64) {
			all[score] += count
		}
	}
	return all, nil
}

func (e *Engine) withPoints(tx store.Reader, q withPoints) (map[string]int64, error) {
	counts := map[string]int64{}
	var failed error
	tx.Scan(customerKey(lifecycle.ID{}), []byte{'c' + 1}, func(_, value []byte) bool {
		var c lifecycle.Customer
		if failed = store.Decode(value, &c); failed != nil {
			return false
		}
		if c.Test() {
			return true
		}
		for _, score := range c.ScoreNames() {
			if math.Abs(c.ScoreNamed(score, q.At)) >= 0.001 {
				counts[score]++
			}
		}
		return true
	})
	return counts, failed
}

// rankedChunk is how many customers are asked anew in one commit when nothing else goes on.
const rankedChunk = 100

// RankNow ranks everybody by what they have bought, and lets the segments that ask for ranks see it at once, with
// everything that follows. Once a day the engine does it by itself, unless its options say otherwise.
func (e *Engine) RankNow(ctx context.Context) error {
	ranks, err := e.Rank(ctx)
	if err != nil || ranks.Customers == 0 {
		return err
	}
	for p := range lifecycle.Partitions {
		for more := true; more; {
			answer, err := e.store.Do(ctx, p, walkSegments{Limit: rankedChunk, At: e.clock.Now()})
			if err != nil {
				return err
			}
			more = answer.(bool)
		}
	}
	for p := range lifecycle.Partitions {
		if err = e.Settle(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
