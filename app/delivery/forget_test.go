package delivery_test

import (
	"context"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

func (p *post) personal(id lifecycle.ID) delivery.Personal {
	p.t.Helper()
	all, err := p.delivery.PersonalOf(context.Background(), id.Partition(), []lifecycle.ID{id})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// Of old messages the texts go and the rest stays; of who is forgotten nothing does, waiting or sent; and nothing of others.
func TestForgetting(t *testing.T) {
	c := newConnector()
	p := newPost(t, c)
	p.run()
	ada, eve := p.customer("email", address), p.customer("email", "eve@example.com")
	sent, others := p.send(ada, owed, "hello"), p.send(eve, owed, "hello")
	p.becomes(sent, lifecycle.Accepted)
	p.becomes(others, lifecycle.Accepted)
	c.ready.Store(false)
	waiting := p.message(ada, owed, "hello")
	waiting.Due = waiting.Decided.Add(24 * time.Hour)
	p.put(waiting)
	before := p.personal(ada)
	if len(before.Messages) != 2 {
		t.Fatalf("%d messages are hers", len(before.Messages))
	}
	text := func(all delivery.Personal) string {
		for _, m := range all.Messages {
			if m.Rendered != nil {
				return m.Rendered.Subject + m.Rendered.Text + m.Rendered.HTML
			}
		}
		return ""
	}
	if text(before) == "" {
		t.Fatal("what was sent has no text")
	}
	p.do(ada.Partition(), func(tx store.Tx) {
		if next, err := p.delivery.ForgetBodies(tx, time.Unix(0, 0), sent.Decided.Add(time.Hour), nil, 1000); next != nil || err != nil {
			t.Error(next, err)
		}
	})
	after := p.personal(ada)
	if got := text(after); got != "" || len(after.Messages) != 2 {
		t.Errorf("of %d messages there is still %q", len(after.Messages), got)
	}
	for _, m := range after.Messages {
		if m.State == lifecycle.Accepted && m.Rendered.To != address {
			t.Errorf("it is no longer known where it went: %+v", m.Rendered)
		}
	}
	p.do(ada.Partition(), func(tx store.Tx) {
		for from, looks := []byte(nil), 0; ; looks++ {
			next, err := p.delivery.Forget(tx, []lifecycle.ID{ada}, from, 1)
			if err != nil || looks > 100 {
				t.Error(looks, err)
				return
			}
			if from = next; from == nil {
				return
			}
		}
	})
	if left := p.personal(ada); len(left.Messages) > 0 {
		t.Errorf("there is still %+v", left.Messages)
	}
	if left := p.personal(eve); len(left.Messages) != 1 || text(left) == "" && eve.Partition() != ada.Partition() {
		t.Errorf("of somebody else there is %+v", left.Messages)
	}
}
