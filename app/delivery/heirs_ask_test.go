package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What is in doubt when its customer becomes part of another one is asked about there before it is sent again: what is owed
// leaves unless something speaks against the address, or whoever they became was erased, and marketing does not leave at all.
func TestInDoubtAfterAMerge(t *testing.T) {
	complained := lifecycle.Suppression{Channel: "email", Address: address, Reason: lifecycle.SuppressedComplaint, At: start}
	for name, test := range map[string]struct {
		kind   lifecycle.MessageKind
		change func(p *post, heir lifecycle.ID)
		reason string // why it does not leave; empty: it does
	}{
		"nothing speaks against it": {owed, func(*post, lifecycle.ID) {}, ""},
		"they refuse marketing": {owed, func(p *post, heir lifecycle.ID) {
			p.changes(heir, func(c *lifecycle.Customer) { c.Say(lifecycle.Consent{At: start}) })
		}, ""},
		"the address is suppressed": {owed, func(p *post, heir lifecycle.ID) {
			p.changes(heir, func(c *lifecycle.Customer) { c.Suppress(complained) })
		}, "suppressed: complained"},
		"another address is suppressed": {owed, func(p *post, heir lifecycle.ID) {
			p.changes(heir, func(c *lifecycle.Customer) {
				c.Suppress(lifecycle.Suppression{Channel: "email", Address: "else@example.com", Reason: lifecycle.SuppressedBounce, At: start})
			})
		}, ""},
		"they were erased": {owed, func(p *post, heir lifecycle.ID) {
			p.do(heir.Partition(), func(tx store.Tx) { tx.Delete(append([]byte{'c'}, heir[:]...)) })
		}, "the customer they became was erased"},
		"somebody else has their name now": {owed, func(p *post, heir lifecycle.ID) {
			p.do(heir.Partition(), func(tx store.Tx) { tx.Set(erasedKey(heir), []byte{}) })
		}, "the customer they became was erased"},
		"they became somebody else in turn": {owed, func(p *post, heir lifecycle.ID) {
			last := p.customer("email", "zoe@example.com")
			p.changes(last, func(c *lifecycle.Customer) { c.Suppress(complained) })
			p.redirects(heir, last)
			p.adopts(last, heir)
		}, "suppressed: complained"},
		"it is marketing": {wanted, func(*post, lifecycle.ID) {}, "merged"},
	} {
		t.Run(name, func(t *testing.T) {
			p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
				heirs(p)
				return []*lifecycle.Message{p.send(p.customer("email", address), test.kind, "insistent")}
			})
			heir := p.customer("email", "eve@example.com")
			p.redirects(m[0].Customer, heir)
			p.adopts(heir, m[0].Customer)
			test.change(p, heir)
			p.run()
			if test.reason == "" {
				if full := p.becomes(m[0], lifecycle.Accepted); full.Attempts != 2 || len(p.connector.sendings(m[0])) != 1 || p.connector.sendings(m[0])[0].To != address {
					t.Errorf("%+v", full.Message)
				}
				return
			}
			if full := p.becomes(m[0], lifecycle.Suppressed); full.Reason != test.reason || full.InDoubt != 1 || len(p.connector.sendings(m[0])) != 0 {
				t.Errorf("%s, %d sent", full.Reason, len(p.connector.sendings(m[0])))
			}
		})
	}
}

// What the merged customer refused, and what speaks against their addresses, is on its way for a moment. Until it has come
// nothing is sent, and the attempt is not counted; a crash in between changes nothing.
func TestInDoubtWhileAMergeIsUnderWay(t *testing.T) {
	for _, suppressed := range []bool{false, true} {
		p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
			heirs(p)
			return []*lifecycle.Message{p.send(p.customer("email", address), owed, "hello")}
		})
		heir := p.customer("email", "eve@example.com")
		p.redirects(m[0].Customer, heir)
		p.run()
		why := "it is being found out what the customer they became has refused"
		for range 3 { // it is asked again and again
			p.eventually(func() bool {
				full := p.look(m[0])
				return full.State == lifecycle.Queued && full.Reason == why && full.Due.After(p.clock.Now())
			}, func() string { return "it is " + string(p.look(m[0]).State) + ": " + p.look(m[0]).Reason })
			p.clock.Advance(time.Second)
		}
		p.crash()
		p.changes(heir, func(c *lifecycle.Customer) {
			if suppressed {
				c.Suppress(lifecycle.Suppression{Channel: "email", Address: address, Reason: lifecycle.SuppressedBounce, At: start})
			}
		})
		p.adopts(heir, m[0].Customer)
		p.run()
		want := map[bool]lifecycle.MessageState{false: lifecycle.Accepted, true: lifecycle.Suppressed}[suppressed]
		p.eventually(func() bool { p.clock.Advance(time.Second); return p.look(m[0]).State == want },
			func() string { return "it is " + string(p.look(m[0]).State) + ": " + p.look(m[0]).Reason })
		if sent := len(p.connector.sendings(m[0])); sent > 0 == suppressed {
			t.Errorf("suppressed: %v, and it was sent %d times", suppressed, sent)
		}
	}
}

// What the merged customer refused may never come, when it was set aside that they are one. Then the message does not wait for
// longer than one in doubt is held.
func TestInDoubtAfterAMergeThatNeverEnds(t *testing.T) {
	p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
		heirs(p)
		return []*lifecycle.Message{p.send(p.customer("email", address), owed, "hello")}
	})
	p.redirects(m[0].Customer, p.customer("email", "eve@example.com"))
	p.clock.Advance(time.Hour) // it is in doubt since the next start, not since it was decided
	p.run()
	why := "it is being found out what the customer they became has refused"
	waits := func() {
		t.Helper()
		p.eventually(func() bool {
			full := p.look(m[0])
			return full.State == lifecycle.Queued && full.Reason == why && full.Due.After(p.clock.Now())
		}, func() string { return "it is " + string(p.look(m[0]).State) + ": " + p.look(m[0]).Reason })
	}
	waits()
	p.clock.Set(start.Add(73*time.Hour - time.Second))
	waits()
	p.clock.Advance(time.Hour)
	if full := p.becomes(m[0], lifecycle.Expired); full.Reason != why || full.Attempts != 1 || len(p.connector.sendings(m[0])) != 0 {
		t.Errorf("%q after %d attempts, %d sent", full.Reason, full.Attempts, len(p.connector.sendings(m[0])))
	}
}
