package delivery

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// InApp is the connector of in-app messages. It needs no process and no server of anybody else: to send is to put into the
// inbox, and a message that is in one is accepted.
type InApp struct{ delivery *Delivery }

// InApp returns the connector, for Connect.
func (d *Delivery) InApp() *InApp { return &InApp{d} }

// Ready reports true: the store is there.
func (c *InApp) Ready() bool { return true }

// Idempotent reports true: an inbox knows its messages by their IDs.
func (c *InApp) Idempotent() bool { return true }

// Send puts messages into inboxes and returns when they are on disk.
func (c *InApp) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	receipts := make([]lifecycle.Receipt, len(batch))
	items, places := make([]store.Item, 0, len(batch)), make([]int, 0, len(batch))
	now := c.delivery.clock.Now()
	for i := range batch {
		text, problem := inboxTextOf(&batch[i].Rendered)
		receipts[i] = lifecycle.Receipt{Message: batch[i].ID, Outcome: lifecycle.OutcomeAccepted}
		if problem != "" {
			receipts[i].Outcome, receipts[i].Reason = lifecycle.OutcomePermanent, problem
			continue
		}
		items = append(items, store.Item{Partition: batch[i].Ref.Partition, Input: fileInbox{batch[i].Ref, text, now}})
		places = append(places, i)
	}
	for i, result := range c.delivery.store.DoAll(ctx, items) {
		if result.Err == nil {
			continue
		}
		r := &receipts[places[i]]
		r.Reason = result.Err.Error()
		switch lifecycle.CodeOf(result.Err) {
		case lifecycle.NotFound, lifecycle.Internal:
			r.Outcome = lifecycle.OutcomePermanent
		default:
			r.Outcome = lifecycle.OutcomeTemporary // if it did get there, trying again changes nothing
		}
	}
	return receipts
}

// inboxTextOf takes a message's words, or says what is wrong with them. What stands in its front matter counts: title, url
// and button.
func inboxTextOf(rendered *lifecycle.Rendered) (text inboxText, problem string) {
	text = inboxText{
		Title: oneLine(rendered.Data["title"], maxInboxTitle), Text: strings.TrimSpace(rendered.Text),
		URL: strings.TrimSpace(rendered.Data["url"]), Button: oneLine(rendered.Data["button"], maxInboxLabel),
	}
	if text.Title == "" {
		text.Title = oneLine(rendered.Subject, maxInboxTitle)
	}
	switch {
	case text.Title == "" && text.Text == "":
		return text, "the message says nothing: it has neither a title nor a text"
	case len(text.Text) > maxInboxText:
		return text, fmt.Sprintf("an in-app message may have %d bytes of text, this one has %d", maxInboxText, len(text.Text))
	case text.URL == "" && text.Button != "":
		return text, "the message has a button that leads nowhere; name its url in the front matter"
	case text.URL != "" && !harmlessURL(text.URL):
		return text, fmt.Sprintf("%.80q is no address of a page; it begins with https://, http:// or /", text.URL)
	}
	return text, ""
}

// harmlessURL reports whether an address leads to a page, be it of the customer's own site, and to nothing that runs.
func harmlessURL(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil || len(address) > maxInboxURL {
		return false
	}
	switch parsed.Scheme {
	case "https", "http":
		return parsed.Host != ""
	case "":
		return strings.HasPrefix(address, "/")
	}
	return false
}
