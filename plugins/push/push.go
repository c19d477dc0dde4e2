// Package push is the connector that shows notifications: in browsers by Web Push (RFC 8030, encrypted as RFC 8291 says and
// signed with a VAPID key, RFC 8292), and in apps by Firebase Cloud Messaging, HTTP v1. The form of the address decides:
// the browser's subscription as JSON, or "fcm:" and a registration token.
//
// What matters in it: an address that does not exist any more is told from everything else that can fail, so that it is
// dropped and nothing else is; nothing is sent in the clear; and subscriptions, which come from browsers and so from
// anybody, cannot be used to look around in the network that the server stands in (guard.go).
package push

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// parallel is how many requests one batch makes at once. It is the size of the largest batch, so that a push service that
// does not answer costs the others of its batch nothing.
const parallel = 50

// Connector sends notifications. It is safe for concurrent use.
type Connector struct {
	mu      sync.Mutex
	sending *sender
}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{} }

// Describe says what the connector is. It is not idempotent: push services deliver again what they are given again. But
// every notification is tagged with its message's ID, so that a repeated one takes the place of the first on the screen.
func (c *Connector) Describe() channel.Description {
	return channel.Description{
		Name: "push", Version: "1", Channels: []string{"push"}, MaxBatch: parallel, Schema: json.RawMessage(schema),
	}
}

// Configure checks the settings.
func (c *Connector) Configure(_ context.Context, raw json.RawMessage) error {
	settings, err := parseSettings(raw)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sending != nil {
		c.sending.close()
	}
	c.sending = newSender(settings)
	return nil
}

// Send sends the messages. It returns when all have been answered, which takes no longer than the timeout of one, or when
// ctx has ended.
func (c *Connector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	sending := c.current()
	if sending == nil {
		return channel.All(messages, channel.Temporary, "the connector has no settings yet", 0)
	}
	receipts := make([]channel.Receipt, len(messages))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(parallel, len(messages)) {
		workers.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(messages) {
					return
				}
				receipts[at] = sending.send(ctx, &messages[at])
				receipts[at].ID = messages[at].ID
			}
		})
	}
	workers.Wait()
	return receipts
}

// Health returns what push services last refused for a reason that lies in the settings.
func (c *Connector) Health(context.Context) error {
	if sending := c.current(); sending != nil {
		return sending.trouble.err()
	}
	return nil
}

// Close drops the connections that are kept.
func (c *Connector) Close() error {
	if sending := c.current(); sending != nil {
		sending.close()
	}
	return nil
}

func (c *Connector) current() *sender {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sending
}

// sender is the connector with its settings.
type sender struct {
	settings *settings
	browsers *http.Transport // to whatever a subscription names, within the guard
	google   *http.Transport // to what the settings name
	access   *access         // nil without a service account
	trouble  *trouble
	rests    rests
}

func newSender(s *settings) *sender {
	out := &sender{settings: s, browsers: newTransport(s, true), google: newTransport(s, false), trouble: &trouble{}}
	if s.account != nil {
		out.access = newAccess(s.account, out.google)
	}
	return out
}

func (s *sender) send(ctx context.Context, m *channel.Message) channel.Receipt {
	if ctx.Err() != nil {
		return channel.Untried("the time for the batch was over before this message was tried", 0)
	}
	to, err := parseAddress(m.To)
	if err != nil {
		return permanent(err.Error())
	}
	n, err := newNotification(m, s.settings)
	if err != nil {
		return permanent(err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, s.settings.timeout)
	defer cancel()
	name := service
	if to.token == "" {
		name = to.subscription.endpoint.Host
	}
	if kept := s.rests.keep(name, time.Now()); kept != nil {
		return *kept
	}
	if to.token != "" {
		return s.toApp(ctx, to.token, n)
	}
	return s.toBrowser(ctx, to.subscription, n)
}

func (s *sender) close() {
	s.browsers.CloseIdleConnections()
	s.google.CloseIdleConnections()
}

func temporary(reason string, after time.Duration) channel.Receipt {
	return channel.Receipt{Outcome: channel.Temporary, Reason: reason, RetryAfter: after}
}

func permanent(reason string) channel.Receipt {
	return channel.Receipt{Outcome: channel.Permanent, Reason: reason}
}

// gone is the answer for an address that does not exist any more: it is to be dropped.
func gone(reason string) channel.Receipt {
	return channel.Receipt{Outcome: channel.Permanent, Reason: reason, Data: map[string]string{"gone": "1"}}
}
