package engine

import (
	"bytes"
	"context"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of looking ahead.
const (
	aheadLook  = 500     // customers, or rows of a list, in one input
	aheadTotal = 200_000 // in all
)

// aheadPart is whom one input looks at: the next ones from a key on, or those of a list who have become these.
type aheadPart struct {
	from   []byte
	merged []lifecycle.ID
}

// aheadAnswer is what became of the next customers of a partition, and where it goes on; next is nil when it is through.
type aheadAnswer[Sum any] struct {
	sum    Sum
	next   []byte
	merged []lifecycle.ID // whom some of the list have become, to be looked at where they are
}

// lookAt visits the next customers of a partition who are meant: of those on a list if the audience is one, else of all. Gone
// are those on the list who are not there any more. Whoever some of the list have become is answered, to be looked at in a
// second round: each of them once, and only who is not on the list themselves.
func (e *Engine) lookAt(tx store.Tx, meant *matcher, list string, part aheadPart, visit func(*lifecycle.Customer)) (looked, gone int64, next []byte, merged []lifecycle.ID, failed error) {
	if meant.plan, failed = e.running(tx, meant.audience.Journey); failed != nil {
		return 0, 0, nil, nil, failed
	}
	look := func(record []byte) error {
		c := &lifecycle.Customer{}
		if err := store.Decode(record, c); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "a customer cannot be read")
		}
		if meant.includes(tx, c) {
			visit(c)
		}
		return nil
	}
	for _, former := range part.merged {
		switch id, record, here := e.find(tx, former); {
		case !here || id != former: // whom others of the list may have become as well
			merged = append(merged, id)
		case record == nil:
			gone++
		case !tx.Has(listKey(list, id)):
			failed = look(record)
		}
		if failed != nil {
			return looked, gone, nil, merged, failed
		}
	}
	if part.merged != nil {
		return looked, gone, nil, merged, nil
	}
	begin, end := customerKey(lifecycle.ID{}), []byte{'c' + 1}
	if meant.audience.List {
		begin, end = listPrefix(list), store.PrefixEnd(listPrefix(list))
	}
	if part.from != nil {
		begin = part.from
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
			listed := lifecycle.ID(record)
			id, found, here := e.find(tx, listed)
			switch {
			case !here || found != nil && id != listed:
				merged = append(merged, id)
				continue
			case found == nil:
				gone++
				continue
			}
			record = found
		}
		if failed = look(record); failed != nil {
			break
		}
	}
	return looked, gone, next, merged, failed
}

// lookEverywhere gives inputs that look at the next customers to all partitions, evenly, until they are through or enough
// customers were looked at. add takes their answers and returns how many that were so far. It reports whether all were.
func lookEverywhere[Sum any](ctx context.Context, e *Engine, input func(aheadPart) any, add func(*Sum) (looked int64)) (complete bool, err error) {
	var merged []lifecycle.ID
	from := make([][]byte, lifecycle.Partitions)
	left := append([]int{0}, others()...)
	for looked := int64(0); len(left) > 0 && looked < aheadTotal; {
		items := make([]store.Item, len(left))
		for i, p := range left {
			items[i] = store.Item{Partition: p, Input: input(aheadPart{from: from[p]})}
		}
		var more []int
		for i, result := range e.store.DoAll(ctx, items) {
			if result.Err != nil {
				return false, result.Err
			}
			answer := result.Answer.(aheadAnswer[Sum])
			looked, merged = add(&answer.sum), append(merged, answer.merged...)
			if from[left[i]] = answer.next; answer.next != nil {
				more = append(more, left[i])
			}
		}
		left = more
	}
	return len(left) == 0, lookAtMerged(ctx, e, merged, input, add)
}

// lookAtMerged gives inputs that look at whom some of a list have become.
func lookAtMerged[Sum any](ctx context.Context, e *Engine, merged []lifecycle.ID, input func(aheadPart) any, add func(*Sum) (looked int64)) error {
	seen := map[lifecycle.ID]bool{}
	for len(merged) > 0 {
		var parts [lifecycle.Partitions][]lifecycle.ID
		for _, id := range merged {
			if !seen[id] {
				seen[id] = true
				parts[id.Partition()] = append(parts[id.Partition()], id)
			}
		}
		var items []store.Item
		for p, ids := range parts {
			for chunk := range slices.Chunk(ids, aheadLook) {
				items = append(items, store.Item{Partition: p, Input: input(aheadPart{merged: chunk})})
			}
		}
		merged = nil
		for _, result := range e.store.DoAll(ctx, items) {
			if result.Err != nil {
				return result.Err
			}
			answer := result.Answer.(aheadAnswer[Sum])
			add(&answer.sum)
			merged = append(merged, answer.merged...)
		}
	}
	return nil
}
