package delivery

import (
	"context"
	"math"
	"sync"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of sending.
const (
	sendersPerLane = 4
	maxBatch       = 100 // messages in one call of a connector
	maxPartitions  = 16  // partitions that one batch is gathered from
	maxInFlight    = sendersPerLane * maxBatch
	sendTimeout    = 60 * time.Second
	readyPoll      = 50 * time.Millisecond
)

const never = math.MaxInt64

// lane is one channel and priority: which partitions have something due, and when.
type lane struct {
	name      string
	connector Connector
	mu        sync.Mutex
	owned     [lifecycle.Partitions]bool
	busy      [lifecycle.Partitions]bool // a claim is under way
	due       [lifecycle.Partitions]int64
	turn      int // where the next search starts, so that no partition starves
	wake      chan struct{}
}

func newLane(name string, connector Connector) *lane {
	l := &lane{name: name, connector: connector, wake: make(chan struct{}, sendersPerLane)}
	for p := range l.due {
		l.due[p] = never
	}
	return l
}

// hint says that a partition has something due at a moment.
func (l *lane) hint(partition int, due time.Time) {
	l.mu.Lock()
	at := due.UnixNano()
	earlier := at < l.due[partition]
	if earlier {
		l.due[partition] = at
	}
	l.mu.Unlock()
	if earlier {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// pick takes partitions that have something due now; with none, it returns when the next one has.
func (l *lane) pick(now time.Time) (partitions []int, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, earliest := now.UnixNano(), int64(never)
	for i := range lifecycle.Partitions {
		p := (l.turn + i) % lifecycle.Partitions
		if !l.owned[p] || l.busy[p] {
			continue
		}
		if l.due[p] > at {
			earliest = min(earliest, l.due[p])
			continue
		}
		l.busy[p], l.due[p] = true, never
		if partitions = append(partitions, p); len(partitions) == maxPartitions {
			break
		}
	}
	if len(partitions) > 0 {
		l.turn = (partitions[len(partitions)-1] + 1) % lifecycle.Partitions
	}
	if earliest != never {
		next = time.Unix(0, earliest)
	}
	return partitions, next
}

func (l *lane) unpick(partition int, next time.Time) {
	l.mu.Lock()
	l.busy[partition] = false
	if at := next.UnixNano(); !next.IsZero() && at < l.due[partition] {
		l.due[partition] = at
	}
	waiting := l.due[partition] != never
	l.mu.Unlock()
	if waiting { // a hint that came while the claim was under way found the partition busy
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// firstDue asks when each lane of a partition has something due first.
type firstDue struct{}

func (d *Delivery) firstDue(tx store.Reader) map[string]time.Time {
	first := map[string]time.Time{}
	for _, l := range d.lanes {
		prefix := lanePrefix(l.name)
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
			first[l.name] = store.KeyTime(key[len(prefix) : len(prefix)+8])
			return false
		})
	}
	return first
}

// Own lets the senders claim from a partition until ctx ends.
func (d *Delivery) Own(ctx context.Context, p int) {
	answer, err := d.store.Ask(ctx, p, firstDue{})
	if err != nil {
		d.log.Error("the outbox of a partition cannot be read", "partition", p, "error", err)
		return
	}
	for _, l := range d.lanes {
		l.mu.Lock()
		l.owned[p] = true
		l.mu.Unlock()
		if due, ok := answer.(map[string]time.Time)[l.name]; ok {
			l.hint(p, due)
		}
	}
	<-ctx.Done()
	for _, l := range d.lanes {
		l.mu.Lock()
		l.owned[p] = false
		l.mu.Unlock()
	}
}

// Run sends until ctx ends; what is claimed by then is still handed over and settled.
func (d *Delivery) Run(ctx context.Context) {
	var senders sync.WaitGroup
	for _, l := range d.lanes {
		for range sendersPerLane {
			senders.Add(1)
			go func() {
				defer senders.Done()
				d.sendLoop(ctx, l)
			}()
		}
	}
	senders.Wait()
}

func (d *Delivery) sendLoop(ctx context.Context, l *lane) {
	for ctx.Err() == nil {
		if !l.connector.Ready() {
			lifecycle.WallClock{}.Wait(ctx, time.Now().Add(readyPoll))
			continue
		}
		now := d.clock.Now()
		partitions, next := l.pick(now)
		if len(partitions) == 0 {
			if next.IsZero() {
				next = now.Add(time.Hour)
			}
			lifecycle.Sleep(ctx, d.clock, next, l.wake)
			continue
		}
		if len(partitions) == maxPartitions { // there may be more for the others
			select {
			case l.wake <- struct{}{}:
			default:
			}
		}
		d.sendBatch(ctx, l, partitions, now)
	}
}

// sendBatch claims, sends and settles. Once claimed, the batch is seen through even if ctx ends.
func (d *Delivery) sendBatch(ctx context.Context, l *lane, partitions []int, now time.Time) {
	items := make([]store.Item, len(partitions))
	for i, p := range partitions {
		items[i] = store.Item{Partition: p, Input: claim{Lane: l.name, At: now, Limit: max(maxBatch/len(partitions), 1),
			Boot: d.boot, Idempotent: l.connector.Idempotent()}}
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	var batch []channels.Outgoing
	var from []result
	var owner []int
	for i, answer := range d.store.DoAll(finish, items) {
		if answer.Err != nil {
			d.log.Warn("a claim failed and is tried again", "lane", l.name, "error", answer.Err)
			l.unpick(partitions[i], now.Add(time.Second))
			continue
		}
		c := answer.Answer.(claimed)
		l.unpick(partitions[i], c.Next)
		for _, m := range c.Batch {
			batch = append(batch, m.Outgoing)
			from = append(from, result{Decided: m.Decided, Attempt: m.Attempt})
			owner = append(owner, partitions[i])
		}
	}
	if len(batch) == 0 {
		return
	}
	receipts := l.connector.Send(finish, batch)
	grouped := map[int][]result{}
	for i, receipt := range receipts {
		from[i].Receipt = receipt
		from[i].Receipt.Message = batch[i].ID
		grouped[owner[i]] = append(grouped[owner[i]], from[i])
	}
	items = items[:0]
	for p, results := range grouped {
		items = append(items, store.Item{Partition: p, Input: settle{At: d.clock.Now(), Boot: d.boot,
			Idempotent: l.connector.Idempotent(), Results: results}})
	}
	for _, answer := range d.store.DoAll(context.WithoutCancel(ctx), items) {
		if answer.Err != nil {
			// The attempts stay unresolved, and are in doubt after the next start.
			d.log.Error("receipts could not be stored", "lane", l.name, "error", answer.Err)
		}
	}
}
