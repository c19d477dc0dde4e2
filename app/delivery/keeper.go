package delivery

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// lastCallEvery is how often a connector is asked what is about to leave, and told again what it has not answered.
const lastCallEvery = 2 * time.Second

// keeper is a channel whose connector may keep what it accepted.
type keeper struct {
	Withdrawer
	channel string
	wake    chan struct{}
	mu      sync.Mutex
	orders  [lifecycle.Partitions]bool // there may be some
	stays   stays
}

func newKeeper(name string, w Withdrawer) *keeper {
	k := &keeper{Withdrawer: w, channel: name, wake: make(chan struct{}, 1), stays: stays{}}
	for p := range k.orders {
		k.orders[p] = true
	}
	return k
}

func (k *keeper) rouse(partition int) {
	k.mu.Lock()
	k.orders[partition] = true
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default: // it is roused already
	}
}

// take returns the partitions to look at, once.
func (k *keeper) take() (partitions []int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, may := range k.orders {
		if may {
			partitions = append(partitions, p)
			k.orders[p] = false
		}
	}
	return partitions
}

func (k *keeper) giveBack(partition int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.orders[partition] = true
}

// keep tells a connector what is to be taken back, and gives it the last word about what is about to leave, until ctx ends.
func (d *Delivery) keep(ctx context.Context, k *keeper) {
	warned, named := "", map[lifecycle.ID]bool{}
	for ctx.Err() == nil {
		more := false
		if k.Withdraws() {
			err := d.tellOrders(ctx, k)
			if err == nil {
				more, err = d.giveLastWord(ctx, k, named)
			}
			said := ""
			if err != nil && ctx.Err() == nil {
				if said = err.Error(); said != warned {
					d.log.Warn("a connector was not told what may leave; it is tried again", "channel", k.channel, "error", err)
				}
			}
			warned = said
		}
		if !more {
			clear(named)
			k.stays.sweep(d.clock.Now())
			lifecycle.Sleep(ctx, d.clock, d.clock.Now().Add(lastCallEvery), k.wake)
		}
	}
}

// tellOrders has the connector take messages back, and writes down what became of them.
func (d *Delivery) tellOrders(ctx context.Context, k *keeper) error {
	var failed error
	for _, p := range k.take() {
		for failed == nil {
			answer, err := d.store.Ask(ctx, p, withdrawalsOf{k.channel})
			if err != nil {
				failed = err
				break
			}
			list := answer.(orders).List
			for _, ref := range answer.(orders).Damaged {
				d.log.Error("the order to take a message back cannot be read; the message stays where it is", "channel", k.channel, "message", RefOf(ref))
			}
			if len(list) == 0 {
				break
			}
			for _, forget := range []bool{false, true} {
				var refs []lifecycle.Ref
				for _, one := range list {
					if one.Forget == forget {
						refs = append(refs, one.Ref)
					}
				}
				if len(refs) == 0 || failed != nil {
					continue
				}
				answers, err := k.Withdraw(ctx, refs, forget)
				if err == nil {
					_, err = d.store.Do(ctx, p, withdrawn{k.channel, answers, forget, d.clock.Now()})
				}
				failed = err
			}
			if len(list) < channels.MaxNamed {
				break
			}
		}
		if failed != nil {
			k.giveBack(p)
		}
	}
	return failed
}

// giveLastWord asks what is about to leave, and releases what may. It reports whether to go on at once: connectors name those
// in their turn that have to stay, and all of them are looked at in one pass. named has those of the pass.
func (d *Delivery) giveLastWord(ctx context.Context, k *keeper, named map[lifecycle.ID]bool) (more bool, err error) {
	waiting, err := k.Waiting(ctx)
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	byPartition := map[int][]lifecycle.Ref{}
	for _, ref := range waiting {
		byPartition[ref.Partition] = append(byPartition[ref.Partition], ref)
	}
	var items []store.Item
	now := d.clock.Now()
	for p, refs := range byPartition {
		items = append(items, store.Item{Partition: p, Input: lastCall{Messages: refs, Channel: k.channel, At: now}})
	}
	var leave []lifecycle.Ref
	fresh := false
	for len(items) > 0 {
		answers := d.store.DoAll(ctx, items)
		items = nil
		for _, answer := range answers {
			if answer.Err != nil {
				err = answer.Err
				continue
			}
			word := answer.Answer.(lastWord)
			leave = append(leave, word.Leave...)
			for _, ref := range word.Leave {
				delete(k.stays, ref.ID)
			}
			for _, one := range word.Stay {
				fresh = fresh || !named[one.ID]
				named[one.ID] = true
				d.complain(k, one, now)
			}
			if len(word.Ask) > 0 {
				items = append(items, d.askedAgain(ctx, k, word.Ask, now))
			}
		}
	}
	if len(leave) > 0 {
		if failed := k.Release(ctx, leave); failed != nil {
			return false, failed
		}
	}
	return err == nil && len(waiting) >= channels.MaxNamed && (fresh || len(leave) > 0), err
}

// AwaitForgotten returns when connectors have forgotten what they were told to, or ctx ends.
func (d *Delivery) AwaitForgotten(ctx context.Context) {
	for name, k := range d.roster.Load().keepers {
		for p := 0; p < d.store.Partitions() && k.Withdraws(); {
			answer, err := d.store.Ask(ctx, p, withdrawalsOf{name})
			if err != nil {
				return
			}
			if len(answer.(orders).List) == 0 {
				p++
				continue
			}
			if lifecycle.Sleep(ctx, lifecycle.WallClock{}, time.Now().Add(10*time.Millisecond), nil); ctx.Err() != nil {
				return
			}
		}
	}
}
