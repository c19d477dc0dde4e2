package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// inspected is a machine that lets a test read and write a partition, and refuses to publish in some of them.
type inspected struct {
	machine
	refuses *atomic.Int64 // from this partition on, unless it is 0
}

type inspect func(store.Tx)

func (m inspected) Apply(tx store.Tx, input any) (any, error) {
	switch in := input.(type) {
	case inspect:
		in(tx)
		return nil, nil
	case engine.Publish:
		if from := m.refuses.Load(); from > 0 && int64(tx.Partition()) >= from {
			return nil, lifecycle.Errorf(lifecycle.Unavailable, "refused by the test")
		}
	}
	return m.machine.Apply(tx, input)
}

// inspected opens the harness's folder anew, with a machine that can be looked into.
func (h *harness) inspected() *atomic.Int64 {
	h.t.Helper()
	if err := h.store.Close(); err != nil {
		h.t.Fatal(err)
	}
	var err error
	if h.store, err = store.Open(store.Options{Dir: h.dir}); err != nil {
		h.t.Fatal(err)
	}
	h.engine = engine.New(engine.Options{Clock: h.clock, Host: h.host, Outbox: h.book, Recorder: h.book,
		Log: slog.New(slog.DiscardHandler), MaxPending: 10000})
	h.engine.Bind(h.store)
	refuses := &atomic.Int64{}
	h.store.Start(inspected{machine{h.engine}, refuses})
	return refuses
}

func (h *harness) inspect(partition int, look func(store.Tx)) {
	h.t.Helper()
	if _, err := h.store.Do(context.Background(), partition, inspect(look)); err != nil {
		h.t.Fatal(err)
	}
}

// versions counts the versions that a partition has stored, and their bytes.
func (h *harness) versions(partition int) (n, bytes int) {
	h.t.Helper()
	h.inspect(partition, func(tx store.Tx) {
		tx.Scan([]byte{'s'}, []byte{'v' + 1}, func(key, value []byte) bool {
			if key[0] == 's' || key[0] == 'v' {
				n, bytes = n+1, bytes+len(value)
			}
			return true
		})
	})
	return n, bytes
}

// modes returns in how many partitions the journey j is in which mode; "" where it is not known.
func (h *harness) modes() map[lifecycle.Mode]int {
	h.t.Helper()
	found := map[lifecycle.Mode]int{}
	for p := range h.store.Partitions() {
		answer, err := h.store.Ask(context.Background(), p, engine.Journeys{})
		if err != nil {
			h.t.Fatal(err)
		}
		var mode lifecycle.Mode
		for _, state := range answer.([]engine.JourneyState) {
			if state.Name == "j" {
				mode = state.Mode
			}
		}
		found[mode]++
	}
	return found
}

func (h *harness) wantModes(when string, want map[lifecycle.Mode]int) {
	h.t.Helper()
	if got := h.modes(); !maps.Equal(got, want) {
		h.t.Errorf("%s the modes are %v, want %v", when, got, want)
	}
}

