// Package sms is the connector that sends text messages: through Twilio, or through any gateway that takes one HTTP
// request for each message, which the settings describe.
//
// What to read first: a message becomes a number and a text of so many parts (number.go, text.go, parts.go), one request
// (request.go), and a receipt that says whether it has certainly left, certainly not left, or may have (twilio.go,
// gateway.go). What comes back later are delivery reports and what people answer, STOP above all (twilio_callback.go,
// gateway_callback.go, words.go).
package sms

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// maxBatch is the most messages of one Send, and the most requests that are under way at once.
const maxBatch = 50

// Connector sends text messages. It is safe for concurrent use.
type Connector struct {
	now func() time.Time

	mu     sync.Mutex
	sender *sender
}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{now: time.Now} }

// Describe says what the connector is. It is not idempotent: providers send what they are given twice, twice.
func (c *Connector) Describe() channel.Description {
	return channel.Description{
		Name: "sms", Version: "1", Channels: []string{"sms"}, MaxBatch: maxBatch, Schema: json.RawMessage(schema),
	}
}

// Configure checks the settings. It does not connect.
func (c *Connector) Configure(_ context.Context, raw json.RawMessage) error {
	settings, err := parseSettings(raw)
	if err != nil {
		return err
	}
	sender, err := newSender(settings, c.now)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sender != nil {
		c.sender.transport.CloseIdleConnections()
	}
	c.sender = sender
	return nil
}

func (c *Connector) current() *sender {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sender
}

// Send makes a request for each message, as many at once as the settings allow. It returns when all have been answered
// or ctx has ended; what had not begun by then is temporary.
func (c *Connector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	sender := c.current()
	if sender == nil {
		return channel.All(messages, channel.Temporary, "the connector has no settings yet", 0)
	}
	receipts := make([]channel.Receipt, len(messages))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(sender.settings.Connections, len(messages)) {
		workers.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(messages) {
					return
				}
				receipts[at] = sender.send(ctx, &messages[at])
				receipts[at].ID = messages[at].ID
			}
		})
	}
	workers.Wait()
	return receipts
}

// Callback takes a delivery report or an answer of a recipient's from the provider.
func (c *Connector) Callback(_ context.Context, call channel.Callback) (channel.Reply, []channel.Report) {
	sender := c.current()
	if sender == nil {
		return refusal(503, "the connector has no settings yet"), nil
	}
	return sender.provider.callback(call)
}

// Health returns why the provider took nothing when it was last asked.
func (c *Connector) Health(context.Context) error {
	if sender := c.current(); sender != nil {
		return sender.rest.health()
	}
	return nil
}

// Close drops the connections that are kept.
func (c *Connector) Close() error {
	if sender := c.current(); sender != nil {
		sender.transport.CloseIdleConnections()
	}
	return nil
}
