package insight_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

var (
	ever  = insight.Date(-1 << 31)
	never = insight.Date(1<<31 - 1)
)

func noon(day string) time.Time {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return at.Add(12 * time.Hour)
}

func (l *ledger) days(from, to insight.Date) []insight.Day {
	l.t.Helper()
	days, err := l.insight.Days(context.Background(), "j", from, to)
	if err != nil {
		l.t.Fatal(err)
	}
	return days
}

// moved returns what was moved on each day: "day from>to".
func moved(days []insight.Day) map[string]int64 {
	counts := map[string]int64{}
	for _, d := range days {
		for _, c := range d.Cells {
			counts[fmt.Sprintf("%s %s>%s", d.Date, c.From, c.To)] += c.Moved
		}
	}
	return counts
}

func TestDays(t *testing.T) {
	l := newLedger(t)
	move := func(day, from, to string) {
		l.fold(lifecycle.Fact{Kind: lifecycle.FactMoved, At: noon(day), From: from, To: to, Stayed: time.Hour})
	}
	for _, moves := range []string{"2026-03-01", "2026-03-01", "2026-03-03", "1969-12-31", "2026-02-28"} {
		move(moves, "a", "b")
	}
	move("2026-03-01", "b", "a")
	l.fold(lifecycle.Fact{Kind: lifecycle.FactMoved, At: noon("2026-03-01").Add(12*time.Hour - 1), From: "a", To: "c"},
		lifecycle.Fact{Kind: lifecycle.FactEvent, At: noon("2026-03-09")})
	same(t, "all days", moved(l.days(ever, never)), map[string]int64{"1969-12-31 a>b": 1, "2026-02-28 a>b": 1, "2026-03-01 a>b": 2,
		"2026-03-01 b>a": 1, "2026-03-01 a>c": 1, "2026-03-03 a>b": 1})
	march := l.days(insight.DateOf(noon("2026-03-01")), insight.DateOf(noon("2026-03-02")))
	same(t, "two days", moved(march), map[string]int64{"2026-03-01 a>b": 2, "2026-03-01 b>a": 1, "2026-03-01 a>c": 1})
	j := insight.NewJourney()
	march[0].AddTo(j)
	same(t, "the net of a day", j.In, map[string]int64{"a": -2, "b": 1, "c": 1})
	if n := j.Stayed["a"].Count(); n != 3 {
		t.Errorf("%d stays", n)
	}
	l.insight.Warm(t.Context())
	// What happens after somebody has looked is seen by who looks next.
	move("2026-03-03", "a", "b")
	move("2026-03-04", "a", "b")
	same(t, "two days later", moved(l.days(insight.DateOf(noon("2026-03-03")), never)), map[string]int64{"2026-03-03 a>b": 2, "2026-03-04 a>b": 1})
	if days, err := l.insight.Days(t.Context(), "another", ever, never); err != nil || len(days) != 0 {
		t.Errorf("another journey has days %v, %v", days, err)
	}
}

// Whoever looks while customers move sees every move that was answered before, and counts none twice.
func TestDaysWhileCustomersMove(t *testing.T) {
	l := newLedger(t)
	const each, writers = 60, 4
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for n := range each {
				fact := lifecycle.Fact{Kind: lifecycle.FactMoved, Journey: "j", At: noon("2026-03-01").AddDate(0, 0, n%3), From: "a", To: "b"}
				if _, err := l.store.Do(context.Background(), (w*16+n)%lifecycle.Partitions, act(func(tx store.Tx) {
					l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{fact}})
				})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for last := int64(0); last < each*writers; {
		sum := int64(0)
		for _, n := range moved(l.days(ever, never)) {
			sum += n
		}
		if sum < last || sum > each*writers {
			t.Fatalf("%d moves after %d", sum, last)
		}
		last = sum
	}
	work.Wait()
}

// A customer who moves costs two keys: the sums of the move, and the day.
func TestKeysOfAMove(t *testing.T) {
	l := newLedger(t)
	l.do(func(tx store.Tx) {
		counting := &counter{Tx: tx, keys: map[string]bool{}}
		l.insight.Fold(counting, &lifecycle.Decision{Facts: []lifecycle.Fact{
			{Kind: lifecycle.FactMoved, Journey: "j", From: "a", To: "b", Stayed: time.Hour},
			{Kind: lifecycle.FactEntered, Journey: "j", From: "a", To: "b", Heldout: true},
		}})
		if len(counting.keys) != 2 {
			t.Errorf("%d keys", len(counting.keys))
		}
	})
}

// The days of a broadcast are not kept: it has a beginning and an end.
func TestBroadcastsHaveNoDays(t *testing.T) {
	l := newLedger(t)
	name := lifecycle.BroadcastPrefix + "spring"
	l.do(func(tx store.Tx) {
		l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{{Kind: lifecycle.FactEntered, Journey: name, To: "send"}}})
	})
	if days, err := l.insight.Days(t.Context(), name, ever, never); err != nil || len(days) > 0 {
		t.Error(days, err)
	}
	j, err := l.insight.Journey(t.Context(), name)
	if err != nil || j.Entered["send"] != 1 {
		t.Error(j, err)
	}
}

// A script that asks for a stage of its own for each customer fills neither the store nor the reports.
func TestRefusedMovesAreBounded(t *testing.T) {
	l := newLedger(t)
	l.do(func(tx store.Tx) {
		for i := range 1000 {
			l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{{Kind: lifecycle.FactRefused, Journey: "j", From: "a", To: fmt.Sprint("\x00s", i)}}})
		}
	})
	refused := l.journey().Refused
	if len(refused) != 201 || refused[[2]string{"a", insight.OtherChoices}] != 800 {
		t.Errorf("%d kinds, %d others", len(refused), refused[[2]string{"a", insight.OtherChoices}])
	}
	sum := int64(0)
	for _, d := range l.days(ever, never) {
		for _, c := range d.Cells {
			sum += c.Refused
		}
	}
	if sum != 1000 {
		t.Errorf("%d refused by day", sum)
	}
}

// FuzzDays reads any day that a store may hold, and counts on in it.
func FuzzDays(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 'a', 1, 'b', 7, 1, 1, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 'a', 1, 'b', 9, 1, 1, 0, 0, 0, 0, 0, 200, 3})
	f.Add([]byte{1, 'a', 1, 'b', 255, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	s, err := store.Open(store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	figures := insight.New()
	figures.Bind(s)
	s.Start(machine{figures})
	turn := 0
	f.Fuzz(func(t *testing.T, value []byte) {
		turn++
		journey := fmt.Sprint("j", turn)
		key := append([]byte("K"+journey+"\x00"), 0x80, 0, 0, 5)
		put := func(write act) {
			if _, err := s.Do(t.Context(), 0, write); err != nil {
				t.Fatal(err)
			}
		}
		put(func(tx store.Tx) { tx.Set(key, value) })
		for want := range int64(2) {
			days, err := figures.Days(t.Context(), journey, ever, never)
			if err != nil {
				t.Fatal(err)
			}
			j, found := insight.NewJourney(), int64(0)
			for i := range days {
				days[i].AddTo(j)
				for _, c := range days[i].Cells {
					if c.From == "from here" && c.To == "to there" {
						found += c.Moved
					}
				}
			}
			if found < want {
				t.Errorf("a move was lost")
			}
			put(func(tx store.Tx) {
				figures.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{{Kind: lifecycle.FactMoved, Journey: journey,
					At: time.Unix(5*86400, 0), From: "from here", To: "to there", Stayed: time.Minute}}})
			})
		}
		put(func(tx store.Tx) { tx.Delete(key) })
	})
}
