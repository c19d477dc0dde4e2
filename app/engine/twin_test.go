package engine_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// The promise of durable runs: restarts, edits of the script and late timers change no decision. A script that is drawn
// at random meets events that are drawn at random, twice: once on time and without interruption, once with everything
// that may come in between.
func TestAResumedRunDecidesWhatOneThatNeverSleptDecides(t *testing.T) {
	t.Run("a thousand times", func(t *testing.T) {
		source := journey("j", twoStages, "a", `stage { title = "A" }
enter(function(customer)
  local sum = 0
  for i = 1, 1000 do
    wait "1 hour"
    sum = sum + random(1000)
  end
  set("sum", sum)
  send "hello"
end)`, "b", `stage { title = "B" }`)
		compare(t, rand.New(rand.NewSource(1)), source, []string{"ada"}, func(*harness, string, *rand.Rand) lifecycle.Event {
			return lifecycle.Event{Type: lifecycle.Track, Name: "Ping"}
		}, 50, 24*time.Hour)
	})
	for seed := range int64(5) {
		t.Run(fmt.Sprint("drawn by seed ", seed), func(t *testing.T) {
			draw := rand.New(rand.NewSource(seed))
			compare(t, draw, drawJourney(draw), []string{"ada", "bob"}, drawEvent, 40, 40*time.Hour)
		})
	}
}

// compare gives the same events to a twin without interruption and to one that is disturbed, and compares their lives.
func compare(t *testing.T, draw *rand.Rand, source script.Source, users []string,
	event func(*harness, string, *rand.Rand) lifecycle.Event, events int, pause time.Duration) {
	undisturbed, disturbed := newHarness(t, source), newHarness(t, source)
	owned := true
	for n := range events {
		user := users[draw.Intn(len(users))]
		e := event(undisturbed, user, draw)
		e.UserID, e.MessageID = user, fmt.Sprint("m", n)
		e.Timestamp = undisturbed.clock.Now().Add(-time.Duration(draw.Intn(3)) * time.Hour)
		undisturbed.receive(e)
		disturbed.receive(e)

		switch draw.Intn(8) {
		case 0:
			disturbed.restart()
			owned = true
		case 1: // nobody fires timers until the next restart
			disturbed.store.StopOwning()
			owned = false
		case 2: // an edit: every run that waits is of an older version from here on
			for path := range source.Files {
				if strings.HasSuffix(path, ".lua") {
					source.Files[path] = append(source.Files[path], fmt.Sprintf("\n-- edit %d", n)...)
				}
			}
			disturbed.publish(source)
		case 3: // a version that would do something else, taken back before anything happens
			if !owned {
				disturbed.restart()
				owned = true
			}
			disturbed.rest(users) // what is due already belongs to the version before
			other := script.Source{Name: source.Name, Files: map[string][]byte{}}
			for path, text := range source.Files {
				other.Files[path] = []byte(strings.ReplaceAll(string(text), `log(`, `log("another version", `))
			}
			disturbed.publish(other)
			if draw.Intn(2) == 0 {
				disturbed.restart()
			}
			disturbed.publish(source)
		}
		for range 3 { // on time for one, late for the other
			d := time.Duration(draw.Int63n(int64(pause)))
			undisturbed.clock.Advance(d)
			undisturbed.rest(users)
			disturbed.clock.Advance(d)
		}
	}
	if !owned {
		disturbed.restart()
	}
	for _, h := range []*harness{undisturbed, disturbed} {
		h.clock.Advance(100 * day24)
		for i, user := range users {
			h.receive(lifecycle.Event{Type: lifecycle.Track, Name: "End", UserID: user, MessageID: fmt.Sprint("end", i)})
		}
		h.rest(users)
	}
	ignored := cmp.Options{
		cmpopts.IgnoreUnexported(lifecycle.Customer{}), cmpopts.IgnoreFields(lifecycle.Visit{}, "Version"), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(lifecycle.RunRef{}, "Version"), cmpopts.IgnoreFields(lifecycle.Message{}, "Version"),
	}
	steps := 0
	for _, user := range users {
		one, two := undisturbed.life(user), disturbed.life(user)
		steps += len(one)
		for i := range max(len(one), len(two)) {
			if i >= len(one) || i >= len(two) || !cmp.Equal(one[i], two[i]) {
				t.Fatalf("%s lives differently from step %d on:\n%s\n\nundisturbed: %+v\n\ndisturbed: %+v",
					user, i, written(source), nth(one, i), nth(two, i))
			}
		}
		if d := cmp.Diff(undisturbed.customer(user), disturbed.customer(user), ignored); d != "" {
			t.Fatalf("%s ends differently:\n%s", user, d)
		}
	}
	if a, b := undisturbed.book.sent(), disturbed.book.sent(); !cmp.Equal(a, b, ignored) {
		t.Fatalf("the messages differ: %s", cmp.Diff(a, b, ignored))
	}
	t.Logf("%d steps, %d messages, %d dead letters", steps, len(undisturbed.book.messages), len(undisturbed.letters()))
}

