package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// told is a life in one line a step, with seconds since the beginning.
func told(life delivery.Life) string {
	var lines []string
	for _, s := range life.Steps {
		line := fmt.Sprintf("%v %s", s.At.Sub(start).Seconds(), s.Kind)
		if s.Attempt > 0 {
			line += fmt.Sprintf(" %d", s.Attempt)
		}
		for _, text := range []string{s.Channel, s.To, string(s.State), s.Reason} {
			if text != "" {
				line += " " + text
			}
		}
		if !s.Until.IsZero() {
			line += fmt.Sprintf(" until %v", s.Until.Sub(start).Seconds())
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (p *post) lifeIs(m *lifecycle.Message, want string) {
	p.t.Helper()
	life, err := p.delivery.LifeOf(p.t.Context(), p.look(m).Ref)
	p.must(err)
	if got := told(life); got != strings.TrimSpace(want) {
		p.t.Errorf("the life of the message is\n%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

// A life is told from its decision to its end, with what kept the message and how often it was tried.
func TestALifeIsTold(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "greylisted"}))
	p.run()
	ada := p.customer("email", address)
	at := delivery.Target{Name: "hello"}
	p.must(p.delivery.PauseMessages(t.Context(), at, "ops", ""))
	m := p.send(ada, owed, "hello")
	p.holds(1)
	p.clock.Advance(10 * time.Second)
	p.must(p.delivery.ResumeMessages(t.Context(), at, "ops"))
	p.queuedFor(m, start.Add(15*time.Second))
	p.clock.Advance(5 * time.Second)
	p.becomes(m, lifecycle.Accepted)
	p.lifeIs(m, `
0 decided email
0 queued paused by ops until 0
10 resumed resumed by ops
10 policy
10 attempt 1 ada@example.com
10 temporary 1 greylisted until 15
15 attempt 2 ada@example.com
15 settled accepted`)
	quick := p.send(p.customer("email", "no address"), owed, "hello")
	p.becomes(quick, lifecycle.Suppressed)
	p.lifeIs(quick, `
15 decided email
15 settled suppressed bad address`)
}

// The ledger lists newest first over all partitions, page by page, each message once; filters narrow it.
func TestLedger(t *testing.T) {
	p := newPost(t, newConnector(), func(p *post) { p.further = []string{"sms"} })
	var people []lifecycle.ID
	for range 90 {
		people = append(people, p.customer("email", address))
	}
	var all []*lifecycle.Message
	for i := range 700 {
		m := p.message(people[i*i%len(people)], []lifecycle.MessageKind{owed, wanted}[i%2], []string{"hello", "personal"}[i%7/6])
		m.Decided = start.Add(time.Duration(i/3) * time.Second) // some at the same moment
		m.Due, m.Channel = m.Decided, []string{"email", "sms"}[i%5/4]
		if i%10 == 0 {
			m.State, m.Reason = lifecycle.Suppressed, lifecycle.BecauseHoldout
		}
		all = append(all, m)
	}
	p.put(all...)
	second := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	for name, c := range map[string]struct {
		filter delivery.Filter
		fits   func(i int, m *lifecycle.Message) bool
	}{
		"all":      {delivery.Filter{}, func(int, *lifecycle.Message) bool { return true }},
		"channel":  {delivery.Filter{Channel: "sms"}, func(_ int, m *lifecycle.Message) bool { return m.Channel == "sms" }},
		"name":     {delivery.Filter{Journey: "j", Name: "personal"}, func(_ int, m *lifecycle.Message) bool { return m.Name == "personal" }},
		"state":    {delivery.Filter{State: lifecycle.Suppressed}, func(i int, _ *lifecycle.Message) bool { return i%10 == 0 }},
		"kind":     {delivery.Filter{Kind: wanted}, func(_ int, m *lifecycle.Message) bool { return m.Kind == wanted }},
		"customer": {delivery.Filter{Customers: people[1:2]}, func(_ int, m *lifecycle.Message) bool { return m.Customer == people[1] }},
		"merged":   {delivery.Filter{Customers: people[1:4]}, func(_ int, m *lifecycle.Message) bool { return slices.Contains(people[1:4], m.Customer) }},
		"time":     {delivery.Filter{From: second(50), Until: second(60)}, func(i int, _ *lifecycle.Message) bool { return i/3 >= 50 && i/3 < 60 }},
		"none":     {delivery.Filter{Journey: "k"}, func(int, *lifecycle.Message) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[lifecycle.ID]bool{}
			for i, m := range all {
				if c.fits(i, m) {
					want[m.ID] = true
				}
			}
			var last time.Time
			for next, n := []byte(nil), 0; ; n++ {
				page, err := p.delivery.Ledger(t.Context(), c.filter, next, 40)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Messages) > 40 || n > 100 || page.Next != nil && !delivery.IsLedgerPlace(page.Next) {
					t.Fatalf("page %d has %d messages", n, len(page.Messages))
				}
				for _, m := range page.Messages {
					if !want[m.ID] {
						t.Fatalf("%+v is listed twice, or should not be", m.Message)
					}
					if !last.IsZero() && m.Decided.After(last) {
						t.Fatal("the list is out of order")
					}
					delete(want, m.ID)
					last = m.Decided
				}
				if next = page.Next; next == nil {
					break
				}
			}
			if len(want) > 0 {
				t.Errorf("%d messages are not listed", len(want))
			}
		})
	}
}
