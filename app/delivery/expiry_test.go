package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// A message that may leave only after it has expired is dropped at that moment, and the reason is its state.
func TestAMessageTooOldToLeaveIsDropped(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	m := p.message(p.customer("email", address), wanted, "hello")
	m.Due, m.Expires = start.Add(2*time.Hour), start.Add(time.Hour)
	p.put(m)
	p.clock.Set(m.Due)
	p.becomes(m, lifecycle.Expired)
	if sent := p.connector.sendings(m); len(sent) != 0 {
		t.Errorf("sent %+v", sent)
	}
}
