package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// start is where the clock of every test begins.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// harness is an engine on a real store, with a clock that is moved by hand. What it decides is written down as text.
type harness struct {
	t      *testing.T
	dir    string
	clock  *lifecycle.ManualClock
	host   *script.Host
	engine *engine.Engine
	store  *store.Store
	book   *book
	zone   *time.Location
	order  []string // precedence of sources
	logs   strings.Builder
	n      int
}

func newHarness(t *testing.T, journeys ...script.Source) *harness {
	h := &harness{t: t, dir: t.TempDir(), clock: lifecycle.NewManualClock(start), book: &book{}}
	h.open()
	t.Cleanup(func() { h.store.Close() })
	for _, source := range journeys {
		h.publish(source)
	}
	return h
}

func (h *harness) open() {
	h.t.Helper()
	var err error
	h.host = script.New(script.Limits{Wall: time.Minute}) // a step is not to fail because the machine is busy
	if h.store, err = store.Open(store.Options{Dir: h.dir}); err != nil {
		h.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(h.t.Output(), &h.logs), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.engine = engine.New(engine.Options{Clock: h.clock, Host: h.host, Outbox: h.book, Recorder: h.book, Log: log, MaxPending: 10000, Zone: h.zone, Precedence: h.order})
	h.engine.Bind(h.store)
	h.store.Start(machine{h.engine})
}

// restart closes the store and opens it again, as a new start of the program would.
func (h *harness) restart() {
	h.t.Helper()
	if err := h.store.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.open()
}

func (h *harness) publish(source script.Source) {
	h.t.Helper()
	if err := h.engine.Publish(context.Background(), engine.Publish{Source: source, Mode: lifecycle.Live}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) mode(journey string, mode lifecycle.Mode) {
	h.t.Helper()
	if err := h.engine.SetMode(context.Background(), engine.SetMode{Journey: journey, Mode: mode}); err != nil {
		h.t.Fatal(err)
	}
}

// event makes a track event with a message ID of its own.
func (h *harness) event(user, name string, properties ...any) lifecycle.Event {
	h.n++
	event := lifecycle.Event{Type: lifecycle.Track, Name: name, UserID: user, MessageID: fmt.Sprint("m", h.n)}
	if len(properties) > 0 {
		object := map[string]any{}
		for i := 0; i+1 < len(properties); i += 2 {
			object[properties[i].(string)] = properties[i+1]
		}
		event.Properties, _ = json.Marshal(object)
	}
	return event
}

func (h *harness) receive(events ...lifecycle.Event) []engine.Receipt {
	h.t.Helper()
	results, err := h.engine.Receive(context.Background(), events)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.receipts(results)
}

func (h *harness) receipts(results []store.Result) []engine.Receipt {
	h.t.Helper()
	var receipts []engine.Receipt
	for _, result := range results {
		if result.Err != nil {
			h.t.Fatal(result.Err)
		}
		receipts = append(receipts, result.Answer.(engine.Receipt))
	}
	return receipts
}

func (h *harness) track(user, name string, properties ...any) {
	h.t.Helper()
	h.receive(h.event(user, name, properties...))
}

// history imports events, each with its time.
func (h *harness) history(source string, events ...lifecycle.Event) []engine.Receipt {
	h.t.Helper()
	var lines []engine.Line
	for _, event := range events {
		lines = append(lines, engine.Line{ID: event.MessageID, Event: event})
	}
	results, err := h.engine.Import(context.Background(), source, lines)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.receipts(results)
}

func (h *harness) openImport(source string) {
	h.t.Helper()
	if err := h.engine.OpenImport(context.Background(), source, true); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) closeImport(source string, abort bool) {
	h.t.Helper()
	for {
		progress, err := h.engine.CloseImport(context.Background(), source, h.clock.Now(), abort, time.Millisecond)
		if err != nil {
			h.t.Fatal(err)
		}
		if progress.State == engine.ImportClosed {
			return
		}
	}
}

func at(event lifecycle.Event, days float64) lifecycle.Event {
	event.Timestamp = start.Add(time.Duration(days * 24 * float64(time.Hour)))
	return event
}

func (h *harness) customer(user string) *lifecycle.Customer {
	h.t.Helper()
	answer, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: user})
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.Customer
}

func (h *harness) letters() []engine.DeadLetter {
	h.t.Helper()
	var all []engine.DeadLetter
	for p := range h.store.Partitions() {
		answer, err := h.store.Ask(context.Background(), p, engine.DeadLetters{Limit: 100})
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, answer.([]engine.DeadLetter)...)
	}
	return all
}

