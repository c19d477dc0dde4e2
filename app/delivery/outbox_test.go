package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// start is where the clock of every test begins.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// post is a delivery on a real store, with a clock that is moved by hand and a connector that does as the test says.
type post struct {
	t         testing.TB
	dir       string
	clock     *lifecycle.ManualClock
	refs      map[lifecycle.ID]string // of messages that were looked at
	connector *connector
	templates templates
	modes     modes        // of journeys
	looked    atomic.Int64 // records that questions have read
	watched   watched      // what the watcher was told
	testTo    string
	policy    delivery.Policy
	heldOut   func(m *lifecycle.Message) bool // nil: nobody is asked
	further   []string                        // channels beside email, by the same connector
	webhook   *connector                      // nil: there is no such channel
	inapp     bool                            // there is the channel of inboxes
	connect   func(*delivery.Delivery)        // connects what ends in this program; nil: nothing
	links     lifecycle.Links
	tracking  lifecycle.Tracking
	trackURL  string
	delivery  *delivery.Delivery
	store     *store.Store
	facts     *facts
	own       chan struct{}         // closed when owners may own
	refuse    func(input any) error // inputs of this life that fail; nil: none
	boots     int
	stop      func() // ends the senders and waits for them
	customers int
	messages  int
}

func newPost(t testing.TB, c *connector, change ...func(p *post)) *post {
	p := &post{t: t, dir: t.TempDir(), clock: lifecycle.NewManualClock(start), refs: map[lifecycle.ID]string{}, connector: c, facts: &facts{},
		own: make(chan struct{}), templates: templates{
			"hello":     {Front: map[string]string{"subject": "Hello {{ customer.first_name | default: \"you\" }}"}, Body: "Good to see you."},
			"personal":  {Front: map[string]string{"subject": "Hello"}, Body: "Dear {{ customer.first_name }}"},
			"insistent": {Front: map[string]string{"subject": "Hello", "in_doubt": "retry"}, Body: "Hello"},
			"cautious":  {Front: map[string]string{"subject": "Hello", "in_doubt": "hold"}, Body: "Hello"},
			"long":      {Front: map[string]string{"subject": "Long"}, Body: strings.Repeat("<p>All work and no play.</p>\n", 7000)},
		}}
	c.clock = p.clock
	for _, change := range change {
		change(p)
	}
	close(p.own)
	p.open()
	return p
}

func (p *post) open() {
	p.t.Helper()
	var err error
	if p.store, err = store.Open(store.Options{Dir: p.dir}); err != nil {
		p.t.Fatal(err)
	}
	opened := p.store
	p.t.Cleanup(func() { opened.Close() })
	p.boots++
	log := slog.New(slog.NewTextHandler(p.t.Output(), nil))
	p.delivery = delivery.New(delivery.Options{Clock: p.clock, Recorder: p.facts, Templates: p.templates, Policy: p.policy,
		PublicURL: "https://example.com", Links: p.links, Tracking: p.tracking, TrackingURL: p.trackURL, TestAddress: p.testTo, Boot: fmt.Sprint("boot ", p.boots), Log: log})
	p.delivery.SetJourneys(&p.modes)
	p.delivery.SetWatcher(&p.watched)
	if p.heldOut != nil {
		p.delivery.SetHoldOuts(holdouts(p.heldOut))
	}
	for _, channel := range append([]string{"email"}, p.further...) {
		p.delivery.Connect(channel, p.connector)
	}
	if p.webhook != nil {
		p.delivery.Connect("webhook", p.webhook)
	}
	if p.inapp {
		p.delivery.Connect("inapp", p.delivery.InApp(p.connector))
	}
	if p.connect != nil {
		p.connect(p.delivery)
	}
	p.delivery.Bind(p.store)
	p.store.Start(machine{p.delivery, p.own, p.refuse, &p.looked})
}

// run lets the senders work until the test ends, or stop is called.
func (p *post) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	d := p.delivery
	go func() { defer close(done); d.Run(ctx) }()
	p.stop = func() { cancel(); <-done }
	p.t.Cleanup(p.stop)
}

