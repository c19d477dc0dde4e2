package delivery

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A channel may come at any time. Its lanes are put on the roster at once, its senders begin with Run or at once, and the
// owner of each partition lets them claim there as soon as it has met them: until then what is decided for the channel waits
// in the outbox, as it does for a channel that nobody knows. A channel stays on the roster when its connector goes.

// roster is the channels that are connected. It is replaced as a whole when one comes, so that it is read without a lock;
// lanes are only added behind those that are there.
type roster struct {
	lanes   []*lane
	byName  map[string]*lane
	keepers map[string]*keeper // by channel: whose connector may keep what it accepted
}

// lane returns the lane of a name, or nil.
func (d *Delivery) lane(name string) *lane { return d.roster.Load().byName[name] }

// lanes returns all of them, in the order in which they came.
func (d *Delivery) lanes() []*lane { return d.roster.Load().lanes }

// keeper returns what keeps a channel's accepted messages, or nil.
func (d *Delivery) keeper(channel string) *keeper { return d.roster.Load().keepers[channel] }

// crew are those who send, while Run goes on.
type crew struct {
	ctx     context.Context
	senders sync.WaitGroup
}

// Connect adds a channel's connector, with a lane for each priority. It may be called at any time; of a channel that is
// connected already nothing changes. What waits for it in the outbox leaves from now on.
func (d *Delivery) Connect(channel string, connector Connector) {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	now := d.roster.Load()
	if now.byName[channel+owedLane] != nil {
		return
	}
	next := &roster{slices.Clone(now.lanes), maps.Clone(now.byName), maps.Clone(now.keepers)}
	var coming []*lane
	for _, name := range lanesOf(channel) {
		l := newLane(name, connector)
		l.paused.Store(d.pausedBySetting[channel])
		next.byName[name] = l
		coming = append(coming, l)
	}
	next.lanes = append(next.lanes, coming...)
	if w, may := connector.(Withdrawer); may {
		next.keepers[channel] = newKeeper(channel, w)
	}
	d.roster.Store(next)
	if d.crew != nil {
		d.sendFrom(d.crew, coming, next.keepers[channel])
	}
	for p := range d.parked {
		select {
		case d.parked[p] <- struct{}{}:
		default: // the owner is roused already
		}
	}
}

// sendFrom gives lanes their senders, and a keeper its own if there is one.
func (d *Delivery) sendFrom(c *crew, lanes []*lane, k *keeper) {
	for _, l := range lanes {
		for range maxSenders {
			c.senders.Go(func() { d.sendLoop(c.ctx, l) })
		}
	}
	if k != nil {
		c.senders.Go(func() { d.keep(c.ctx, k) })
	}
}

// muster begins sending, and returns who sends until ctx ends. Channels that come meanwhile are sent for at once.
func (d *Delivery) muster(ctx context.Context) *crew {
	c := &crew{ctx: ctx}
	d.connecting.Lock()
	defer d.connecting.Unlock()
	d.crew = c
	now := d.roster.Load()
	d.sendFrom(c, now.lanes, nil)
	for _, k := range now.keepers {
		d.sendFrom(c, nil, k)
	}
	return c
}

// dismiss waits for the end of all who send. Their ctx is to end; nobody joins them from then on.
func (d *Delivery) dismiss(c *crew) {
	<-c.ctx.Done()
	d.connecting.Lock()
	d.crew = nil
	d.connecting.Unlock()
	c.senders.Wait()
}

// Occupy says whether a channel that was connected has somebody to send for it. Without, its messages wait in their lanes
// and cost nothing; those that were claimed already come back as the connector says. It may be called at any time.
func (d *Delivery) Occupy(channel string, occupied bool) {
	for _, name := range lanesOf(channel) {
		if l := d.lane(name); l != nil {
			l.vacant.Store(!occupied)
			l.rouse()
		}
	}
}

// welcome is the input "these lanes are new here". It answers when each has something due first. What was decided before it is
// in that answer, what is decided after it knows the lanes; and no order about their channel crosses it.
type welcome struct{ Lanes []string }

func (d *Delivery) welcome(tx store.Tx, in welcome) map[string]time.Time {
	first := map[string]time.Time{}
	for _, name := range in.Lanes {
		prefix := lanePrefix(name)
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
			first[name] = store.KeyTime(key[len(prefix) : len(prefix)+8])
			return false
		})
	}
	p, orders := tx.Partition(), d.controlled(tx)
	tx.After(func() { d.holdLanes(p, orders) })
	return first
}

// meet lets the senders of lanes claim from a partition that its owner has not met: all but the first known ones. It returns
// how many it knows then; until ctx ends, that is all.
func (d *Delivery) meet(ctx context.Context, p, known int) int {
	lanes := d.lanes()[known:]
	if len(lanes) == 0 {
		return known
	}
	var in welcome
	for _, l := range lanes {
		in.Lanes = append(in.Lanes, l.name)
	}
	for ctx.Err() == nil {
		answer, err := d.store.Do(ctx, p, in)
		if err == nil {
			for _, l := range lanes {
				if due, ok := answer.(map[string]time.Time)[l.name]; ok {
					l.hint(p, due)
				}
				l.own(p, true)
			}
			return known + len(lanes)
		}
		if ctx.Err() == nil {
			d.log.Error("the outbox of a partition cannot be read and is tried again", "partition", p, "error", err)
			_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
		}
	}
	return known
}
