package delivery_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

func leavingsOf(p *post, id lifecycle.ID) (has bool) {
	p.do(id.Partition(), func(tx store.Tx) { has = tx.Has(append([]byte{'l'}, id[:]...)) })
	return has
}

// A cap of a calendar day goes by the customer's midnight, one of hours by the hour at which the first of them left.
func TestFrequencyCapsWait(t *testing.T) {
	policy := delivery.Policy{Caps: map[string][]delivery.Cap{"email": {{Limit: 2}}, "sms": {{Limit: 2, Within: 24 * time.Hour}}}}
	both(t, policy, func(t *testing.T, p *post) {
		ada, york := p.grown(nil), p.grown(nil, "timezone", "America/New_York")
		first := p.by("sms", ada, wanted, "hello")
		p.expect(first, "accepted")
		p.clock.Set(start.Add(time.Hour))
		for _, m := range []*lifecycle.Message{p.by("sms", ada, wanted, "hello"), p.send(ada, wanted, "hello"), p.send(ada, wanted, "hello"),
			p.send(york, wanted, "hello"), p.send(york, wanted, "hello"), p.send(ada, owed, "hello")} {
			p.expect(m, "accepted")
		}
		sms, mail, far := p.by("sms", ada, wanted, "hello"), p.send(ada, wanted, "hello"), p.send(york, wanted, "hello")
		p.expect(sms, "queued until 02 12:00: frequency cap: 2 in 24 hours by sms")
		p.expect(mail, "queued until 02 00:00: frequency cap: 2 a day by email")
		p.expect(far, "queued until 02 05:00: frequency cap: 2 a day by email")
		p.expect(p.send(ada, owed, "hello"), "accepted")
		p.clock.Set(start.Add(12 * time.Hour))
		p.becomes(mail, lifecycle.Accepted)
		p.clock.Set(start.Add(17 * time.Hour))
		p.becomes(far, lifecycle.Accepted)
		p.clock.Set(start.Add(24 * time.Hour))
		p.becomes(sms, lifecycle.Accepted)
		// Of the two on the first day one is still within 24 hours, and the one that waited is too.
		p.expect(p.by("sms", ada, wanted, "hello"), "queued until 02 13:00: frequency cap: 2 in 24 hours by sms")
	})
}

func TestFrequencyCapsOverAllChannels(t *testing.T) {
	policy := delivery.Policy{Caps: map[string][]delivery.Cap{"sms": {{Limit: 1}}, delivery.AnyChannel: {{Limit: 3, Within: 7 * 24 * time.Hour}}}}
	both(t, policy, func(t *testing.T, p *post) {
		ada := p.grown(nil)
		p.expect(p.by("sms", ada, wanted, "hello"), "accepted")
		dropped := p.message(ada, wanted, "hello")
		dropped.Channel, dropped.Options = "sms", map[string]string{"caps": "drop"}
		p.put(dropped)
		p.expect(dropped, "suppressed: frequency cap: 1 a day by sms")
		p.expect(p.send(ada, wanted, "hello"), "accepted")
		p.expect(p.send(ada, wanted, "hello"), "accepted")
		p.expect(p.send(ada, wanted, "hello"), "queued until 08 12:00: frequency cap: 3 in 7 days over all channels")
		p.expect(p.send(p.grown(nil), wanted, "hello"), "accepted")
	})
}

// What a customer is owed counts where that is set, and is held back by no cap.
func TestTransactionalAndCaps(t *testing.T) {
	for _, counted := range []bool{false, true} {
		p := under(t, delivery.Policy{Caps: map[string][]delivery.Cap{"email": {{Limit: 1}}}, CountOwed: counted}, false)
		ada := p.grown(nil)
		p.expect(p.send(ada, owed, "hello"), "accepted")
		p.expect(p.send(ada, owed, "hello"), "accepted")
		want := "accepted"
		if counted {
			want = "queued until 02 00:00: frequency cap: 1 a day by email"
		}
		p.expect(p.send(ada, wanted, "hello"), want)
	}
}

