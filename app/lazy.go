package app

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// webhookChannel is the channel of webhooks.
const webhookChannel = "webhook"

// lazyChannels are the channels of the program that need no settings, in the order in which they are shown: the inboxes of
// customers, the list of calls, and webhooks.
var lazyChannels = []string{"inapp", "call", webhookChannel}

// firstStart is how long the first messages of a lazy channel wait for its connector.
const firstStart = 10 * time.Second

// lazyChannel is a channel whose connector is started when the first message needs it: most servers never need it, and
// every process takes memory.
type lazyChannel struct {
	host *channels.Host
	spec channels.Spec // guarded by mu, but for Channel and Name, which stay

	mu      sync.Mutex
	channel *channels.Channel // nil before the first message
}

func (l *lazyChannel) started() *channels.Channel {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channel
}

// status is the channel's, also before its connector was started.
func (l *lazyChannel) status() channels.Status {
	if c := l.started(); c != nil {
		return c.Status()
	}
	return channels.Status{Channel: l.spec.Channel, Connector: l.spec.Name, State: channels.Idle}
}

// limit sets the limits of the connector, whenever it is started.
func (l *lazyChannel) limit(limits channels.Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spec.Limits = limits
	if l.channel != nil {
		l.channel.Limit(limits)
	}
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

// Admit waits until the connector may be given messages. The first ones start it.
func (l *lazyChannel) Admit(ctx context.Context, most int, direct bool) *channels.Pass {
	c, err := l.start(ctx)
	if err != nil {
		return channels.FreePass(most) // Send says itself what is wrong
	}
	return c.Admit(ctx, most, direct)
}

// Send hands messages to the connector. The first ones wait for its start; if that fails they are temporary.
func (l *lazyChannel) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	c, err := l.start(ctx)
	if err != nil {
		return later(batch, err.Error())
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

// reset gives the connector other settings, in good order; the next message starts it anew. Messages that come just then
// are temporary.
func (l *lazyChannel) reset(ctx context.Context, settings json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spec.Settings = settings
	if l.channel != nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		l.channel.Stop(limited)
		l.channel = nil
	}
}
