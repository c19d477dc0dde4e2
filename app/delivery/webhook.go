package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
)

// webhookChannel is the channel of messages that need no template: what they say, and where they go, stands in their
// options.
const webhookChannel = "webhook"

// renderWebhook makes what a webhook's connector posts. No catch-all address could take a test person's: it goes nowhere.
func renderWebhook(m *lifecycle.Message, at time.Time) (lifecycle.Rendered, lifecycle.MessageState, string) {
	if m.Test {
		return lifecycle.Rendered{}, lifecycle.Suppressed, lifecycle.BecauseTestMail
	}
	return lifecycle.Rendered{To: m.Options["url"], Text: m.Options["payload"], Date: at}, lifecycle.Queued, ""
}
