package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// sweep is the input "forget the message IDs of epochs that ended long ago".
type sweep struct {
	At    time.Time
	From  []byte // where the sweep before ended; behind it there are no tombstones to wade through
	Limit int
}

// sweep returns where the next one goes on; nil when there is no more.
func (e *Engine) sweep(tx store.Tx, in sweep) (next []byte, err error) {
	current := epoch(in.At)
	if current < 2 {
		return nil, nil
	}
	if in.From == nil {
		in.From = markKey(1, lifecycle.ID{})
	}
	return deleteUntil(tx, in.From, markKey(current-1, lifecycle.ID{}), in.Limit), nil
}

// deleteUntil deletes the keys from one to another, which stays, at most limit of them. It returns where to go on; nil when there
// is no more.
func deleteUntil(tx store.Tx, from, until []byte, limit int) (next []byte) {
	var keys [][]byte
	tx.Scan(from, until, func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < limit
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	if len(keys) == limit {
		next = keys[len(keys)-1]
	}
	return next
}

func (e *Engine) sweepMarks(ctx context.Context, p int, now time.Time) error {
	err := e.repeatSweep(ctx, p, func(from []byte) any { return sweep{now, from, 1000} })
	if err != nil {
		return err
	}
	return e.repeatSweep(ctx, p, func(from []byte) any { return sweepFirst{now, from, 1000} })
}

// repeatSweep gives a partition one input after the other, each from where the one before ended, until there is no more.
func (e *Engine) repeatSweep(ctx context.Context, p int, input func(from []byte) any) error {
	var from []byte
	for {
		next, err := e.store.Do(ctx, p, input(from))
		if err != nil {
			return err
		}
		if from = next.([]byte); from == nil {
			return nil
		}
	}
}