// rest waits until nothing is due for the users and nobody's event waits its turn.
func (h *harness) rest(users []string) {
	h.t.Helper()
	for _, user := range users {
		h.eventually(func() bool {
			c, err := h.engine.FindCustomer(h.t.Context(), user)
			return err != nil || c.Due.IsZero() || c.Due.After(h.clock.Now())
		})
	}
}

// life returns a customer's timeline, oldest first.
func (h *harness) life(user string) []engine.TimelineEntry {
	h.t.Helper()
	id := h.customer(user).ID
	var timeline []engine.TimelineEntry
	h.eventually(func() bool {
		timeline, _ = h.engine.Timeline(h.t.Context(), id, 100_000)
		return len(timeline) > 0 && timeline[0].Event != nil && timeline[0].Event.Name == "End"
	})
	for i, j := 0, len(timeline)-1; i < j; i, j = i+1, j-1 {
		timeline[i], timeline[j] = timeline[j], timeline[i]
	}
	for _, entry := range timeline {
		for i := range entry.Facts {
			entry.Facts[i].Version = "" // edits make others, which decide the same
		}
	}
	return timeline
}

// sent returns the messages by ID.
func (b *book) sent() map[lifecycle.ID]lifecycle.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[lifecycle.ID]lifecycle.Message{}
	for _, m := range b.messages {
		all[m.ID] = *m
	}
	return all
}

func nth(entries []engine.TimelineEntry, i int) any {
	if i >= len(entries) {
		return "nothing more"
	}
	return fmt.Sprintf("%+v %+v", entries[i].Event, entries[i])
}

func written(source script.Source) string {
	var text strings.Builder
	for _, path := range source.Paths() {
		if strings.HasSuffix(path, ".lua") {
			fmt.Fprintf(&text, "-- %s\n%s\n", path, source.Files[path])
		}
	}
	return text.String()
}

func drawEvent(h *harness, user string, draw *rand.Rand) lifecycle.Event {
	event := lifecycle.Event{Type: lifecycle.Track, Properties: []byte(fmt.Sprintf(`{"n":%d}`, draw.Intn(100)))}
	switch draw.Intn(12) {
	case 0:
		return lifecycle.Event{Type: lifecycle.Identify, Traits: []byte(fmt.Sprintf(`{"plan":"p%d","timezone":"Europe/Paris"}`, draw.Intn(3)))}
	case 1:
		event.Name = "Goal"
	case 2:
		event.Name = "Out"
	case 3, 4:
		event.Name = "Ping"
	case 5, 6:
		event.Name = "Email Clicked"
		if m := h.book.message("hello"); m != nil {
			event.Properties = []byte(`{"message":"` + m.ID.String() + `"}`)
		}
	default:
		event.Name = "Order"
	}
	return event
}

