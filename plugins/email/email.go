// Package email is the connector that sends messages through a mail server by SMTP. What matters in it is that it knows
// about every message whether it has certainly left, certainly not left, or may have: see session.go.
package email

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
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
	rates    *rates
	standing *standing
	ramp     *ramp // nil where there is none

	stopChecks  func()   // ends the checks of the domain and waits for that
	folderError error    // why the bounce folder could not be read
	findings    []string // what is wrong with the domain's records
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
func (c *Connector) Configure(ctx context.Context, raw json.RawMessage) error {
	settings, err := parseSettings(raw)
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings, c.pool = settings, newPool(settings)
	c.rates, c.standing = newRates(settings.RatePerDomain), newStanding(settings)
	c.ramp = newRamp(settings.WarmUp, settings.from.domain)
	c.stopChecks = c.startChecks(context.WithoutCancel(ctx), settings)
	return nil
}

// Send spreads the messages over the pool's connections. It returns when all that were begun in time have been answered or ctx
// has ended; the others were not tried.
func (c *Connector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	c.mu.Lock()
	settings, pool := c.settings, c.pool
	batch := &batch{pool: pool, rates: c.rates, standing: c.standing, ramp: c.ramp, messages: messages}
	c.mu.Unlock()
	if pool == nil {
		return channel.All(messages, channel.Temporary, "the connector has no settings yet", 0)
	}
	receipts := make([]channel.Receipt, len(messages))
	batch.receipts = receipts
	begin, cancel := channel.Beginning(ctx)
	defer cancel()
	batch.begin = begin
	var workers sync.WaitGroup
	var failed error // why a worker could not get a connection
	var mu sync.Mutex
	for range min(settings.Connections, len(messages)) {
		workers.Go(func() {
			if err := batch.work(ctx); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	left := channel.Untried("the mail server was too slow for it to be begun in time", 0)
	if failed != nil {
		left = channel.Receipt{Outcome: channel.Temporary, Reason: firstOf(failed).Error()}
	}
	for i := range receipts {
		if receipts[i].Outcome == 0 {
			receipts[i] = left
		}
		receipts[i].ID = messages[i].ID
		if receipts[i].Data[channel.FactPause] != "" {
			batch.standing.told(time.Now())
		}
	}
	return receipts
}

// batch is what one Send is given, while it is worked off by several goroutines.
type batch struct {
	pool     *pool
	rates    *rates
	standing *standing
	ramp     *ramp
	begin    context.Context // ends when no further message may be begun
	messages []channel.Message
	receipts []channel.Receipt
	next     atomic.Int64 // the first message that nobody has taken
}

// work sends messages over one connection at a time until there are none left. It takes a message only when it holds a
// connection, so that one refused connection costs no message while others work.
func (b *batch) work(ctx context.Context) error {
	marketing := b.messages[0].Kind == "marketing" // a batch is of one kind
	for int(b.next.Load()) < len(b.messages) {
		session, err := b.session(ctx, marketing)
		if session == nil {
			return err
		}
		at := int(b.next.Add(1)) - 1
		if at >= len(b.messages) {
			b.pool.put(session, marketing)
			return nil
		}
		mail, refused := b.prepare(&b.messages[at], &session.room)
		if mail == nil {
			b.receipts[at] = refused
			b.pool.put(session, marketing)
			continue
		}
		result := session.send(ctx, mail)
		for result.stale {
			// The server had closed a connection that was kept open. Nothing has left; a new one costs little.
			b.pool.put(session, marketing)
			if session, err = b.session(ctx, marketing); session == nil {
				if err != nil {
					b.receipts[at] = channel.Receipt{Outcome: channel.Temporary, Reason: err.Error()}
				}
				b.ramp.giveBack()
				return err
			}
			result = session.send(ctx, mail)
		}
		b.receipts[at] = result.Receipt
		b.standing.receipt(result.Receipt, time.Now())
		if result.Outcome == channel.Temporary {
			b.ramp.giveBack()
		}
		b.pool.put(session, marketing)
	}
	return nil
}

// session returns one for a message that may be begun now; nil if none was free in time.
func (b *batch) session(ctx context.Context, marketing bool) (*session, error) {
	session, err := b.pool.get(ctx, b.begin, marketing)
	if session != nil && b.begin.Err() != nil { // connecting took its time; the next call finds it open
		b.pool.put(session, marketing)
		return nil, nil
	}
	return session, err
}

// prepare composes a message that may leave now, in a session's room; otherwise it returns the receipt.
func (b *batch) prepare(m *channel.Message, in *room) (*letter, channel.Receipt) {
	if m.Kind == "marketing" {
		if why, first := b.standing.paused(time.Now()); why != "" {
			receipt := channel.Untried("marketing is paused: "+why, pauseGap)
			if first {
				receipt.Data[channel.FactPause] = why
			}
			return nil, receipt
		}
	}
	to, err := recipient(m.To)
	if err != nil {
		return nil, channel.Receipt{Outcome: channel.Permanent, Reason: err.Error()}
	}
	if held, ok := b.ramp.take(m.Kind, time.Now()); !ok {
		return nil, held
	}
	if wait := b.rates.take(m.Kind, strings.ToLower(to.domain), time.Now()); wait > 0 {
		b.ramp.giveBack()
		return nil, channel.Untried("the rate for "+to.domain+" is used up for the moment", wait)
	}
	mail, err := compose(b.pool.settings, m, to, in)
	if err != nil {
		b.ramp.giveBack()
		return nil, channel.Receipt{Outcome: channel.Permanent, Reason: err.Error()}
	}
	return mail, channel.Receipt{}
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

// Health returns why the mail server could not be reached when that was last tried, why the bounce folder could not be read,
// and what is wrong with the records of the sender's domain, whichever there are.
func (c *Connector) Health(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pool == nil {
		return nil
	}
	unwell := []error{c.pool.health(), c.folderError, c.ramp.health()}
	for _, finding := range c.findings {
		unwell = append(unwell, errors.New(finding))
	}
	return errors.Join(unwell...)
}

// Close says goodbye to the server on every connection, for at most half a second.
func (c *Connector) Close() error {
	c.mu.Lock()
	pool, stop := c.pool, c.stopChecks
	c.mu.Unlock()
	if pool != nil {
		stop()
		pool.close()
	}
	return nil
}

// idleLimit is how long an unused connection is kept.
const idleLimit = 30 * time.Second
