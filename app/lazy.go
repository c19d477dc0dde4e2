package app

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// firstStart is how long the first messages of a lazy channel wait for its connector.
const firstStart = 10 * time.Second

// lazyChannel is a channel whose connector is started when the first message needs it: most servers never need it, and
// every process takes memory.
type lazyChannel struct {
	host *channels.Host
	spec channels.Spec

	mu      sync.Mutex
	channel *channels.Channel // nil before the first message
}

func (l *lazyChannel) started() *channels.Channel {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channel
}

// Ready reports whether messages may be claimed; that of the first one starts the connector.
func (l *lazyChannel) Ready() bool {
	c := l.started()
	return c == nil || c.Ready()
}

// Idempotent reports what the connector says of itself; false before it has run.
func (l *lazyChannel) Idempotent() bool {
	c := l.started()
	return c != nil && c.Idempotent()
}

// Send hands messages to the connector. The first ones wait for its start; if that fails they are temporary.
func (l *lazyChannel) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	c, err := l.start(ctx)
	if err != nil {
		receipts := make([]lifecycle.Receipt, len(batch))
		for i := range batch {
			receipts[i] = lifecycle.Receipt{Message: batch[i].ID, Outcome: lifecycle.OutcomeTemporary, Reason: err.Error()}
		}
		return receipts
	}
	if !c.Ready() {
		wait, cancel := context.WithTimeout(ctx, firstStart)
		_ = c.WaitReady(wait) // Send says itself what is wrong
		cancel()
	}
	return c.Send(ctx, batch)
}

func (l *lazyChannel) start(ctx context.Context) (*channels.Channel, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.channel == nil {
		c, err := l.host.Start(ctx, l.spec)
		if err != nil {
			return nil, err
		}
		l.channel = c
	}
	return l.channel, nil
}