// A message is counted once, however often it is tried; one that never was tried is not.
func TestOnlyWhatLeavesIsCounted(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "busy"}), func(p *post) {
		p.policy = delivery.Policy{Caps: map[string][]delivery.Cap{"email": {{Limit: 2}}}}
	})
	p.run()
	ada := p.customer("email", address)
	p.becomes(p.send(ada, wanted, "personal"), lifecycle.Failed) // the template needs a name
	a := p.send(ada, wanted, "hello")
	p.queuedFor(a, start.Add(5*time.Second))
	p.clock.Set(start.Add(5 * time.Second))
	p.becomes(a, lifecycle.Accepted)
	b := p.send(ada, wanted, "hello")
	p.queuedFor(b, start.Add(10*time.Second))
	p.clock.Set(start.Add(10 * time.Second))
	p.becomes(b, lifecycle.Accepted)
	p.expect(p.send(ada, wanted, "hello"), "queued until 02 00:00: frequency cap: 2 a day by email")
}

func TestDuplicates(t *testing.T) {
	both(t, delivery.Policy{Duplicates: 48 * time.Hour}, func(t *testing.T, p *post) {
		ada := p.grown(nil)
		p.expect(p.send(ada, wanted, "hello"), "accepted")
		const again = "suppressed: duplicate: the same message left lately"
		p.expect(p.send(ada, wanted, "hello"), again)
		p.expect(p.send(ada, wanted, "offer"), "accepted")
		p.expect(p.by("sms", ada, wanted, "hello"), "accepted")
		other := p.message(ada, wanted, "hello")
		other.Journey = lifecycle.BroadcastPrefix + "two"
		p.put(other)
		p.expect(other, "accepted")
		p.expect(p.send(ada, owed, "hello"), "accepted")
		p.expect(p.send(ada, owed, "hello"), "accepted")
		p.clock.Set(start.Add(48*time.Hour - time.Second))
		p.expect(p.send(ada, wanted, "hello"), again)
		p.change(ada, func(c *lifecycle.Customer) { c.SetTrait("email", []byte(`"new@example.com"`)) })
		p.expect(p.send(ada, wanted, "hello"), "accepted")
		p.clock.Set(start.Add(48 * time.Hour))
		p.expect(p.send(ada, wanted, "offer"), "accepted")
	})
}

// Where no rule looks back, nothing is written down.
func TestNothingIsRememberedWithoutNeed(t *testing.T) {
	p := under(t, delivery.Policy{OptIn: false, Hours: office}, false)
	ada := p.grown(nil)
	p.expect(p.by("sms", ada, wanted, "hello"), "accepted")
	if leavingsOf(p, ada) {
		t.Error("without caps a record was written")
	}
	p = under(t, delivery.Policy{Caps: map[string][]delivery.Cap{"sms": {{Limit: 3}}}}, false)
	ada = p.grown(nil)
	p.expect(p.send(ada, wanted, "hello"), "accepted")
	p.expect(p.by("sms", ada, owed, "hello"), "accepted")
	if leavingsOf(p, ada) {
		t.Error("for a channel without a cap a record was written")
	}
	p.expect(p.by("sms", ada, wanted, "hello"), "accepted")
	if !leavingsOf(p, ada) {
		t.Error("with a cap no record was written")
	}
}

// The record stays small, and a cap is kept over hundreds of messages.
func TestManyLeavings(t *testing.T) {
	p := under(t, delivery.Policy{Caps: map[string][]delivery.Cap{"email": {{Limit: 100, Within: time.Hour}}}}, false)
	ada := p.grown(nil)
	var all []*lifecycle.Message
	for range 300 {
		all = append(all, p.message(ada, wanted, "hello"))
	}
	p.put(all...)
	for hour := range 3 {
		p.eventually(func() bool { return len(p.connector.sendings(nil)) == 100*(hour+1) }, func() string {
			return fmt.Sprint(len(p.connector.sendings(nil)), " left in hour ", hour)
		})
		quiet()
		if n := len(p.connector.sendings(nil)); n != 100*(hour+1) {
			t.Errorf("%d left in hour %d", n, hour)
		}
		p.clock.Set(start.Add(time.Duration(hour+1) * time.Hour))
	}
}

