package delivery

import (
	"bytes"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of sending.
const (
	minSenders    = 2
	maxSenders    = 32
	maxBatch      = 100      // messages in one call of a connector
	maxHanded     = 4096     // messages claimed as they were decided, less than a second's work of a fast connector; one commit may go over it
	maxHandedMass = 12 << 20 // bytes of all messages that are claimed and not answered: many small ones, fewer large ones
	promptly      = 250 * time.Millisecond
	slowly        = time.Second
	overtaken     = 10 * time.Second // by how long what is claimed as it is decided may overtake what waits in the outbox of its partition
	maxBehind     = 10 * maxBatch    // and how much of it
	maxPartitions = 32               // partitions that one batch is gathered from
	maxInFlight   = maxBatch         // entries of others' batches that a claim looks past
	sendTimeout   = 60 * time.Second
	readyPoll     = 50 * time.Millisecond
)

const never = math.MaxInt64

// lane is one channel and priority: which partitions have something due, and when.
type lane struct {
	name      string
	connector Connector
	paused    atomic.Bool // nothing is claimed; what was claimed before still leaves
	vacant    atomic.Bool // there is no connector for the time being: nothing is claimed, and nobody looks
	mu        sync.Mutex
	owned     [lifecycle.Partitions]bool
	held      [lifecycle.Partitions]bool // the channel is paused there, see holdLanes
	busy      [lifecycle.Partitions]bool // a claim is under way
	due       [lifecycle.Partitions]int64
	waiting   [lifecycle.Partitions]int    // about how many entries are due, to gather a batch from few partitions
	from      [lifecycle.Partitions][]byte // where the next claim begins
	room      int                          // how many may be claimed as they are decided: many for a connector that answers promptly, none for a slow one
	senders   int                          // how many of the senders may work, likewise
	working   int
	handed    []outgoing // claimed when they were decided
	mass      int        // bytes of what is handed or under way
	batches   int        // so many were looked for
	turn      int        // where the next search starts, so that no partition starves
	wake      chan struct{}
}

func newLane(name string, connector Connector) *lane {
	l := &lane{name: name, connector: connector, wake: make(chan struct{}, maxSenders), senders: 2 * minSenders}
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
	l.waiting[partition]++
	// What comes in before the place that claims have reached must not be passed over.
	if place := store.AppendTime(nil, due); bytes.Compare(place, l.from[partition]) < 0 {
		l.from[partition] = place
	}
	l.mu.Unlock()
	if earlier {
		l.rouse()
	}
}

// own lets or forbids claims from a partition. What became due while nobody was allowed to claim it is not forgotten.
func (l *lane) own(partition int, owned bool) {
	l.mu.Lock()
	l.owned[partition] = owned
	waiting := owned && l.due[partition] != never
	l.mu.Unlock()
	if waiting {
		l.rouse()
	}
}

// hold closes or opens a partition's part of the lane.
func (l *lane) hold(partition int, held bool) {
	l.mu.Lock()
	l.held[partition] = held
	waiting := !held && l.owned[partition] && l.due[partition] != never
	l.mu.Unlock()
	if waiting {
		l.rouse()
	}
}

// rouse wakes one sender, or lets the next one that would sleep look again.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default: // all of them are roused already
	}
}

// outgoing is a message that was claimed.
type outgoing struct {
	channels.Outgoing
	message   *lifecycle.Message // as it was claimed, without its event
	atOnce    bool               // in the commit that decided it
	heir      time.Time          // its customer has become part of another one, who is to be asked; it is in doubt since then
	claimed   time.Time
	partition int
}

// mass is about how many bytes of memory a message takes on its way.
func (o *outgoing) mass() int { return 1<<10 + len(o.Subject) + len(o.Text) + len(o.HTML) }

// massOf is what a batch takes.
func massOf(batch []outgoing) (sum int) {
	for i := range batch {
		sum += batch[i].mass()
	}
	return sum
}

// weigh counts what is under way from now on, or is not any more.
func (l *lane) weigh(mass int) {
	l.mu.Lock()
	l.mass += mass
	l.mu.Unlock()
}

// picked is a partition to claim from.
type picked struct {
	partition int
	from      []byte
	limit     int
}

// pick takes partitions that have something due now, no more than fill a batch; with none, it returns when the next one
// has.
func (l *lane) pick(now time.Time) (picks []picked, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, earliest, room := now.UnixNano(), int64(never), maxBatch
	for i := range lifecycle.Partitions {
		p := (l.turn + i) % lifecycle.Partitions
		if !l.owned[p] || l.held[p] || l.busy[p] {
			continue
		}
		if l.due[p] > at || room == 0 || len(picks) == maxPartitions {
			earliest = min(earliest, l.due[p])
			continue
		}
		limit := min(max(l.waiting[p], 1), room)
		room -= limit
		picks = append(picks, picked{p, l.from[p], limit})
		l.busy[p], l.due[p], l.waiting[p], l.from[p] = true, never, 0, lastPlace
	}
	if len(picks) > 0 {
		l.turn = (picks[len(picks)-1].partition + 1) % lifecycle.Partitions
	}
	if earliest != never {
		next = time.Unix(0, earliest)
	}
	return picks, next
}

