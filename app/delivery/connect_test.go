package delivery_test

import (
	"context"
	"strings"
	"sync"
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

// A channel comes while the server runs. What was decided before it came, while it came and since then leaves, each once; a pause
// that was ordered before it came holds it, and so does one that a start setting says.
func TestAChannelComesWhileTheServerRuns(t *testing.T) {
	both(t, delivery.Policy{}, func(t *testing.T, p *post) {
		c := p.connector
		var people []lifecycle.ID
		for range 200 {
			people = append(people, p.customer("email", "ada@example.com", "fax", "7"))
		}
		all := make(chan *lifecycle.Message, 1000)
		send := func(from, to int) {
			for i := range to - from {
				all <- p.by("fax", people[from+i], owed, "hello")
			}
		}
		send(0, 50)
		if queues, err := p.delivery.Queues(t.Context()); err != nil || queues["fax"] != 50 || len(queues) != 1 {
			t.Fatalf("the queues are %v, %v", queues, err)
		}
		p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Channel: "fax", Kind: lifecycle.Marketing}, "ops", ""))
		offer := p.by("fax", people[0], wanted, "hello")
		p.delivery.Pause("pager", true)
		paged := p.by("pager", p.customer("pager", "9"), owed, "hello")

		var coming sync.WaitGroup
		coming.Go(func() {
			p.delivery.Connect("fax", c)
			p.delivery.Connect("fax", c) // which changes nothing
			p.delivery.Connect("pager", c)
		})
		send(50, 150)
		coming.Wait()
		send(150, 200)
		close(all)
		for m := range all {
			if full := p.becomes(m, lifecycle.Accepted); full.Attempts != 1 {
				t.Errorf("%d attempts", full.Attempts)
			}
		}
		quiet()
		for what, m := range map[string]*lifecycle.Message{"an order": offer, "a setting": paged} {
			if full := p.look(m); full.State != lifecycle.Queued {
				t.Errorf("paused by %s: it is %s", what, full.State)
			}
		}
		p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Channel: "fax"}, "ops"))
		p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Channel: "pager"}, "ops"))
		p.becomes(offer, lifecycle.Accepted)
		p.becomes(paged, lifecycle.Accepted)
		if queues, err := p.delivery.Queues(t.Context()); err != nil || len(queues) != 0 {
			t.Errorf("the queues are %v, %v", queues, err)
		}
		if got := strings.Join(p.delivery.Channels(), " "); got != "email fax pager sms" {
			t.Error(got)
		}
	})
}

// What waits for a channel that nobody serves can be cancelled by its name; a name that nothing waits for is a slip of the pen.
func TestWhatWaitsForAnUnknownChannelIsCancelled(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	order := delivery.Target{Channel: "fax"}
	if _, err := p.delivery.CancelMessages(t.Context(), order, "ops", ""); lifecycle.CodeOf(err) != lifecycle.Invalid {
		t.Errorf("nothing waits for it: %v", err)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.delivery.PauseMessages(late, order, "ops", ""); lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("whether something waits for it is not known: %v", err)
	}
	m := p.by("fax", p.customer("fax", "7"), owed, "hello")
	_, err := p.delivery.CancelMessages(t.Context(), order, "ops", "")
	p.must(err)
	p.becomes(m, lifecycle.Cancelled)
}
