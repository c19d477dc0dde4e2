package delivery

import (
	"bytes"
	"context"
	"maps"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Links outside mail. Where a text has them they become short ones, for every character counts there: what a short link
// says is kept beside the messages,
//
//	ul code -> the customer it was made for, and what the link says
//
// Where a click leads is forgotten with what the message said. Links to unsubscribe, and to the customer's page, are the same
// in all messages of a customer by a channel about a topic: they work for as long as the customer is there, and writing them
// again for each message only tells which one was the last. What a notification opens is nothing that anybody reads: it gets the link that holds everything
// itself, as mails do. In an inbox the page tells of clicks, so there the links stay.

func shortKey(code lifecycle.ShortCode) []byte { return append([]byte("ul"), code[1:]...) }

// trackOutsideMail puts our own addresses in place of those of a message that is no mail, as far as its clicks are tracked
// or it has UTM parameters. Links to unsubscribe and to the customer's page become short. It is called once, when the
// message is rendered: later attempts send the same bytes.
func (d *Delivery) trackOutsideMail(tx store.Tx, m *lifecycle.Message, rendered *lifecycle.Rendered) {
	kind := lifecycle.KindOf(m.Channel)
	short := kind == "sms" || kind == "social"
	if !short && kind != "push" && m.Channel != inboxChannel || !d.links.Enabled() {
		return
	}
	template, err := d.templates.Template(tx, m.Version, m.Name, m.Channel, "")
	if err != nil {
		return
	}
	is := d.trackingOf(template)
	clicks, utm, ref := is.Clicks && m.Channel != inboxChannel, is.UTM.For(m), m.Ref()
	if url := rendered.Data["url"]; url != "" {
		if changed := d.trackedAddress(url, clicks, utm, func(address string) string { return d.trackLinks.Click(ref, address) }); changed != url {
			rendered.Data = maps.Clone(rendered.Data)
			rendered.Data["url"] = changed
		}
	}
	if !short {
		return
	}
	follow := func(address string) string {
		return d.shorten(tx, m, lifecycle.Link{Purpose: lifecycle.ToClick, Message: ref, URL: address})
	}
	topic := template.Front["topic"]
	rendered.Text = withAddresses(rendered.Text, func(address string) string {
		switch {
		case !d.links.Owns(address):
			return d.trackedAddress(address, clicks, utm, follow)
		case address == d.links.Preferences(m.Customer):
			return d.shorten(tx, m, lifecycle.Link{Purpose: lifecycle.ToPreferences, Customer: m.Customer})
		case address == d.links.Unsubscribe(m.Customer, ref, m.Channel, topic):
			return d.shorten(tx, m, lifecycle.Link{Purpose: lifecycle.ToUnsubscribe, Customer: m.Customer, Message: ref, Channel: m.Channel, Topic: topic})
		}
		return address
	})
}

// ShortSized returns the text of a preview with links as long as they will be: whoever counts the parts of a text message
// counts short ones.
func (d *Delivery) ShortSized(template *lifecycle.Template, text string) string {
	if !d.links.Enabled() || lifecycle.KindOf(template.Channel) != "sms" {
		return text
	}
	is := d.trackingOf(template)
	utm := is.UTM.For(&lifecycle.Message{Name: template.Name, Channel: template.Channel})
	short, _ := d.trackLinks.Short(0, lifecycle.Link{Purpose: lifecycle.ToOpen})
	return withAddresses(text, func(address string) string {
		if d.links.Owns(address) {
			return short
		}
		return d.trackedAddress(address, is.Clicks, utm, func(string) string { return short })
	})
}

// shorten keeps where a link of a message leads, in place of what an earlier message has kept under the same code, and returns
// its short form.
func (d *Delivery) shorten(tx store.Tx, m *lifecycle.Message, link lifecycle.Link) string {
	url, code := d.trackLinks.Short(tx.Partition(), link)
	tx.Set(shortKey(code), append(bytes.Clone(m.Customer[:]), link.Said()...))
	return url
}

// shortLink asks for what is kept under a code.
type shortLink struct{ code lifecycle.ShortCode }

// ShortLink returns where the path of a short link leads; NotFound where that is not known, or the link is none of ours.
func (d *Delivery) ShortLink(ctx context.Context, path string) (lifecycle.Link, error) {
	code, err := d.links.ReadShort(path)
	if err != nil {
		return lifecycle.Link{}, err
	}
	answer, err := d.store.Ask(ctx, code.Partition(), shortLink{code})
	if err != nil {
		return lifecycle.Link{}, err
	}
	kept := answer.([]byte)
	return d.links.OfShort(code, kept[min(len(kept), len(lifecycle.ID{})):])
}

// forgetTargets removes where the short links of a text lead, as part of what it said. Those by which somebody refuses
// further messages go on working.
func (d *Delivery) forgetTargets(tx store.Tx, text string) {
	withAddresses(text, func(address string) string {
		base := len(address) - len("/s/") - 12
		if base < 0 {
			return address
		}
		code, err := d.links.ReadShort(address[base:])
		if err != nil || code.Partition() != tx.Partition() {
			return address
		}
		key := shortKey(code)
		if kept := tx.Get(key); len(kept) > len(lifecycle.ID{}) && lifecycle.Purpose(kept[len(lifecycle.ID{})]) == lifecycle.ToClick {
			tx.Delete(key)
		}
		return address
	})
}
