package delivery_test

import (
	"testing"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// Messages of a channel without a connector wait, whatever its lanes were used to, and leave when one comes. Others are
// not touched by it.
func TestAChannelWithoutAConnector(t *testing.T) {
	both(t, delivery.Policy{}, func(t *testing.T, p *post) {
		ada := p.grown(nil)
		p.delivery.Occupy("email", false)
		p.delivery.Occupy("fax", false) // there is no such channel
		mail, bill, sms := p.send(ada, wanted, "hello"), p.send(ada, owed, "hello"), p.by("sms", ada, wanted, "hello")
		p.becomes(sms, lifecycle.Accepted)
		quiet()
		for _, m := range []*lifecycle.Message{mail, bill} {
			if full := p.look(m); full.State != lifecycle.Queued || full.Reason != "there is no connector for email" {
				t.Errorf("without a connector: %+v", full.Message)
			}
		}
		p.delivery.Occupy("email", true)
		p.becomes(mail, lifecycle.Accepted)
		p.becomes(bill, lifecycle.Accepted)
	})
}
