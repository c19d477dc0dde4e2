package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

type holdouts func(m *lifecycle.Message) bool

func (h holdouts) HeldOut(_ store.Tx, m *lifecycle.Message) bool { return h(m) }

// under is a post with a policy, whose lanes claim as messages are decided, or only later.
func under(t *testing.T, policy delivery.Policy, atOnce bool, change ...func(p *post)) *post {
	c := newConnector()
	p := newPost(t, c, append([]func(p *post){func(p *post) {
		p.policy, p.further = policy, []string{"sms"}
		p.templates["news"] = &lifecycle.Template{Front: map[string]string{"subject": "News", "topic": "news"}, Body: "News"}
		p.templates["offer"] = &lifecycle.Template{Front: map[string]string{"subject": "Offer"}, Body: "Offer"}
	}}, change...)...)
	if atOnce {
		p.run()
		for _, channel := range []string{"email", "sms"} {
			for _, kind := range []lifecycle.MessageKind{owed, wanted} {
				m := p.by(channel, p.grown(nil), kind, "hello")
				p.eventually(func() bool { return p.look(m).State != lifecycle.Queued || !p.look(m).Due.Equal(m.Decided) }, func() string { return "not warm" })
			}
		}
	} else {
		p.run()
	}
	return p
}

// both runs a test where messages are claimed as they are decided, and where they go by the outbox.
func both(t *testing.T, policy delivery.Policy, test func(t *testing.T, p *post), change ...func(p *post)) {
	for name, atOnce := range map[string]bool{"at once": true, "by the outbox": false} {
		t.Run(name, func(t *testing.T) { test(t, under(t, policy, atOnce, change...)) })
	}
}

// grown stores a customer who can be reached by all channels and of whom more is known.
func (p *post) grown(change func(c *lifecycle.Customer), traits ...any) lifecycle.ID {
	id := p.customer(append([]any{"email", address, "phone", "+84901234567"}, traits...)...)
	p.change(id, change)
	return id
}

func (p *post) change(id lifecycle.ID, change func(c *lifecycle.Customer)) {
	if change == nil {
		return
	}
	p.do(id.Partition(), func(tx store.Tx) {
		customer := lifecycle.Customer{}
		key := append([]byte{'c'}, id[:]...)
		if err := store.Decode(tx.Get(key), &customer); err != nil {
			panic(err)
		}
		change(&customer)
		tx.Set(key, store.Encode(&customer))
	})
}

// by sends by a channel.
func (p *post) by(channel string, customer lifecycle.ID, kind lifecycle.MessageKind, name string) *lifecycle.Message {
	m := p.message(customer, kind, name)
	m.Channel = channel
	p.put(m)
	return m
}

// ends waits until a message is settled or put off and says how.
func (p *post) ends(m *lifecycle.Message) string {
	p.t.Helper()
	var full delivery.FullMessage
	p.eventually(func() bool {
		full = p.look(m)
		return full.State != lifecycle.Queued || full.Due.After(p.clock.Now())
	}, func() string { return "the message stays " + string(full.State) + " " + full.Reason })
	text := string(full.State)
	if full.State == lifecycle.Queued {
		text += full.Due.UTC().Format(" until 02 15:04")
	}
	if full.Reason != "" {
		text += ": " + full.Reason
	}
	return text
}

func (p *post) expect(m *lifecycle.Message, want string) {
	p.t.Helper()
	if got := p.ends(m); got != want {
		p.t.Errorf("%s of %s by %s is %q, want %q", m.Kind, m.Name, m.Channel, got, want)
	}
	if sent := len(p.connector.sendings(m)); (sent > 0) != (want == "accepted") {
		p.t.Errorf("%q, but sent %d times", want, sent)
	}
}

func TestSuppressedAddresses(t *testing.T) {
	both(t, delivery.Policy{}, func(t *testing.T, p *post) {
		ada := p.grown(func(c *lifecycle.Customer) {
			c.Suppress(lifecycle.Suppression{Channel: "email", Address: address, Reason: lifecycle.SuppressedBounce, At: start})
		})
		p.expect(p.send(ada, wanted, "hello"), "suppressed: suppressed: bounced")
		p.expect(p.send(ada, owed, "hello"), "suppressed: suppressed: bounced")
		p.expect(p.by("sms", ada, wanted, "hello"), "accepted")
		p.change(ada, func(c *lifecycle.Customer) { c.SetTrait("email", []byte(`"new@example.com"`)) })
		p.expect(p.send(ada, wanted, "hello"), "accepted")
	})
}