// customer stores one with traits given as name, value.
func (p *post) customer(traits ...any) lifecycle.ID {
	p.customers++
	id := lifecycle.HashID("customer", fmt.Sprint(p.customers))
	p.traits(id, traits...)
	return id
}

func (p *post) traits(id lifecycle.ID, traits ...any) {
	p.t.Helper()
	customer := lifecycle.Customer{ID: id}
	for i := 0; i+1 < len(traits); i += 2 {
		raw, _ := json.Marshal(traits[i+1])
		customer.SetTrait(traits[i].(string), raw)
	}
	p.do(id.Partition(), func(tx store.Tx) { tx.Set(append([]byte{'c'}, id[:]...), store.Encode(&customer)) })
}

func (p *post) do(partition int, input act) {
	p.t.Helper()
	if _, err := p.store.Do(context.Background(), partition, input); err != nil {
		p.t.Fatal(err)
	}
}

// message makes one that is due now.
func (p *post) message(customer lifecycle.ID, kind lifecycle.MessageKind, name string) *lifecycle.Message {
	p.messages++
	now := p.clock.Now()
	return &lifecycle.Message{ID: lifecycle.HashID("message", fmt.Sprint(p.messages)), Customer: customer, Journey: "j",
		Version: "1", Stage: "a", Name: name, Channel: "email", Kind: kind, Decided: now, Due: now, State: lifecycle.Queued}
}

// put gives messages to the outbox, each in the partition of its customer.
func (p *post) put(messages ...*lifecycle.Message) {
	p.t.Helper()
	var items []store.Item
	for _, m := range messages {
		items = append(items, store.Item{Partition: m.Customer.Partition(), Input: act(func(tx store.Tx) {
			customer := &lifecycle.Customer{ID: m.Customer}
			if data := tx.Get(append([]byte{'c'}, m.Customer[:]...)); data != nil {
				if err := store.Decode(data, customer); err != nil {
					panic(err)
				}
			}
			p.delivery.Put(tx, m, customer, p.clock.Now())
		})})
	}
	for _, result := range p.store.DoAll(context.Background(), items) {
		if result.Err != nil {
			p.t.Fatal(result.Err)
		}
	}
}

// send makes and puts a message and returns it.
func (p *post) send(customer lifecycle.ID, kind lifecycle.MessageKind, name string) *lifecycle.Message {
	p.t.Helper()
	m := p.message(customer, kind, name)
	p.put(m)
	return m
}

// look returns a message as it is stored.
func (p *post) look(m *lifecycle.Message) delivery.FullMessage {
	p.t.Helper()
	partition := m.Customer.Partition()
	if p.refs[m.ID] == "" {
		list, err := p.store.Ask(context.Background(), partition, delivery.Newest{Limit: 10000})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, listed := range list.([]delivery.Listed) {
			p.refs[listed.ID] = listed.Ref
		}
	}
	answer, err := p.store.Ask(context.Background(), partition, delivery.OneMessage{Ref: p.refs[m.ID]})
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.(delivery.FullMessage)
}

// becomes waits until a message is in a state and returns it.
func (p *post) becomes(m *lifecycle.Message, state lifecycle.MessageState) delivery.FullMessage {
	p.t.Helper()
	var full delivery.FullMessage
	p.eventually(func() bool { full = p.look(m); return full.State == state }, func() string {
		return fmt.Sprintf("message is %s (%s), want %s", full.State, full.Reason, state)
	})
	return full
}

// queuedFor waits until a message is queued again for a moment.
func (p *post) queuedFor(m *lifecycle.Message, due time.Time) delivery.FullMessage {
	p.t.Helper()
	var full delivery.FullMessage
	p.eventually(func() bool { full = p.look(m); return full.State == lifecycle.Queued && full.Due.Equal(due) }, func() string {
		return fmt.Sprintf("message is %s, due %v, want queued, due %v", full.State, full.Due.UTC(), due)
	})
	return full
}

