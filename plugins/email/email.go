// Package email is the connector that sends messages through a mail server by SMTP. What matters in it is that it knows
// about every message whether it has certainly left, certainly not left, or may have: see session.go.
package email

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// Connector sends messages over a pool of SMTP connections that stay open between batches.
type Connector struct {
	mu       sync.Mutex
	settings *settings
	pool     *pool
}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{} }

// Describe says what the connector is. It is not idempotent: a mail server sends what it is given twice, twice.
func (c *Connector) Describe() channel.Description {
	return channel.Description{
		Name: "email", Version: "1", Channels: []string{"email"}, MaxBatch: channel.DefaultMaxBatch,
		Schema: json.RawMessage(schema),
	}
}

// Configure checks the settings. It does not connect: that happens with the first message.
func (c *Connector) Configure(_ context.Context, raw json.RawMessage) error {
	settings, err := parseSettings(raw)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pool != nil {
		c.pool.close()
	}
	c.settings, c.pool = settings, newPool(settings)
	return nil
}

// Send spreads the messages over the pool's connections. It returns when all have been answered or ctx has ended; what
// had not begun by then is temporary.
func (c *Connector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	c.mu.Lock()
	settings, pool := c.settings, c.pool
	c.mu.Unlock()
	if pool == nil {
		return channel.All(messages, channel.Temporary, "the connector has no settings yet", 0)
	}
	receipts := make([]channel.Receipt, len(messages))
	var next atomic.Int64
	var workers sync.WaitGroup
	var failed error // why a worker could not get a connection
	var mu sync.Mutex
	for range min(settings.Connections, len(messages)) {
		workers.Go(func() {
			if err := work(ctx, pool, messages, receipts, &next); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	reason := "the time for the batch was over before this message was tried"
	if failed != nil {
		reason = firstOf(failed).Error()
	}
	for i := range receipts {
		receipts[i].ID = messages[i].ID
		if receipts[i].Outcome == 0 {
			receipts[i].Outcome, receipts[i].Reason = channel.Temporary, reason
		}
	}
	return receipts
}

// work sends messages over one connection at a time until there are none left. It takes a message only when it holds a
// connection, so that one refused connection costs no message while others work.
func work(ctx context.Context, pool *pool, messages []channel.Message, receipts []channel.Receipt, next *atomic.Int64) error {
	for ctx.Err() == nil {
		if int(next.Load()) >= len(messages) {
			return nil
		}
		session, err := pool.get(ctx)
		if err != nil {
			return err
		}
		at := int(next.Add(1)) - 1
		if at >= len(messages) {
			pool.put(session)
			return nil
		}
		mail, err := compose(pool.settings, &messages[at])
		if err != nil {
			receipts[at] = channel.Receipt{Outcome: channel.Permanent, Reason: err.Error()}
			pool.put(session)
			continue
		}
		result := session.send(ctx, mail)
		for result.stale && ctx.Err() == nil {
			// The server had closed a connection that was kept open. Nothing has left; a new one costs little.
			pool.put(session)
			if session, err = pool.get(ctx); err != nil {
				receipts[at] = channel.Receipt{Outcome: channel.Temporary, Reason: err.Error()}
				return err
			}
			result = session.send(ctx, mail)
		}
		receipts[at] = result.Receipt
		pool.put(session)
	}
	return nil
}

func firstOf(err error) error {
	for {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) == 0 {
			return err
		}
		err = joined.Unwrap()[0]
	}
}

// Health returns why the mail server could not be reached when that was last tried.
func (c *Connector) Health(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pool == nil {
		return nil
	}
	return c.pool.health()
}

// Close says goodbye to the server on every connection, for at most half a second.
func (c *Connector) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pool != nil {
		c.pool.close()
	}
	return nil
}

// idleLimit is how long an unused connection is kept.
const idleLimit = 30 * time.Second