func TestConsentByChannelAndTopic(t *testing.T) {
	say := func(channel, topic string, granted bool) func(c *lifecycle.Customer) {
		return func(c *lifecycle.Customer) {
			c.Say(lifecycle.Consent{Channel: channel, Topic: topic, Granted: granted, At: start, Source: "preferences"})
		}
	}
	const refused, unasked = "suppressed: opted out: preferences", "suppressed: no consent: the customer has not allowed it"
	for _, c := range []struct {
		name          string
		said          func(c *lifecycle.Customer)
		channel       string
		message       string
		optOut, optIn string
	}{
		{"no word", nil, "email", "news", "accepted", unasked},
		{"no to everything", say("", "", false), "sms", "offer", refused, refused},
		{"no to the channel", say("email", "", false), "email", "news", refused, refused},
		{"no to another channel", say("email", "", false), "sms", "news", "accepted", unasked},
		{"no to the topic", say("", "news", false), "sms", "news", refused, refused},
		{"no to another topic", say("", "news", false), "email", "offer", "accepted", unasked},
		{"yes to everything", say("", "", true), "email", "news", "accepted", "accepted"},
		{"yes to the channel", say("email", "", true), "email", "offer", "accepted", "accepted"},
		{"yes to another topic", say("", "news", true), "email", "offer", "accepted", unasked},
	} {
		for optIn, want := range map[bool]string{false: c.optOut, true: c.optIn} {
			t.Run(fmt.Sprint(c.name, optIn), func(t *testing.T) {
				p := under(t, delivery.Policy{OptIn: optIn}, false)
				customer := p.grown(c.said)
				p.expect(p.by(c.channel, customer, wanted, c.message), want)
				p.expect(p.by(c.channel, customer, owed, c.message), "accepted")
			})
		}
	}
}

// Whatever waits when consent is withdrawn does not leave, also between two attempts.
func TestWithdrawnWhileItWaits(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "greylisted"}))
	p.run()
	ada := p.grown(nil)
	m := p.send(ada, wanted, "hello")
	due := start.Add(5 * time.Second)
	p.queuedFor(m, due)
	p.change(ada, func(c *lifecycle.Customer) {
		c.Say(lifecycle.Consent{Granted: false, At: start.Add(time.Second), Source: "unsubscribe link"})
	})
	p.clock.Set(due)
	if full := p.becomes(m, lifecycle.Suppressed); full.Reason != "opted out: unsubscribe link" || full.Attempts != 1 {
		t.Errorf("%+v", full.Message)
	}
}

var office = map[string][]delivery.Hours{
	"email": {{Days: [7]bool{false, true, true, true, true, true, false}, From: 9 * 60, To: 18 * 60}},
	"sms":   {{Days: [7]bool{true, true, true, true, true, true, true}, From: 7 * 60, To: 22 * 60}},
}

// The test's clock starts on a Sunday at noon, UTC.
func TestQuietHoursInTheCustomersZone(t *testing.T) {
	hanoi := time.FixedZone("", 7*3600)
	both(t, delivery.Policy{Hours: office, Zone: hanoi}, func(t *testing.T, p *post) {
		here, york := p.grown(nil), p.grown(nil, "timezone", "america/new_york")
		nowhere := p.grown(nil, "timezone", "Mars/Olympus")
		p.clock.Set(start.Add(4 * time.Hour)) // Sunday, 23:00 here and 11:00 in New York
		p.expect(p.send(here, owed, "hello"), "accepted")
		p.expect(p.by("sms", york, wanted, "hello"), "accepted")
		sms := p.by("sms", here, wanted, "hello")
		p.expect(sms, "queued until 02 00:00: quiet hours")
		p.expect(p.by("sms", nowhere, wanted, "hello"), "queued until 02 00:00: quiet hours")
		mail, far := p.send(here, wanted, "hello"), p.send(york, wanted, "hello")
		p.expect(mail, "queued until 02 02:00: quiet hours")
		p.expect(far, "queued until 02 14:00: quiet hours")
		if morning := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC); !mail.Due.Equal(morning) { // waits of scripts count from then
			t.Errorf("who decided it is told %v", mail.Due)
		}
		short := p.message(here, wanted, "hello")
		short.Expires = p.clock.Now().Add(time.Hour)
		p.put(short)
		p.expect(short, "queued until 01 17:00: quiet hours")
		p.clock.Set(time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC))
		if full := p.becomes(short, lifecycle.Expired); full.Reason != "too old to leave" {
			t.Errorf("what expired in quiet hours: %+v", full.Message)
		}
		p.expect(sms, "queued until 02 00:00: quiet hours")
		p.clock.Set(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
		p.becomes(sms, lifecycle.Accepted)
		p.clock.Set(time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC))
		if full := p.becomes(mail, lifecycle.Accepted); full.Reason != "" || !p.connector.sendings(mail)[0].Date.Equal(full.Settled) {
			t.Errorf("%+v", full.Message)
		}
		p.expect(far, "queued until 02 14:00: quiet hours")
	})
}

