package app

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// What a connector is, it says itself: it is started for that, once, and of others once for each SHA-256. One that does not answer takes
// ten seconds; so they are asked in the background, each by itself, and whoever looks waits for a moment only.
const (
	describePatience = 2 * time.Second
	describeAgain    = time.Minute // after a failure, and twice as long with each further one
	describeAtMost   = time.Hour
)

// described is what is known of a connector.
type described struct {
	channels.Description
	err      error
	answered chan struct{} // closed when there is an answer; a new one with each question
	failures int
	again    time.Time // after a failure: when it may be asked again
}

// connectorAsked is a question that describeConnectors takes.
type connectorAsked struct{ name, key string }

// describeConnectors asks connectors what they are, until ctx ends.
func (c *connections) describeConnectors(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case q := <-c.asks:
			all.Go(func() {
				d, err := c.host.Describe(ctx, c.spec("", channels.Connection{Connector: q.name}))
				c.answer(q.key, d, err)
			})
		case <-ctx.Done():
			return
		}
	}
}

func (c *connections) answer(key string, d channels.Description, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known[key]
	if k == nil {
		return
	}
	k.Description, k.err = d, err
	if err != nil {
		k.again = time.Now().Add(min(describeAgain<<min(k.failures, 10), describeAtMost))
		k.failures++
	}
	close(k.answered)
}

// ask returns a connector's place among those that are known, and asks it if it was not, or has failed long enough ago.
func (c *connections) ask(name, sum string) *described {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := name + " " + sum
	k := c.known[key]
	if k == nil {
		k = &described{}
	} else if !isClosed(k.answered) || k.err == nil || time.Now().Before(k.again) {
		return k
	}
	before := k.answered
	k.answered = make(chan struct{})
	select {
	case c.asks <- connectorAsked{name, key}:
		c.known[key] = k
	default: // too many at once: whoever looks next asks
		if k.answered = before; before == nil {
			k.err = lifecycle.Errorf(lifecycle.Busy, "many connectors are being asked what they are; look again soon")
			k.answered = make(chan struct{})
			close(k.answered)
		}
	}
	return k
}

func isClosed(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// describe returns what connectors say of themselves, by their names; sums has the SHA-256 of those of others. What is not
// known within describePatience is an error that says so.
func (c *connections) describe(ctx context.Context, sums map[string]string) (map[string]channels.Description, map[string]error) {
	asked := map[string]*described{}
	for name, sum := range sums {
		asked[name] = c.ask(name, sum)
	}
	ctx, cancel := context.WithTimeout(ctx, describePatience)
	defer cancel()
	all, problems := map[string]channels.Description{}, map[string]error{}
	for name, k := range asked {
		c.mu.Lock()
		answered := k.answered
		c.mu.Unlock()
		select {
		case <-answered:
		case <-ctx.Done():
		}
		c.mu.Lock()
		switch {
		case isClosed(k.answered) && k.err == nil:
			all[name] = k.Description
		case k.err != nil:
			problems[name] = k.err
		default:
			problems[name] = lifecycle.Errorf(lifecycle.Unavailable, "connector %s is being asked what it is; look again in a few seconds", name)
		}
		c.mu.Unlock()
	}
	return all, problems
}

// forgetFailure has a connector asked anew that has just been approved.
func (c *connections) forgetFailure(name, sum string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.known[name+" "+sum]; k != nil && k.err != nil && isClosed(k.answered) {
		delete(c.known, name+" "+sum)
	}
}
