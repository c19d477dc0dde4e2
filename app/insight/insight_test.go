package insight_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// ledger is an insight on a real store, and nothing else.
type ledger struct {
	t       *testing.T
	store   *store.Store
	insight *insight.Insight
	turn    int
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l := &ledger{t: t, store: s, insight: insight.New()}
	l.insight.Bind(s)
	s.Start(machine{l.insight})
	return l
}

type act func(tx store.Tx)

type machine struct{ insight *insight.Insight }

func (m machine) Apply(tx store.Tx, input any) (any, error) {
	input.(act)(tx)
	return nil, nil
}

func (m machine) Ask(tx store.Reader, query any) (any, error) {
	answer, _, err := m.insight.Ask(tx, query)
	return answer, err
}

func (m machine) Own(ctx context.Context, _ int) { <-ctx.Done() }

// do writes into the next partition, so that sums are over several.
func (l *ledger) do(write act) {
	l.t.Helper()
	l.turn = (l.turn + 7) % lifecycle.Partitions
	if _, err := l.store.Do(context.Background(), l.turn, write); err != nil {
		l.t.Fatal(err)
	}
}

// fold counts facts of journey "j", each in a partition of its own.
func (l *ledger) fold(facts ...lifecycle.Fact) {
	l.t.Helper()
	for _, fact := range facts {
		fact.Journey = "j"
		l.do(func(tx store.Tx) { l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{fact}}) })
	}
}

func (l *ledger) journey() *insight.Journey {
	l.t.Helper()
	report, err := l.insight.Report(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	return report.Journey("j")
}

func same[K comparable](t *testing.T, what string, got, want map[K]int64) {
	t.Helper()
	got = maps.Clone(got)
	maps.DeleteFunc(got, func(_ K, n int64) bool { return n == 0 })
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func at(kind lifecycle.FactKind, version, file string, line int) lifecycle.Fact {
	return lifecycle.Fact{Kind: kind, Name: "thank-you", Version: version, File: file, Line: line}
}

// Messages are counted by the line that sends them and the version it stands in; the message itself is their sum.
func TestMessagesByLine(t *testing.T) {
	l := newLedger(t)
	sent := func(version string, line int, states ...string) {
		fact := at(lifecycle.FactMessage, version, "j/a.lua", line)
		fact.Reason = states[0]
		l.fold(fact)
		for i, state := range states[1:] {
			fact = at(lifecycle.FactSettled, version, "j/a.lua", line)
			fact.From, fact.To = states[i], state
			l.fold(fact)
		}
	}
	sent("v1", 4, "queued", "accepted")
	sent("v1", 4, "queued", "accepted")
	sent("v1", 9, "queued", "failed")
	sent("v2", 4, "suppressed")
	sent("v2", 5, "queued", "held", "expired")
	sent("v2", 5, "queued")
	doubt := at(lifecycle.FactInDoubt, "v2", "j/a.lua", 5)
	l.fold(doubt)
	j := l.journey()
	same(t, "thank-you", j.Messages["thank-you"], map[string]int64{"decided": 6, "queued": 1, "accepted": 2, "failed": 1,
		"suppressed": 1, "expired": 1, "in doubt": 1})
	for line, want := range map[insight.Line]map[string]int64{
		{Version: "v1", File: "j/a.lua", Line: 4}: {"decided": 2, "accepted": 2},
		{Version: "v1", File: "j/a.lua", Line: 9}: {"decided": 1, "failed": 1},
		{Version: "v2", File: "j/a.lua", Line: 4}: {"decided": 1, "suppressed": 1},
		{Version: "v2", File: "j/a.lua", Line: 5}: {"decided": 2, "queued": 1, "expired": 1, "in doubt": 1},
	} {
		same(t, fmt.Sprint(line), j.Lines[line].Sent, want)
	}
	if len(j.Lines) != 4 {
		t.Errorf("the lines are %v", j.Lines)
	}
}

// Two messages of one line are told apart by name, and are one line's.
func TestTwoMessagesOfOneLine(t *testing.T) {
	l := newLedger(t)
	for _, name := range []string{"hello", "goodbye"} {
		fact := at(lifecycle.FactMessage, "v1", "j/a.lua", 4)
		fact.Name, fact.Reason = name, "queued"
		l.fold(fact)
	}
	j := l.journey()
	same(t, "hello", j.Messages["hello"], map[string]int64{"decided": 1, "queued": 1})
	same(t, "line 4", j.Lines[insight.Line{Version: "v1", File: "j/a.lua", Line: 4}].Sent, map[string]int64{"decided": 2, "queued": 2})
}

// The counters of a store from before there were counts by line are read: a message that was decided then and is settled
// now is counted once.
func TestCountersOfAnOlderStore(t *testing.T) {
	l := newLedger(t)
	l.do(func(tx store.Tx) {
		record := make([]byte, 64)
		for i, n := range []uint64{10, 3, 6, 1} { // decided, queued, accepted, failed
			binary.BigEndian.PutUint64(record[8*i:], n)
		}
		tx.Set([]byte("kj\x00message\x00thank-you"), record)
		tx.Set([]byte("kj\x00in\x00a"), binary.BigEndian.AppendUint64(nil, 5))
		tx.Set([]byte("k\x00customers"), binary.BigEndian.AppendUint64(nil, 7))
		tx.Set([]byte("kj\x00something of a newer version\x00a\x00b\x00c\x00d\x00e"), []byte("?"))
	})
	fact := at(lifecycle.FactSettled, "v1", "j/a.lua", 4)
	fact.From, fact.To = "queued", "accepted"
	l.fold(fact, lifecycle.Fact{Kind: lifecycle.FactMoved, From: "a", To: "b"})
	j := l.journey()
	same(t, "thank-you", j.Messages["thank-you"], map[string]int64{"decided": 10, "queued": 2, "accepted": 7, "failed": 1})
	same(t, "in", j.In, map[string]int64{"a": 4, "b": 1})
	same(t, "the line", j.Lines[insight.Line{Version: "v1", File: "j/a.lua", Line: 4}].Sent, map[string]int64{"accepted": 1})
	if report, _ := l.insight.Report(t.Context()); report.Customers != 7 {
		t.Errorf("%d customers", report.Customers)
	}
}

func TestWaitingRuns(t *testing.T) {
	l := newLedger(t)
	l.fold(at(lifecycle.FactWaits, "v1", "j/a.lua", 5), at(lifecycle.FactWaits, "v1", "j/a.lua", 5), at(lifecycle.FactWaits, "v1", "j/b.lua", 2),
		at(lifecycle.FactWaits, "v2", "j/a.lua", 6))
	j := l.journey()
	same(t, "waiting", j.Waiting(), map[string]int64{"v1": 3, "v2": 1})
	if n := j.Lines[insight.Line{Version: "v1", File: "j/a.lua", Line: 5}].Waiting; n != 2 {
		t.Errorf("%d wait at line 5", n)
	}
	// What was counted in one partition may be taken back in another: only the sum has a meaning.
	l.fold(at(lifecycle.FactWoke, "v1", "j/a.lua", 5), at(lifecycle.FactWoke, "v1", "j/b.lua", 2))
	same(t, "waiting", l.journey().Waiting(), map[string]int64{"v1": 1, "v2": 1})
}

// Versions on which nobody waits any more leave no counter behind.
func TestNobodyWaits(t *testing.T) {
	l := newLedger(t)
	l.do(func(tx store.Tx) {
		for _, kind := range []lifecycle.FactKind{lifecycle.FactWaits, lifecycle.FactWaits, lifecycle.FactWoke, lifecycle.FactWoke} {
			fact := at(kind, "v1", "j/a.lua", 5)
			fact.Journey = "j"
			l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{fact}})
		}
	})
	if lines := l.journey().Lines; len(lines) != 0 {
		t.Errorf("what is left: %v", lines)
	}
}