// Hours go by the clock also on the days on which it is put back or forward.
func TestHoursOverTheChangeOfTheClocks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	daily := [7]bool{true, true, true, true, true, true, true}
	for name, test := range map[string]struct {
		from, to     int // minutes
		asked, state string
	}{
		"it comes twice":            {2*60 + 30, 5 * 60, "2026-10-25T01:00:00+02:00", "queued until 25 00:30: quiet hours"},
		"it comes again":            {2*60 + 30, 5 * 60, "2026-10-25T02:10:00+01:00", "accepted"},
		"behind what comes twice":   {2*60 + 30, 5 * 60, "2026-10-25T05:00:00+01:00", "queued until 26 01:30: quiet hours"},
		"before a gap":              {2 * 60, 2*60 + 50, "2027-03-28T01:00:00+01:00", "queued until 28 01:00: quiet hours"},
		"when it ends":              {2 * 60, 2*60 + 50, "2027-03-28T03:00:00+02:00", "accepted"},
		"as long as on other days":  {2 * 60, 2*60 + 50, "2027-03-28T03:50:00+02:00", "queued until 29 00:00: quiet hours"},
		"a gap that is part of it":  {2*60 + 30, 4 * 60, "2027-03-28T01:00:00+01:00", "queued until 28 01:00: quiet hours"},
		"it ends within the gap":    {60, 2*60 + 30, "2027-03-28T03:00:00+02:00", "queued until 28 23:00: quiet hours"},
		"an ordinary day's evening": {9 * 60, 24 * 60, "2026-06-01T23:59:59+02:00", "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			hours := map[string][]delivery.Hours{"email": {{Days: daily, From: test.from, To: test.to}}}
			p := under(t, delivery.Policy{Hours: hours, Zone: berlin}, false)
			asked, err := time.Parse(time.RFC3339, test.asked)
			if err != nil {
				t.Fatal(err)
			}
			p.clock.Set(asked)
			p.expect(p.send(p.grown(nil), wanted, "hello"), test.state)
		})
	}
}

// A retry that comes due at night waits for the morning, and is the same message then.
func TestRetriesKeepQuietHours(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "busy", RetryAfter: 12 * time.Hour}),
		func(p *post) {
			p.policy = delivery.Policy{Hours: map[string][]delivery.Hours{delivery.AnyChannel: office["sms"]}}
		})
	p.run()
	m := p.send(p.grown(nil), wanted, "hello")
	p.queuedFor(m, start.Add(12*time.Hour))
	p.clock.Set(start.Add(12 * time.Hour))
	if full := p.queuedFor(m, start.Add(19*time.Hour)); full.Reason != "quiet hours" || full.Attempts != 1 {
		t.Errorf("%+v", full.Message)
	}
	p.clock.Set(start.Add(19 * time.Hour))
	if p.becomes(m, lifecycle.Accepted); len(p.connector.sendings(m)) != 2 {
		t.Errorf("%d attempts", len(p.connector.sendings(m)))
	}
}

// Marketing that has waited is dropped if the customer has left the stage since.
func TestStillWanted(t *testing.T) {
	night := delivery.Policy{Hours: map[string][]delivery.Hours{"email": {{Days: [7]bool{true, true, true, true, true, true, true}, From: 13 * 60, To: 14 * 60}}}}
	both(t, night, func(t *testing.T, p *post) {
		moved, moving, stays, before, after, again := p.grown(nil), p.grown(nil), p.grown(nil), p.grown(nil), p.grown(nil), p.grown(nil)
		from := func(customer lifecycle.ID, file string) *lifecycle.Message {
			m := p.message(customer, wanted, "hello")
			m.File, m.Leaving = file, customer == moving
			p.put(m)
			p.expect(m, "queued until 01 13:00: quiet hours")
			return m
		}
		left := func(id lifecycle.ID, at time.Time, stage string) {
			p.change(id, func(c *lifecycle.Customer) { c.SetLeft("j", stage, at) })
		}
		left(before, start.Add(-time.Minute), "a")
		a, b, c, d := from(moved, "j/a.lua"), from(moving, "j/a.lua"), from(stays, "j/a.lua"), from(before, "j/a.lua")
		always := from(moved, "j/journey.lua")
		e, f := from(after, "j/a.lua"), from(again, "j/a.lua")
		left(moving, start, "a") // at the moment at which it was decided, by what sent it
		left(after, start, "a")  // at that moment, by something else
		left(again, start, "a")
		p.change(again, func(c *lifecycle.Customer) { c.Visits = []lifecycle.Visit{{Journey: "j", Stage: "a", Entered: start}} })
		left(moved, start.Add(time.Minute), "a")
		left(stays, start.Add(time.Minute), "b")
		p.clock.Set(start.Add(time.Hour))
		const unwanted = "suppressed: not wanted any more: the customer has left the stage"
		for m, want := range map[*lifecycle.Message]string{a: unwanted, b: "accepted", c: "accepted", d: "accepted", e: unwanted, f: "accepted", always: "accepted"} {
			p.expect(m, want)
		}
	})
}

