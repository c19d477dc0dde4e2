package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// BenchmarkScores is the path of BenchmarkOneEventOneSend with orders, whose revenue is counted, with points that nothing is
// declared of, and with thresholds. None of them writes a key more; what "an event" takes less is what they cost.
func BenchmarkScores(b *testing.B) {
	for _, one := range []struct{ name, event, act, declared string }{
		{"an event", "Viewed", ``, ``},
		{"an order", "Order Completed", ``, ``},
		{"points", "Viewed", `score(1, { name = "heat", half_life = "14 days" })`, ``},
		{"points with thresholds", "Viewed", `score(1, { name = "heat" })`, `score { name = "heat", half_life = "14 days", cap = 1000, thresholds = { 200, 500 } }`},
	} {
		b.Run(one.name, func(b *testing.B) { benchScores(b, one.event, one.act, one.declared) })
	}
}

func benchScores(b *testing.B, event, act, declared string) {
	ctx := context.Background()
	s, err := store.Open(store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	host := script.New(script.Limits{})
	e := engine.New(engine.Options{Clock: lifecycle.NewManualClock(start), Host: host, Outbox: &nothing{}, Recorder: &nothing{},
		Log: slog.New(slog.DiscardHandler), MaxPending: 1 << 20})
	e.Bind(s)
	s.Start(machine{e})
	source := journey("j", twoStages, "a", `stage { title = "A" }
on("`+event+`", function(customer, event) `+act+` send "hello" end)`, "b", `stage { title = "B" }`)
	if err := e.Publish(ctx, engine.Publish{Source: source, Mode: lifecycle.Live}); err != nil {
		b.Fatal(err)
	}
	rules, errs := host.Scores([]byte(declared))
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	if err := e.PublishScores(ctx, rules); err != nil {
		b.Fatal(err)
	}
	const people = 20_000
	sent := 0
	take := func(n int) {
		for n > 0 {
			batch := make([]lifecycle.Event, 0, 500)
			for ; n > 0 && len(batch) < 500; n-- {
				sent++
				batch = append(batch, lifecycle.Event{Type: lifecycle.Track, Name: event, UserID: fmt.Sprint("user", sent%people), MessageID: fmt.Sprint(sent),
					Properties: []byte(`{"order_id":"50314b8e","total":27.5}`)})
			}
			if _, err := e.Receive(ctx, batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	take(people) // everybody is known
	before := s.Stats().Entries.Load()
	b.ReportAllocs()
	b.ResetTimer()
	take(b.N)
	b.ReportMetric(float64(s.Stats().Entries.Load()-before)/float64(b.N), "keys/op")
}
