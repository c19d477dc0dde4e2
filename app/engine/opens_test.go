package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// seen is a harness with a letter that was accepted at its start, whose reports are stored until the test ends.
func seen(t *testing.T) (h *harness, message lifecycle.Ref) {
	h = newHarness(t, journey("j", `journey { title = "J", stages = { "a" } }`, "a", `stage { title = "A" }
on("Order", function()
  local letter = send "hello"
  if wait_for(letter, "clicked", "2 days") then set("clicked", true) end
end)
on("Email Opened", function() set("opened", true) end)`))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.engine.TakeReports(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	h.track("ada", "Order")
	h.settle("hello", lifecycle.Accepted)
	m := h.book.message("hello")
	return h, m.Ref()
}

func (h *harness) look(m lifecycle.Ref, event, url string, machine bool) {
	r := engine.Report{Message: m, Event: event, Machine: machine}
	if url != "" {
		r.Data = map[string]string{"url": url}
	}
	h.engine.Seen(r)
}

// came lets what is held back pass, and waits until as many events have come; it returns them, the oldest first.
func (h *harness) came(n int) (names []string) {
	h.t.Helper()
	h.eventually(func() bool {
		h.clock.Advance(5 * time.Second) // again and again: who waits may have looked at the clock before
		names = nil
		c := h.customer("ada")
		entries, err := h.engine.Timeline(context.Background(), c.ID, 100)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, entry := range slices.Backward(entries) {
			if entry.Event != nil && strings.HasPrefix(entry.Event.Name, "Email ") {
				names = append(names, entry.Event.Name)
			}
		}
		return len(names) == n
	})
	return names
}

func TestAnOpenAndAClickOfAReader(t *testing.T) {
	h, m := seen(t)
	h.clock.Advance(2 * time.Second)
	h.look(m, "opened", "", false)
	h.look(m, "opened", "", false) // the same look at it
	h.look(m, "clicked", "https://shop.example/a", false)
	h.look(m, "clicked", "https://shop.example/a", false)
	got := h.came(2)
	if slices.Sort(got); !slices.Equal(got, []string{"Email Clicked", "Email Opened"}) {
		t.Errorf("came: %q", got)
	}
	c := h.customer("ada")
	if c.Trait("clicked") != true || c.Trait("opened") != true {
		t.Errorf("the script has not heard of it: %v, %v", c.Trait("clicked"), c.Trait("opened"))
	}
	h.wantAnswers("opened hello j/a.lua:3", "clicked hello j/a.lua:3")
}

// What machines do is kept, and is nothing that the customer did: no script hears of it, nothing counts.
func TestMachinesAreToldApart(t *testing.T) {
	a, b := "https://shop.example/a", "https://shop.example/b"
	for name, c := range map[string]struct {
		after time.Duration
		do    func(h *harness, m lifecycle.Ref)
		want  []string
	}{
		"within two seconds of sending": {2*time.Second - 1, func(h *harness, m lifecycle.Ref) {
			h.look(m, "clicked", a, false)
			h.look(m, "opened", "", false)
		}, []string{"Email Clicked (machine)", "Email Opened (machine)"}},
		"it says so itself": {time.Hour, func(h *harness, m lifecycle.Ref) { h.look(m, "opened", "", true) }, []string{"Email Opened (machine)"}},
		"two links at once": {time.Hour, func(h *harness, m lifecycle.Ref) {
			h.look(m, "opened", "", false)
			h.look(m, "clicked", a, false)
			h.clock.Advance(900 * time.Millisecond)
			h.look(m, "clicked", b, false)
		}, []string{"Email Clicked (machine)", "Email Clicked (machine)", "Email Opened (machine)"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, m := seen(t)
			h.clock.Advance(c.after)
			c.do(h, m)
			got := h.came(len(c.want))
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("came: %q, want %q", got, c.want)
			}
			if c := h.customer("ada"); c.Trait("clicked") != nil || c.Trait("opened") != nil {
				t.Errorf("a script heard of it: %v, %v", c.Trait("clicked"), c.Trait("opened"))
			}
			h.wantAnswers()
		})
	}
}

