package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// nothing takes what is decided and keeps nothing of it.
type nothing struct{ book }

func (*nothing) Put(store.Tx, *lifecycle.Message, *lifecycle.Customer, time.Time) {}
func (*nothing) Fold(store.Tx, *lifecycle.Decision)                               {}

// BenchmarkOneEventOneSend is the path that has to be fast: an event of a known customer, a script, a message.
func BenchmarkOneEventOneSend(b *testing.B) {
	s, err := store.Open(store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	e := engine.New(engine.Options{Clock: lifecycle.NewManualClock(start), Host: script.New(script.Limits{}), Outbox: &nothing{}, Recorder: &nothing{},
		Log: slog.New(slog.DiscardHandler), MaxPending: 1 << 20})
	e.Bind(s)
	s.Start(machine{e})
	source := journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event) send "hello" end)`, "b", `stage { title = "B" }`)
	if err := e.Publish(context.Background(), engine.Publish{Source: source, Mode: lifecycle.Live}); err != nil {
		b.Fatal(err)
	}
	before := s.Stats().Entries.Load()
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		batch := make([]lifecycle.Event, 0, 500)
		for ; n < b.N && len(batch) < 500; n++ {
			batch = append(batch, lifecycle.Event{Type: lifecycle.Track, Name: "Order", UserID: fmt.Sprint("user", n%1000), MessageID: fmt.Sprint(n),
				Properties: []byte(`{"order_id":"50314b8e","total":27.5}`)})
		}
		if _, err := e.Receive(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(s.Stats().Entries.Load()-before)/float64(b.N), "keys/op")
}

// The plain path writes no more than it has to: the mark, the event with its facts, and the customer;
// and the newest places of the list of events, which all inputs of a commit share.
func TestOneEventOneSendWritesThreeKeys(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event) send "hello" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Page")
	before := h.store.Stats().Entries.Load()
	h.track("ada", "Order")
	h.eventually(func() bool { return h.store.Stats().Entries.Load() > before })
	if keys := h.store.Stats().Entries.Load() - before; keys > 4 {
		t.Errorf("%d keys were written", keys)
	}
}
