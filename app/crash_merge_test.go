package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// mortal is a program on a store in memory that dies before any input a test likes, and lives again on what was committed.
type mortal struct {
	t      *testing.T
	clock  *lifecycle.ManualClock
	store  *store.Store
	line   *mortalLine
	births int
	left   atomic.Int64 // inputs until it dies
	dead   atomic.Bool
	life   atomic.Pointer[mortalLife]
	begun  [lifecycle.Partitions]chan *mortalLife // a life for the owner of each partition

	applied, committed atomic.Int64 // inputs; what is applied and not committed is seen by no question
}

type mortalLife struct {
	engine   *engine.Engine
	delivery *delivery.Delivery
	ctx      context.Context
	end      context.CancelFunc
	work     sync.WaitGroup
}

const immortal = 1 << 40

var errDead = lifecycle.Errorf(lifecycle.Unavailable, "the program is dead")

func newMortal(t *testing.T) *mortal {
	m := &mortal{t: t, clock: lifecycle.NewManualClock(livedStart), line: newMortalLine()}
	m.left.Store(immortal)
	for p := range m.begun {
		m.begun[p] = make(chan *mortalLife, 1)
	}
	var err error
	if m.store, err = store.Open(store.Options{}); err != nil {
		t.Fatal(err)
	}
	m.store.Start(m)
	m.live()
	return m
}

// live begins a life: what a start of the program does.
func (m *mortal) live() {
	m.births++
	figures, log := insight.New(), slog.New(slog.DiscardHandler)
	l := &mortalLife{}
	l.ctx, l.end = context.WithCancel(m.t.Context())
	l.delivery = delivery.New(delivery.Options{Clock: m.clock, Recorder: figures, PublicURL: "https://stagecraft.example", Boot: fmt.Sprint("boot ", m.births), Log: log})
	l.engine = engine.New(engine.Options{Clock: m.clock, Host: script.New(script.Limits{Wall: time.Minute}), Outbox: l.delivery, Recorder: figures, Log: log, MaxPending: 1000, Unranked: true})
	l.delivery.SetTemplates(l.engine)
	l.delivery.SetJourneys(l.engine)
	l.delivery.SetWatcher(l.engine)
	l.delivery.SetHoldOuts(l.engine)
	l.delivery.SetAlternatives(l.engine)
	l.delivery.SetHeirs(l.engine)
	l.engine.SetForgetter(l.delivery)
	l.delivery.Connect("email", m.line)
	l.engine.Bind(m.store)
	l.delivery.Bind(m.store)
	m.life.Store(l)
	m.dead.Store(false)
	l.work.Add(lifecycle.Partitions)
	for p := range m.begun {
		m.begun[p] <- l
	}
	l.work.Go(func() { l.delivery.Run(l.ctx) })
}

// again ends the life that has died, or ends now, and begins another one.
func (m *mortal) again() {
	m.dead.Store(true)
	l := m.life.Load()
	l.end()
	l.work.Wait()
	m.left.Store(immortal)
	m.line.revive()
	m.live()
}

func (m *mortal) close() {
	m.dead.Store(true)
	m.life.Load().end()
	m.life.Load().work.Wait()
	if err := m.store.Close(); err != nil {
		m.t.Error(err)
	}
}

func (m *mortal) Apply(tx store.Tx, input any) (any, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	switch left := m.left.Add(-1); {
	case left == -1:
		m.line.die()
		m.dead.Store(true)
		return nil, errDead
	case left < 0:
		return nil, errDead
	}
	if in, is := input.(mortalWrite); is {
		tx.Set(in.key, in.value)
	}
	l := m.life.Load()
	answer, handled, err := l.engine.Apply(tx, input)
	if !handled {
		answer, _, err = l.delivery.Apply(tx, input)
	}
	if err == nil { // else it is taken back
		m.applied.Add(1)
		tx.After(func() { m.committed.Add(1) })
	}
	return answer, err
}

func (m *mortal) Ask(tx store.Reader, query any) (any, error) {
	l := m.life.Load()
	answer, handled, err := l.engine.Ask(tx, query)
	if !handled {
		answer, _, err = l.delivery.Ask(tx, query)
	}
	return answer, err
}

// Own lets each life own the partition, one after the other.
func (m *mortal) Own(ctx context.Context, p int) {
	for {
		select {
		case l := <-m.begun[p]:
			var both sync.WaitGroup
			both.Go(func() { l.engine.Own(l.ctx, p) })
			both.Go(func() { l.delivery.Own(l.ctx, p) })
			both.Wait()
			l.work.Done()
		case <-ctx.Done():
			return
		}
	}
}

