// Package social is the connector that speaks through social networks: Telegram, Slack, WhatsApp, Messenger and Zalo. It
// is one connector with a provider for each; the address of a message says which carries it ("telegram:12345").
//
// What a message needs besides its text stands in Message.Data: template, language, header.…, body.… and button.… for
// WhatsApp and ZNS (template.go), tag for Messenger. The networks call back at /telegram, /slack, /whatsapp, /messenger and
// /zalo below the connector's own path.
//
// What matters in it: every provider knows about each request whether it has certainly not left (line.go), waits when the
// network says so, and believes a callback only when the network has signed it (the callback files).
package social

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// parallel is how many requests one batch makes at once. It is the size of the largest batch, so that a network that does
// not answer costs the others of its batch nothing.
const parallel = 25

// provider is one network. Its methods are called from several goroutines.
type provider interface {
	// send sends to an address without its prefix. The receipt's ID is set by the caller.
	send(ctx context.Context, kind, to string, m *channel.Message) channel.Receipt
	// callback checks and reads a request of the network's.
	callback(c *channel.Callback) (channel.Reply, []channel.Report)
	// trouble is what the operator should know; "" when there is nothing.
	trouble() string
	// close waits for what must not be cut off, but not longer than limit.
	close(limit time.Duration)
}

// Connector sends through the networks that its settings name. It is safe for concurrent use.
type Connector struct {
	now func() time.Time

	mu        sync.Mutex
	providers map[string]provider // by their name, which is the path of their callbacks too; nil before Configure
	client    *http.Transport
}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{now: time.Now} }

// Describe says what the connector is. It is not idempotent: none of the networks knows a message by an ID of ours.
func (c *Connector) Describe() channel.Description {
	return channel.Description{
		Name: "social", Version: "1", Channels: []string{"social"}, MaxBatch: parallel, Schema: json.RawMessage(schema),
	}
}

// Configure checks the settings. It asks no network, but reads the file that keeps Zalo's tokens.
func (c *Connector) Configure(_ context.Context, raw json.RawMessage) error {
	settings, err := parseSettings(raw)
	if err != nil {
		return err
	}
	client := newTransport(settings.timeout)
	providers, err := settings.providers(client, c.now)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	c.providers, c.client = providers, client
	return nil
}

func (c *Connector) current() map[string]provider {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.providers
}

// networks are the beginnings of addresses and who carries them.
var networks = [...]struct{ prefix, provider string }{
	{"telegram", "telegram"}, {"slack", "slack"}, {"whatsapp", "whatsapp"}, {"messenger", "messenger"}, {"zalo", "zalo"}, {"zns", "zalo"},
}

// Send sends the messages. It returns when all have been answered or ctx has ended.
func (c *Connector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	providers := c.current()
	if providers == nil {
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
				receipts[at] = send(ctx, providers, &messages[at])
				receipts[at].ID = messages[at].ID
			}
		})
	}
	workers.Wait()
	return receipts
}

func send(ctx context.Context, providers map[string]provider, m *channel.Message) channel.Receipt {
	kind, to, _ := strings.Cut(m.To, ":")
	for _, network := range networks {
		if network.prefix != kind {
			continue
		}
		p := providers[network.provider]
		if p == nil {
			return refused(network.provider + " is not set up in the settings of this connector")
		}
		return p.send(ctx, kind, to, m)
	}
	return refused("the address names no network; write it like telegram:12345, slack:C0123, whatsapp:+84901234567, messenger:123, zalo:123 or zns:+84901234567")
}

// Callback hands a request to the network that its path names: /telegram, /slack, /whatsapp, /messenger or /zalo.
func (c *Connector) Callback(_ context.Context, request channel.Callback) (channel.Reply, []channel.Report) {
	name, _, _ := strings.Cut(strings.Trim(request.Path, "/"), "/")
	p := c.current()[name]
	if p == nil {
		return reply(http.StatusNotFound, "no network of this name is set up"), nil
	}
	return p.callback(&request)
}

// Health says which networks need the operator.
func (c *Connector) Health(context.Context) error {
	var troubles []string
	for name, p := range c.current() {
		if text := p.trouble(); text != "" {
			troubles = append(troubles, name+": "+text)
		}
	}
	if len(troubles) == 0 {
		return nil
	}
	sort.Strings(troubles)
	return errors.New(strings.Join(troubles, "; "))
}

// Close lets a change of tokens that is under way come to its end, and drops the connections that are kept.
func (c *Connector) Close() error {
	c.mu.Lock()
	providers, client := c.providers, c.client
	c.mu.Unlock()
	for _, p := range providers {
		p.close(closing)
	}
	if client != nil {
		client.CloseIdleConnections()
	}
	return nil
}

// closing is how long Close waits: a little less than the second that the host gives.
const closing = 900 * time.Millisecond
