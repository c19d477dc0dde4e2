package engine_test

import (
	"context"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// A report that names a message by what its provider calls it finds it for 30 days, in its own channel, and over a restart.
func TestReportsByReference(t *testing.T) {
	h, m := seen(t)
	events := func(name string) int { return times(h.timelineOf("ada"), name) }
	report := func(r engine.Report) {
		if r.Channel == "" {
			r.Channel = "email"
		}
		h.engine.Keep(context.Background(), []engine.Report{r})
	}
	kept := h.clock.Now()
	h.engine.Refer(context.Background(), []engine.Reference{{Channel: "email", Name: "wamid.1", Message: m}, {Channel: "email", Name: "last", Message: m}})
	report(engine.Report{Reference: "wamid.2", Event: "delivered"})
	report(engine.Report{Channel: "sms", Reference: "wamid.1", Event: "delivered"})
	if n := events("Email Delivered") + events("Sms Delivered"); n != 0 {
		t.Errorf("%d reports about other messages were taken for this one", n)
	}
	h.restart()
	h.clock.Advance(29 * 24 * time.Hour)
	report(engine.Report{Reference: "wamid.1", Event: "delivered"})
	if n := events("Email Delivered"); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	// "All until then was read" of a time before the message was handed over is about another one.
	report(engine.Report{Reference: "last", Event: "opened", At: kept.Add(-time.Hour)})
	if n := events("Email Opened") + events("Email Opened (machine)"); n != 0 {
		t.Errorf("opened %d times before it was sent", n)
	}
	report(engine.Report{Reference: "last", Event: "opened", At: kept.Add(time.Hour)})
	if n := events("Email Opened"); n != 1 {
		t.Errorf("opened %d times", n)
	}
	report(engine.Report{Reference: "wamid.1", Message: m, Event: "complained"}) // the message itself counts
	if n := events("Email Complained"); n != 1 {
		t.Errorf("complained %d times", n)
	}
	h.clock.Advance(12 * 24 * time.Hour)
	report(engine.Report{Reference: "wamid.1", Event: "bounced", Data: map[string]string{"kind": "soft"}})
	if n := events("Email Bounced"); n != 0 {
		t.Errorf("it was found after 41 days")
	}
	if c := h.customer("ada"); c.Trait("opened") != true {
		t.Errorf("the script has not heard of it: %v", lifecycle.Opened)
	}
}