// Clocks that are put forward or back: hours that a day does not have, or has twice, and midnights that do not exist.
func TestQuietHoursWhereClocksChange(t *testing.T) {
	daily := func(from, to int) map[string][]delivery.Hours {
		return map[string][]delivery.Hours{"email": {{Days: [7]bool{true, true, true, true, true, true, true}, From: from, To: to}}}
	}
	for _, c := range []struct {
		name, zone, at string
		hours          map[string][]delivery.Hours
		caps           []delivery.Cap
		want           string
	}{
		{"begins in the gap", "America/New_York", "2026-03-08T06:00:00Z", daily(150, 240), nil, "08 07:00"},
		{"is the gap: behind it", "America/New_York", "2026-03-08T06:00:00Z", daily(150, 170), nil, "08 07:00"},
		{"the first of two", "America/New_York", "2026-11-01T04:00:00Z", daily(90, 120), nil, "01 05:30"},
		{"no midnight", "Africa/Cairo", "2026-04-23T10:00:00Z", nil, []delivery.Cap{{Limit: 0}}, "23 22:00"},
		{"far east", "Pacific/Kiritimati", "2026-03-01T12:00:00Z", daily(540, 600), nil, "01 19:00"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		p := under(t, delivery.Policy{Hours: c.hours}, false, func(p *post) {
			p.clock = lifecycle.NewManualClock(at)
			p.connector.clock = p.clock
			if c.caps != nil {
				p.policy.Caps = map[string][]delivery.Cap{"email": {{Limit: 1}}}
			}
		})
		ada := p.grown(nil, "timezone", c.zone)
		reason := "quiet hours"
		if c.caps != nil {
			reason = "frequency cap: 1 a day by email"
			p.expect(p.send(ada, wanted, "hello"), "accepted")
		}
		if got := p.ends(p.send(ada, wanted, "hello")); got != "queued until "+c.want+": "+reason {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// A test person's day is a minute: the morning comes in seconds.
func TestPolicyInATestPersonsTime(t *testing.T) {
	p := under(t, delivery.Policy{Hours: map[string][]delivery.Hours{"email": office["sms"]}, Caps: map[string][]delivery.Cap{"email": {{Limit: 1}}}}, false,
		func(p *post) { p.testTo = "tests@example.com" })
	ada := p.grown(func(c *lifecycle.Customer) { c.Lapse = start })
	send := func() *lifecycle.Message {
		m := p.message(ada, wanted, "hello")
		m.Test = true
		p.put(m)
		return m
	}
	p.becomes(send(), lifecycle.Accepted)
	m := send()
	p.eventually(func() bool { return p.look(m).Reason == "frequency cap: 1 a day by email" }, func() string { return p.look(m).Reason })
	if due := p.look(m).Due; !due.Equal(start.Add(30 * time.Second)) {
		t.Errorf("midnight is at %v", due)
	}
	p.clock.Set(start.Add(30 * time.Second))
	p.eventually(func() bool { return p.look(m).Reason == "quiet hours" }, func() string { return p.look(m).Reason })
	p.clock.Set(start.Add(47500 * time.Millisecond)) // 7 h of 24 h
	p.becomes(m, lifecycle.Accepted)
}

// The caps, hours and labels of a kind hold for all of its channels together; a cap of one of them comes on top, and hours of its own
// take the place of the kind's.
func TestPolicyByKind(t *testing.T) {
	policy := delivery.Policy{Labels: map[string]string{"email": "[QC]"}, Duplicates: time.Hour,
		Caps:  map[string][]delivery.Cap{"email": {{Limit: 3, Within: 24 * time.Hour}}, "email-news": {{Limit: 1, Within: 48 * time.Hour}}},
		Hours: map[string][]delivery.Hours{"sms": {{Days: [7]bool{true, true, true, true, true, true, true}, From: 20 * 60, To: 21 * 60}}, "sms-vn": nil}}
	p := under(t, policy, false, func(p *post) { p.further = []string{"sms", "sms-vn", "email-news", "email-two"} })
	ada := p.grown(nil)
	news := p.by("email-news", ada, wanted, "hello")
	p.expect(news, "accepted")
	if got := p.connector.sendings(news)[0]; got.Subject != "[QC] Hello you" || got.HTML == "" {
		t.Errorf("it was sent as %+v", got)
	}
	p.expect(p.send(ada, wanted, "hello"), "suppressed: duplicate: the same message left lately")
	p.expect(p.send(ada, wanted, "offer"), "accepted")
	p.expect(p.by("email-news", ada, wanted, "offer"), "queued until 03 12:00: frequency cap: 1 in 2 days by email-news")
	p.expect(p.by("email-two", ada, wanted, "news"), "accepted")
	p.expect(p.send(ada, wanted, "other"), "queued until 02 12:00: frequency cap: 3 in 24 hours by email")
	p.expect(p.by("sms", ada, wanted, "hello"), "queued until 01 20:00: quiet hours")
	p.expect(p.by("sms-vn", ada, wanted, "hello"), "accepted")
}