// want waits until the book holds as many lines as expected and compares them. Lines of several customers are sorted
// by time first, as partitions work side by side.
func (h *harness) want(golden string) {
	h.t.Helper()
	expected := strings.Split(strings.TrimSpace(dedent(golden)), "\n")
	deadline := time.Now().Add(2 * time.Minute)
	for h.book.len() < len(expected) && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if got, want := h.book.text(), strings.Join(expected, "\n"); got != want {
		h.t.Errorf("decisions differ\n got:\n%s\nwant:\n%s", got, want)
	}
}

func dedent(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

// machine lets the store run the engine alone.
type machine struct{ engine *engine.Engine }

func (m machine) Apply(tx store.Tx, input any) (any, error) {
	if in, ok := input.(settled); ok {
		m.engine.Settled(tx, in.message, in.at)
		return nil, nil
	}
	if in, ok := input.(heldOut); ok {
		return m.engine.HeldOut(tx, in.message), nil
	}
	if in, ok := input.(bequeath); ok {
		return m.engine.Inherit(tx, in.message, nil, in.at), nil
	}
	if change, ok := input.(func(store.Tx) error); ok {
		return nil, change(tx)
	}
	answer, _, err := m.engine.Apply(tx, input)
	return answer, err
}

func (m machine) Ask(tx store.Reader, query any) (any, error) {
	if name, ok := query.(modeOf); ok {
		return m.engine.Mode(tx, string(name)), nil
	}
	answer, _, err := m.engine.Ask(tx, query)
	return answer, err
}

func (m machine) Own(ctx context.Context, partition int) { m.engine.Own(ctx, partition) }

// book writes down what is decided: "day user what".
type book struct {
	mu       sync.Mutex
	lines    []entry
	messages []*lifecycle.Message
	waiting  map[string]int                    // by "file:line version"
	leaves   map[string]time.Time              // when messages of a name may leave
	becomes  map[string]lifecycle.MessageState // the state in which messages of a name are put

	channelPaused   atomic.Bool
	marketingPaused atomic.Bool
	owedPaused      atomic.Bool
}

type entry struct {
	at   time.Time
	text string
}

// Put keeps the message, and lets one that a test asks for leave later.
func (b *book) Put(_ store.Tx, m *lifecycle.Message, _ *lifecycle.Customer, _ time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if leaves, ok := b.leaves[m.Name]; ok && m.State == lifecycle.Queued {
		m.Due = leaves
	}
	if state, ok := b.becomes[m.Name]; ok {
		m.State = state
	}
	clone := *m
	b.messages = append(b.messages, &clone)
}

func (b *book) PutRendered(tx store.Tx, m *lifecycle.Message, _ *lifecycle.Rendered, customer *lifecycle.Customer, at time.Time) {
	b.Put(tx, m, customer, at)
}

func (b *book) Watch(_ store.Tx, decided time.Time, id lifecycle.ID) (lifecycle.MessageState, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.ID == id && m.Decided.Equal(decided) {
			m.Watched = true
			return m.State, m.Reason
		}
	}
	return "", ""
}

// Left reports whether a message was put that is not kept back and need not wait.
func (b *book) Left(_ store.Reader, decided time.Time, id lifecycle.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.ID == id && m.Decided.Equal(decided) {
			return m.Channel != "webhook" && (m.State == lifecycle.Queued || m.State == lifecycle.Accepted) && !m.Due.After(m.Decided)
		}
	}
	return false
}

// Sent returns a message, which went to its name at example.com.
func (b *book) Sent(_ store.Reader, decided time.Time, id lifecycle.ID) (*lifecycle.Message, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.ID == id && m.Decided.Equal(decided) {
			clone := *m
			return &clone, m.Name + "@example.com"
		}
	}
	return nil, ""
}

// ChannelPaused reports what a test has paused.
func (b *book) ChannelPaused(_ store.Reader, channel string, kind lifecycle.MessageKind) (all, ofKind bool) {
	paused := &b.owedPaused
	if kind == lifecycle.Marketing {
		paused = &b.marketingPaused
	}
	return channel == "email" && b.channelPaused.Load(), channel == "email" && paused.Load()
}

// Free does nothing: no message waits here.
func (b *book) Free(store.Tx, lifecycle.ID) {}

// WrittenTo returns whom the address is a name of, in this partition.
func (b *book) WrittenTo(tx store.Reader, _, address string) []lifecycle.Addressee {
	id := (lifecycle.Identity{Kind: lifecycle.UserID, Value: address}).Hash()
	if id.Partition() != tx.Partition() {
		return nil
	}
	return []lifecycle.Addressee{{Customer: id}}
}

// message returns the newest message of a name.
func (b *book) message(name string) *lifecycle.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.messages) - 1; i >= 0; i-- {
		if b.messages[i].Name == name {
			clone := *b.messages[i]
			return &clone
		}
	}
	return nil
}

// bequeath asks for what delivery asks for when a queued message's customer has been merged.
type bequeath struct {
	message *lifecycle.Message
	at      time.Time
}

// all returns the messages that were put.
func (b *book) all() []*lifecycle.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*lifecycle.Message(nil), b.messages...)
}

