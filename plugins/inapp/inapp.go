// Package inapp is the connector of messages that customers read on the pages and in the apps of the business. There is no
// server of anybody else to give them to: what it accepts, Stagecraft puts into the customer's inbox, under the ID of the
// message. What may stand in an inbox is decided here.
package inapp

import (
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

// New returns a connector that needs Configure.
func New() *channel.Checker {
	return &channel.Checker{Name: "inapp", Title: "In-app", Description: "Puts messages into the inboxes that customers see on your pages and in your apps.", Refused: refused}
}

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
