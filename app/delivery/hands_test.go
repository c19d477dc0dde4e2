package delivery_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

var handsKey = []byte{'a', 'h'} // where a partition says what of the marketing that was claimed at once is with a connector

// refusing lets inputs of one kind fail, once told so.
func refusing(kind string) (refuse func(input any) error, begin func()) {
	begun := make(chan struct{})
	return func(input any) error {
		select {
		case <-begun:
			if fmt.Sprintf("%T", input) == "delivery."+kind {
				return lifecycle.Errorf(lifecycle.Unavailable, "refused")
			}
		default:
		}
		return nil
	}, sync.OnceFunc(func() { close(begun) })
}

// recovered waits until a new start has looked in every partition at what the last one left.
func recovered(p *post) {
	p.t.Helper()
	for partition := range lifecycle.Partitions {
		p.eventually(func() (done bool) {
			p.do(partition, func(tx store.Tx) { done = bytes.Contains(tx.Get(handsKey), fmt.Appendf(nil, "boot %d", p.boots)) })
			return done
		}, func() string { return fmt.Sprint("partition ", partition, " has not recovered") })
	}
}

// Marketing that waited in memory when the program died leaves once, by itself, and that is no doubt. Only what may have left is held,
// whenever the program died.
func TestACrashLeavesInDoubtOnlyWhatWasHandedOver(t *testing.T) {
	const many = 40
	for name, step := range map[string]struct {
		refuse        string // the input that fails from then on
		before, after bool   // the connector blocks before it sends, or before it answers
		left, doubted int    // how many have left then, and how many may have; -1: all, -2: those that the connector was given
	}{
		"it could not be marked":    {refuse: "handOver"},
		"marked":                    {before: true, doubted: -2},
		"sent":                      {after: true, left: -2, doubted: -2},
		"answered, and not settled": {refuse: "settle", left: -1, doubted: -1},
		"settled":                   {left: -1},
	} {
		for _, crashes := range []int{1, 2} {
			t.Run(fmt.Sprint(name, ", crashes: ", crashes), func(t *testing.T) {
				c := newConnector()
				refuse, begin := refusing(step.refuse)
				p := newPost(t, c, func(p *post) { p.refuse = refuse })
				warm(p)
				begin()
				lost := make(chan struct{})
				var mu sync.Mutex
				given := map[lifecycle.ID]bool{}
				c.hold(func(batch []channels.Outgoing) {
					mu.Lock()
					for _, m := range batch {
						given[m.ID] = true
					}
					mu.Unlock()
					if step.before {
						<-lost
					}
				})
				c.mu.Lock()
				if step.after {
					c.blocks = lost
				}
				c.mu.Unlock()
				var messages []*lifecycle.Message
				for range many {
					messages = append(messages, p.message(p.customer("email", address), wanted, "hello"))
				}
				p.put(messages...)
				for _, m := range messages {
					if p.look(m).Rendered == nil {
						t.Fatal("it was not claimed when it was decided")
					}
				}
				count := func(n int) int {
					switch n {
					case -1:
						return many
					case -2:
						mu.Lock()
						defer mu.Unlock()
						return len(given)
					}
					return n
				}
				p.eventually(func() bool {
					switch {
					case step.refuse == "handOver": // back in the outbox
						for _, m := range messages {
							if p.look(m).Reason == "" {
								return false
							}
						}
					case step.refuse == "" && !step.before && !step.after:
						for _, m := range messages {
							if p.look(m).State != lifecycle.Accepted {
								return false
							}
						}
					case count(step.doubted) == 0:
						return false
					}
					return len(c.sendings(nil)) == 2+count(step.left) // two warmed the lanes
				}, func() string { return fmt.Sprint("the first life sent ", len(c.sendings(nil))) })
				quiet()
				for range crashes {
					p.crash()
					recovered(p)
				}
				left, doubted := count(step.left), count(step.doubted)
				once := map[lifecycle.ID]int{}
				for _, s := range c.sendings(nil) {
					once[s.ID]++
				}
				close(lost)
				p.run()
				p.clock.Advance(2 * time.Second)
				held := 0
				for i, m := range messages {
					p.eventually(func() bool { return p.look(m).State != lifecycle.Queued }, func() string { return fmt.Sprint("message ", i, " is still queued") })
					full := p.look(m)
					once[m.ID] += len(p.connector.sendings(m))
					switch {
					case full.State == lifecycle.Held && full.InDoubt == 1:
						if held++; len(p.connector.sendings(m)) != 0 {
							t.Errorf("message %d is held and was sent", i)
						}
					case full.State != lifecycle.Accepted || full.InDoubt != 0 || full.Attempts != 1 || once[m.ID] != 1:
						t.Errorf("message %d left %d times and is %+v", i, once[m.ID], full.Message)
					}
				}
				if held != doubted || len(p.connector.sendings(nil)) != many-max(left, doubted) {
					t.Errorf("%d are held, want %d; %d left in the second life, %d in the first", held, doubted, len(p.connector.sendings(nil)), left)
				}
			})
		}
	}
}

// Where nothing says what was handed over, as earlier versions wrote nothing, all of it may have left.
func TestNothingWasMarked(t *testing.T) {
	c := newConnector()
	p := newPost(t, c)
	ada := warm(p)
	lost := make(chan struct{})
	c.hold(func([]channels.Outgoing) { <-lost })
	messages := []*lifecycle.Message{p.send(ada, wanted, "hello")}
	p.eventually(func() bool { return c.called() == 3 }, func() string { return "it was not handed over" })
	for range 9 {
		messages = append(messages, p.send(ada, wanted, "hello"))
	}
	quiet()
	p.do(ada.Partition(), func(tx store.Tx) { tx.Delete(handsKey) })
	p.crash()
	close(lost)
	p.run()
	for _, m := range messages {
		p.becomes(m, lifecycle.Held)
	}
}

// What went back to the outbox, and was claimed there, is in doubt by that claim.
func TestClaimedAgainAndCrashed(t *testing.T) {
	c := newConnector()
	refuse, begin := refusing("handOver")
	p := newPost(t, c, func(p *post) { p.refuse = refuse })
	ada := warm(p)
	begin()
	m := p.send(ada, wanted, "hello")
	p.queuedFor(m, start.Add(time.Second))
	lost := make(chan struct{})
	c.hold(func([]channels.Outgoing) { <-lost })
	p.clock.Advance(time.Second)
	p.eventually(func() bool { return c.called() == 3 }, func() string { return "it was not tried again" })
	p.crash()
	close(lost)
	p.run()
	if full := p.becomes(m, lifecycle.Held); full.InDoubt != 1 || len(p.connector.sendings(m)) != 0 {
		t.Errorf("it is %+v", full.Message)
	}
}
