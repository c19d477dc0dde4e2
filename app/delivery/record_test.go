package delivery_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// attempts draws every field that an attempt has, so that one that is added and not written fails the test.
func attempts() *rapid.Generator[delivery.Attempt] {
	moments := rapid.Custom(func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(0, rapid.Int64().Draw(t, "nanoseconds")).UTC()
	})
	return rapid.MakeCustom[delivery.Attempt](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): moments},
	})
}

// An attempt is read as it was written, now and by an older program as MessagePack.
func TestAttemptRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := attempts().Draw(t, "written")
		old, err := msgpack.Marshal(&written)
		if err != nil {
			t.Fatal(err)
		}
		for encoding, data := range map[byte][]byte{1: append([]byte{1}, old...), 2: store.Encode(&written)} {
			written, read := written, delivery.Attempt{}
			if err := store.Decode(data, &read); err != nil || data[0] != encoding {
				t.Fatal(data[0], err)
			}
			clear(data)
			if encoding == 2 && written.Rendered.Layout == delivery.MarkupLayout {
				written.Rendered.Text = "" // it is what the HTML says
			}
			if d := cmp.Diff(written, read, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("encoding %d: %s", encoding, d)
			}
		}
	})
}

func FuzzAttempt(f *testing.F) {
	f.Add((&delivery.Attempt{}).AppendRecord(nil))
	f.Add((&delivery.Attempt{Number: 2, Boot: "b", At: time.Unix(1772355601, 5), Rendered: lifecycle.Rendered{
		To: "someone@example.com", Subject: "Hello", Headers: map[string]string{"X-A": "1", "X-B": "2"}}}).AppendRecord(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var read, again delivery.Attempt
		if read.ReadRecord(data) != nil {
			return
		}
		if err := again.ReadRecord(read.AppendRecord(nil)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(read, again); d != "" {
			t.Fatal(d)
		}
	})
}