// A timer that fires late decides in the past: its message has waited since then.
func TestLateTimersMessageLeaves(t *testing.T) {
	p := under(t, delivery.Policy{}, true)
	for left, want := range map[time.Duration]string{
		-3 * time.Hour: "accepted", // from another visit
		-2 * time.Hour: "accepted", // by what sent it
		-time.Hour:     "suppressed: not wanted any more: the customer has left the stage",
	} {
		ada := p.grown(func(c *lifecycle.Customer) { c.SetLeft("j", "a", start.Add(left)) })
		late := p.message(ada, wanted, "hello")
		late.Leaving = left == -2*time.Hour
		late.Decided, late.Due = start.Add(-2*time.Hour), start.Add(-2*time.Hour)
		p.put(late)
		p.expect(late, want)
	}
}

// Who has come into the hold-out group while a message waited does not get it.
func TestHoldOutIsAskedAgain(t *testing.T) {
	out := lifecycle.ID{}
	p := under(t, delivery.Policy{Hours: map[string][]delivery.Hours{"email": {{Days: [7]bool{true, true, true, true, true, true, true}, From: 780, To: 840}}}}, false,
		func(p *post) { p.heldOut = func(m *lifecycle.Message) bool { return m.Customer == out } })
	in := p.grown(nil)
	out = p.grown(nil)
	a, b, c := p.send(in, wanted, "hello"), p.send(out, wanted, "hello"), p.send(out, owed, "hello")
	p.expect(c, "accepted")
	p.expect(a, "queued until 01 13:00: quiet hours")
	p.expect(b, "queued until 01 13:00: quiet hours")
	p.clock.Set(start.Add(time.Hour))
	p.expect(a, "accepted")
	p.expect(b, "suppressed: "+lifecycle.BecauseHoldout)
}

func TestPausedChannel(t *testing.T) {
	both(t, delivery.Policy{}, func(t *testing.T, p *post) {
		ada := p.grown(nil)
		if !p.delivery.Pause("email", true) || p.delivery.Pause("letter", true) || !p.delivery.Paused("email") || p.delivery.Paused("sms") {
			t.Error("what is paused is not known")
		}
		mail, bill, sms := p.send(ada, wanted, "hello"), p.send(ada, owed, "hello"), p.by("sms", ada, wanted, "hello")
		p.becomes(sms, lifecycle.Accepted)
		quiet()
		for _, m := range []*lifecycle.Message{mail, bill} {
			if full := p.look(m); full.State != lifecycle.Queued || full.Reason != "the channel is paused" {
				t.Errorf("while paused: %+v", full.Message)
			}
		}
		p.delivery.Pause("email", false)
		p.becomes(mail, lifecycle.Accepted)
		p.becomes(bill, lifecycle.Accepted)
	})
}

func TestLabels(t *testing.T) {
	p := under(t, delivery.Policy{Labels: map[string]string{"sms": "[QC]", "email": "[QC]"}}, false, func(p *post) {
		p.templates["labelled"] = &lifecycle.Template{Front: map[string]string{"subject": " [qc] Sale"}, Body: "[QC] Sale"}
		p.templates["english"] = &lifecycle.Template{Front: map[string]string{"subject": "[AD] Sale"}, Body: "[Ad] Sale"}
	})
	ada := p.grown(nil)
	for _, c := range []struct {
		channel, name string
		kind          lifecycle.MessageKind
		subject, text string
	}{
		{"email", "offer", wanted, "[QC] Offer", "Offer"},
		{"sms", "offer", wanted, "", "[QC] Offer"},
		{"sms", "labelled", wanted, "", "[QC] Sale"},
		{"sms", "english", wanted, "", "[Ad] Sale"},
		{"email", "english", wanted, "[AD] Sale", "[Ad] Sale"},
		{"email", "offer", owed, "Offer", "Offer"},
		{"sms", "offer", owed, "", "Offer"},
	} {
		m := p.by(c.channel, ada, c.kind, c.name)
		p.becomes(m, lifecycle.Accepted)
		sent := p.connector.sendings(m)[0]
		if c.channel == "email" && sent.Subject != c.subject || strings.TrimSpace(sent.Text) != c.text {
			t.Errorf("%s %s by %s: %q, %q", c.kind, c.name, c.channel, sent.Subject, sent.Text)
		}
	}
	m := p.send(ada, wanted, "labelled")
	if p.becomes(m, lifecycle.Accepted); strings.Count(strings.ToLower(p.connector.sendings(m)[0].Subject), "[qc]") != 1 {
		t.Errorf("labelled twice: %q", p.connector.sendings(m)[0].Subject)
	}
}