// drawJourney writes a journey at random.
func drawJourney(draw *rand.Rand) script.Source {
	w := &scriptWriter{draw: draw}
	plan := `journey { title = "J", stages = { "a", "b", "c" },
  moves = { a = { "b", "c" }, b = { "a", "c" }, c = { "a", "b" } } }
` + w.handlers(2)
	files := []string{}
	for _, stage := range []string{"a", "b", "c"} {
		options := []string{`title = "S"`}
		if draw.Intn(2) == 0 {
			options = append(options, `goal = "Goal", next = "`+map[string]string{"a": "b", "b": "c", "c": "a"}[stage]+`"`)
		}
		if draw.Intn(2) == 0 {
			options = append(options, `exit = "Out"`)
		}
		options = append(options, `reenter = "`+w.one("always", "2 days", "always")+`"`)
		files = append(files, stage, "stage { "+strings.Join(options, ", ")+" }\n"+w.handlers(4))
	}
	return journey("j", plan, files...)
}

// scriptWriter writes scripts at random.
type scriptWriter struct {
	draw  *rand.Rand
	depth int
}

func (w *scriptWriter) one(texts ...string) string { return texts[w.draw.Intn(len(texts))] }

func (w *scriptWriter) handlers(n int) string {
	var text strings.Builder
	for range 1 + w.draw.Intn(n) {
		body := "(function(customer, event)\n" + w.block(4) + "end"
		head := w.one("enter", "on", "on", "on", "idle", "leave")
		switch head {
		case "on":
			name := w.one("Order", "Order", "Ping", "Paid")
			text.WriteString(`on("` + name + `", ` + body[1:] + w.one("", "", ", { parallel = true }") + ")\n")
		case "idle":
			text.WriteString(`idle("` + w.one("Order", "Ping") + `", "` + w.one("3 days", "30 hours") + `", ` + body[1:] + ")\n")
		case "leave":
			text.WriteString(`leave(function(customer) log("leaves", customer.stage, customer.score) tag "left" end)` + "\n")
		default:
			text.WriteString(head + body + ")\n")
		}
	}
	return text.String()
}

func (w *scriptWriter) block(n int) string {
	var text strings.Builder
	for range 1 + w.draw.Intn(n) {
		text.WriteString("do " + w.statement() + " end\n")
	}
	return text.String()
}

func (w *scriptWriter) statement() string {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth <= 3 {
		switch w.draw.Intn(10) {
		case 0:
			return "if random() < 0.5 then\n" + w.block(3) + "else\n" + w.block(3) + "end"
		case 1:
			return "for i = 1, random(3) do\nlog(\"round\", i)\n" + w.block(2) + "end"
		case 2:
			return "local ok, why = pcall(function()\n" + w.block(2) + "error(\"on purpose\") end) log(ok)"
		}
	}
	return w.one(
		`log("now", now(), customer.stage, event and event.properties.n)`,
		`wait "`+w.one("10 minutes", "7 hours", "1 day", "36 hours")+`"`,
		`wait "`+w.one("10 minutes", "7 hours", "1 day", "36 hours")+`"`,
		`wait_until "`+w.one("09:00", "mon-fri 08:30", "sat 23:59")+`"`,
		`local e = wait_for("Order", "`+w.one("5 hours", "2 days")+`") log("woken by", e and e.properties.n, e and e.timestamp)`,
		`local e = wait_for("Ping", "1 day", { n = `+fmt.Sprint(w.draw.Intn(4))+` }) log("filtered", e ~= nil)`,
		`local hello = send "hello" local e = wait_for(hello, "clicked", "2 days") log("clicked", e ~= nil, hello.id)`,
		`send "`+w.one("reminder", "bye")+`"`,
		`set("plan", "s" .. random(5)) log("plan", customer.traits.plan)`,
		`log("plan", customer.traits.plan, customer.tags.vip)`,
		`tag "vip"`, `untag "vip"`,
		`score(random(10), { half_life = "1 day" }) log("score", customer.score)`,
		`score(1)`,
		`log("split", split("s", "a", "b", "c"), "choose", choose("c", { "x", "y", "z" }))`,
		`log("orders", count "Order", count("Order", "3 days"), sum("Order", "n", "5 days"))`,
		`local e = last "Order" log("last", e and e.properties.n, e and e.timestamp)`,
		`track("Paid", { n = random(100) })`,
		`if customer.score > 9 then error("too many points") end`,
		`if random(4) == 1 then move "`+w.one("a", "b", "c")+`" end`,
	)
}
