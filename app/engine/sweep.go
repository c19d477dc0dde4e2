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
	var keys [][]byte
	tx.Scan(in.From, markKey(current-1, lifecycle.ID{}), func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < in.Limit
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	if len(keys) == in.Limit {
		next = keys[len(keys)-1]
	}
	return next, nil
}

func (e *Engine) sweepMarks(ctx context.Context, p int, now time.Time) error {
	var from []byte
	for {
		next, err := e.store.Do(ctx, p, sweep{now, from, 1000})
		if err != nil {
			return err
		}
		if from = next.([]byte); from == nil {
			return nil
		}
	}
}