// Who reads a letter and follows two of its links is a person.
func TestTwoLinksOneAfterTheOther(t *testing.T) {
	h, m := seen(t)
	h.clock.Advance(time.Hour)
	h.look(m, "clicked", "https://shop.example/a", false)
	h.clock.Advance(1001 * time.Millisecond)
	h.came(1)
	h.look(m, "clicked", "https://shop.example/b", false)
	if got := h.came(2); !slices.Equal(got, []string{"Email Clicked", "Email Clicked"}) {
		t.Errorf("came: %q", got)
	}
}

// What was seen just before the program ends is stored.
func TestWhatWasSeenAtTheEndIsStored(t *testing.T) {
	h, m := seen(t)
	h.clock.Advance(time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	h.look(m, "opened", "", false)
	cancel()
	h.engine.TakeReports(ctx)
	if got := h.came(1); !slices.Equal(got, []string{"Email Opened"}) {
		t.Errorf("came: %q", got)
	}
}

func TestWordsOfAPage(t *testing.T) {
	files := journey("j", `journey { title = "J", stages = { "a" } }`, "a", `stage { title = "A" } on("Order", function() send "hello" end)`)
	files.Files["messages/hello.email.liquid"] = []byte("---\nsubject: Hello\ntopic: news\n---\nhello\n")
	files.Files["messages/offer.email.liquid"] = []byte("---\nsubject: Offer\ntopic: deals\n---\nhello\n")
	files.Files["messages/offer.sms.liquid"] = []byte("---\ntopic: deals\n---\nhello\n")
	files.Files["messages/receipt.email.liquid"] = []byte("---\nsubject: Receipt\nkind: transactional\ntopic: orders\n---\nhello\n")
	h := newHarness(t, files)
	identify := h.event("ada", "")
	identify.Type, identify.Traits = lifecycle.Identify, []byte(`{"email":"ada@example.com","unsubscribed":true}`)
	h.receive(identify)
	id := h.customer("ada").ID
	found, err := h.engine.Preferences(context.Background(), id)
	if err != nil || len(found.Offered) != 1 || found.Offered[0].Kind != "email" || !slices.Equal(found.Offered[0].Topics, []string{"deals", "news"}) {
		t.Fatalf("%+v, %v", found.Offered, err)
	}
	if err = h.engine.Say(context.Background(), id, lifecycle.Ref{}, engine.Proof{}, lifecycle.Consent{Channel: "email", Topic: "news", Granted: true, Source: "preferences"}); err != nil {
		t.Fatal(err)
	}
	c := h.customer("ada")
	if word, _ := c.Consented("email", "news"); !word.Granted || c.Trait("unsubscribed") != false {
		t.Errorf("%+v, unsubscribed: %v", word, c.Trait("unsubscribed"))
	}
	if word, said := c.Consented("email", "deals"); !said || word.Granted {
		t.Errorf("what was not allowed is allowed: %+v", word)
	}
	h.mode("j", lifecycle.Off)
	if found, err = h.engine.Preferences(context.Background(), id); err != nil || len(found.Offered) != 0 {
		t.Errorf("%+v, %v", found.Offered, err)
	}
	if _, err = h.engine.Preferences(context.Background(), lifecycle.HashID("nobody")); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("of nobody: %v", err)
	}
}

// A network that says that somebody has read a message has seen them do it, however soon that was; a picture of ours may have been
// fetched by anything.
func TestAReceiptThatComesAtOnceIsBelieved(t *testing.T) {
	source := journey("j", `journey { title = "J", stages = { "a" } }`, "a", `stage { title = "A" }
on("Order", function() send("hello", { by = "social" }) end)
on("Social Opened", function() set("opened", true) end)`)
	source.Files["messages/hello.social.liquid"] = []byte("hello\n")
	h := newHarness(t, source)
	h.track("ada", "Order")
	h.settle("hello", lifecycle.Accepted)
	m := h.book.message("hello").Ref()
	h.clock.Advance(time.Second)
	h.engine.Keep(t.Context(), []engine.Report{{Channel: "social", Message: m, Event: "opened"}})
	if n := times(h.timelineOf("ada"), "Social Opened"); n != 1 || h.customer("ada").Trait("opened") != true {
		t.Errorf("opened %d times", n)
	}
	h, m = seen(t)
	h.clock.Advance(time.Second)
	h.engine.Keep(t.Context(), []engine.Report{{Channel: "email", Message: m, Event: "opened"}})
	if n := times(h.timelineOf("ada"), "Email Opened"); n != 0 {
		t.Error("a picture in a mail was looked at by a person within a second")
	}
}