// mortalLine is an idempotent connector: what it took it knows by its reference, whoever asks, and takes once.
type mortalLine struct {
	mu     sync.Mutex
	ready  bool
	dead   bool              // the program is
	deaf   bool              // what a dead program hands over is not taken
	refuse int               // so many are to come again later
	taken  map[string]string // subjects
	times  map[string]int    // by subject
}

func newMortalLine() *mortalLine {
	return &mortalLine{ready: true, taken: map[string]string{}, times: map[string]int{}}
}

func (l *mortalLine) set(change func(l *mortalLine)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *mortalLine) die()    { l.set(func(l *mortalLine) { l.dead = true }) }
func (l *mortalLine) revive() { l.set(func(l *mortalLine) { l.dead = false }) }

func (l *mortalLine) Idempotent() bool { return true }
func (l *mortalLine) Ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

func (l *mortalLine) Send(_ context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	receipts := make([]lifecycle.Receipt, len(batch))
	for i, m := range batch {
		receipts[i] = lifecycle.Receipt{Message: m.ID, Outcome: lifecycle.OutcomeAccepted}
		_, known := l.taken[m.Ref.String()]
		switch {
		case known:
		case l.dead && l.deaf:
			receipts[i].Outcome = lifecycle.OutcomeInDoubt
		case l.refuse > 0:
			l.refuse--
			receipts[i].Outcome = lifecycle.OutcomeTemporary
		default:
			l.taken[m.Ref.String()] = m.Subject
			l.times[m.Subject]++
		}
	}
	return receipts
}

func (l *mortalLine) count() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	times := map[string]int{}
	for subject, n := range l.times {
		if strings.HasPrefix(subject, "ping") {
			times[subject] = n
		}
	}
	return times
}

var mortalScripts = map[string]string{
	"journey.lua":                `journey { title = "Club", stages = { "a" }, moves = {} }` + "\n" + `on("Ping", function() send "ping" end)`,
	"a.lua":                      `stage { title = "A" }`,
	"messages/ping.email.liquid": "---\nsubject: 'ping {{ event.properties.n }}'\nkind: transactional\n---\nPing.\n",
}

func (m *mortal) publish() {
	source := script.Source{Name: "club", Files: map[string][]byte{}}
	for path, text := range mortalScripts {
		source.Files[path] = []byte(text)
	}
	if err := m.life.Load().engine.Publish(m.t.Context(), engine.Publish{Source: source, Mode: lifecycle.Live}); err != nil {
		m.t.Fatal(err)
	}
}

// event makes an event with traits of the customer's, as most sites send them.
func mortalEvent(kind lifecycle.EventType, name, user, id string, properties map[string]any) lifecycle.Event {
	event := lifecycle.Event{Type: kind, Name: name, UserID: user, MessageID: id}
	event.Properties, _ = json.Marshal(properties)
	if kind == lifecycle.Track {
		event.Context, _ = json.Marshal(map[string]any{"traits": map[string]any{"email": user + "@shop.example"}})
	}
	return event
}

func mortalPing(user, n string) lifecycle.Event {
	return mortalEvent(lifecycle.Track, "Ping", user, "m"+n, map[string]any{"n": n})
}

// send gives an event to the program until it is acknowledged; it reports false if the program dies before.
func (m *mortal) send(event lifecycle.Event) bool {
	m.t.Helper()
	return m.sendAll([]lifecycle.Event{event})
}

// sendAll gives events to the program that come in together; what of them has come in already is known by its ID.
func (m *mortal) sendAll(events []lifecycle.Event) bool {
	m.t.Helper()
	results, err := m.life.Load().engine.Receive(m.t.Context(), events)
	for i := 0; err == nil && i < len(results); i++ {
		err = results[i].Err
	}
	if err != nil && !errors.Is(err, errDead) && lifecycle.CodeOf(err) != lifecycle.Unavailable {
		m.t.Fatal(err)
	}
	return err == nil
}