func (p *post) eventually(done func() bool, why func() string) {
	p.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatal(why())
		}
	}
}

// counts waits until the figures know of something as often as it happened.
func (p *post) counts(what string, want int) {
	p.t.Helper()
	p.eventually(func() bool { return p.facts.count(what) == want },
		func() string { return fmt.Sprintf("%q was counted %d times, want %d", what, p.facts.count(what), want) })
}

// quiet gives senders the time to do what they should not.
func quiet() { time.Sleep(30 * time.Millisecond) }

// crash ends the process in the eyes of the store: whatever the senders still do finds it closed. Then a new start of
// the program opens it again.
func (p *post) crash() {
	p.t.Helper()
	if err := p.store.Close(); err != nil {
		p.t.Fatal(err)
	}
	c := newConnector()
	c.clock, c.idempotent = p.clock, p.connector.idempotent
	p.connector, p.refuse = c, nil
	p.open()
}

// machine lets the store run the delivery, and whatever a test wants written.
type machine struct {
	delivery *delivery.Delivery
	own      chan struct{}
	refuse   func(input any) error
	looked   *atomic.Int64
}

type act func(tx store.Tx)

func (m machine) Apply(tx store.Tx, input any) (any, error) {
	if write, ok := input.(act); ok {
		write(tx)
		return nil, nil
	}
	if m.refuse != nil {
		if err := m.refuse(input); err != nil {
			return nil, err
		}
	}
	answer, _, err := m.delivery.Apply(tx, input)
	return answer, err
}

func (m machine) Ask(tx store.Reader, query any) (any, error) {
	answer, _, err := m.delivery.Ask(counted{tx, m.looked}, query)
	return answer, err
}

// counted counts the records that questions read.
type counted struct {
	store.Reader
	looked *atomic.Int64
}

func (c counted) Get(key []byte) []byte {
	c.looked.Add(1)
	return c.Reader.Get(key)
}

func (m machine) Own(ctx context.Context, partition int) {
	select {
	case <-m.own:
		m.delivery.Own(ctx, partition)
	case <-ctx.Done():
	}
}

// templates are found by name.
type templates map[string]*lifecycle.Template

func (t templates) Template(_ store.Reader, version, name, channel, _ string) (*lifecycle.Template, error) {
	if template := t[name]; template != nil {
		copied := *template
		copied.Name, copied.Channel, copied.File, copied.Line = name, channel, "j/messages/"+name+".email.liquid", 4
		return &copied, nil
	}
	return nil, lifecycle.Errorf(lifecycle.NotFound, "version %s has no message %q", version, name)
}

// modes are those of journeys; the zero value has all of them live. Unlike the engine's they change at once.
type modes struct {
	mu     sync.Mutex
	braked map[string]lifecycle.Mode
}

func (m *modes) set(journey string, mode lifecycle.Mode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.braked == nil {
		m.braked = map[string]lifecycle.Mode{}
	}
	m.braked[journey] = mode
}

func (m *modes) Mode(_ store.Reader, journey string) lifecycle.Mode {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mode, ok := m.braked[journey]; ok {
		return mode
	}
	return lifecycle.Live
}

func (m *modes) AnyHeld(store.Reader) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mode := range m.braked {
		if mode == lifecycle.Braked || mode == lifecycle.Shadow {
			return true
		}
	}
	return false
}

// watched keeps what the watcher was told, once it is committed.
type watched struct {
	mu  sync.Mutex
	all []string
}

func (w *watched) Settled(tx store.Tx, m *lifecycle.Message, _ time.Time) {
	text := fmt.Sprint(m.ID, " ", m.State, " ", m.Reason)
	tx.After(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, text)
	})
}

func (w *watched) told(m *lifecycle.Message) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var told []string
	for _, text := range w.all {
		if rest, ok := strings.CutPrefix(text, m.ID.String()+" "); ok {
			told = append(told, rest)
		}
	}
	return told
}

// facts keeps what was committed.
type facts struct {
	mu  sync.Mutex
	all []string
}

