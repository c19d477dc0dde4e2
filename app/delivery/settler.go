package delivery

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// settleEvery is how long receipts gather before they are stored. Nobody waits for them, and one input for many costs
// little more than for one. What a crash swallows in this time is in doubt.
const settleEvery = 15 * time.Millisecond

// maxUnsettled is how many receipts may be waiting before senders wait as well.
const maxUnsettled = 4096

// settler gathers receipts by partition.
type settler struct {
	mu      sync.Mutex
	room    *sync.Cond
	results map[int][]result
	count   int
	wake    chan struct{}
}

func newSettler() *settler {
	s := &settler{results: map[int][]result{}, wake: make(chan struct{}, 1)}
	s.room = sync.NewCond(&s.mu)
	return s
}

func (s *settler) add(results map[int][]result) {
	s.mu.Lock()
	for s.count >= maxUnsettled {
		s.room.Wait()
	}
	for partition, list := range results {
		s.results[partition] = append(s.results[partition], list...)
		s.count += len(list)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *settler) take() map[int][]result {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.results
	s.results, s.count = map[int][]result{}, 0
	s.room.Broadcast()
	return taken
}

// settleLoop stores receipts until everything was sent, and then what is left.
func (d *Delivery) settleLoop(ctx context.Context, sent <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-d.settler.wake:
			_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(settleEvery))
		case <-sent:
			over = true
		}
		d.settleAll(ctx, d.settler.take())
	}
}

// settleAll stores what became of attempts. While the disk is full it waits for room: what was sent must not be forgotten.
func (d *Delivery) settleAll(ctx context.Context, results map[int][]result) {
	items := make([]store.Item, 0, len(results))
	for partition, list := range results {
		for len(list) > 0 { // in parts that are as large as a claim
			n := min(len(list), maxBatch)
			items = append(items, store.Item{Partition: partition, Input: settle{list[:n]}})
			list = list[n:]
		}
	}
	for len(items) > 0 {
		var left []store.Item
		for i, answer := range d.store.DoAll(context.WithoutCancel(ctx), items) {
			switch {
			case answer.Err == nil:
			case lifecycle.CodeOf(answer.Err) == lifecycle.Full && ctx.Err() == nil:
				left = append(left, items[i])
			default:
				// The attempts stay unresolved, and are in doubt after the next start.
				d.log.Error("receipts could not be stored", "error", answer.Err)
			}
		}
		if items = left; len(items) > 0 {
			lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
		}
	}
}
