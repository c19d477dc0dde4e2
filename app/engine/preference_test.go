package engine_test

import (
	"testing"

	"stagecraft/app/lifecycle"
)

// A message with several channels goes by the first that the customer prefers and can be reached by.
func TestTheChannelFollowsTheCustomer(t *testing.T) {
	source := journey("j", `journey { title = "J", stages = { "a" } }`, "a", `stage { title = "A" }
on("Order", function() send "hello" end)
on("Text", function() send("hello", { by = "sms" }) end)`)
	source.Files["messages/hello.sms.liquid"] = []byte("hello\n")
	for _, c := range []struct{ name, traits, event, channel string }{
		{"nothing is known", `{}`, "Order", "email"},
		{"both", `{"email":"ada@example.com","phone":"+84901234567"}`, "Order", "email"},
		{"only a number", `{"phone":"+84901234567"}`, "Order", "sms"},
		{"they prefer text messages", `{"email":"ada@example.com","phone":"+84901234567","channels":["sms"]}`, "Order", "sms"},
		{"and have no number", `{"email":"ada@example.com","channels":["sms"]}`, "Order", "email"},
		{"the script says which", `{"email":"ada@example.com","phone":"+84901234567"}`, "Text", "sms"},
	} {
		h := newHarness(t, source)
		identify := h.event("ada", "")
		identify.Type, identify.Traits = lifecycle.Identify, []byte(c.traits)
		h.receive(identify)
		h.track("ada", c.event)
		if m := h.book.message("hello"); m == nil || m.Channel != c.channel {
			t.Errorf("%s: the message is %+v, want %s", c.name, m, c.channel)
		}
	}
}