// settle says what became of a message, as delivery does.
func (b *book) settle(id lifecycle.ID, state lifecycle.MessageState, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.ID == id {
			m.State, m.Settled = state, at
		}
	}
}

func (b *book) Fold(tx store.Tx, decision *lifecycle.Decision) {
	facts := append([]lifecycle.Fact(nil), decision.Facts...)
	tx.After(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range facts {
			b.gauge(f)
			if text := describe(f); text != "" {
				b.lines = append(b.lines, entry{f.At, fmt.Sprintf("%s %s", day(f.At), text)})
			}
		}
	})
}

// gauge counts how many runs wait at a line.
func (b *book) gauge(f lifecycle.Fact) {
	if b.waiting == nil {
		b.waiting = map[string]int{}
	}
	where := fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Version)
	switch f.Kind {
	case lifecycle.FactWaits:
		b.waiting[where]++
	case lifecycle.FactWoke:
		if b.waiting[where]--; b.waiting[where] == 0 {
			delete(b.waiting, where)
		}
	}
}

// gauges returns how many runs wait by "file:line".
func (b *book) gauges() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for where, count := range b.waiting {
		lines = append(lines, fmt.Sprintf("%s=%d", strings.Fields(where)[0], count))
	}
	sort.Strings(lines)
	return strings.Join(lines, " ")
}

func day(at time.Time) string {
	days := at.Sub(start).Hours() / 24
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.4f", days), "0"), ".")
}

func describe(f lifecycle.Fact) string {
	where := f.Journey + "/"
	switch f.Kind {
	case lifecycle.FactEvent:
		return "event " + cmp.Or(f.Name, "identify")
	case lifecycle.FactLate:
		return "late " + f.Name
	case lifecycle.FactEntered:
		return "entered " + where + f.To
	case lifecycle.FactMoved:
		return "moved " + where + f.From + ">" + f.To
	case lifecycle.FactRefused:
		return "refused " + where + f.From + ">" + f.To + ": " + f.Reason
	case lifecycle.FactConverted:
		return "converted " + where + f.From
	case lifecycle.FactMessage:
		return "message " + where + f.From + " " + f.Name + " " + f.Reason
	case lifecycle.FactReceipt:
		return fmt.Sprintf("%s %s %s:%d", f.To, f.Name, f.File, f.Line)
	case lifecycle.FactLogged:
		return "log " + where + f.From + " " + f.Reason
	case lifecycle.FactFailed:
		return fmt.Sprintf("failed %s%s %s:%d", where, f.From, f.File, f.Line)
	case lifecycle.FactMerged:
		return "merged " + where + f.From
	case lifecycle.FactExited:
		return "exited " + where + f.From + " " + f.Name
	case lifecycle.FactChose:
		return fmt.Sprintf("chose %s%s %s=%s %g", where, f.From, f.Name, f.Reason, f.Amount)
	case lifecycle.FactSet:
		return "set " + f.Name + "=" + f.Reason
	case lifecycle.FactTagged:
		return "tagged " + f.Name
	case lifecycle.FactUntagged:
		return "untagged " + f.Name
	case lifecycle.FactScored:
		return fmt.Sprintf("scored %g", f.Amount)
	case lifecycle.FactThreshold:
		return strings.TrimSpace(fmt.Sprintf("score %s %s %g %s", f.Name, f.To, f.Amount, f.Reason))
	case lifecycle.FactTracked:
		return strings.TrimSpace("tracked " + f.Name + " " + f.To + " " + f.Reason)
	case lifecycle.FactSegment:
		return strings.TrimSpace("segment " + f.To + " " + f.Name + " " + f.Reason)
	case lifecycle.FactPlaced:
		return "placed " + where + f.From + ">" + f.To
	}
	return ""
}

func (b *book) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// text returns the lines in order of time.
func (b *book) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := append([]entry(nil), b.lines...)
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].at.Before(lines[j].at) })
	var texts []string
	for _, line := range lines {
		texts = append(texts, line.text)
	}
	return strings.Join(texts, "\n")
}

func (b *book) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = nil
}

// journey makes a source from files given as "name", "content" pairs; messages named in mails are added.
func journey(name, plan string, files ...string) script.Source {
	source := script.Source{Name: name, Files: map[string][]byte{"journey.lua": []byte(plan)}}
	for i := 0; i+1 < len(files); i += 2 {
		source.Files[files[i]+".lua"] = []byte(files[i+1])
	}
	for _, mail := range []string{"hello", "reminder", "bye"} {
		source.Files["messages/"+mail+".email.liquid"] = []byte("---\nsubject: " + mail + "\n---\n" + mail + "\n")
	}
	return source
}

// eventually waits for what owners do on their own.
func (h *harness) eventually(done func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatal("it did not happen within two minutes")
		}
	}
}
