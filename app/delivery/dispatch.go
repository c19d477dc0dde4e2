package delivery

import (
	"context"
	"math"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of sending.
const (
	minSenders    = 2
	maxSenders    = 32
	maxBatch      = 100              // messages in one call of a connector
	maxHanded     = 4096             // messages claimed as they were decided, less than a second's work of a fast connector; one commit may go over it
	maxHandedMass = 12 << 20         // bytes of all messages that are claimed and not answered: many small ones, fewer large ones
	overtaken     = 10 * time.Second // by how long what is claimed as it is decided may overtake what waits in the outbox of its partition
	maxBehind     = 10 * maxBatch    // and how much of it
	maxPartitions = 32               // partitions that one batch is gathered from
	maxInFlight   = maxBatch         // entries of others' batches that a claim looks past
	sendTimeout   = 60 * time.Second
	drainFor      = 5 * time.Second // for channels with limits, all together
	readyPoll     = 50 * time.Millisecond
)

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
	until := d.clock.Now().Add(drainFor)
	for _, l := range d.lanes() {
		d.drain(ctx, l, until)
	}
}

// drain sends what was claimed as it was decided, at the end. What its channel has no room for, or a channel with limits not the
// time until then, goes back to the outbox.
func (d *Delivery) drain(ctx context.Context, l *lane, until time.Time) {
	for {
		pass := l.admit(ctx, d.clock, l.most(maxBatch))
		if pass.Limited && !d.clock.Now().Before(until) {
			pass.Leave()
			d.putBack(l, l.take(math.MaxInt), "the limits of channel "+channelOf(l)+" left no time for it before the end of the program")
			return
		}
		batch := l.take(max(pass.N, 1))
		if len(batch) == 0 {
			pass.Leave()
			return
		}
		if pass.N == 0 {
			d.putBack(l, batch, "the channel had no room before the end of the program")
		} else {
			d.sendClaimed(ctx, l, batch, pass)
		}
		pass.Leave()
	}
}

func (d *Delivery) sendLoop(ctx context.Context, l *lane) {
	for ctx.Err() == nil {
		if l.vacant.Load() {
			if batch := l.take(maxBatch); len(batch) > 0 { // the connector went away before they were handed over; they are tried again
				d.sendClaimed(ctx, l, batch, channels.FreePass(len(batch)))
				continue
			}
			lifecycle.Sleep(ctx, d.clock, farFuture(), l.wake)
			continue
		}
		if !l.connector.Ready() {
			d.putBack(l, l.take(math.MaxInt), "its connector does not run") // what has certainly not left can be cancelled, and is in no doubt
			lifecycle.WallClock{}.Wait(ctx, time.Now().Add(readyPoll))
			continue
		}
		now := d.clock.Now()
		n, next := l.work(now)
		if n == 0 {
			lifecycle.Sleep(ctx, d.clock, next, l.wake)
			continue
		}
		most := l.begin(now)
		if most == 0 {
			lifecycle.Sleep(ctx, d.clock, now.Add(slowly), l.wake) // by then all may be stuck
			continue
		}
		d.sendSome(ctx, l, min(n, most))
		l.end()
	}
}

// sendSome waits until the connector may be given some of n messages, and only then chooses and claims them: whatever speaks
// against a message while its channel has no room for it is heard.
func (d *Delivery) sendSome(ctx context.Context, l *lane, n int) {
	pass := l.admit(ctx, d.clock, l.most(n))
	defer pass.Leave()
	switch {
	case pass.N == 0:
		lifecycle.WallClock{}.Wait(ctx, time.Now().Add(readyPoll)) // its connector is just going
	case l.vacant.Load() || !l.connector.Ready():
	case l.dueFirst():
		if !d.sendDue(ctx, l, pass) {
			d.sendHanded(ctx, l, pass)
		}
	case !d.sendHanded(ctx, l, pass):
		d.sendDue(ctx, l, pass)
	}
}

// sendHanded sends a batch of what was claimed as it was decided, and reports whether there was one.
func (d *Delivery) sendHanded(ctx context.Context, l *lane, pass *channels.Pass) bool {
	batch := l.take(pass.N)
	if len(batch) > 0 {
		d.putBack(l, l.surplus(pass.Rate), "channel "+channelOf(l)+" has reached its rate")
		d.sendClaimed(ctx, l, batch, pass)
	}
	return len(batch) > 0
}

// sendDue sends a batch of what is due in the outbox, and reports whether something was.
func (d *Delivery) sendDue(ctx context.Context, l *lane, pass *channels.Pass) bool {
	if l.paused.Load() {
		return false
	}
	now := d.clock.Now()
	picks, next := l.pick(now, pass.N)
	if len(picks) == 0 {
		return false
	}
	if !next.IsZero() {
		// There is more for the others, or someone must keep an eye on what is due next while this one is busy.
		l.rouse()
	}
	d.sendBatch(ctx, l, picks, now, pass)
	return true
}

// dueFirst lets what waits in the outbox go first every fourth time, so that it does not wait for ever behind what is claimed
// as it is decided, and the cheaper way stays the usual one.
func (l *lane) dueFirst() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches++
	return l.batches%4 == 0
}

func farFuture() time.Time { return time.Unix(1<<33, 0) }

// sendBatch claims, sends and settles. Once claimed, the batch is seen through even if ctx ends.
func (d *Delivery) sendBatch(ctx context.Context, l *lane, picks []picked, now time.Time, pass *channels.Pass) {
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
		d.sendClaimed(ctx, l, batch, pass)
	}
}

// sendClaimed hands a claimed batch to the connector and settles what becomes of it, even if ctx ends.
func (d *Delivery) sendClaimed(ctx context.Context, l *lane, batch []outgoing, pass *channels.Pass) {
	defer l.weigh(-massOf(batch))
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	batch = d.marked(finish, d.stillLeaving(finish, batch))
	if pass.Keep(len(batch)); len(batch) == 0 {
		return
	}
	messages := make([]channels.Outgoing, len(batch))
	for i := range batch {
		messages[i] = batch[i].Outgoing
	}
	begun := d.clock.Now()
	beside := l.call(len(batch), begun)
	receipts := l.connector.Send(finish, messages)
	took, back := d.clock.Now().Sub(begun), givenBack(receipts)
	prompt := took < slowly && back == 0
	l.called(begun, beside, prompt)
	waited := pass.Waited
	if pass.Limited { // with few at once, what is claimed may have stood for long while each turn comes soon
		waited = max(waited, begun.Sub(batch[0].claimed))
	}
	pass.Keep(len(batch) - back) // at a slow rate, what was made ready for it, such as a connection, would be gone by its next turn
	if !beside || prompt {       // else it was stuck behind the others, or like them
		l.adapt(len(batch), back, pass.Rate, took, waited)
	}
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
