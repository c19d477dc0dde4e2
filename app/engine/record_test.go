package engine_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// entries draws every field that an entry has, so that one that is added and not written fails the test.
func entries() *rapid.Generator[engine.TimelineEntry] {
	moments := rapid.Custom(func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(0, rapid.Int64().Draw(t, "nanoseconds")).UTC()
	})
	return rapid.MakeCustom[engine.TimelineEntry](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): moments},
	})
}

func TestTimelineEntryRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := entries().Draw(t, "written")
		read := entries().Draw(t, "before")
		data := store.Encode(&written)
		if data[0] != 2 {
			t.Fatalf("the entry is written in encoding %d", data[0])
		}
		if err := store.Decode(data, &read); err != nil {
			t.Fatal(err)
		}
		clear(data)
		if d := cmp.Diff(written, read, cmpopts.EquateEmpty(), cmpopts.EquateNaNs(), cmpopts.IgnoreFields(lifecycle.Fact{}, "Stayed", "Version")); d != "" {
			t.Fatal(d)
		}
	})
}

func storedEntry() *engine.TimelineEntry {
	at := time.Unix(1772355601, 5e8).UTC()
	return &engine.TimelineEntry{
		At: at,
		Event: &lifecycle.Event{
			Type: lifecycle.Track, Name: "Order Completed", MessageID: "a7d0f2de-5f2b-4d8a-9a44-0d3b5d4f6a10", UserID: "user-4711",
			Timestamp: at, Received: at, Properties: json.RawMessage(`{"order_id":"50314b8e","total":27.5,"currency":"EUR"}`),
		},
		Facts: []lifecycle.Fact{
			{Kind: lifecycle.FactEvent, At: at, Name: "Order Completed"},
			{Kind: lifecycle.FactMessage, At: at, Journey: "customer-lifecycle", From: "member", Name: "thank-you", Reason: "queued", File: "member.lua", Line: 4},
			{Kind: lifecycle.FactMoved, At: at, Journey: "customer-lifecycle", From: "member", To: "single-purchase", File: "member.lua", Line: 7},
		},
	}
}

// oldEncode is how entries were written before they were records.
func oldEncode(t testing.TB, value any) []byte {
	data, err := msgpack.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{1}, data...)
}

func TestTimelineEntryInMessagePack(t *testing.T) {
	var read engine.TimelineEntry
	if err := store.Decode(oldEncode(t, storedEntry()), &read); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(storedEntry(), &read); d != "" {
		t.Error(d)
	}
}

func FuzzTimelineEntry(f *testing.F) {
	f.Add(storedEntry().AppendRecord(nil))
	f.Add((&engine.TimelineEntry{}).AppendRecord(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var read, again engine.TimelineEntry
		if read.ReadRecord(data) != nil {
			return
		}
		if len(read.Facts) > len(data) {
			t.Fatalf("%d bytes became %d facts", len(data), len(read.Facts))
		}
		if err := again.ReadRecord(read.AppendRecord(nil)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(read, again, cmpopts.EquateNaNs()); d != "" {
			t.Fatal(d)
		}
	})
}

func BenchmarkTimelineEntry(b *testing.B) {
	entry := storedEntry()
	for name, encode := range map[string]func() []byte{
		"record":      func() []byte { return store.Encode(entry) },
		"messagepack": func() []byte { return oldEncode(b, entry) },
	} {
		b.Run("write/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				encode()
			}
		})
		data := encode()
		b.Run("read/"+name, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(data)), "bytes")
			for b.Loop() {
				var read engine.TimelineEntry
				if err := store.Decode(data, &read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
