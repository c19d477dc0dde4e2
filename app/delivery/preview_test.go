package delivery_test

import (
	"context"
	"testing"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// A test goes to whoever looks at the message, and to nobody who has complained, however the address is written.
func TestATestGoesToNoSuppressedAddress(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	p.change(ada, func(c *lifecycle.Customer) {
		c.Suppress(lifecycle.Suppression{Channel: "email", Address: address, Reason: lifecycle.SuppressedComplaint, At: start})
	})
	test := func(id, to string) error {
		_, err := p.store.Do(context.Background(), ada.Partition(), delivery.TestSend{ID: lifecycle.HashID(id), Customer: ada, Journey: "j", Name: "hello",
			Channel: "email", Rendered: lifecycle.Rendered{To: to, Subject: "Hi", Text: "Hi"}, At: start})
		return err
	}
	for _, to := range []string{address, "ADA@example.com"} {
		if err := test("one", to); lifecycle.CodeOf(err) != lifecycle.Conflict {
			t.Errorf("%s: %v", to, err)
		}
	}
	p.must(test("two", "me@shop.example"))
}

// A test that waits was rendered, and not attempted.
func TestATestThatWaitsWasNotAttempted(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Name: "hello"}, "ops", ""))
	_, err := p.store.Do(t.Context(), ada.Partition(), delivery.TestSend{ID: lifecycle.HashID("one"), Customer: ada, Journey: "j", Name: "hello",
		Channel: "email", Rendered: lifecycle.Rendered{To: "me@shop.example", Subject: "Hi", Text: "Hi"}, At: start})
	p.must(err)
	p.holds(1)
	p.lifeIs(&lifecycle.Message{ID: lifecycle.HashID("one"), Customer: ada}, `
0 decided email
0 queued until 0
0 paused paused by ops`)
}

// Who looks at a message before its journey is live gets it.
func TestATestLeavesInShadow(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	p.modes.set("j", lifecycle.Shadow)
	_, err := p.store.Do(t.Context(), ada.Partition(), delivery.TestSend{ID: lifecycle.HashID("one"), Customer: ada, Journey: "j", Name: "hello",
		Channel: "email", Rendered: lifecycle.Rendered{To: "me@shop.example", Subject: "Hi", Text: "Hi"}, At: start})
	p.must(err)
	p.eventually(func() bool { return len(p.connector.sendings(nil)) == 1 }, func() string { return "the test has not left" })
}
