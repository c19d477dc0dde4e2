// Package webhook is the connector that tells other programs: each message is one HTTP POST of a JSON text to an address
// that a stage script chose. It follows the Standard Webhooks scheme (github.com/standard-webhooks/standard-webhooks):
// receivers know a repetition by its Webhook-Id, and us by the signature.
//
// What matters in it: it knows about every request whether it has certainly not left (post.go), and scripts cannot use it
// to look around in the network that the server stands in (guard.go).
package webhook

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"stagecraft/plugins/channel"
)

// parallel is how many requests one batch makes at once. It is the size of the largest batch, so that an address that
// does not answer costs the others of its batch nothing.
const parallel = 50

// Connector posts messages. It is safe for concurrent use.
type Connector struct {
	resolver resolver

	mu       sync.Mutex
	settings *settings
	client   *http.Transport

	silence channel.Silence
}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{resolver: net.DefaultResolver} }

// Describe says what the connector is. It is not idempotent: what is posted twice arrives twice.
func (c *Connector) Describe() channel.Description {
	return channel.Description{
		Name: "webhook", Version: "1", Channels: []string{"webhook"}, MaxBatch: parallel, Schema: json.RawMessage(schema),
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
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	c.settings, c.client = settings, newTransport(settings, c.resolver)
	return nil
}

// Send posts the messages. It returns when all have been answered, which takes no longer than the timeout of one, or when
// ctx has ended.
func (c *Connector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	c.mu.Lock()
	settings, client := c.settings, c.client
	c.mu.Unlock()
	if client == nil {
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
				receipts[at] = post(ctx, settings, client, &c.silence, &messages[at])
				receipts[at].ID = messages[at].ID
			}
		})
	}
	workers.Wait()
	return receipts
}

// Health has nothing to say: how the receivers are stands in the receipts.
func (c *Connector) Health(context.Context) error { return nil }

// Close drops the connections that are kept.
func (c *Connector) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	return nil
}