func (f *facts) Fold(tx store.Tx, decision *lifecycle.Decision) {
	var texts []string
	for _, fact := range decision.Facts {
		text := string(fact.Kind)
		if fact.Kind == lifecycle.FactSettled {
			text = fact.From + ">" + fact.To
		}
		texts = append(texts, text)
	}
	tx.After(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all = append(f.all, texts...)
	})
}

func (f *facts) count(text string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, fact := range f.all {
		if fact == text {
			n++
		}
	}
	return n
}

// connector is one that a test writes the part of: answer is asked for every message.
type connector struct {
	clock      *lifecycle.ManualClock
	ready      atomic.Bool
	idempotent bool
	answer     func(m channels.Outgoing) lifecycle.Receipt
	gate       func(batch []channels.Outgoing) // may block; before the batch is counted as sent
	short      bool                            // it gives one receipt too few
	blocks     chan struct{}                   // what it waits for before it answers; nil: nothing
	limits     *channels.Gate                  // of the channel; nil: none

	mu    sync.Mutex
	sent  []sending
	calls int // with or without an end
}

type sending struct {
	channels.Outgoing
	at time.Time
}

func newConnector() *connector {
	c := &connector{answer: func(channels.Outgoing) lifecycle.Receipt {
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}}
	c.ready.Store(true)
	return c
}

// replies is a connector that answers with these, one attempt after the other, and accepts from then on.
func replies(receipts ...lifecycle.Receipt) *connector {
	c := newConnector()
	c.answer = func(m channels.Outgoing) lifecycle.Receipt {
		if m.Attempt <= len(receipts) {
			return receipts[m.Attempt-1]
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}
	return c
}

func (c *connector) Ready() bool      { return c.ready.Load() }
func (c *connector) Idempotent() bool { return c.idempotent }

func (c *connector) Admit(ctx context.Context, most int, direct bool) *channels.Pass {
	if c.limits == nil {
		return channels.FreePass(most)
	}
	return c.limits.Enter(ctx, c.clock, most, direct)
}

func (c *connector) Send(_ context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	c.mu.Lock()
	c.calls++
	gate := c.gate
	c.mu.Unlock()
	if gate != nil {
		gate(batch)
	}
	c.mu.Lock()
	var receipts []lifecycle.Receipt
	for _, m := range batch {
		c.sent = append(c.sent, sending{m, c.clock.Now()})
		receipts = append(receipts, c.answer(m))
	}
	blocks := c.blocks
	c.mu.Unlock()
	if blocks != nil {
		<-blocks
	}
	if c.short {
		receipts = receipts[:len(receipts)-1]
	}
	return receipts
}

// hold sets the gate of a connector that is at work already.
func (c *connector) hold(gate func(batch []channels.Outgoing)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = gate
}

// sendings returns the attempts of a message that came to an end, or of all messages.
func (c *connector) sendings(m *lifecycle.Message) []sending {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []sending
	for _, s := range c.sent {
		if m == nil || s.ID == m.ID {
			found = append(found, s)
		}
	}
	return found
}

func (c *connector) called() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// A message that cannot be read is not in the way of those behind it.
func TestAnUnreadableMessageStaysAlone(t *testing.T) {
	p := newPost(t, newConnector())
	p.connector.ready.Store(false)
	ada := p.customer("email", address)
	broken, whole := p.message(ada, owed, "hello"), p.message(ada, owed, "hello")
	whole.Due = start.Add(1)
	p.put(broken, whole)
	p.do(ada.Partition(), func(tx store.Tx) {
		tx.Set(append(store.AppendTimeNewestFirst([]byte{'m'}, broken.Decided), broken.ID[:]...), []byte{0xff})
	})
	p.run()
	p.clock.Advance(time.Second)
	p.connector.ready.Store(true)
	p.eventually(func() bool { return len(p.connector.sendings(whole)) == 1 }, func() string { return "it has not left" })
	p.counts("queued>accepted", 1)
}
