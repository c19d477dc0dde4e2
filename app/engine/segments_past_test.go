package engine_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/store"
)

// do changes the first partition.
func (h *harness) do(change func(tx store.Tx) error) {
	h.t.Helper()
	if _, err := h.store.Do(h.t.Context(), 0, change); err != nil {
		h.t.Fatal(err)
	}
}

// A version of the segments that was published before any past was kept is known after the next one, with its source.
func TestSegmentsOlderThanTheirPast(t *testing.T) {
	h := newHarness(t)
	h.do(func(tx store.Tx) error {
		if err := h.engine.TakeSegments(tx, "old", start); err != nil {
			return err
		}
		if err := h.engine.UnkeepSegments(tx); err != nil {
			return err
		}
		if err := h.engine.TakeSegments(tx, "new", start.Add(time.Hour)); err != nil {
			return err
		}
		past, has := h.engine.KeptSegments(tx)
		if len(past) != 2 || past[0].Version != "old" || !past[0].At.Equal(start) || past[1].Version != "new" || !has("old") || !has("new") {
			t.Errorf("%+v; sources: %t %t", past, has("old"), has("new"))
		}
		return nil
	})
}

// What is not remembered any more leaves no source behind, unless it came into force again.
func TestForgottenSegmentsLeaveNoSource(t *testing.T) {
	h := newHarness(t)
	h.do(func(tx store.Tx) error {
		for i := range 104 {
			version := fmt.Sprint("v", i)
			if i == 50 {
				version = "v1" // once more
			}
			if err := h.engine.TakeSegments(tx, version, start.Add(time.Duration(i)*time.Hour)); err != nil {
				return err
			}
		}
		past, has := h.engine.KeptSegments(tx)
		if len(past) != 100 || past[0].Version != "v4" {
			t.Errorf("%d are remembered, from %s on", len(past), past[0].Version)
		}
		for version, want := range map[string]bool{"v0": false, "v1": true, "v2": false, "v3": false, "v4": true, "v103": true} {
			if has(version) != want {
				t.Errorf("%s: %t", version, !want)
			}
		}
		return nil
	})
}
