package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Retention is for how long things are kept; zero is for ever. What was counted stays counted.
type Retention struct {
	Events    time.Duration // entries of timelines
	Anonymous time.Duration // customers of whom no more than a browser is known, after their last event
	Bodies    time.Duration // what messages said
}

// Kept says what keeping only so long has removed.
type Kept struct {
	Entries   int // of timelines
	Anonymous int // customers
}

// Bounds of one look, and of one input.
const (
	retainLook = 20_000
	retainKeys = 1000
)

// oldEntries asks for entries of timelines that are older than a moment.
type oldEntries struct {
	before time.Time
	from   []byte
}

type oldKeys struct {
	keys [][]byte
	next []byte // nil: the end of the partition
}

func (e *Engine) oldEntries(tx store.Reader, q oldEntries) (old oldKeys, failed error) {
	from, look := []byte{'e'}, retainLook
	if q.from != nil {
		from = q.from
	}
	tx.Scan(from, []byte{'e' + 1}, func(key, value []byte) bool {
		if look--; look < 0 || len(old.keys) >= retainKeys {
			old.next = bytes.Clone(key)
			return false
		}
		var entry placedEntry
		if failed = store.Decode(value, &entry); failed != nil {
			return false
		}
		if entry.At.Before(q.before) {
			old.keys = append(old.keys, bytes.Clone(key))
		}
		return true
	})
	return old, failed
}

// dropEntries is the input "these entries are too old, as are all before a moment".
type dropEntries struct {
	Keys   [][]byte
	Before time.Time
}

func (e *Engine) dropEntries(tx store.Tx, in dropEntries) {
	if in.Before.After(readEntriesGone(tx)) {
		tx.Set(entriesGoneKey(), store.Encode(&in.Before))
	}
	for _, key := range in.Keys {
		if len(key) > 0 && key[0] == 'e' {
			tx.Delete(key)
		}
	}
}

// Up to when entries of timelines are gone is kept in each partition, so that nobody takes what is left of one for all there was.
//
//	E e -> time
func entriesGoneKey() []byte { return []byte{'E', 'e'} }

func readEntriesGone(tx store.Reader) (before time.Time) {
	if data := tx.Get(entriesGoneKey()); data != nil {
		_ = store.Decode(data, &before)
	}
	return before
}

// idleAnonymous asks for customers who are not known by more than a browser and have been silent for long.
type idleAnonymous struct {
	before time.Time
	from   []byte
}

func (e *Engine) idleAnonymous(tx store.Reader, q idleAnonymous) (old oldKeys, failed error) {
	from, look := []byte{'c'}, retainLook
	if q.from != nil {
		from = q.from
	}
	tx.Scan(from, []byte{'c' + 1}, func(key, value []byte) bool {
		if look--; look < 0 || len(old.keys) >= retainKeys {
			old.next = bytes.Clone(key)
			return false
		}
		var c lifecycle.Customer
		if failed = store.Decode(value, &c); failed != nil {
			return false
		}
		if anonymous(&c) && !c.Applicant() && c.Import == "" && c.LastSeen().Before(q.before) {
			old.keys = append(old.keys, bytes.Clone(key[1:]))
		}
		return true
	})
	return old, failed
}

// Until when bodies are gone, and where an unfinished walk goes on, is kept in each partition: what they were taken out of is not looked at again.
//
//	E b -> bodiesGone
func bodiesKey() []byte { return []byte{'E', 'b'} }

type bodiesGone struct {
	Since  time.Time // of those decided before it nothing is left
	Before time.Time // of the walk under way; zero: there is none
	From   []byte
}

type bodiesSince struct{}

func readBodiesSince(tx store.Reader) (gone bodiesGone) {
	if data := tx.Get(bodiesKey()); data != nil {
		_ = store.Decode(data, &gone) // else everything is looked at again
	}
	return gone
}

// dropBodies is the input "take the bodies out of the next messages". Its answer is whether there may be more.
type dropBodies struct{ Before time.Time }

// bodyGrace is for how long messages are looked at again that were not settled when their body was due to go.
const bodyGrace = 30 * 24 * time.Hour

func (e *Engine) dropBodies(tx store.Tx, in dropBodies) (more bool, err error) {
	gone := readBodiesSince(tx)
	if e.forgetter == nil {
		return false, nil
	}
	if gone.Before.IsZero() {
		gone.Before = in.Before
	}
	since := gone.Since
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	if gone.From, err = e.forgetter.ForgetBodies(tx, since, gone.Before, gone.From, forgetLook); err != nil {
		return false, err
	}
	if more = gone.From != nil; !more {
		gone.Since, gone.Before = later(gone.Since, gone.Before.Add(-bodyGrace)), time.Time{}
	}
	tx.Set(bodiesKey(), store.Encode(&gone))
	return more, nil
}

// Retain removes what is older than it may be. It goes through everything, in small parts; what was interrupted is made up
// for by the next one.
func (e *Engine) Retain(ctx context.Context, r Retention) (kept Kept, err error) {
	now := e.clock.Now()
	for p := range lifecycle.Partitions {
		if r.Events > 0 {
			before := now.Add(-r.Events)
			var n int
			if n, err = e.eachOld(ctx, p, func(from []byte) any { return oldEntries{before, from} }, func(keys [][]byte) (int, error) {
				_, err := e.store.Do(ctx, p, dropEntries{keys, before})
				return len(keys), err
			}); err != nil {
				return kept, err
			}
			if n == 0 { // they may be gone since before that was kept
				if _, err = e.store.Do(ctx, p, dropEntries{Before: before}); err != nil {
					return kept, err
				}
			}
			kept.Entries += n
			for more := true; more; {
				answer, err := e.store.Do(ctx, p, dropListed{before})
				if err != nil {
					return kept, err
				}
				more = answer.(bool)
			}
		}
		if r.Anonymous > 0 {
			before := now.Add(-r.Anonymous)
			var n int
			if n, err = e.eachOld(ctx, p, func(from []byte) any { return idleAnonymous{before, from} }, func(keys [][]byte) (gone int, err error) {
				items := make([]store.Item, len(keys))
				for i, key := range keys {
					items[i] = store.Item{Partition: p, Input: erase{Customer: lifecycle.ID(key), At: now, Retire: true, Idle: before}}
				}
				for _, result := range e.store.DoAll(ctx, items) {
					if result.Err == nil && result.Answer.(eraseAnswer).Gone {
						gone++
					} else if result.Err != nil && lifecycle.CodeOf(result.Err) != lifecycle.NotFound {
						err = result.Err
					}
				}
				return gone, err
			}); err != nil {
				return kept, err
			}
			kept.Anonymous += n
		}
		for more := r.Bodies > 0; more; {
			answer, err := e.store.Do(ctx, p, dropBodies{now.Add(-r.Bodies)})
			if err != nil {
				return kept, err
			}
			more = answer.(bool)
		}
	}
	return kept, nil
}

// eachOld asks for what is old, part by part, and lets it go.
func (e *Engine) eachOld(ctx context.Context, p int, ask func(from []byte) any, drop func(keys [][]byte) (int, error)) (n int, err error) {
	for from := []byte(nil); ; {
		if ctx.Err() != nil {
			return n, lifecycle.Wrap(lifecycle.Unavailable, ctx.Err(), "this goes on later")
		}
		answer, err := e.store.Ask(ctx, p, ask(from))
		if err != nil {
			return n, err
		}
		old := answer.(oldKeys)
		if len(old.keys) > 0 {
			gone, err := drop(old.keys)
			if n += gone; err != nil {
				return n, err
			}
		}
		if from = old.next; from == nil {
			return n, nil
		}
	}
}