func TestHoldoutAndExits(t *testing.T) {
	l := newLedger(t)
	l.fold(
		lifecycle.Fact{Kind: lifecycle.FactEntered, To: "a"},
		lifecycle.Fact{Kind: lifecycle.FactEntered, To: "a", Heldout: true},
		lifecycle.Fact{Kind: lifecycle.FactEntered, To: "a", Heldout: true},
		lifecycle.Fact{Kind: lifecycle.FactConverted, From: "a"},
		lifecycle.Fact{Kind: lifecycle.FactConverted, From: "a", Heldout: true},
		lifecycle.Fact{Kind: lifecycle.FactExited, From: "a", Name: "Unsubscribed", Heldout: true},
		lifecycle.Fact{Kind: lifecycle.FactMerged}, // someone who had left the journey
		lifecycle.Fact{Kind: lifecycle.FactFailed, From: "a", File: "j/a.lua", Line: 3, Version: "v1"},
		lifecycle.Fact{Kind: lifecycle.FactFailed, From: "a"},
	)
	j := l.journey()
	same(t, "in", j.In, map[string]int64{"a": 2})
	same(t, "entered", j.Entered, map[string]int64{"a": 3})
	same(t, "converted", j.Converted, map[string]int64{"a": 2})
	same(t, "held out, entered", j.HeldoutEntered, map[string]int64{"a": 2})
	same(t, "held out, converted", j.HeldoutConverted, map[string]int64{"a": 1})
	same(t, "exited", j.Exited, map[string]int64{"a": 1})
	same(t, "failed", j.Failed, map[string]int64{"a": 2})
	if n := j.Lines[insight.Line{Version: "v1", File: "j/a.lua", Line: 3}].Failed; n != 1 {
		t.Errorf("%d failed at line 3", n)
	}
}

