package engine

import (
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
	part  aheadPart
	At    time.Time
}

func (e *Engine) bulkLook(tx store.Tx, in bulkLook) (answer aheadAnswer[BulkAhead], err error) {
	answer.sum.From = map[string]int64{}
	journeys, err := e.journeys(tx)
	if err != nil {
		return answer, err
	}
	answer.sum.Looked, answer.sum.Gone, answer.next, answer.merged, err = e.lookAt(tx, in.meant, bulkList(in.bulk.Name), in.part, func(c *lifecycle.Customer) {
		s := &session{engine: e, tx: tx, customer: c, journeys: journeys, now: later(c.Lapsed(in.At), c.Clock)}
		s.foresee(in.bulk, &answer.sum)
	})
	return answer, err
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
	sum.Complete, err = lookEverywhere(ctx, e,
		func(part aheadPart) any { return bulkLook{&b, b.Audience.matcher(), part, e.clock.Now()} },
		func(part *BulkAhead) int64 {
			sum.add(&part.bulkCounts)
			sum.Looked, sum.Matched = sum.Looked+part.Looked, sum.Matched+part.Matched
			for stage, n := range part.From {
				sum.From[stage] += n
			}
			if sum.Example == "" {
				sum.Example = part.Example
			}
			return sum.Looked
		})
	return sum, err
}
