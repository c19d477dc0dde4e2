package engine

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Scores: what scripts/scores.lua declares is published like a version of a journey; scores.go gives points and tells of
// thresholds. After a change everybody who has points is brought to the new rules, in the background or when they are next
// seen; what they are beyond then is told to nobody.

// scoreTable is what a partition keeps of the scores that are declared.
type scoreTable struct {
	Epoch   uint64               `msgpack:"e"` // grows with every change; customers' records name it
	Rules   lifecycle.ScoreRules `msgpack:"r"`
	Since   time.Time            `msgpack:"s"` // when they were published
	Walking bool                 `msgpack:"w"` // customers from Cursor on may not know of the change
	Cursor  lifecycle.ID         `msgpack:"c"`
	Past    []ScoresPast         `msgpack:"p"` // what was declared before and is now, oldest first
}

// ScoresPast is what was declared of scores from a moment on.
type ScoresPast struct {
	At      time.Time            `msgpack:"a"`
	Rules   lifecycle.ScoreRules `msgpack:"r"`
	Overdue time.Time            `msgpack:"o,omitempty"` // since when timers waited that were overdue then; zero: none was
}

// maxScoresPast is how many changes are remembered, for replays.
const maxScoresPast = 100

func scoresKey() []byte { return []byte{'C'} }

// scorePart is what a partition keeps in memory of scores.
type scorePart struct {
	table   scoreTable
	current bool        // table is what is stored
	walking atomic.Bool // there may be customers who do not know of a change
}

func readScoreTable(tx store.Reader) (*scoreTable, error) {
	table := &scoreTable{}
	if data := tx.Get(scoresKey()); data != nil {
		if err := store.Decode(data, table); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "the scores of partition %d cannot be read", tx.Partition())
		}
	}
	return table, nil
}

// scores returns what is declared. Only the partition's single writer calls it.
func (e *Engine) scores(tx store.Reader) *scoreTable {
	part := &e.parts[tx.Partition()].scores
	if !part.current {
		table, err := readScoreTable(tx)
		if err != nil {
			e.log.Error("the scores cannot be used; no threshold is told of", "partition", tx.Partition(), "error", err)
			table = &scoreTable{}
		}
		part.table, part.current = *table, true
	}
	return &part.table
}

// forgetScores lets the next input read the scores anew.
func (e *Engine) forgetScores(tx store.Reader) { e.parts[tx.Partition()].scores.current = false }

// publishScores is the input "this is declared of scores from now on". It is safe to repeat.
type publishScores struct {
	Rules lifecycle.ScoreRules
	At    time.Time
}

func (e *Engine) publishScores(tx store.Tx, in publishScores) error {
	table, err := readScoreTable(tx)
	if err != nil || reflect.DeepEqual(table.Rules, in.Rules) || len(table.Rules)+len(in.Rules) == 0 {
		return err
	}
	table.Epoch++
	table.Rules, table.Since = in.Rules, in.At
	table.Past = append(table.Past, ScoresPast{At: in.At, Rules: in.Rules, Overdue: e.overdue(tx, in.At)})
	table.Past = table.Past[max(0, len(table.Past)-maxScoresPast):]
	table.Cursor, table.Walking = lifecycle.ID{}, anyCustomer(tx)
	tx.Set(scoresKey(), store.Encode(table))
	part := &e.parts[tx.Partition()].scores
	tx.After(func() { part.walking.Store(true) })
	e.hint(tx, time.Unix(0, 0))
	return nil
}

// PublishScores gives what is declared of scores to all partitions.
func (e *Engine) PublishScores(ctx context.Context, rules lifecycle.ScoreRules) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	now, err := e.ScoreRules(ctx)
	if err != nil || len(now)+len(rules) == 0 {
		return err // there never were any
	}
	return e.everywhere(ctx, publishScores{Rules: rules, At: e.clock.Now()})
}

// ScoreRules returns what is declared of scores.
func (e *Engine) ScoreRules(ctx context.Context) (lifecycle.ScoreRules, error) {
	answer, err := e.store.Ask(ctx, 0, scoreTableOf{})
	if err != nil {
		return nil, err
	}
	return answer.(*scoreTable).Rules, nil
}

type scoreTableOf struct{}

// walkScores is the input "bring the next customers to what is declared of scores".
type walkScores struct {
	Limit int
	At    time.Time
}

// walkScores returns whether there are more.
func (e *Engine) walkScores(tx store.Tx, in walkScores) (more bool, err error) {
	table, err := readScoreTable(tx)
	if err != nil || !table.Walking {
		return false, err
	}
	var behind []lifecycle.ID
	looked, size := 0, 0
	tx.Scan(customerKey(table.Cursor), []byte{'c' + 1}, func(key, value []byte) bool {
		id := lifecycle.ID(key[1:])
		if more = looked == in.Limit || size >= maxWritten; more {
			table.Cursor = id
			return false
		}
		looked++
		var c lifecycle.Customer
		if store.Decode(value, &c) == nil && len(c.Points) > 0 && c.Scores.Epoch != table.Epoch {
			behind = append(behind, id)
			size += len(value) + costOfKey
		}
		return true
	})
	for _, id := range behind {
		s, err := e.open(tx, id) // which does it
		if err != nil {
			return false, err
		}
		s.at = in.At
		if err = s.save(); err != nil {
			return false, err
		}
	}
	table.Walking = more
	tx.Set(scoresKey(), store.Encode(table))
	return more, nil
}

// Scores of how many customers are looked at in one go after a change.
const scoresChunk = 100

// workScores is the chore that brings everybody to what is declared of scores.
func (e *Engine) workScores(ctx context.Context, p int, now time.Time) (bool, error) {
	part := &e.parts[p].scores
	if !part.walking.Load() {
		return false, nil
	}
	part.walking.Store(false) // a change from here on says so again
	answer, err := e.store.Ask(ctx, p, scoreTableOf{})
	if err == nil && answer.(*scoreTable).Walking {
		answer, err = e.store.Do(ctx, p, walkScores{scoresChunk, now})
		if err == nil && !answer.(bool) {
			return false, nil
		}
		part.walking.Store(true)
		if err == nil {
			_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(walkPause))
		}
		return err == nil, err
	}
	if err != nil {
		part.walking.Store(true)
	}
	return false, err
}

// applyScores handles the inputs about scores and ranks; handled is false for an input of someone else.
func (e *Engine) applyScores(tx store.Tx, input any) (answer any, handled bool, err error) {
	switch in := input.(type) {
	case publishScores:
		defer e.forgetScores(tx) // also if this is undone
		return nil, true, e.publishScores(tx, in)
	case walkScores:
		defer e.forgetScores(tx)
		answer, err = e.walkScores(tx, in)
		return answer, true, err
	case keepRanks:
		return nil, true, e.keepRanks(tx, in)
	case publishRanks:
		defer e.forgetRanks(tx)
		defer e.forgetSegments(tx)
		return nil, true, e.publishRanks(tx, in)
	}
	return nil, false, nil
}

// askScores answers the questions about them.
func (e *Engine) askScores(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case scoreTableOf:
		answer, err = readScoreTable(tx)
	case ranksOf:
		answer, err = readRanks(tx)
	case countBought:
		answer, err = e.countBought(tx, q)
	default:
		return nil, false, nil
	}
	return answer, true, err
}