func TestStepsBack(t *testing.T) {
	l := newLedger(t)
	for _, move := range []string{"a b", "b c", "c a", "c b", "c b", "c gone"} {
		from, to, _ := strings.Cut(move, " ")
		l.fold(lifecycle.Fact{Kind: lifecycle.FactMoved, From: from, To: to})
	}
	plan := &lifecycle.Journey{Stages: []lifecycle.Stage{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	same(t, "back", l.journey().Back(plan), map[[2]string]int64{{"c", "a"}: 1, {"c", "b"}: 2})
}

func TestChoices(t *testing.T) {
	l := newLedger(t)
	for _, value := range []string{"a", "b", "a"} {
		l.fold(lifecycle.Fact{Kind: lifecycle.FactChose, Name: "subject", Reason: value, Amount: 0.5})
	}
	same(t, "subject", l.journey().Choices["subject"], map[string]int64{"a": 2, "b": 1})
}

// A script that names a choice after each customer fills neither the store nor the reports, and odd texts break no key.
func TestChoicesAreBounded(t *testing.T) {
	l := newLedger(t)
	odd := "\x00\xff" + strings.Repeat("é", 500)
	l.do(func(tx store.Tx) {
		for i := range 2000 {
			l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{{Kind: lifecycle.FactChose, Journey: "j", Name: "to", Reason: fmt.Sprint(i)}}})
		}
	})
	l.turn -= 7
	l.do(func(tx store.Tx) { // in the same partition
		l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{{Kind: lifecycle.FactChose, Journey: "j", Name: "to", Reason: "7"}}})
	})
	l.fold(lifecycle.Fact{Kind: lifecycle.FactChose, Name: odd, Reason: odd})
	choices := l.journey().Choices
	if n := len(choices["to"]); n != 500 || choices["to"]["7"] != 2 {
		t.Errorf("%d values are told apart, and 7 was given %d times", n, choices["to"]["7"])
	}
	if n := choices[insight.OtherChoices][insight.OtherChoices]; n != 1500 {
		t.Errorf("%d others", n)
	}
	for name := range choices {
		if len(name) > 80 || strings.Contains(name, "\x00") {
			t.Errorf("a name of %d bytes: %q", len(name), name)
		}
	}
	if len(choices) != 3 {
		t.Errorf("%d names", len(choices))
	}
}

// The plain path writes one key for a message, whatever becomes of it, and reads none twice.
func TestOneKeyForALine(t *testing.T) {
	l := newLedger(t)
	var keys map[string]bool
	l.do(func(tx store.Tx) {
		counting := &counter{Tx: tx, keys: map[string]bool{}}
		fact := at(lifecycle.FactMessage, "v1", "j/a.lua", 4)
		fact.Journey, fact.Reason = "j", "queued"
		l.insight.Fold(counting, &lifecycle.Decision{Facts: []lifecycle.Fact{{Kind: lifecycle.FactEvent, Journey: "j"}, fact}})
		fact.Kind, fact.From, fact.To = lifecycle.FactSettled, "queued", "accepted"
		l.insight.Fold(counting, &lifecycle.Decision{Facts: []lifecycle.Fact{fact}})
		keys = counting.keys
	})
	if len(keys) != 1 {
		t.Errorf("the keys are %q", slices.Collect(maps.Keys(keys)))
	}
}

type counter struct {
	store.Tx
	keys map[string]bool
}

func (c *counter) Set(key, value []byte) {
	c.keys[string(key)] = true
	c.Tx.Set(key, value)
}

func TestChangesGrow(t *testing.T) {
	l := newLedger(t)
	before := l.insight.Changes()
	l.fold(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	if l.insight.Changes() <= before {
		t.Error("a change was not told")
	}
	before = l.insight.Changes()
	l.insight.Touch()
	if l.insight.Changes() != before+1 {
		t.Error("a touch was not told")
	}
}

// FuzzReport reads any counter that a store may hold.
func FuzzReport(f *testing.F) {
	f.Add("j\x00stayed\x00a", []byte{7, 1, 9, 0x80, 1})
	f.Add("j\x00stayed\x00a", []byte{7, 0x80})
	f.Add("j\x00send\x00m\x00v\x00f\x001", []byte{0, 0, 0, 0, 0, 0, 0, 1, 2})
	f.Add("j\x00waits\x00v\x00f\x00x", []byte{0, 0, 0, 0, 0, 0, 0, 1})
	f.Add("", []byte{})
	s, err := store.Open(store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	figures := insight.New()
	figures.Bind(s)
	s.Start(machine{figures})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		full := []byte("k" + key[:min(len(key), 1000)])
		if _, err := s.Do(t.Context(), 0, act(func(tx store.Tx) { tx.Set(full, value) })); err != nil {
			t.Fatal(err)
		}
		report, err := figures.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range report.Journeys {
			for stage := range j.Stayed {
				_ = j.Median(stage)
			}
			_, _ = j.Waiting(), j.Back(&lifecycle.Journey{})
		}
		if _, err := s.Do(t.Context(), 0, act(func(tx store.Tx) { tx.Delete(full) })); err != nil {
			t.Fatal(err)
		}
	})
}