// lastPlace is behind every entry: hints that come while a claim is under way put something lower in its place.
var lastPlace = bytes.Repeat([]byte{0xff}, 32)

// unpick gives a partition back: the next claim begins at from, unless a hint in between has named something earlier.
func (l *lane) unpick(partition int, from []byte, next, now time.Time) {
	l.mu.Lock()
	l.busy[partition] = false
	if bytes.Compare(from, l.from[partition]) < 0 {
		l.from[partition] = from
	}
	if !next.IsZero() {
		l.due[partition] = min(l.due[partition], next.UnixNano())
		if !next.After(now) { // there was more than the limit
			l.waiting[partition] = maxBatch
		}
	}
	waiting := l.due[partition] != never
	l.mu.Unlock()
	if waiting { // a hint that came while the claim was under way found the partition busy
		l.rouse()
	}
}

// Own lets the senders claim from a partition until ctx ends.
func (d *Delivery) Own(ctx context.Context, p int) {
	if !d.recover(ctx, p) {
		return
	}
	d.loadEndpoints(ctx, p)
	d.mindOrders(ctx, p)
	for _, l := range d.lanes() {
		l.own(p, false)
	}
}

// Run sends until ctx ends; what is claimed by then is still handed over and settled.
func (d *Delivery) Run(ctx context.Context) {
	sent, settled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(settled)
		d.settleLoop(ctx, sent)
	}()
	defer func() {
		close(sent)
		<-settled
	}()
	senders := d.muster(ctx)
	senders.senders.Go(func() { d.mindEndpoints(ctx) })
	d.dismiss(senders)
	for _, l := range d.lanes() {
		for batch := l.take(); len(batch) > 0; batch = l.take() {
			d.sendClaimed(ctx, l, batch)
		}
	}
}

func (d *Delivery) sendLoop(ctx context.Context, l *lane) {
	for ctx.Err() == nil {
		if l.vacant.Load() {
			if batch := l.take(); len(batch) > 0 { // the connector went away before they were handed over; they are tried again
				d.sendClaimed(ctx, l, batch)
				continue
			}
			lifecycle.Sleep(ctx, d.clock, farFuture(), l.wake)
			continue
		}
		if !l.connector.Ready() {
			lifecycle.WallClock{}.Wait(ctx, time.Now().Add(readyPoll))
			continue
		}
		if !l.begin() {
			lifecycle.Sleep(ctx, d.clock, farFuture(), l.wake)
			continue
		}
		var sent bool
		var next time.Time
		if l.dueFirst() {
			if sent, next = d.sendDue(ctx, l); !sent {
				sent = d.sendHanded(ctx, l)
			}
		} else if sent = d.sendHanded(ctx, l); !sent {
			sent, next = d.sendDue(ctx, l)
		}
		l.end()
		if !sent {
			lifecycle.Sleep(ctx, d.clock, next, l.wake)
		}
	}
}

// sendHanded sends a batch of what was claimed as it was decided, and reports whether there was one.
func (d *Delivery) sendHanded(ctx context.Context, l *lane) bool {
	batch := l.take()
	if len(batch) > 0 {
		d.sendClaimed(ctx, l, batch)
	}
	return len(batch) > 0
}

// sendDue sends a batch of what is due in the outbox. If there is none, it returns when to look again.
func (d *Delivery) sendDue(ctx context.Context, l *lane) (sent bool, next time.Time) {
	if l.paused.Load() {
		return false, farFuture()
	}
	now := d.clock.Now()
	picks, next := l.pick(now)
	if len(picks) == 0 {
		if next.IsZero() {
			next = now.Add(time.Hour)
		}
		return false, next
	}
	if !next.IsZero() {
		// There is more for the others, or someone must keep an eye on what is due next while this one is busy.
		l.rouse()
	}
	d.sendBatch(ctx, l, picks, now)
	return true, time.Time{}
}

// dueFirst lets what waits in the outbox go first every fourth time, so that it does not wait for ever behind what is claimed
// as it is decided, and the cheaper way stays the usual one.
func (l *lane) dueFirst() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches++
	return l.batches%4 == 0
}

