package engine

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// TestPeopleLost returns a stage that publishing a version would take away from under a test person, with how many of them are
// in it; "" if there is none. No figure counts them, so it looks at the records of all customers, but only if the version lacks a
// stage in which the running one may have customers, and does not say where they go. Such are its former ones too: customers have
// them until they are looked at, which nobody does while the journey is off.
func (e *Engine) TestPeopleLost(ctx context.Context, next *lifecycle.Journey) (stage string, count int64, err error) {
	now, err := e.Plan(ctx, next.Name)
	switch lifecycle.CodeOf(err) {
	case lifecycle.NotFound, lifecycle.Internal: // it is new, or what runs cannot be read any more, which must not be in its way
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	names := slices.Concat(slices.Sorted(maps.Keys(now.Renamed)), slices.Sorted(maps.Keys(now.Retired)))
	for i := range now.Stages {
		names = append(names, now.Stages[i].Name)
	}
	q := lostLook{journey: next.Name}
	for _, name := range names {
		if _, said := next.Heir(name); next.Stage(name) == nil && !said {
			q.stages = append(q.stages, name)
		}
	}
	if len(q.stages) == 0 {
		return "", 0, nil
	}
	found := map[string]int64{}
	for p := range e.store.Partitions() {
		q.from = lifecycle.ID{}
		for more := true; more; {
			answer, err := e.store.Ask(ctx, p, q)
			if err != nil {
				return "", 0, err
			}
			part := answer.(lostPart)
			for _, name := range part.in {
				found[name]++
			}
			q.from, more = part.next, part.more
		}
	}
	for _, name := range q.stages {
		if found[name] > 0 {
			return name, found[name], nil
		}
	}
	return "", 0, nil
}

// lostLook asks a partition which of its next customers are test people in one of these stages.
type lostLook struct {
	journey string
	stages  []string
	from    lifecycle.ID
}

type lostPart struct {
	in   []string // the stage of each of them
	next lifecycle.ID
	more bool
}

// maxLostLook bounds the customers in one question; most of them are not decoded.
const maxLostLook = 20 * planChunk

func (e *Engine) lostLook(tx store.Reader, q lostLook) (part lostPart, failed error) {
	looked, journey := 0, []byte(q.journey)
	tx.Scan(customerKey(q.from), []byte{'c' + 1}, func(key, value []byte) bool {
		if looked == maxLostLook {
			part.next, part.more = lifecycle.ID(key[1:]), true
			return false
		}
		looked++
		if !bytes.Contains(value, journey) || !slices.ContainsFunc(q.stages, func(name string) bool { return bytes.Contains(value, []byte(name)) }) {
			return true // names stand in records as they are
		}
		c := &lifecycle.Customer{}
		if failed = store.Decode(value, c); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "customer %x cannot be read", key[1:])
			return false
		}
		if visit := c.Visit(q.journey); visit != nil && c.Test() && slices.Contains(q.stages, visit.Stage) {
			part.in = append(part.in, visit.Stage)
		}
		return true
	})
	return part, failed
}