func logging(text string) script.Source {
	return journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() log "`+text+`" wait "1 day" log "`+text+` again" end)`, "b", `stage { title = "B" }`)
}

func (h *harness) publishOff(source script.Source) {
	h.t.Helper()
	if err := h.engine.Publish(h.t.Context(), engine.Publish{Source: source, Mode: lifecycle.Off}); err != nil {
		h.t.Fatal(err)
	}
}

// A journey that was never on takes one partition's room. When it is switched on, every partition has its newest
// version, and everything that a journey has from the beginning.
func TestAJourneyThatWasNeverOnIsKeptOnce(t *testing.T) {
	h := newHarness(t)
	h.inspected()
	h.publishOff(logging("one"))
	h.publishOff(logging("two"))
	h.mode("j", lifecycle.Off) // as it is
	h.wantModes("while it was never on", map[lifecycle.Mode]int{lifecycle.Off: 1, "": 63})
	for i := range 100 {
		h.track(fmt.Sprint("user", i), "Order")
	}
	h.restartOff(logging("two"))
	h.wantModes("after a start", map[lifecycle.Mode]int{lifecycle.Off: 1, "": 63})
	if n, _ := h.versions(7); n != 0 {
		t.Errorf("partition 7 has stored %d versions of what nobody can be in", n)
	}
	if n, bytes := h.versions(0); n != 2 || bytes > 2*700 {
		t.Errorf("the first partition has stored %d keys of %d bytes", n, bytes)
	}
	h.mode("j", lifecycle.Live)
	h.wantModes("when it is on", map[lifecycle.Mode]int{lifecycle.Live: 64})
	for i := range 100 {
		h.track(fmt.Sprint("user", i), "Order")
	}
	if n := count(h, "log j/a two"); n != 100 {
		t.Errorf("%d customers came into it, want 100", n)
	}
	// From then on it is as any other.
	h.mode("j", lifecycle.Off)
	h.wantModes("when it is off again", map[lifecycle.Mode]int{lifecycle.Off: 64})
	h.restartOff(logging("three"))
	if n, _ := h.versions(7); n != 2 {
		t.Errorf("partition 7 has %d versions, want the two that were published since it knows the journey", n)
	}
	h.mode("j", lifecycle.Live)
	h.clock.Advance(2 * day24)
	h.eventually(func() bool { return count(h, "two again") == 100 }) // with the version that they began with
	h.track("late", "Order")
	if n := count(h, "log j/a three"); n != 1 {
		t.Errorf("%d customers met the newest version, want 1", n)
	}
}

// restartOff starts anew as the program does: what is in the folder is published.
func (h *harness) restartOff(source script.Source) {
	h.t.Helper()
	h.inspected()
	h.publishOff(source)
}

// Switching on for the first time can break off in the middle. Asked again, it comes to its end; without that, the next
// start undoes it.
func TestAFirstSwitchingOnThatBreaksOff(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		h := newHarness(t)
		refuses := h.inspected()
		h.publishOff(logging("one"))
		refuses.Store(40)
		err := h.engine.SetMode(t.Context(), engine.SetMode{Journey: "j", Mode: lifecycle.Live})
		if lifecycle.CodeOf(err) != lifecycle.Unavailable {
			t.Fatalf("want the refusal, got %v", err)
		}
		h.wantModes("broken off,", map[lifecycle.Mode]int{lifecycle.Off: 1, lifecycle.Live: 39, "": 24})
		if restarted {
			h.restartOff(logging("two"))
			h.wantModes("repaired,", map[lifecycle.Mode]int{lifecycle.Off: 64})
			h.mode("j", lifecycle.Live)
		} else {
			refuses.Store(0)
			h.mode("j", lifecycle.Live)
		}
		h.wantModes("in the end", map[lifecycle.Mode]int{lifecycle.Live: 64})
		for i := range 50 {
			h.track(fmt.Sprint("user", i), "Order")
		}
		if n := count(h, " log j/a "); n != 50 {
			t.Errorf("%d of 50 customers came into it", n)
		}
	}
}

// Several versions at once: one that is broken holds up no other, and a store that is not well leaves the first partition
// untold, so that all is done again.
func TestPublishingSeveralAtOnce(t *testing.T) {
	h := newHarness(t)
	refuses := h.inspected()
	a, broken, c := logging("a"), logging("b"), logging("c")
	a.Name, broken.Name, c.Name = "a", "broken", "c"
	broken.Files["a.lua"] = []byte("stage {")
	program, err := h.host.Compile(a)
	if err != nil {
		t.Fatal(err)
	}
	list := []engine.Publish{{Source: a, Program: program, Mode: lifecycle.Live}, {Source: broken, Mode: lifecycle.Live}, {Source: c, Mode: lifecycle.Off}}
	names := func() (names []string) {
		states, err := h.engine.States(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range states {
			names = append(names, state.Name)
		}
		return names
	}
	refuses.Store(63)
	if errs := h.engine.PublishAll(t.Context(), list); errs[0] == nil || errs[1] == nil || errs[2] == nil {
		t.Errorf("the store is not well, but the errors are %v", errs)
	}
	if got := names(); got != nil {
		t.Errorf("the first partition was told of %v", got)
	}
	refuses.Store(0)
	errs := h.engine.PublishAll(t.Context(), list)
	if errs[0] != nil || errs[2] != nil || lifecycle.CodeOf(errs[1]) != lifecycle.ScriptFailed {
		t.Errorf("the errors are %v", errs)
	}
	if got := names(); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("the journeys are %v", got)
	}
	if got := len(h.engine.PublishAll(t.Context(), nil)); got != 0 {
		t.Errorf("nothing has %d errors", got)
	}
}

// Where nobody is, nobody needs to learn of a change.
func TestAChangeIsDoneAtOnceWhereNobodyIs(t *testing.T) {
	h := newHarness(t)
	h.store.StopOwning()
	h.publish(logging("one"))
	if err := h.engine.Publish(t.Context(), engine.Publish{Source: logging("two"), Drain: true}); err != nil {
		t.Fatal(err)
	}
	states, err := h.engine.States(t.Context())
	if err != nil || len(states) != 1 || states[0].Resync || len(states[0].Keep) != 0 {
		t.Errorf("%+v, %v", states, err)
	}
}

// Versions that were stored file by file are read as they were; new ones are packed.
func TestVersionsStoredFileByFileAreRead(t *testing.T) {
	h := newHarness(t)
	h.inspected()
	old, now := logging("old"), logging("now")
	now.Files["lib/empty.lua"] = []byte{}
	type manifest struct {
		Name  string                  `msgpack:"n"`
		Files map[string]lifecycle.ID `msgpack:"f"`
	}
	for p := range h.store.Partitions() {
		h.inspect(p, func(tx store.Tx) {
			list := manifest{"j", map[string]lifecycle.ID{}}
			for path, content := range old.Files {
				hash := lifecycle.HashID("file", string(content))
				list.Files[path] = hash
				tx.Set(append([]byte{'s'}, hash[:]...), content)
			}
			tx.Set(append([]byte{'v'}, old.Version()...), store.Encode(&list))
			tx.Set([]byte{'j'}, store.Encode([]engine.JourneyState{{Name: "j", Version: old.Version(), Mode: lifecycle.Live}}))
		})
	}
	h.restart()
	h.track("ada", "Order")
	h.publish(now)
	h.restart()
	h.track("bob", "Order")
	h.clock.Advance(2 * day24)
	h.eventually(func() bool { return count(h, "old again") == 1 && count(h, "now again") == 1 })
	source, err := h.engine.SourceOf(t.Context(), now.Version())
	if err != nil || source.Version() != now.Version() {
		t.Errorf("%v, %v", source, err)
	}
}

// A version is compiled from what is stored when somebody asks for it, also if nothing was published since the start.
func TestAVersionIsCompiledFromTheStore(t *testing.T) {
	h := newHarness(t)
	h.inspected()
	source := logging("one")
	h.publishOff(source)
	h.inspected()
	program, ok := h.engine.Program(source.Version())
	if !ok || program.Journey.Version != source.Version() {
		t.Error("the version is not there")
	}
	if _, ok = h.engine.Program(strings.Repeat("0", 32)); ok {
		t.Error("a version is there that nobody published")
	}
	h.inspect(0, func(tx store.Tx) {
		tx.Set([]byte("vbroken"), store.Encode(&struct {
			Packed []byte `msgpack:"z"`
		}{[]byte("no pack")}))
	})
	if _, err := h.engine.SourceOf(t.Context(), "broken"); lifecycle.CodeOf(err) != lifecycle.Internal {
		t.Errorf("of a pack that is damaged: %v", err)
	}
	if _, ok = h.engine.Program("broken"); ok {
		t.Error("a damaged version is there")
	}
}