// open returns the messages that are still to be sent.
func (m *mortal) open() (open []string) {
	m.t.Helper()
	page, err := m.life.Load().delivery.Ledger(m.t.Context(), delivery.Filter{State: lifecycle.Queued}, nil, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, one := range page.Messages {
		open = append(open, fmt.Sprintf("%s of %s after %d attempts, %d of them in doubt", one.Name, one.User, one.Attempts, one.InDoubt))
	}
	return open
}

// settle waits until there is nothing left to do, and lets time pass for what waits. It reports false if the program dies
// before.
func (m *mortal) settle() bool {
	m.t.Helper()
	for began := time.Now(); ; m.clock.Advance(time.Second) {
		before := m.committed.Load()
		if !m.instructed() {
			return false
		}
		open := m.open()
		// All that is applied now was committed before the look. Else it may have been handed on meanwhile, where nobody looked.
		if len(open) == 0 && m.applied.Load() == before {
			return true
		}
		if time.Since(began) > 2*time.Minute {
			m.t.Fatalf("messages are still open: %q", open)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// instructed carries out what partitions have left for each other. It reports false if the program dies before.
func (m *mortal) instructed() bool {
	m.t.Helper()
	for range 2 { // the owners do the same meanwhile
		for p := range lifecycle.Partitions {
			if err := m.life.Load().engine.Settle(m.t.Context(), p); err != nil {
				if lifecycle.CodeOf(err) != lifecycle.Unavailable {
					m.t.Fatal(err)
				}
				return false
			}
		}
	}
	return !m.dead.Load()
}

// mergeStory is how a customer is sent a message while they become part of another one.
type mergeStory struct {
	near       bool // both are in one partition
	mergeFirst bool // they become one before the event
	refuse     int  // so many attempts are to be repeated later
	late       bool // the connector is not there before they are one
	deaf       bool // it has not taken what it was handed when the program died
	afterwards bool // after the death it is not there before they are one
}

// mergeStories are those in which each circumstance, and each two that meet, make a difference.
var mergeStories = []mergeStory{
	{},
	{deaf: true, afterwards: true},
	{mergeFirst: true, late: true, deaf: true},
	{near: true, refuse: 1, afterwards: true},
	{mergeFirst: true},
	{late: true},
	{refuse: 1},
	{near: true, mergeFirst: true, refuse: 1, late: true, deaf: true, afterwards: true},
}

// pair returns two users who have not been there, of whom the first stays when they become one.
func (s mergeStory) pair(n int64) (stays, goes string) {
	id := func(user string) lifecycle.ID { return lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash() }
	for i := 0; ; i++ {
		a, b := fmt.Sprint("ada", n), fmt.Sprint("bob", n, "-", i)
		x, y := id(a), id(b)
		if bytes.Compare(x[:], y[:]) < 0 && s.near == (x.Partition() == y.Partition()) {
			return a, b
		}
	}
}

// tell tells the story, in which the program dies before an input. It reports whether it has come to that.
func (s mergeStory) tell(m *mortal, inputs int64) (died bool) {
	stays, goes := s.pair(inputs)
	name := func(what string) string { return fmt.Sprint(inputs, "-", what) }
	for _, user := range []string{stays, goes} {
		m.send(mortalPing(user, name(user)))
	}
	m.settle()
	m.line.set(func(l *mortalLine) {
		l.ready, l.refuse, l.deaf = !s.late, s.refuse, s.deaf
		clear(l.times)
	})
	m.left.Store(inputs)
	ping, alias := mortalPing(goes, name("1")), mortalEvent(lifecycle.Alias, "", stays, name("alias"), map[string]any{"previousId": goes})
	events := []lifecycle.Event{ping, alias, mortalPing(goes, name("2"))}
	if s.mergeFirst {
		events[0], events[1] = alias, ping
	}
	for len(events) > 0 && m.send(events[0]) {
		events = events[1:]
	}
	alive := len(events) == 0
	if alive && s.late {
		alive = m.instructed()
		m.clock.Advance(2 * time.Second)
		m.line.set(func(l *mortalLine) { l.ready = true })
	}
	if alive = alive && m.settle(); !alive {
		m.line.set(func(l *mortalLine) { l.ready = !s.afterwards })
		m.again()
		for _, event := range events {
			m.send(event)
		}
		if s.afterwards {
			m.instructed()
			m.line.set(func(l *mortalLine) { l.ready = true })
		}
		m.settle()
	}
	m.left.Store(immortal)
	if got, want := fmt.Sprint(m.line.count()), fmt.Sprintf("map[ping %s:1 ping %s:1]", name("1"), name("2")); got != want {
		m.t.Errorf("%+v, death before input %d: there left %s", s, inputs, got)
	}
	return !alive
}

// A message is neither lost nor sent twice, before whichever input the program dies while its customer becomes part of another
// one.
func TestNoMailIsLostInAMerge(t *testing.T) {
	stories := mergeStories
	if testing.Short() {
		stories = stories[:4]
	}
	for _, s := range stories {
		m := newMortal(t)
		m.publish()
		n := int64(0)
		for s.tell(m, n) {
			n++
		}
		if n < 10 {
			t.Errorf("%+v took %d inputs only", s, n)
		}
		m.again()
		if left := m.line.count(); m.settle() && !maps.Equal(left, m.line.count()) {
			t.Errorf("%+v: after one more start there left %v, before %v", s, m.line.count(), left)
		}
		m.close()
	}
}
