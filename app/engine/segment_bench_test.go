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

// twenty are segments of the usual kinds. Of the events that the benchmark sends, as many of them as asked for count one.
func twenty(counting int) (files []string) {
	for i := range 20 {
		name, body := fmt.Sprintf("s%02d", i), ""
		switch {
		case i < counting:
			body = fmt.Sprintf(`count("Order", "%d days") >= %d`, 30+i, 3+i)
		case i%4 == 0:
			body = fmt.Sprintf(`customer.plan == "plan-%d" and customer.email ~= nil`, i)
		case i%4 == 1:
			body = fmt.Sprintf(`stage "j" == "b" and count("Viewed %d", "30 days") > 3`, i)
		case i%4 == 2:
			body = fmt.Sprintf(`opened("letter-%d", "30 days")`, i)
		default:
			body = fmt.Sprintf(`customer.tags.t%d and sum("Refund %d", "total", "30 days") > 10`, i, i)
		}
		files = append(files, name, body)
	}
	return files
}

// BenchmarkSegments is the path of BenchmarkOneEventOneSend beside 20 segments, of which none, one, two or four count the event
// that is sent. What "without" takes less is what they cost.
func BenchmarkSegments(b *testing.B) {
	for _, counting := range []int{-1, 0, 1, 2, 4} {
		name := fmt.Sprintf("%d of 20 touched", counting)
		if counting < 0 {
			name = "without"
		}
		b.Run(name, func(b *testing.B) { benchSegments(b, counting) })
	}
}

func benchSegments(b *testing.B, counting int) {
	ctx := context.Background()
	s, err := store.Open(store.Options{Dir: b.TempDir()})
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
	if err := e.Publish(ctx, engine.Publish{Source: source, Mode: lifecycle.Live}); err != nil {
		b.Fatal(err)
	}
	if counting >= 0 {
		if err := e.PublishSegments(ctx, segments(twenty(counting)...)); err != nil {
			b.Fatal(err)
		}
	}
	const people = 20_000
	sent := 0
	take := func(n int) {
		for n > 0 {
			batch := make([]lifecycle.Event, 0, 500)
			for ; n > 0 && len(batch) < 500; n-- {
				sent++
				batch = append(batch, lifecycle.Event{Type: lifecycle.Track, Name: "Order", UserID: fmt.Sprint("user", sent%people), MessageID: fmt.Sprint(sent),
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
