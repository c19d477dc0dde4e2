// Package inapp is the connector of messages that customers read on the pages and in the apps of the business. There is no
// server of anybody else to give them to: what it accepts, Stagecraft puts into the customer's inbox, under the ID of the
// message. What may stand in an inbox is decided here.
package inapp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"stagecraft/plugins/channel"
)

// Bounds of a message.
const (
	maxText = 4 << 10 // bytes
	maxURL  = 2000    // bytes
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "In-app",
  "description": "Puts messages into the inboxes that customers see on your pages and in your apps.",
  "type": "object",
  "additionalProperties": false,
  "properties": {}
}`

// Connector looks at messages. It keeps nothing, so that a message may come as often as it likes.
type Connector struct{}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{} }

// Describe says what the connector is.
func (c *Connector) Describe() channel.Description {
	return channel.Description{Name: "inapp", Version: "1", Channels: []string{"inapp"}, Idempotent: true, Schema: json.RawMessage(schema)}
}

// Configure takes an empty object: there are no settings.
func (c *Connector) Configure(_ context.Context, raw json.RawMessage) error {
	return channel.NoSettings(raw)
}

// Send accepts what may stand in an inbox.
func (c *Connector) Send(_ context.Context, messages []channel.Message) []channel.Receipt {
	receipts := make([]channel.Receipt, len(messages))
	for i := range messages {
		receipts[i] = channel.Receipt{ID: messages[i].ID, Outcome: channel.Accepted}
		if problem := refused(&messages[i]); problem != "" {
			receipts[i].Outcome, receipts[i].Reason = channel.Permanent, problem
		}
	}
	return receipts
}

// Health returns nil: there is nothing that could fail.
func (c *Connector) Health(context.Context) error { return nil }

// Close has nothing to end.
func (c *Connector) Close() error { return nil }

// refused says why a message cannot stand in an inbox, or "". Beside its text it has what its front matter says: title, url
// and button; without a title, the subject.
func refused(m *channel.Message) string {
	title, text := strings.TrimSpace(m.Data["title"]+m.Subject), strings.TrimSpace(m.Text)
	address, button := strings.TrimSpace(m.Data["url"]), strings.TrimSpace(m.Data["button"])
	switch {
	case title == "" && text == "":
		return "the message says nothing: it has neither a title nor a text"
	case len(text) > maxText:
		return fmt.Sprintf("an in-app message may have %d bytes of text, this one has %d", maxText, len(text))
	case address == "" && button != "":
		return "the message has a button that leads nowhere; name its url in the front matter"
	case address != "" && !leadsToPage(address):
		return fmt.Sprintf("%.80q is no address of a page; it begins with https://, http:// or /", address)
	}
	return ""
}

// leadsToPage reports whether an address leads to a page, be it of the customer's own site, and to nothing that runs.
func leadsToPage(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil || len(address) > maxURL || strings.ContainsFunc(address, unicode.IsControl) {
		return false
	}
	switch parsed.Scheme {
	case "https", "http":
		return parsed.Host != ""
	case "":
		// Browsers take a second slash, or one that leans back, for the beginning of another site.
		return address[0] == '/' && !strings.HasPrefix(address, "//") && !strings.HasPrefix(address, `/\`)
	}
	return false
}
