package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What gathers while a partition is busy is committed together, and so are the groups of several partitions.
func TestGroupCommit(t *testing.T) {
	s := open(t, t.TempDir())
	release := blocked(t, s, 7)
	var inputs []act
	for i := range 300 {
		inputs = append(inputs, set(fmt.Sprint("k", i), "v"))
	}
	answered := make(chan []store.Result)
	go func() { answered <- s.DoAll(context.Background(), items(7, inputs...)) }()
	time.Sleep(50 * time.Millisecond) // lets them gather; how many do decides nothing below but how strict it is
	release()
	for i, result := range <-answered {
		if result.Err != nil || result.Answer != "v" {
			t.Fatalf("input %d: %v, %v", i, result.Answer, result.Err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	stats := s.Stats()
	if stats.Inputs.Load() != 301 || stats.Entries.Load() != 300 {
		t.Errorf("%d inputs and %d entries, want 301 and 300", stats.Inputs.Load(), stats.Entries.Load())
	}
	if commits := stats.Commits.Load(); commits > 10 {
		t.Errorf("300 inputs that had gathered took %d commits", commits)
	}
}

// An error or a panic undoes what its own input wrote, and nothing else of the group.
func TestAnErrorUndoesItsOwnInputOnly(t *testing.T) {
	s := open(t, t.TempDir())
	do(t, s, 3, set("old", "1"))
	hints := atomic.Int32{}
	hint := func() { hints.Add(1) }
	release := blocked(t, s, 3)
	inputs := items(3,
		set("a", "1"),
		func(tx store.Tx) (any, error) {
			tx.Set([]byte("a"), []byte("2"))
			tx.Set([]byte("b"), []byte("2"))
			tx.Delete([]byte("old"))
			tx.After(hint)
			return "no answer", errRefused
		},
		func(tx store.Tx) (any, error) {
			tx.Set([]byte("a"), []byte("3"))
			tx.After(hint)
			var nothing map[string]int
			nothing["here"]++
			return nil, nil
		},
		func(tx store.Tx) (any, error) {
			tx.Set([]byte(strings.Repeat("long", 2000)), nil)
			return nil, nil
		},
		func(tx store.Tx) (any, error) {
			tx.After(hint)
			tx.Set([]byte("c"), tx.Get([]byte("a")))
			return string(tx.Get([]byte("old"))), nil
		})
	answered := make(chan []store.Result)
	go func() { answered <- s.DoAll(context.Background(), inputs) }()
	time.Sleep(20 * time.Millisecond)
	release()
	results := <-answered
	if results[0].Err != nil || results[4].Err != nil || results[4].Answer != "1" {
		t.Errorf("the good inputs: %v, %v", results[0], results[4])
	}
	if results[1].Err != errRefused {
		t.Errorf("the refused input: %v", results[1].Err)
	}
	for _, i := range []int{2, 3} {
		if lifecycle.CodeOf(results[i].Err) != lifecycle.Internal {
			t.Errorf("the panicking input %d: %v", i, results[i].Err)
		}
	}
	for key, want := range map[string]string{"a": "1", "b": "-", "c": "1", "old": "1"} {
		if got := get(t, s, 3, key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if hints.Load() != 1 {
		t.Errorf("%d hints ran, want that of the good input alone", hints.Load())
	}
}

// An input that would not fit a commit is refused alone; it must not bring the store down.
func TestTooLargeAnInput(t *testing.T) {
	s := open(t, t.TempDir())
	for name, input := range map[string]act{
		"bytes": func(tx store.Tx) (any, error) {
			for i := range 100 {
				tx.Set([]byte(fmt.Sprint("k", i)), make([]byte, 100<<10))
			}
			return nil, nil
		},
		"one value": func(tx store.Tx) (any, error) {
			tx.Set([]byte("k"), make([]byte, 10<<20))
			return nil, nil
		},
		"entries": func(tx store.Tx) (any, error) {
			for i := range 20000 {
				tx.Set([]byte(fmt.Sprint("k", i)), nil)
			}
			return nil, nil
		},
	} {
		results := s.DoAll(context.Background(), items(0, set("before"+name, "1"), input, set("after"+name, "1")))
		if results[0].Err != nil || results[2].Err != nil || lifecycle.CodeOf(results[1].Err) != lifecycle.TooLarge {
			t.Errorf("%s: %v, %v, %v", name, results[0].Err, results[1].Err, results[2].Err)
		}
	}
	// What may be written is written, from all partitions at once.
	var all []store.Item
	for p := range 16 {
		all = append(all, items(p, func(tx store.Tx) (any, error) {
			for i := range 20 {
				tx.Set([]byte(fmt.Sprint("big", i)), make([]byte, 100<<10))
			}
			return nil, nil
		}, set("small", "1"))...)
	}
	for _, result := range s.DoAll(context.Background(), all) {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	if got := len(get(t, s, 15, "big19")); got != 100<<10 {
		t.Errorf("a big value came back with %d bytes", got)
	}
}

// A panicking question is an error of that question.
func TestAPanickingQuestion(t *testing.T) {
	s := open(t, t.TempDir())
	_, err := s.Ask(context.Background(), 0, look(func(tx store.Reader) (any, error) {
		tx.Scan(nil, nil, func(key, value []byte) bool { return true })
		panic("oh")
	}))
	if lifecycle.CodeOf(err) != lifecycle.Internal {
		t.Errorf("got %v", err)
	}
	do(t, s, 0, set("a", "1"))
}

// The inputs of one partition take effect in the order given, one after the other.
func TestOneWriterPerPartition(t *testing.T) {
	s := open(t, t.TempDir())
	count := func(tx store.Tx) (any, error) {
		n := len(tx.Get([]byte("n")))
		tx.Set([]byte("n"), make([]byte, n+1))
		return n, nil
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			last := -1
			for _, result := range s.DoAll(context.Background(), items(5, count, count, count, count, count)) {
				if result.Err != nil || result.Answer.(int) <= last {
					t.Errorf("%v after %d", result, last)
					return
				}
				last = result.Answer.(int)
			}
		})
	}
	callers.Wait()
	if n := len(get(t, s, 5, "n")); n != 40 {
		t.Errorf("counted %d, want 40", n)
	}
	if got := get(t, s, 6, "n"); got != "-" {
		t.Error("a partition sees the keys of another one")
	}
}

// Close applies and commits what was given before, and refuses what comes after.
func TestCloseDrains(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	release := blocked(t, s, 1)
	var inputs []act
	for i := range 1500 { // more than one group
		inputs = append(inputs, set(fmt.Sprint("k", i), "v"))
	}
	answered := make(chan []store.Result)
	go func() { answered <- s.DoAll(context.Background(), items(1, inputs...)) }()
	time.Sleep(50 * time.Millisecond)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	time.Sleep(10 * time.Millisecond)
	release()
	taken := 0
	for _, result := range <-answered {
		switch lifecycle.CodeOf(result.Err) {
		case "":
			taken++
		case lifecycle.Unavailable: // given after the closing began
		default:
			t.Fatal(result.Err)
		}
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(context.Background(), 1, set("late", "1")); lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("an input after Close: %v", err)
	}
	if _, err := s.Ask(context.Background(), 1, look(func(tx store.Reader) (any, error) {
		tx.Scan(nil, nil, func(key, value []byte) bool { return true })
		return nil, nil
	})); lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("a question after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	again := open(t, dir)
	kept := 0
	for i := range inputs {
		if get(t, again, 1, fmt.Sprint("k", i)) == "v" {
			kept++
		}
	}
	if kept != taken {
		t.Errorf("%d inputs were reported as taken, %d are there", taken, kept)
	}
}

// Owners end before inputs are refused, and may give inputs to the last.
func TestOwnersEndFirst(t *testing.T) {
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var last atomic.Int32
	s.Start(machine{owner: func(ctx context.Context, p int) {
		<-ctx.Done()
		if _, err := s.Do(context.WithoutCancel(ctx), p, set("last", "1")); err == nil {
			last.Add(1)
		}
	}})
	if err = s.Close(); err != nil {
		t.Fatal(err)
	}
	if last.Load() != lifecycle.Partitions {
		t.Errorf("%d owners had their last word, want %d", last.Load(), lifecycle.Partitions)
	}
}

// Whoever stops waiting is told that the outcome is unknown; the input takes effect all the same.
func TestADeadlineLeavesTheOutcomeUnknown(t *testing.T) {
	s := open(t, t.TempDir())
	release := blocked(t, s, 2)
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan error)
	go func() {
		_, err := s.Do(ctx, 2, set("a", "1"))
		answered <- err
	}()
	time.Sleep(20 * time.Millisecond)
	cancel()
	if err := <-answered; lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("got %v", err)
	}
	release()
	do(t, s, 2, set("b", "1")) // behind it
	if got := get(t, s, 2, "b"); got != "1" {
		t.Error(got)
	}
}

// A store in memory does the same, without files.
func TestInMemory(t *testing.T) {
	s := open(t, "")
	do(t, s, 9, set("a", "1"))
	if got := get(t, s, 9, "a"); got != "1" {
		t.Error(got)
	}
}

func BenchmarkDoAll(b *testing.B) {
	s := open(b, b.TempDir())
	value := make([]byte, 600)
	const batch = 500
	var number atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for more := true; more; {
			var all []store.Item
			for len(all) < batch {
				if more = pb.Next(); !more {
					break
				}
				n := number.Add(1)
				all = append(all, store.Item{Partition: int(n) % lifecycle.Partitions, Input: act(func(tx store.Tx) (any, error) {
					for k := range 4 {
						tx.Set(fmt.Appendf(nil, "%d/%d", k, n), value[:150])
					}
					return nil, nil
				})})
			}
			for _, result := range s.DoAll(context.Background(), all) {
				if result.Err != nil {
					b.Error(result.Err)
					return
				}
			}
		}
	})
	b.StopTimer()
	stats := s.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "inputs/s")
	b.ReportMetric(float64(stats.Inputs.Load())/float64(max(stats.Commits.Load(), 1)), "inputs/commit")
}
