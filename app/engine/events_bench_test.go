package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// BenchmarkEventsPage reads pages of the list of events over 100,000 events on disk: the newest, one from the middle, the
// oldest, and pages from anywhere, whose events nobody has read lately.
func BenchmarkEventsPage(b *testing.B) {
	const total, customers = 100_000, 5000
	clock, dir := lifecycle.NewManualClock(start), b.TempDir()
	open := func() (*store.Store, *engine.Engine) {
		s, err := store.Open(store.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		e := engine.New(engine.Options{Clock: clock, Host: script.New(script.Limits{}), Outbox: &nothing{}, Recorder: &nothing{},
			Log: slog.New(slog.DiscardHandler), MaxPending: 1 << 20})
		e.Bind(s)
		s.Start(machine{e})
		return s, e
	}
	s, e := open()
	random := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < total; {
		clock.Advance(time.Second)
		batch := make([]lifecycle.Event, 0, 500)
		for ; n < total && len(batch) < cap(batch); n++ {
			batch = append(batch, lifecycle.Event{Type: lifecycle.Track, Name: "Order", UserID: fmt.Sprint("user", random.IntN(customers)), MessageID: fmt.Sprint(n),
				Properties: []byte(`{"order_id":"50314b8e","total":27.5,"note":"as long as the events of a shop are, with what was bought and where"}`)})
		}
		if _, err := e.Receive(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	e.KeepLists(context.Background())
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	s, e = open()
	defer s.Close()
	span := clock.Now().Sub(start)
	place := func(depth float64) []byte {
		if depth == 0 {
			return nil
		}
		return append(store.AppendTimeNewestFirst(nil, clock.Now().Add(-time.Duration(depth*float64(span)))), make([]byte, 24)...)
	}
	read := func(depth float64, limit int) int {
		page, err := e.Events(context.Background(), engine.EventFilter{}, place(depth), limit)
		if err != nil {
			b.Fatal(err)
		}
		return len(page.Events)
	}
	read(0, 50) // the list is whole
	for _, from := range []struct {
		name  string
		depth func() float64
	}{
		{"newest", func() float64 { return 0 }}, {"middle", func() float64 { return 0.5 }}, {"oldest", func() float64 { return 0.99 }}, {"anywhere", random.Float64},
	} {
		for _, limit := range []int{50, 500} {
			b.Run(fmt.Sprint(from.name, "/", limit), func(b *testing.B) {
				events := 0
				for b.Loop() {
					events += read(from.depth(), limit)
				}
				b.ReportMetric(float64(events)/float64(b.N), "events/op")
			})
		}
	}
}
