package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// BulkAhead is what a bulk would do if it were started now.
type BulkAhead struct {
	bulkCounts
	Looked   int64            `json:"looked"`   // customers
	Matched  int64            `json:"matched"`  // those who are meant
	From     map[string]int64 `json:"from"`     // those whom it would change, by the stage where they are; "": in none
	Complete bool             `json:"complete"` // false: there are more customers than were looked at
	Example  string           `json:"example"`  // the ID of one whom it would change
}

// bulkLook is the input "say what would become of the next ones". It writes nothing; it is an input because it needs the
// journeys as they run.
type bulkLook struct {
	bulk  *Bulk
	meant *matcher
	From  []byte
	At    time.Time
}

type bulkLookAnswer struct {
	sum  BulkAhead
	next []byte
}

func (e *Engine) bulkLook(tx store.Tx, in bulkLook) (answer bulkLookAnswer, failed error) {
	answer.sum.From = map[string]int64{}
	journeys, err := e.journeys(tx)
	if err != nil {
		return answer, err
	}
	list := in.bulk.Audience.List
	begin, end := customerKey(lifecycle.ID{}), []byte{'c' + 1}
	if list {
		begin, end = listPrefix(bulkList(in.bulk.Name)), store.PrefixEnd(listPrefix(bulkList(in.bulk.Name)))
	}
	if in.From != nil {
		begin = in.From
	}
	var records [][]byte
	tx.Scan(begin, end, func(key, value []byte) bool {
		if len(records) == aheadLook {
			answer.next = bytes.Clone(key)
			return false
		}
		if list {
			value = key[len(key)-16:]
		}
		records = append(records, bytes.Clone(value))
		return true
	})
	for _, record := range records {
		answer.sum.Looked++
		if list {
			if _, record, _ = e.find(tx, lifecycle.ID(record)); record == nil {
				answer.sum.Gone++ // or merged with somebody elsewhere, who would be changed instead
				continue
			}
		}
		c := &lifecycle.Customer{}
		if failed = store.Decode(record, c); failed != nil {
			return answer, lifecycle.Wrap(lifecycle.Internal, failed, "a customer cannot be read")
		}
		if in.meant.includes(tx, c) {
			s := &session{engine: e, tx: tx, customer: c, journeys: journeys, now: later(c.Lapsed(in.At), c.Clock)}
			s.foresee(in.bulk, &answer.sum)
		}
	}
	return answer, nil
}

// foresee says what would become of one customer.
func (s *session) foresee(b *Bulk, sum *BulkAhead) {
	sum.Matched++
	from, why := "", ""
	if visit := s.customer.Visit(b.Journey); visit != nil {
		from = visit.Stage
	}
	switch j := s.active(b.Journey); {
	case s.customer.Import != "":
		why = "an open import holds the customer"
	case b.Act == ActPlace && from == b.To:
		sum.Same++
		return
	case b.Act == ActPlace:
	case j == nil:
		why = s.engine.notActive(s.tx, b.Journey)
	default:
		why = s.whyNotChange(j, b.Act, b.To)
	}
	if why != "" {
		sum.refuse(why, 1)
		return
	}
	sum.Done++
	if sum.From[from]++; sum.Example == "" {
		sum.Example = s.customer.ID.String()
	}
}

// BulkAhead says what a bulk would do if it were started now. It looks at a bounded number of customers, evenly over all
// partitions.
func (e *Engine) BulkAhead(ctx context.Context, b Bulk) (BulkAhead, error) {
	sum := BulkAhead{From: map[string]int64{}}
	sum.Reasons = []BulkReason{}
	plan, err := e.Plan(ctx, b.Journey)
	if err != nil {
		return sum, err
	}
	if err = b.check(plan); err != nil {
		return sum, err
	}
	from := make([][]byte, lifecycle.Partitions)
	left := append(others(), 0)
	for len(left) > 0 && sum.Looked < aheadTotal {
		items := make([]store.Item, len(left))
		for i, p := range left {
			items[i] = store.Item{Partition: p, Input: bulkLook{&b, b.Audience.matcher(), from[p], e.clock.Now()}}
		}
		var more []int
		for i, result := range e.store.DoAll(ctx, items) {
			if result.Err != nil {
				return sum, result.Err
			}
			answer := result.Answer.(bulkLookAnswer)
			sum.add(&answer.sum.bulkCounts)
			sum.Looked, sum.Matched = sum.Looked+answer.sum.Looked, sum.Matched+answer.sum.Matched
			for stage, n := range answer.sum.From {
				sum.From[stage] += n
			}
			if sum.Example == "" {
				sum.Example = answer.sum.Example
			}
			if from[left[i]] = answer.next; answer.next != nil {
				more = append(more, left[i])
			}
		}
		left = more
	}
	sum.Complete = len(left) == 0
	return sum, nil
}
