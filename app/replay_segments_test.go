package app_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

func (w *lived) publishSegments(predicates ...string) {
	w.t.Helper()
	files := map[string][]byte{}
	for i := 0; i < len(predicates); i += 2 {
		files[predicates[i]+".lua"] = fmt.Appendf(nil, "segment { title = %q }\nmember(function(customer) return %s end)", predicates[i], predicates[i+1])
	}
	w.must(w.engine.PublishSegments(context.Background(), script.Source{Name: script.SegmentsFolder, Files: files}))
}

func (w *lived) damage(user string, key []byte) {
	w.t.Helper()
	_, err := w.store.Do(context.Background(), userID(user).Partition(), livedDamage{key})
	w.must(err)
}

// TestAReplayWhileEverybodyIsAsked has segments of which some in a partition know and others do not yet.
func TestAReplayWhileEverybodyIsAsked(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	partition, there := userID("ada").Partition(), 0
	for i := 0; there < 40; i++ {
		if name := fmt.Sprint("user", i); userID(name).Partition() == partition {
			w.track(name, "Ordered", map[string]any{"total": 5})
			there++
		}
	}
	w.clock.Advance(time.Hour)
	w.publishSegments("poor", `count("Ordered", "30 days") >= 1`)
	w.clock.Advance(time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	w.applied = func(input any) {
		if strings.HasSuffix(fmt.Sprintf("%T", input), "walkSegments") {
			cancel() // so that there is no second one
		}
	}
	if err := w.engine.Chores(ctx, partition); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.applied = nil
	w.track("ada", "Looked", nil) // which comes after the first walk
	state, err := w.engine.Segments(context.Background())
	w.must(err)
	if members := state.Segments[0].Members; !state.Walking || members == 0 || members >= 40 {
		t.Fatalf("%d are members; walking: %t", members, state.Walking)
	}
	w.agrees()
}

// TestAReplayAsksSegmentsAgain has segments that change on the way, which others ask for, time alone ends, and a script hears of.
// A membership that does not follow from the events is named.
func TestAReplayAsksSegmentsAgain(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	files := club("discount")
	files["journey.lua"] += "\non(\"Segment Entered\", function(customer, event) tag(event.properties.segment) end)" +
		"\non(\"Segment Left\", function(customer, event) set(\"left\", event.properties.segment) end)"
	w.publish(files)
	w.publishSegments("buyers", `count("Ordered", "3 days") >= 1`)
	w.clock.Advance(time.Second)
	w.track("ada", "Ordered", map[string]any{"total": 60})
	w.clock.Advance(time.Second)
	w.publishSegments("buyers", `count("Ordered", "3 days") >= 1`, "eager", `in_segment("buyers") and count("Ordered", "10 days") >= 2`, "best", `rfm { m = 5 }`,
		"lately", `rfm { recency = "4 days", frequency = 2 }`, "odd", `(rfm{ recency="4 days", monetary = 10+1 })`)
	w.work(lifecycle.UserID, "ada")
	w.clock.Advance(time.Second)
	w.track("ada", "Ordered", map[string]any{"total": 60})
	w.pass("ada", 5*24*time.Hour)
	w.publishSegments("buyers", `count("Ordered", "9 days") >= 1`) // told to nobody
	w.track("ada", "Looked", nil)                                  // before everybody is asked
	w.work(lifecycle.UserID, "ada")
	w.agrees()
	found := w.replay("ada")
	if notes := strings.Join(found.Notes, "\n"); strings.Contains(notes, "best") || strings.Contains(notes, "buyers") {
		t.Errorf("notes: %s", notes)
	}
	hash, ada := lifecycle.HashID("segment", "buyers"), userID("ada")
	w.damage("ada", append(append([]byte{'S'}, hash[:8]...), ada[:]...))
	found = w.replay("ada")
	if len(found.Differences) != 1 || found.Differences[0] != (app.Difference{Field: "segment buyers", Stored: "member, but not in the list of members", Replayed: "member"}) {
		t.Errorf("a list that is wrong: %+v", found.Differences)
	}
	page, err := w.engine.Lived(context.Background(), ada, engine.LivedPlace{}, 100)
	w.must(err)
	for _, entry := range page.Entries {
		if entry.Event == nil && len(entry.Facts) > 0 && entry.Facts[0].Kind == lifecycle.FactSegment && entry.Facts[0].To == engine.SegmentOut {
			w.damage("ada", binary.BigEndian.AppendUint64(append([]byte{'e'}, ada[:]...), ^entry.Seq))
			break
		}
	}
	found = w.replay("ada")
	if len(found.Differences) != 2 || !strings.Contains(found.Differences[1].Replayed, "segment buyers") && !strings.Contains(found.Differences[1].Replayed, "left buyers") {
		t.Errorf("an end that is not written down: %+v", found.Differences)
	}
}