// begin takes one of the places of senders that may work. Beyond the first few, a sender is worth its while only for a
// full batch: a call of the connector costs nearly the same for one message as for a hundred.
func (l *lane) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	backlog := len(l.handed)
	for _, waiting := range l.waiting {
		backlog += waiting
	}
	if l.working >= min(l.senders, minSenders+backlog/maxBatch) || l.working >= minSenders && l.mass >= maxHandedMass {
		return false
	}
	l.working++
	return true
}

func (l *lane) end() {
	l.mu.Lock()
	l.working--
	l.mu.Unlock()
}

// open reports whether a message that is due now may be claimed as it is decided: the connector answers promptly, little
// is on its way, and the partition has no backlog that would be overtaken for long. Some may be: what is claimed at once
// costs much less than what goes through the outbox, and a lane that closed at the first message that waits would never
// catch up again.
func (l *lane) open(partition int, due time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.paused.Load() && !l.vacant.Load() && len(l.handed) < l.room && l.mass < maxHandedMass && l.owned[partition] && !l.held[partition] && l.waiting[partition] < maxBehind &&
		l.due[partition] > due.Add(-overtaken).UnixNano()
}

// hand gives the senders a message that was claimed when it was decided.
func (l *lane) hand(out outgoing) {
	l.mu.Lock()
	l.handed = append(l.handed, out)
	l.mass += out.mass()
	l.mu.Unlock()
	l.rouse()
}

// take returns at most a batch of what was handed over.
func (l *lane) take() []outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.handed), maxBatch)
	batch := l.handed[:n:n]
	if l.handed = l.handed[n:]; len(l.handed) == 0 {
		l.handed = nil
	}
	return batch
}

// adapt lets more batches be under way while the connector answers at once, and fewer when it takes its time: what is
// claimed should leave within seconds.
func (l *lane) adapt(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case took < promptly:
		l.senders = min(l.senders+1, maxSenders)
		l.room = min(max(2*l.room, maxBatch), maxHanded)
	case took < slowly:
		l.room = min(l.room+maxBatch, maxHanded)
	case took < 4*slowly:
		l.senders = max(l.senders/2, minSenders)
		l.room /= 2
	default:
		l.senders = max(l.senders/2, minSenders)
		l.room = 0
	}
}

func farFuture() time.Time { return time.Unix(1<<33, 0) }

// sendBatch claims, sends and settles. Once claimed, the batch is seen through even if ctx ends.
func (d *Delivery) sendBatch(ctx context.Context, l *lane, picks []picked, now time.Time) {
	items := make([]store.Item, len(picks))
	for i, pick := range picks {
		items[i] = store.Item{Partition: pick.partition, Input: claim{Lane: l.name, From: pick.from, At: now, Limit: pick.limit,
			Boot: d.boot, Idempotent: l.connector.Idempotent()}}
	}
	var batch []outgoing
	// Without a deadline: a claim that took effect behind our back would be in flight until the next start.
	for i, answer := range d.store.DoAll(context.WithoutCancel(ctx), items) {
		if answer.Err != nil {
			d.log.Warn("a claim failed and is tried again", "lane", l.name, "error", answer.Err)
			l.unpick(picks[i].partition, nil, now.Add(time.Second), now)
			continue
		}
		c := answer.Answer.(claimed)
		l.unpick(picks[i].partition, c.From, c.Next, now)
		batch = append(batch, c.Batch...)
	}
	if len(batch) > 0 {
		l.weigh(massOf(batch))
		d.sendClaimed(ctx, l, batch)
	}
}

// sendClaimed hands a claimed batch to the connector and settles what becomes of it, even if ctx ends.
func (d *Delivery) sendClaimed(ctx context.Context, l *lane, batch []outgoing) {
	defer l.weigh(-massOf(batch))
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	if batch = d.stillLeaving(finish, batch); len(batch) == 0 {
		return
	}
	messages := make([]channels.Outgoing, len(batch))
	for i := range batch {
		messages[i] = batch[i].Outgoing
	}
	begun := time.Now()
	receipts := l.connector.Send(finish, messages)
	l.adapt(time.Since(begun))
	d.heed(finish, l, receipts)
	results := make(map[int][]result, len(batch))
	now, idempotent := d.clock.Now(), l.connector.Idempotent()
	w, keeps := l.connector.(Withdrawer)
	keeps = keeps && w.Withdraws()
	for i, out := range batch {
		r := result{Message: out.message, AtOnce: out.atOnce, Attempt: out.Attempt, Begun: out.claimed, At: now, Idempotent: idempotent, Keeps: keeps,
			Receipt: lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the connector gave no receipt"}}
		if i < len(receipts) {
			r.Receipt = receipts[i]
		}
		r.Receipt.Message = out.ID
		results[out.partition] = append(results[out.partition], r)
	}
	d.settler.add(results)
	if l.name == webhookChannel+owedLane {
		d.watchEndpoints(finish, batch, receipts, now)
	}
}
