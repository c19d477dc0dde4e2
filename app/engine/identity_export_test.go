package engine

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
)

// Instructed reports whether any partition has work of a moment, or of one before, for another one.
func (e *Engine) Instructed(ctx context.Context, at time.Time) (bool, error) {
	return e.instructionsUntil(ctx, at)
}

// DeliverNth carries out one instruction of those that are pending in all partitions. Without finish it stays pending, as
// after a crash. It reports whether any was pending.
func (e *Engine) DeliverNth(ctx context.Context, nth int, finish bool) (bool, error) {
	type at struct {
		partition int
		key       []byte
		in        instruction
	}
	var all []at
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, instructions{256})
		if err != nil {
			return false, err
		}
		found := answer.(instructionsAnswer)
		for i := range found.Keys {
			all = append(all, at{p, found.Keys[i], found.Instructions[i]})
		}
	}
	if len(all) == 0 {
		return false, nil
	}
	one := all[nth%len(all)]
	item := one.in.item()
	if _, err := e.store.Do(ctx, item.Partition, item.Input); err != nil || !finish {
		return true, err
	}
	_, err := e.store.Do(ctx, one.partition, done{Keys: [][]byte{one.key}})
	return true, err
}
