package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// draft is a broadcast to everybody, for tests to change.
func draft(name string) engine.Broadcast {
	return engine.Broadcast{Name: name, Audience: engine.Audience{Everybody: true},
		Parts: []engine.BroadcastPart{{Texts: map[string]string{"email": "---\nsubject: Sale\n---\nHi {{ customer.first_name | default: \"you\" }}\n"}}}}
}

func (h *harness) save(b engine.Broadcast) {
	h.t.Helper()
	if _, err := h.engine.SaveBroadcast(context.Background(), b, false); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) begin(b engine.Broadcast) {
	h.t.Helper()
	h.save(b)
	if _, err := h.engine.StartBroadcast(context.Background(), b.Name, "ada"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) set(name string, state engine.BroadcastState) {
	h.t.Helper()
	if _, err := h.engine.SetBroadcast(context.Background(), name, state); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) progress(name string) engine.BroadcastProgress {
	h.t.Helper()
	progress, err := h.engine.BroadcastProgress(context.Background(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	return progress
}

func (h *harness) done(name string) {
	h.t.Helper()
	h.eventually(func() bool { return h.progress(name).Done })
}

// people makes customers who have traits.
func (h *harness) people(n int, traits func(i int) string) {
	h.t.Helper()
	var events []lifecycle.Event
	for i := range n {
		h.n++
		events = append(events, lifecycle.Event{Type: lifecycle.Identify, UserID: fmt.Sprint("u", i), MessageID: fmt.Sprint("m", h.n), Traits: json.RawMessage(traits(i))})
	}
	h.receive(events...)
}

func plain(int) string { return `{"email":"x@example.com"}` }

// sentTo counts the messages of a journey by name, and wants none twice.
func (h *harness) sentTo(journey string) map[string]int {
	h.t.Helper()
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	counts, seen := map[string]int{}, map[lifecycle.ID]bool{}
	for _, m := range h.book.messages {
		if m.Journey != journey {
			continue
		}
		if seen[m.Customer] {
			h.t.Errorf("%s got it twice", m.User)
		}
		seen[m.Customer] = true
		counts[m.Name+" "+string(m.State)]++
	}
	return counts
}

// Everybody who is meant gets it once; a broadcast is no journey that others could enter, and stands in no list of journeys.
func TestABroadcastReachesWhoIsMeantOnce(t *testing.T) {
	h := newHarness(t)
	h.people(300, func(i int) string { return fmt.Sprintf(`{"plan":"%s","age":%d}`, []string{"free", "pro"}[i%2], i) })
	b := draft("spring-sale")
	b.Audience = engine.Audience{Where: []engine.Condition{{Trait: "plan", Is: engine.Equal, Value: []byte(`"pro"`)}, {Trait: "age", Is: engine.Less, Value: []byte(`200`)}}}
	h.begin(b)
	h.done("spring-sale")
	h.track("u1", "Product Viewed")
	h.track("new", "Product Viewed")
	if got := h.sentTo("broadcast.spring-sale"); got["message queued"] != 100 || len(got) != 1 {
		t.Errorf("sent: %v, want 100", got)
	}
	if p := h.progress("spring-sale"); p.Let != 100 {
		t.Errorf("let in: %+v", p)
	}
	states, _ := h.engine.States(context.Background())
	if len(states) != 0 {
		t.Errorf("the journeys are %v", states)
	}
	if visit := h.customer("u1").Visit("broadcast.spring-sale"); visit == nil || visit.Stage != "send" {
		t.Errorf("the visit is %+v", visit)
	}
}

func TestABroadcastByJourneyAndStage(t *testing.T) {
	h := newHarness(t, journey("shop", `journey { title = "S", stages = { "new", "old" }, moves = { ["new"] = { "old" } } }`,
		"new", `stage { title = "N", goal = "Order Completed", next = "old" }`, "old", `stage { title = "O" }`))
	h.people(40, plain)
	for i := range 10 {
		h.track(fmt.Sprint("u", i), "Order Completed")
	}
	b := draft("to-old")
	b.Audience = engine.Audience{Journey: "shop", Stage: "old"}
	h.begin(b)
	h.done("to-old")
	if got := h.sentTo("broadcast.to-old"); got["message queued"] != 10 {
		t.Errorf("sent: %v", got)
	}
}

// Parts are given by the customer, so that a second broadcast of the same name would give the same; the hold-out gets nothing.
func TestPartsAndHoldOutOfABroadcast(t *testing.T) {
	h := newHarness(t)
	h.people(1000, plain)
	b := draft("test")
	b.Holdout = 0.1
	b.Parts = []engine.BroadcastPart{{Share: 70, Texts: b.Parts[0].Texts}, {Share: 30, Texts: b.Parts[0].Texts, Subject: `He said "50 %" \o/`}}
	ahead, err := h.engine.BroadcastAhead(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	h.begin(b)
	h.done("test")
	got := h.sentTo("broadcast.test")
	held := got["a suppressed"] + got["b suppressed"]
	if int64(got["a queued"]) != ahead.Parts["a"] || int64(got["b queued"]) != ahead.Parts["b"] || int64(held) != ahead.Heldout || ahead.Reached+ahead.Heldout != 1000 {
		t.Errorf("sent %v, foreseen %+v", got, ahead)
	}
	if held < 60 || held > 140 || got["b queued"] < 200 || got["b queued"] > 340 {
		t.Errorf("the shares are far off: %v", got)
	}
	if m := h.book.message("b"); m.Options["subject"] != `He said "50 %" \o/` {
		t.Errorf("the options are %v", m.Options)
	}
}

// At 09:00 of each customer's zone, on a day: who lives where it has passed gets it at once.
func TestABroadcastByTheCustomersClock(t *testing.T) {
	h := newHarness(t)
	zones := []string{"Asia/Ho_Chi_Minh", "Europe/Berlin", "America/Los_Angeles"}
	h.people(3, func(i int) string { return fmt.Sprintf(`{"timezone":%q}`, zones[i]) })
	b := draft("morning")
	b.On, b.Local = "2026-03-03", "09:00"
	h.begin(b)
	if got := h.sentTo("broadcast.morning"); len(got) != 0 {
		t.Fatalf("sent too early: %v", got)
	}
	h.clock.Set(time.Date(2026, 3, 2, 19, 0, 0, 0, time.UTC)) // the day has come to 09:00 where clocks are furthest ahead
	h.done("morning")
	for n, at := range []string{"2026-03-03T02:00:00Z", "2026-03-03T08:00:00Z", "2026-03-03T17:00:00Z"} {
		moment, _ := time.Parse(time.RFC3339, at)
		h.clock.Set(moment.Add(-time.Second))
		if got := h.sentTo("broadcast.morning")["message queued"]; got != n {
			t.Errorf("before %s: %d", at, got)
		}
		h.clock.Set(moment)
		h.eventually(func() bool { return h.sentTo("broadcast.morning")["message queued"] == n+1 })
		if due := h.book.message("message").Due; !due.Equal(moment) {
			t.Errorf("it left at %v, not at %v", due, moment)
		}
	}
}

// A time that has just passed means at once; one that is long over is refused, by the customers' last clock.
func TestABroadcastWhoseTimeIsOver(t *testing.T) {
	h := newHarness(t)
	today := h.clock.Now().UTC().Truncate(24 * time.Hour)
	for name, c := range map[string]struct {
		set   func(b *engine.Broadcast)
		field string
	}{
		"yesterday":       {func(b *engine.Broadcast) { b.At = h.clock.Now().Add(-24 * time.Hour) }, ""},
		"last-year":       {func(b *engine.Broadcast) { b.At = h.clock.Now().AddDate(-1, 0, 0) }, "at"},
		"yesterday-clock": {func(b *engine.Broadcast) { b.On, b.Local = today.AddDate(0, 0, -1).Format(time.DateOnly), "09:00" }, ""},
		"long-over-clock": {func(b *engine.Broadcast) { b.On, b.Local = today.AddDate(0, 0, -3).Format(time.DateOnly), "09:00" }, "on"},
	} {
		b := draft(name)
		c.set(&b)
		h.save(b)
		_, err := h.engine.StartBroadcast(context.Background(), name, "")
		var wrong *lifecycle.Error
		if c.field == "" && err != nil || c.field != "" && (!errors.As(err, &wrong) || wrong.Field != c.field || wrong.Code != lifecycle.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Let in evenly, however long the program was away.
func TestABroadcastIsThrottled(t *testing.T) {
	h := newHarness(t)
	h.people(500, plain)
	b := draft("slow")
	b.Rate = 10
	h.begin(b)
	late := int64(0) // whose turn came a second ago takes another one: on a busy machine some do
	for n := int64(1); n <= 20; n++ {
		h.clock.Advance(time.Second)
		for waits := time.Now(); h.progress("slow").Let < 10*n-late; time.Sleep(time.Millisecond) {
			if time.Since(waits) > 2*time.Second {
				late = 10*n - h.progress("slow").Let
			}
		}
		if let := h.progress("slow").Let; let > 10*n+1 || late > 100 {
			t.Fatalf("%d were let in within %d s", let, n)
		}
	}
	let := h.progress("slow").Let
	h.set("slow", engine.BroadcastPaused)
	h.clock.Advance(time.Hour)
	h.restart()
	if now := h.progress("slow").Let; now != let {
		t.Errorf("%d were let in while it was paused", now-let)
	}
	h.set("slow", engine.BroadcastRunning)
	resumed := h.clock.Now()
	h.eventually(func() bool { h.clock.Advance(time.Second); return h.progress("slow").Let >= let+10 })
	if now, most := h.progress("slow").Let, 10*int64(h.clock.Now().Sub(resumed)/time.Second)+1; now > let+most {
		t.Errorf("%d at once after a pause, not at most %d", now-let, most)
	}
	h.eventually(func() bool { h.clock.Advance(time.Second); return h.progress("slow").Done })
	h.done("slow")
	if got := h.sentTo("broadcast.slow")["message queued"]; got != 500 {
		t.Errorf("%d were sent", got)
	}
}

// While marketing is paused nobody is let in, so that after it the rate holds. What is owed goes on.
func TestABroadcastRestsWhileMarketingIsPaused(t *testing.T) {
	h := newHarness(t)
	h.people(100, plain)
	h.book.marketingPaused.Store(true)
	slow, owed := draft("slow"), draft("owed")
	slow.Rate = 10
	for i := range owed.Parts {
		owed.Parts[i].Texts = map[string]string{"email": "---\nsubject: Recall\nkind: transactional\n---\nHi\n"}
	}
	h.begin(slow)
	h.begin(owed)
	h.done("owed")
	h.rests("slow", &h.book.marketingPaused)
}

// While a channel is paused, or what a broadcast says by it, one with a rate lets nobody in, be they owed it. One without goes on: what
// it decides waits.
func TestABroadcastWithARateRestsWhileItsChannelIsPaused(t *testing.T) {
	for _, pause := range []func(h *harness) *atomic.Bool{
		func(h *harness) *atomic.Bool { return &h.book.channelPaused },
		func(h *harness) *atomic.Bool { return &h.book.owedPaused },
	} {
		h := newHarness(t)
		h.people(100, plain)
		paused := pause(h)
		paused.Store(true)
		slow, free := draft("slow"), draft("free")
		slow.Rate = 10
		for i := range slow.Parts {
			text := map[string]string{"email": "---\nsubject: Recall\nkind: transactional\n---\nHi\n"}
			slow.Parts[i].Texts, free.Parts[i].Texts = text, text
		}
		h.begin(slow)
		h.begin(free)
		h.done("free")
		h.rests("slow", paused)
	}
}

// rests checks that a broadcast of ten a second has let nobody in while something was paused, and lets a hundred in at its rate after it.
func (h *harness) rests(name string, paused *atomic.Bool) {
	h.t.Helper()
	for range 10 {
		h.clock.Advance(time.Minute)
	}
	if let := h.progress(name).Let; let != 0 {
		h.t.Errorf("%d were let in during the pause", let)
	}
	paused.Store(false)
	resumed := h.clock.Now()
	h.eventually(func() bool {
		h.clock.Advance(time.Second)
		let := h.progress(name).Let
		if most := 10*int64(h.clock.Now().Sub(resumed)/time.Second) + 1; let > most {
			h.t.Fatalf("%d were let in, not at most %d", let, most)
		}
		return let == 100
	})
}

// A restart in the middle leaves nobody out and lets nobody in twice.
func TestABroadcastGoesOnAfterARestart(t *testing.T) {
	h := newHarness(t)
	h.people(2000, plain)
	h.begin(draft("big"))
	for range 5 {
		h.restart()
	}
	h.done("big")
	if got := h.sentTo("broadcast.big")["message queued"]; got != 2000 {
		t.Errorf("%d were sent", got)
	}
}

// Nothing of what was stopped is sent any more, and nothing of it is left with customers.
func TestAStoppedBroadcastIsForgotten(t *testing.T) {
	h := newHarness(t)
	h.people(50, plain)
	b := draft("never")
	b.Local = "09:00"
	h.begin(b)
	h.done("never")
	h.set("never", engine.BroadcastStopped)
	h.clock.Advance(48 * time.Hour)
	h.eventually(func() bool { return h.progress("never").Over })
	h.eventually(func() bool { return h.customer("u1").Visit("broadcast.never") == nil })
	if got := h.sentTo("broadcast.never"); len(got) != 0 {
		t.Errorf("sent: %v", got)
	}
	h.eventually(func() bool { return h.book.gauges() == "" })
	if _, err := h.engine.SetBroadcast(context.Background(), "never", engine.BroadcastRunning); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("resumed: %v", err)
	}
	if err := h.engine.DropBroadcast(context.Background(), "never"); err != nil {
		t.Fatal(err)
	}
	if list, _ := h.engine.Broadcasts(context.Background()); len(list) != 0 {
		t.Errorf("still there: %v", list)
	}
}

// Visits of broadcasts that are over do not pile up.
func TestVisitsOfOldBroadcastsGo(t *testing.T) {
	h := newHarness(t)
	h.people(1, plain)
	for i := range 4 {
		name := fmt.Sprint("b", i)
		h.begin(draft(name))
		h.done(name)
		h.clock.Advance(130 * time.Hour)
		h.eventually(func() bool { return h.progress(name).Over })
	}
	if visits := h.customer("u0").Visits; len(visits) != 1 || visits[0].Journey != "broadcast.b3" {
		t.Errorf("the visits are %+v", visits)
	}
}

// Rows name customers by user ID or by mail address; what else they say is for the message.
func TestAListOfABroadcast(t *testing.T) {
	h := newHarness(t)
	h.people(20, func(i int) string { return fmt.Sprintf(`{"email":"P%d@example.com"}`, i) })
	b := draft("listed")
	b.Audience = engine.Audience{List: true}
	h.save(b)
	if _, err := h.engine.StartBroadcast(context.Background(), "listed", ""); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("started without a list: %v", err)
	}
	added, err := h.engine.AddToBroadcast(context.Background(), "listed", []engine.Member{
		{UserID: "u1", Row: []byte(`{"code":"A1"}`)}, {UserID: "u2"}, {Email: " p2@EXAMPLE.com"}, {Email: "p3@example.com"}, {UserID: "nobody"}, {Email: "no@example.com"}})
	if err != nil || added.Added != 3 || added.Again != 1 || added.Unknown != 2 || strings.Join(added.Names, " ") != "no@example.com nobody" {
		t.Fatalf("%+v %v", added, err)
	}
	if _, err := h.engine.StartBroadcast(context.Background(), "listed", ""); err != nil {
		t.Fatal(err)
	}
	h.done("listed")
	if got := h.sentTo("broadcast.listed")["message queued"]; got != 3 {
		t.Errorf("%d were sent", got)
	}
	found := false
	h.book.mu.Lock()
	for _, m := range h.book.messages {
		found = found || m.User == "u1" && strings.Contains(string(m.Event.Properties), `"code":"A1"`) && strings.Contains(string(m.Event.Properties), `"broadcast":"listed"`)
	}
	h.book.mu.Unlock()
	if !found {
		t.Error("what the list says did not come to the message")
	}
	if _, err := h.engine.AddToBroadcast(context.Background(), "listed", []engine.Member{{UserID: "u5"}}); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("added to one that was started: %v", err)
	}
}

// Somebody on the list who has become another customer since is reached where they are now.
func TestAListOfABroadcastAfterAMerge(t *testing.T) {
	h := newHarness(t)
	h.receive(lifecycle.Event{Type: lifecycle.Track, Name: "Seen", AnonymousID: "anon", MessageID: "x1"})
	h.people(30, plain)
	b := draft("merged")
	b.Audience = engine.Audience{List: true}
	h.save(b)
	members := []engine.Member{}
	for i := range 30 {
		members = append(members, engine.Member{UserID: fmt.Sprint("u", i)})
	}
	if _, err := h.engine.AddToBroadcast(context.Background(), "merged", members); err != nil {
		t.Fatal(err)
	}
	h.receive(lifecycle.Event{Type: lifecycle.Alias, AnonymousID: "anon", UserID: "u7", MessageID: "x2"})
	if _, err := h.engine.StartBroadcast(context.Background(), "merged", ""); err != nil {
		t.Fatal(err)
	}
	h.eventually(func() bool { return h.sentTo("broadcast.merged")["message queued"] == 30 })
}

// A message that is written already, with its layout.
func TestABroadcastOfAnExistingMessage(t *testing.T) {
	source := journey("shop", `journey { title = "S", stages = { "new" }, moves = {} }`, "new", `stage { title = "N" }`)
	source.Files["messages/layouts/base.email.liquid"] = []byte("<b>{{ content }}</b>")
	source.Files["messages/news.email.liquid"] = []byte("---\nsubject: News\nlayout: base\n---\nHello\n")
	source.Files["messages/news.email.vi.liquid"] = []byte("---\nsubject: Tin\nlayout: base\n---\nChao\n")
	h := newHarness(t, source)
	h.people(3, plain)
	b := draft("news")
	b.Parts = []engine.BroadcastPart{{Name: "news", From: "shop/news"}}
	h.begin(b)
	h.eventually(func() bool { return h.sentTo("broadcast.news")["news queued"] == 3 })
	saved, _ := h.engine.Broadcast(context.Background(), "news")
	program, err := h.engine.BroadcastProgram(context.Background(), &saved)
	if err != nil {
		t.Fatal(err)
	}
	if vi, ok := program.Template("news", "email", "vi"); !ok || len(vi.Layouts) != 1 {
		t.Errorf("the template is %+v", vi)
	}
}

// What is wrong is told by field, and of texts by file and line.
func TestWhatIsWrongWithABroadcast(t *testing.T) {
	h := newHarness(t)
	for field, change := range map[string]func(b *engine.Broadcast){
		"name":               func(b *engine.Broadcast) { b.Name = "Big Sale" },
		"audience":           func(b *engine.Broadcast) { b.Audience = engine.Audience{} },
		"audience.everybody": func(b *engine.Broadcast) { b.Audience.Journey = "shop" },
		"audience.where.0.is": func(b *engine.Broadcast) {
			b.Audience = engine.Audience{Where: []engine.Condition{{Trait: "a", Is: "like"}}}
		},
		"audience.where.0.value": func(b *engine.Broadcast) {
			b.Audience = engine.Audience{Where: []engine.Condition{{Trait: "a", Is: engine.More, Value: []byte(`"x"`)}}}
		},
		"local":   func(b *engine.Broadcast) { b.Local = "9 o'clock" },
		"on":      func(b *engine.Broadcast) { b.On, b.Local = "tomorrow", "09:00" },
		"holdout": func(b *engine.Broadcast) { b.Holdout = 1 },
		"rate":    func(b *engine.Broadcast) { b.Rate = -1 },
		"parts": func(b *engine.Broadcast) {
			b.Parts = append(b.Parts, b.Parts[0])
			b.Parts[0].Share, b.Parts[1].Share = 50, 49
		},
		"parts.0.from":  func(b *engine.Broadcast) { b.Parts = []engine.BroadcastPart{{From: "nowhere/hello"}} },
		"parts.0.texts": func(b *engine.Broadcast) { b.Parts = []engine.BroadcastPart{{}} },
	} {
		b := draft("wrong")
		change(&b)
		_, err := h.engine.SaveBroadcast(context.Background(), b, false)
		var wrong *lifecycle.Error
		if e, ok := err.(*lifecycle.Error); ok {
			wrong = e
		}
		if wrong == nil || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	b := draft("wrong")
	b.Parts[0].Texts = map[string]string{"email": "No subject"}
	if _, err := h.engine.SaveBroadcast(context.Background(), b, false); err == nil || !strings.Contains(err.Error(), "message.email.liquid") {
		t.Errorf("a text without a subject: %v", err)
	}
}

// A script's text is what was meant, whatever a title says.
func FuzzTheJourneyOfABroadcast(f *testing.F) {
	f.Add("Spring", "subject", 70.0)
	f.Add("\"]]--\\", "\\\"\t%d {{ x }}", 0.01)
	f.Add("] ]=] ${x} \u2028", "]] end) --", 33.333333333333336)
	f.Add("x", "", 1e-300)
	f.Fuzz(func(t *testing.T, title, subject string, share float64) {
		b := draft("fuzz")
		b.Title = title
		b.Parts = []engine.BroadcastPart{{Share: share, Subject: subject, Texts: b.Parts[0].Texts}, {Share: 100 - share, Texts: b.Parts[0].Texts}}
		if engine.CheckBroadcast(&b) != nil {
			return
		}
		if err := engine.CompileBroadcast(&b); err != nil {
			t.Errorf("%q %q %v: %v", title, subject, share, err)
		}
	})
}
