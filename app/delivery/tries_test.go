package delivery_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

func TestTriedTooOften(t *testing.T) {
	c := newConnector()
	c.answer = func(channels.Outgoing) lifecycle.Receipt {
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "not now"}
	}
	p := newPost(t, c)
	p.run()
	m := p.send(p.customer("email", address), owed, "hello")
	for attempt := 1; ; attempt++ {
		full := p.look(m)
		p.eventually(func() bool { full = p.look(m); return full.Attempts >= attempt }, func() string { return fmt.Sprint("no attempt ", attempt) })
		if full.State == lifecycle.Failed {
			if attempt != 30 || full.Reason != "tried too often: not now" {
				t.Errorf("it failed after %d attempts: %s", attempt, full.Reason)
			}
			break
		}
		if pause := full.Due.Sub(p.clock.Now()); pause > time.Hour || pause < 5*time.Second {
			t.Errorf("a pause of %v after attempt %d", pause, attempt)
		}
		p.clock.Set(full.Due)
	}
	if took := p.clock.Now().Sub(start); took < 20*time.Hour || took > 26*time.Hour {
		t.Errorf("30 attempts took %v, want about a day", took)
	}
}

// A connector that always wishes for a short pause is followed at first; then the pauses grow, and the tries last as long as ours.
func TestShortWishesAreNoReasonToGiveUp(t *testing.T) {
	for _, wish := range []time.Duration{time.Millisecond, time.Second, time.Minute, 5 * time.Minute, 2 * time.Hour} {
		c := newConnector()
		c.answer = func(channels.Outgoing) lifecycle.Receipt {
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "busy", RetryAfter: wish}
		}
		p := newPost(t, c)
		p.run()
		m := p.send(p.customer("email", address), owed, "hello")
		for attempt := 1; ; attempt++ {
			full := p.look(m)
			p.eventually(func() bool { full = p.look(m); return full.Attempts >= attempt }, func() string { return fmt.Sprint("no attempt ", attempt) })
			if full.State == lifecycle.Failed {
				if took := p.clock.Now().Sub(start); attempt < 30 || attempt > 50 || took < 20*time.Hour || took > max(21*time.Hour, 30*wish) || full.Reason != "tried too often: busy" {
					t.Errorf("%v: %d attempts took %v: %s", wish, attempt, took, full.Reason)
				}
				break
			}
			if pause := full.Due.Sub(p.clock.Now()); attempt < 10 && pause != wish || pause < wish || pause > max(wish, time.Hour) {
				t.Errorf("%v: a pause of %v after attempt %d", wish, pause, attempt)
			}
			p.clock.Set(full.Due)
		}
		p.stop()
	}
}

// What a connector only holds back is not tried by that, however soon it may come again.
func TestHeldBackIsNotTried(t *testing.T) {
	c := newConnector()
	held := 0
	c.answer = func(channels.Outgoing) lifecycle.Receipt {
		if held++; held <= 100 {
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "busy", RetryAfter: time.Duration(held%2) * time.Microsecond, Untried: true}
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}
	p := newPost(t, c)
	p.run()
	m := p.send(p.customer("email", address), owed, "hello")
	for i := range 100 {
		p.queuedFor(m, start.Add(time.Duration(i+1)*time.Second))
		p.clock.Advance(time.Second)
	}
	if full := p.becomes(m, lifecycle.Accepted); full.Attempts != 1 {
		t.Errorf("%+v", full.Message)
	}
}
