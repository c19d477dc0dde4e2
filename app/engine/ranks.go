package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Ranks by recency, frequency and monetary value. Once a day all customers are counted by what they have bought, read only
// and a few at a time; the bounds that come of it are published to all partitions and hold until the next ones. So no event
// pays for them, and what a segment says follows from what is stored.

const (
	ranksLife  = 24 * time.Hour
	ranksPause = 10 * time.Millisecond // between the customers of two reads
	ranksChunk = 2000                  // customers of one read
)

// Keys of ranks:
//
//	Q             -> lifecycle.Ranks: the bounds that hold
//	Q since       -> RanksPast: those that have held, for replays
func ranksKey() []byte { return []byte{'Q'} }

func ranksPastKey(at time.Time) []byte { return store.AppendTime(ranksKey(), at) }

// RanksPast are the bounds that held from a moment on.
type RanksPast struct {
	At    time.Time       `msgpack:"a"`
	Ranks lifecycle.Ranks `msgpack:"r"`
	First bool            `msgpack:"f,omitempty"` // nobody had a rank before
	// Walked is when everybody had next been asked, whether because of these bounds or of other segments; zero: not yet.
	Walked  time.Time `msgpack:"w,omitempty"`
	Overdue time.Time `msgpack:"o,omitempty"` // since when timers waited that were overdue then; zero: none was
}

// maxRanksPast is how many are remembered: those of somewhat more than a year.
const maxRanksPast = 400

func scanRanksPast(tx store.Reader, visit func(key, value []byte) bool) {
	tx.Scan(append(ranksKey(), 0), store.PrefixEnd(ranksKey()), visit)
}

func readRanksPast(tx store.Reader) (all []RanksPast, failed error) {
	scanRanksPast(tx, func(_, value []byte) bool {
		var past RanksPast
		failed = store.Decode(value, &past)
		all = append(all, past)
		return failed == nil
	})
	return all, failed
}

// keepRanksPast writes down from when on bounds hold, and forgets the oldest ones beyond what is remembered.
func (e *Engine) keepRanksPast(tx store.Tx, past RanksPast) {
	var keys [][]byte
	scanRanksPast(tx, func(key, _ []byte) bool { keys = append(keys, bytes.Clone(key)); return true })
	for _, key := range keys[:max(0, len(keys)+1-maxRanksPast)] {
		tx.Delete(key)
	}
	past.Overdue = e.overdue(tx, past.At)
	e.cameIn(tx, past.At)
	tx.Set(ranksPastKey(past.At), store.Encode(&past))
}

// keepRanks is the input "the bounds that hold have held since this moment at least", for those that an older version of the program
// has published, which kept none. It is safe to repeat.
type keepRanks struct{ At time.Time }

func (e *Engine) keepRanks(tx store.Tx, in keepRanks) error {
	known, err := readRanks(tx)
	if err != nil || known.Customers == 0 {
		return err
	}
	kept := false
	scanRanksPast(tx, func(_, _ []byte) bool { kept = true; return false })
	if !kept {
		e.keepRanksPast(tx, RanksPast{At: in.At, Ranks: known, Walked: in.At})
	}
	return nil
}

// ranksWalked notes when everybody had been asked by the bounds that hold.
func ranksWalked(tx store.Tx, at time.Time) error {
	var last []byte
	scanRanksPast(tx, func(_, value []byte) bool { last = bytes.Clone(value); return true })
	if last == nil {
		return nil
	}
	var past RanksPast
	if err := store.Decode(last, &past); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the ranks that held cannot be read")
	}
	if past.Walked.IsZero() {
		past.Walked = at
		tx.Set(ranksPastKey(past.At), store.Encode(&past))
	}
	return nil
}

// rankPart is what the single writer of a partition keeps in memory of ranks.
type rankPart struct {
	ranks   lifecycle.Ranks
	current bool // ranks is what is stored
}

func readRanks(tx store.Reader) (lifecycle.Ranks, error) {
	var ranks lifecycle.Ranks
	data := tx.Get(ranksKey())
	if data == nil {
		return ranks, nil
	}
	return ranks, store.Decode(data, &ranks)
}

// ranks returns the bounds that hold. Only the partition's single writer calls it.
func (e *Engine) ranks(tx store.Reader) *lifecycle.Ranks {
	part := &e.parts[tx.Partition()].ranks
	if !part.current {
		ranks, err := readRanks(tx)
		if err != nil {
			e.log.Error("the ranks by what customers have bought cannot be read", "partition", tx.Partition(), "error", err)
			ranks = lifecycle.Ranks{}
		}
		part.ranks, part.current = ranks, true
	}
	return &part.ranks
}

