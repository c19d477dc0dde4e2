package engine

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// maxReach is how many customers of one partition are looked at to say how many a journey reaches.
const maxReach = 2000

// Reach is how many people have something due in a journey: what is overdue counts as well, test people do not.
type Reach struct {
	NextHour int
	NextWeek int  // those of the next hour included
	More     bool // there are more than were looked at
}

// reach asks a partition how many people have something due in a journey.
type reach struct {
	Journey string
	Now     time.Time
}

func (e *Engine) reach(tx store.Reader, q reach) (Reach, error) {
	var sum Reach
	states, err := e.journeyStates(tx)
	if err != nil {
		return sum, err
	}
	hour, week, looked := q.Now.Add(time.Hour), q.Now.Add(7*24*time.Hour), 0
	look := func(record []byte) bool {
		if looked++; looked > maxReach {
			sum.More = true
			return false
		}
		c := &lifecycle.Customer{}
		if err = store.Decode(record, c); err != nil {
			return false
		}
		visit := c.Visit(q.Journey)
		if visit == nil || c.Test() || c.Import != "" {
			return true
		}
		var first time.Time
		for _, timer := range visit.Timers {
			if !timer.Fired && (first.IsZero() || timer.Due.Before(first)) {
				first = timer.Due
			}
		}
		if !first.IsZero() && !first.After(week) {
			sum.NextWeek++
			if !first.After(hour) {
				sum.NextHour++
			}
		}
		return true
	}
	for _, state := range states {
		if state.Name != q.Journey {
			continue
		}
		if state.Mode == lifecycle.Off || state.Mode == lifecycle.Braked { // its timers are not in the due index
			tx.Scan(customerKey(lifecycle.ID{}), []byte{'c' + 1}, func(_, record []byte) bool { return look(record) })
			continue
		}
		tx.Scan([]byte{'t'}, timerKey(week.Add(1), lifecycle.ID{}), func(key, _ []byte) bool {
			return look(tx.Get(customerKey(lifecycle.ID(key[9:25]))))
		})
	}
	return sum, err
}

// Reach says how many people a journey reaches within the next hour and the next seven days by what is due in it now. It
// looks at a bounded number of customers.
func (e *Engine) Reach(ctx context.Context, journey string) (Reach, error) {
	var sum Reach
	now := e.clock.Now()
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, reach{journey, now})
		if err != nil {
			return Reach{}, err
		}
		part := answer.(Reach)
		sum.NextHour, sum.NextWeek, sum.More = sum.NextHour+part.NextHour, sum.NextWeek+part.NextWeek, sum.More || part.More
	}
	return sum, nil
}
