package insight_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

const customers = 1_000_000

// BenchmarkFigures builds the counters of a million customers who went through a journey of five stages within a year, some
// five moves each, on a disk, and asks for its figures: again, again after somebody moved, and for the sums alone; each should
// take less than 50 ms. What it takes to read all days once after a start, which Warm does before anybody asks, is the first.
func BenchmarkFigures(b *testing.B) {
	dir := b.TempDir()
	open := func() (*store.Store, *insight.Insight) {
		s, err := store.Open(store.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		figures := insight.New()
		figures.Bind(s)
		s.Start(machine{figures})
		return s, figures
	}
	s, figures := open()
	began := time.Now()
	year(b, s, figures)
	b.Logf("built in %v", time.Since(began).Round(time.Millisecond))
	s.Close()
	s, figures = open()
	defer func() { s.Close() }()
	ask := func(b *testing.B) {
		days, err := figures.Days(context.Background(), "j", ever, never)
		if err != nil {
			b.Fatal(err)
		}
		j, err := figures.Journey(context.Background(), "j")
		if err != nil || len(days) != 365 || j.Entered["s0"] < customers || j.Median("s1") == 0 {
			b.Fatal(len(days), j.Entered, err)
		}
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			s.Close()
			s, figures = open()
			b.StartTimer()
			ask(b)
		}
	})
	ask(b)
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			ask(b)
		}
	})
	b.Run("moving", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			b.StopTimer()
			fact := lifecycle.Fact{Kind: lifecycle.FactMoved, Journey: "j", At: noon("2025-12-31"), From: "s1", To: "s2", Stayed: time.Hour}
			if _, err := s.Do(context.Background(), n%64, act(func(tx store.Tx) {
				figures.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{fact}})
			})); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			ask(b)
		}
	})
	b.Run("sums", func(b *testing.B) {
		for b.Loop() {
			if _, err := figures.Journey(context.Background(), "j"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// year lets a million customers live, in inputs of some hundred facts each; some partitions at a time.
func year(b *testing.B, s *store.Store, figures *insight.Insight) {
	var work sync.WaitGroup
	for turn := range 4 {
		work.Go(func() {
			for p := turn; p < lifecycle.Partitions; p += 4 {
				live(b, s, figures, p)
			}
		})
	}
	work.Wait()
}

// live lets those of one partition live.
func live(b *testing.B, s *store.Store, figures *insight.Insight, p int) {
	random := rand.New(rand.NewPCG(3, uint64(p)))
	stages := []string{"s0", "s1", "s2", "s3", "s4"}
	begin := noon("2025-01-01").Add(-12 * time.Hour)
	byDay := make([][]lifecycle.Fact, 365)
	note := func(f lifecycle.Fact) {
		f.Journey = "j"
		if d := int(f.At.Sub(begin) / day); d < 365 {
			byDay[d] = append(byDay[d], f)
		}
	}
	for range customers / lifecycle.Partitions {
		at, stage := begin.Add(time.Duration(random.Int64N(int64(365*day)))), 0
		note(lifecycle.Fact{Kind: lifecycle.FactEntered, At: at, To: stages[0]})
		for range 5 {
			stayed := time.Duration(random.ExpFloat64() * float64(10*day))
			next := stage + 1
			if stage == 4 || stage > 0 && random.IntN(5) == 0 {
				next = stage - 1
			}
			at = at.Add(stayed)
			note(lifecycle.Fact{Kind: lifecycle.FactMoved, At: at, From: stages[stage], To: stages[next], Stayed: stayed})
			if random.IntN(3) == 0 {
				note(lifecycle.Fact{Kind: lifecycle.FactConverted, At: at, From: stages[stage]})
			}
			stage = next
		}
	}
	var items []store.Item
	for _, facts := range byDay {
		for len(facts) > 0 {
			n := min(len(facts), 200)
			some := facts[:n]
			facts = facts[n:]
			items = append(items, store.Item{Partition: p, Input: act(func(tx store.Tx) {
				figures.Fold(tx, &lifecycle.Decision{Facts: some})
			})})
		}
	}
	for _, result := range s.DoAll(context.Background(), items) {
		if result.Err != nil {
			b.Error(result.Err)
		}
	}
}