func (e *Engine) forgetRanks(tx store.Reader) { e.parts[tx.Partition()].ranks.current = false }

// publishRanks is the input "these bounds hold from now on". Where segments ask for ranks, everybody is asked anew.
type publishRanks struct {
	Ranks lifecycle.Ranks
	At    time.Time
}

func (e *Engine) publishRanks(tx store.Tx, in publishRanks) error {
	known, err := readRanks(tx)
	if err == nil && !in.Ranks.At.After(known.At) {
		return nil
	}
	in.At = e.afterAll(tx, in.At) // what came since it was read is committed by the former ones
	e.keepRanksPast(tx, RanksPast{At: in.At, Ranks: in.Ranks, First: known.Customers == 0})
	tx.Set(ranksKey(), store.Encode(&in.Ranks))
	if set := e.segments(tx); set == nil || !set.Ranked() {
		return nil
	}
	return e.askAllAgain(tx)
}

// ranksOf asks a partition for the bounds that hold.
type ranksOf struct{}

// Ranks returns the bounds that hold.
func (e *Engine) Ranks(ctx context.Context) (lifecycle.Ranks, error) {
	answer, err := e.store.Ask(ctx, 0, ranksOf{})
	if err != nil {
		return lifecycle.Ranks{}, err
	}
	return answer.(lifecycle.Ranks), nil
}

// countBought asks a partition to count customers from one on.
type countBought struct {
	From  lifecycle.ID
	Limit int
}

type boughtAnswer struct {
	Bought lifecycle.Bought
	Next   lifecycle.ID // zero: there are no more
}

func (e *Engine) countBought(tx store.Reader, q countBought) (boughtAnswer, error) {
	var answer boughtAnswer
	var failed error
	looked := 0
	tx.Scan(customerKey(q.From), []byte{'c' + 1}, func(key, value []byte) bool {
		if looked == q.Limit {
			answer.Next = lifecycle.ID(key[1:])
			return false
		}
		looked++
		var c lifecycle.Customer
		if failed = store.Decode(value, &c); failed != nil {
			return false
		}
		if !c.Test() {
			answer.Bought.Add(c.Revenue)
		}
		return true
	})
	return answer, failed
}

// Rank counts what everybody has bought and publishes the bounds. It is read in pieces: what is bought meanwhile counts
// or does not.
func (e *Engine) Rank(ctx context.Context) (lifecycle.Ranks, error) { return e.rankAll(ctx, 0) }

func (e *Engine) rankAll(ctx context.Context, pause time.Duration) (lifecycle.Ranks, error) {
	var all lifecycle.Bought
	at := e.clock.Now()
	for p := range lifecycle.Partitions {
		for from, more := (lifecycle.ID{}), true; more; {
			answer, err := e.store.Ask(ctx, p, countBought{from, ranksChunk})
			if err != nil {
				return lifecycle.Ranks{}, err
			}
			counted := answer.(boughtAnswer)
			all.Join(&counted.Bought)
			from, more = counted.Next, !counted.Next.IsZero()
			if pause > 0 && (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(pause)) != nil {
				return lifecycle.Ranks{}, ctx.Err()
			}
		}
	}
	ranks := all.Ranks(at)
	if ranks.Customers == 0 {
		return ranks, nil // nobody has a rank
	}
	return ranks, e.everywhere(ctx, publishRanks{ranks, e.clock.Now()})
}

// rankDaily keeps the ranks, as long as ctx lasts. One partition's owner does it for all.
func (e *Engine) rankDaily(ctx context.Context) {
	if err := e.everywhere(ctx, keepRanks{e.clock.Now()}); err != nil && ctx.Err() == nil {
		e.log.Warn("it could not be written down which ranks hold; replays do not ask segments by them until they are counted anew", "error", err)
	}
	for ctx.Err() == nil {
		now := e.clock.Now()
		ranks, err := e.Ranks(ctx)
		next := ranks.At.Add(ranksLife)
		if err == nil && !next.After(now) {
			ranks, err = e.rankAll(ctx, ranksPause)
			next = now.Add(ranksLife)
			if ranks.Customers == 0 {
				next = now.Add(time.Hour) // the first ones are soon known
			}
		}
		if err != nil && ctx.Err() == nil {
			e.log.Warn("the customers could not be ranked by what they have bought; it is tried again", "error", err)
			next = now.Add(time.Hour)
		}
		lifecycle.Sleep(ctx, e.clock, next, nil)
	}
}
