package delivery_test

import (
	"slices"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// heir takes what is handed on to it. It is called by the owners of partitions, one after the other in this test.
type heir struct{ got chan lifecycle.ID }

func (h heir) Inherit(_ store.Tx, m *lifecycle.Message, _ *lifecycle.Rendered, _ time.Time) bool {
	h.got <- m.ID
	return true
}

// What was owed to somebody who has become part of another customer is handed on; marketing ends with them.
func TestWhatIsOwedIsHandedOn(t *testing.T) {
	h := heir{make(chan lifecycle.ID, 8)}
	p := newPost(t, newConnector(), func(p *post) {
		p.connect = func(d *delivery.Delivery) { d.SetHeirs(h) }
	})
	p.run()
	gone := lifecycle.HashID("gone")
	receipt, offer := p.send(gone, owed, "hello"), p.send(gone, wanted, "hello")
	if full := p.becomes(receipt, lifecycle.Suppressed); full.Reason == "merged" {
		t.Error("it is not said that the message goes on")
	}
	if full := p.becomes(offer, lifecycle.Suppressed); full.Reason != "merged" {
		t.Errorf("marketing ended because of %q", full.Reason)
	}
	close(h.got)
	var got []lifecycle.ID
	for id := range h.got {
		got = append(got, id)
	}
	if !slices.Equal(got, []lifecycle.ID{receipt.ID}) {
		t.Errorf("handed on were %v", got)
	}
}
