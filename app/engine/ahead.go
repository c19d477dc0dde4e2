package engine

import (
	"bytes"
	"context"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of looking ahead.
const (
	aheadLook  = 500     // customers, or rows of a list, in one input
	aheadTotal = 200_000 // in all
)

// aheadAnswer is what became of the next customers of a partition, and where it goes on; next is nil when it is through.
type aheadAnswer[Sum any] struct {
	sum  Sum
	next []byte
}

// lookAt visits the next customers of a partition who are meant: of those on a list if the audience is one, else of all. Gone
// are those on the list who are not there any more, or merged with somebody elsewhere.
func (e *Engine) lookAt(tx store.Tx, meant *matcher, list string, from []byte, visit func(*lifecycle.Customer)) (looked, gone int64, next []byte, failed error) {
	if meant.plan, failed = e.running(tx, meant.audience.Journey); failed != nil {
		return 0, 0, nil, failed
	}
	begin, end := customerKey(lifecycle.ID{}), []byte{'c' + 1}
	if meant.audience.List {
		begin, end = listPrefix(list), store.PrefixEnd(listPrefix(list))
	}
	if from != nil {
		begin = from
	}
	var records [][]byte
	tx.Scan(begin, end, func(key, value []byte) bool {
		if len(records) == aheadLook {
			next = bytes.Clone(key)
			return false
		}
		if meant.audience.List {
			value = key[len(key)-16:]
		}
		records = append(records, bytes.Clone(value))
		return true
	})
	for _, record := range records {
		looked++
		if meant.audience.List {
			if _, record, _ = e.find(tx, lifecycle.ID(record)); record == nil {
				gone++
				continue
			}
		}
		c := &lifecycle.Customer{}
		if failed = store.Decode(record, c); failed != nil {
			return looked, gone, next, lifecycle.Wrap(lifecycle.Internal, failed, "a customer cannot be read")
		}
		if meant.includes(tx, c) {
			visit(c)
		}
	}
	return looked, gone, next, nil
}

// lookEverywhere gives inputs that look at the next customers to all partitions, evenly, until they are through or enough
// customers were looked at. add takes their answers and returns how many that were so far. It reports whether all were.
func lookEverywhere[Sum any](ctx context.Context, e *Engine, input func(from []byte) any, add func(*Sum) (looked int64)) (complete bool, err error) {
	from := make([][]byte, lifecycle.Partitions)
	left := append([]int{0}, others()...)
	for looked := int64(0); len(left) > 0 && looked < aheadTotal; {
		items := make([]store.Item, len(left))
		for i, p := range left {
			items[i] = store.Item{Partition: p, Input: input(from[p])}
		}
		var more []int
		for i, result := range e.store.DoAll(ctx, items) {
			if result.Err != nil {
				return false, result.Err
			}
			answer := result.Answer.(aheadAnswer[Sum])
			looked = add(&answer.sum)
			if from[left[i]] = answer.next; answer.next != nil {
				more = append(more, left[i])
			}
		}
		left = more
	}
	return len(left) == 0, nil
}
