// Package call is the connector of what a person says to a customer by telephone. It dials nobody: what it accepts,
// Stagecraft puts into the list of calls that the people of the business claim and close. What an agent can work with is
// decided here.
package call

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"stagecraft/plugins/channel"
)

// dialled is how a number is written, at least three digits; what follows them, such as an extension, is for the agent.
var dialled = regexp.MustCompile(`^[+*#(]?[0-9](?:[ ().*#/-]*[0-9]){2}`)

// Bounds of a call.
const (
	maxText   = 64 << 10 // bytes of what the agent reads
	maxNumber = 100      // bytes
)

// New returns a connector that needs Configure.
func New() *channel.Checker {
	return &channel.Checker{Name: "call", Title: "Calls", Description: "Puts messages into the list of calls that your people make.", Refused: refused}
}

// refused says why nobody can make a call, or "". The number is that of the message, else the customer's; what it is about
// stands in its reason, else in its subject.
func refused(m *channel.Message) string {
	number := strings.TrimSpace(m.Data["number"])
	if number == "" {
		number = strings.TrimSpace(m.To)
	}
	switch {
	case len(number) > maxNumber || !utf8.ValidString(number) || strings.ContainsFunc(number, unicode.IsControl) || !dialled.MatchString(number):
		return fmt.Sprintf("%.80q is no number that can be dialled", number)
	case strings.TrimSpace(m.Data["reason"]+m.Subject+m.Text) == "":
		return "the agent would not know what to say: the call has neither a reason nor a text"
	case len(m.Text) > maxText:
		return fmt.Sprintf("a call may have %d bytes of text, this one has %d", maxText, len(m.Text))
	}
	return ""
}
