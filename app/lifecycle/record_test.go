package lifecycle_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

type record interface {
	RecordSize() int
	AppendRecord(b []byte) []byte
	ReadRecord(data []byte) error
}

// records makes an empty one of each type that is stored as a record.
var records = map[string]func() record{
	"customer": func() record { return &lifecycle.Customer{} },
	"event":    func() record { return &lifecycle.Event{} },
	"fact":     func() record { return &lifecycle.Fact{} },
	"message":  func() record { return &lifecycle.Message{} },
	"rendered": func() record { return &lifecycle.Rendered{} },
}

// versions in which they are written.
var versions = map[string]byte{"customer": 13, "event": 5, "fact": 4, "message": 3, "rendered": 2}

// diff says how two records differ; nil and empty lists are the same.
func diff(a, b any) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.EquateNaNs(), cmpopts.IgnoreUnexported(lifecycle.Customer{}),
		cmpopts.IgnoreFields(lifecycle.Fact{}, "Stayed", "Version")) // not kept, but for the version of a message's fact
}

var moments = rapid.Custom(func(t *rapid.T) time.Time {
	switch rapid.IntRange(0, 3).Draw(t, "kind of time") {
	case 0:
		return time.Time{}
	case 1: // senders may name any year
		return time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), 5)
	case 2:
		return time.Unix(0, rapid.Int64().Draw(t, "nanoseconds")).UTC()
	}
	return time.Unix(1767225600, rapid.Int64Range(0, 1e17).Draw(t, "recent")).In(time.FixedZone("east", 7*3600))
})

// fill draws every exported field of a value, so that one that is added and not written fails the test.
func fill(t *rapid.T, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(moments.Draw(t, "time")))
		return
	case v.Type() == reflect.TypeFor[json.RawMessage](), v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "raw"))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.StringN(0, 8, -1).Draw(t, "text") + strings.Repeat("x", rapid.SampledFrom([]int{0, 0, 0, 200, 600}).Draw(t, "long")))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Uint8().Draw(t, "uint8")))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(-1e18, 1e18).Draw(t, "float")) // what is beyond is read as the bound
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Array:
		if rapid.Bool().Draw(t, "set") {
			reflect.Copy(v, reflect.ValueOf(rapid.SliceOfN(rapid.Byte(), v.Len(), v.Len()).Draw(t, "id")))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 3).Draw(t, "length"), 3))
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 5).Draw(t, "length") {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key)
			fill(t, value)
			v.SetMapIndex(key, value)
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		} else {
			v.SetZero()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i))
			}
		}
	default:
		t.Fatalf("no way to fill a %s", v.Type())
	}
}

// What was written is read again, all of it, whatever was in the value before and whatever becomes of the data.
func TestRecordsRoundTrip(t *testing.T) {
	for name, empty := range records {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				written, read := empty(), empty()
				if rapid.IntRange(0, 9).Draw(t, "zero") > 0 {
					fill(t, reflect.ValueOf(written).Elem())
				}
				fill(t, reflect.ValueOf(read).Elem())
				data := written.AppendRecord([]byte("before"))
				if !bytes.HasPrefix(data, []byte("before")) {
					t.Fatalf("what stood before the record became %q", data[:6])
				}
				if data[6] != versions[name] {
					t.Fatalf("the version is %d", data[6])
				}
				if size := len(data) - 6; size > written.RecordSize()+64 {
					t.Fatalf("the record has %d bytes; RecordSize said %d", size, written.RecordSize())
				}
				if err := read.ReadRecord(data[6:]); err != nil {
					t.Fatal(err)
				}
				again := read.AppendRecord([]byte("before"))
				if !bytes.Equal(data, again) {
					t.Fatalf("equal values are not equal bytes:\n%q\n%q", data, again)
				}
				clear(data)
				if d := diff(written, read); d != "" {
					t.Fatal(d)
				}
			})
		})
	}
}

// Times come back in UTC, and the zero time stays one.
func TestRecordTimes(t *testing.T) {
	east := time.FixedZone("east", 7*3600)
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Date(2026, 3, 1, 9, 0, 0, 1, east), time.Date(1, 1, 2, 0, 0, 0, 7, east),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(2262, 4, 11, 23, 47, 16, 854775807, time.UTC),
	} {
		w := lifecycle.NewRecordWriter(nil)
		w.Time(at)
		r := lifecycle.NewRecordReader(w.Result())
		got := r.Time()
		if err := r.End("a time"); err != nil || !got.Equal(at) || got.Location() != time.UTC || got.IsZero() != at.IsZero() {
			t.Errorf("%v became %v (%v)", at, got, err)
		}
	}
}

// A record that is newer, longer or shorter than it should be is an error that says so.
func TestRecordErrors(t *testing.T) {
	for name, empty := range records {
		data := empty().AppendRecord(nil)
		newer := append([]byte{99}, data[1:]...)
		if err := empty().ReadRecord(newer); lifecycle.CodeOf(err) != lifecycle.Internal ||
			!strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "version 99") {
			t.Errorf("a %s of version 99: %v", name, err)
		}
		if err := empty().ReadRecord(append(data, 0)); err == nil || !strings.Contains(err.Error(), "1 bytes before") {
			t.Errorf("a %s with a byte behind it: %v", name, err)
		}
		for end := range data {
			if empty().ReadRecord(data[:end]) == nil {
				t.Errorf("a %s of %d instead of %d bytes was read", name, end, len(data))
			}
		}
	}
}

// Lengths that lie do not allocate, and the keys of a map have one order.
func TestRecordLies(t *testing.T) {
	w := lifecycle.NewRecordWriter(nil)
	w.List(1 << 40)
	for what, read := range map[string]func(r *lifecycle.RecordReader){
		"text":  func(r *lifecycle.RecordReader) { r.Text() },
		"bytes": func(r *lifecycle.RecordReader) { r.Bytes() },
		"list":  func(r *lifecycle.RecordReader) { r.List(1) },
		"facts": func(r *lifecycle.RecordReader) { lifecycle.ReadFacts(r) },
	} {
		r := lifecycle.NewRecordReader(w.Result())
		read(&r)
		if r.Err() == nil {
			t.Errorf("%s of 2^40 bytes were read", what)
		}
		if r.Text() != "" || r.Bytes() != nil || r.Uvarint() != 0 || r.Bool() || !r.Time().IsZero() || r.Uint64() != 0 {
			t.Errorf("behind the error there was more than zeros")
		}
	}
	data := (&lifecycle.Rendered{Headers: map[string]string{"a": "", "b": ""}}).AppendRecord(nil)
	data = bytes.Replace(data, []byte("\x01b"), []byte("\x01a"), 1)
	if err := (&lifecycle.Rendered{}).ReadRecord(data); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("the same header twice: %v", err)
	}
}

// MessagePack must go on treating these types as structs: what contains them was written so.
func TestRecordsAreNoBinaryMarshalers(t *testing.T) {
	for name, empty := range records {
		switch empty().(type) {
		case encoding.BinaryMarshaler, encoding.BinaryUnmarshaler, encoding.BinaryAppender:
			t.Errorf("%s has a method that MessagePack would use", name)
		}
	}
	type container struct {
		Event    *lifecycle.Event
		Customer lifecycle.Customer
		Rendered lifecycle.Rendered
		Facts    []lifecycle.Fact
	}
	was := container{&lifecycle.Event{Name: "Ping"}, lifecycle.Customer{Seq: 3}, lifecycle.Rendered{To: "a"}, []lifecycle.Fact{{Line: 2}}}
	data, err := msgpack.Marshal(&was)
	if err != nil {
		t.Fatal(err)
	}
	var is container
	if err := msgpack.Unmarshal(data, &is); err != nil {
		t.Fatal(err)
	}
	if d := diff(was, is); d != "" {
		t.Error(d)
	}
}

// FuzzRecords reads anything as each type: no panic, little memory, and what was read is written and read the same.
func FuzzRecords(f *testing.F) {
	for _, empty := range records {
		f.Add(empty().AppendRecord(nil))
	}
	f.Add(sampleCustomer().AppendRecord(nil))
	f.Add(sampleMessage().AppendRecord(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, empty := range records {
			read := empty()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := read.ReadRecord(data)
			runtime.ReadMemStats(&after)
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+64*len(data)); got > most {
				t.Fatalf("reading %d bytes as a %s took %d bytes", len(data), name, got)
			}
			if err != nil {
				continue
			}
			again := empty()
			if err := again.ReadRecord(read.AppendRecord(nil)); err != nil {
				t.Fatalf("a %s that was read and written cannot be read: %v", name, err)
			}
			if d := diff(read, again); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// What has come in with a date that JSON cannot write is read so that it can be.
func TestTimesThatJSONCannotWrite(t *testing.T) {
	for _, at := range []time.Time{time.UnixMilli(-1e15), time.UnixMilli(1e15), time.Unix(1<<62, 0)} {
		said, read := lifecycle.Event{Timestamp: at}, lifecycle.Event{}
		if err := read.ReadRecord(said.AppendRecord(nil)); err != nil || read.Timestamp.IsZero() {
			t.Errorf("%v is read as %v, %v", at, read.Timestamp, err)
		}
		if _, err := json.Marshal(read); err != nil {
			t.Error(err)
		}
	}
}

func sampleEvent() lifecycle.Event {
	return lifecycle.Event{
		Type: lifecycle.Track, Name: "Order Completed", MessageID: "a7d0f2de-5f2b-4d8a-9a44-0d3b5d4f6a10", UserID: "user-4711",
		AnonymousID: "3f2b5d4f-6a10-4d8a-9a44-0d3b5d4fa7d0", Timestamp: time.Unix(1772355600, 0).UTC(),
		Received: time.Unix(1772355601, 5e8).UTC(), Context: json.RawMessage(`{"library":{"name":"node","version":"2.1"}}`),
		Properties: json.RawMessage(`{"order_id":"50314b8e","total":27.5,"currency":"EUR","products":[{"sku":"45790-32","price":19}]}`),
	}
}

func sampleMessage() *lifecycle.Message {
	at := time.Unix(1772355601, 5e8).UTC()
	return &lifecycle.Message{
		ID: lifecycle.HashID("m"), Customer: lifecycle.HashID("c"), User: "user-4711", Journey: "customer-lifecycle",
		Version: "9f86d081884c7d65", Stage: "single-purchase", Name: "thank-you", File: "single-purchase.lua", Line: 4,
		Channel: "email", Kind: lifecycle.Marketing, Decided: at, Due: at, Expires: at.Add(72 * time.Hour),
		State: lifecycle.Queued, Event: sampleEvent(),
	}
}

func sampleCustomer() *lifecycle.Customer {
	at := time.Unix(1772355601, 5e8).UTC()
	return &lifecycle.Customer{
		ID: lifecycle.HashID("c"), Created: at, Clock: at, Seq: 17, Due: at.Add(time.Hour), TraitsHash: 1 << 60,
		Identities: []lifecycle.Identity{{Kind: lifecycle.UserID, Value: "user-4711"}, {Kind: lifecycle.AnonymousID, Value: "3f2b5d4f-6a10"}},
		Traits: map[string]json.RawMessage{
			"email": json.RawMessage(`"someone@example.com"`), "name": json.RawMessage(`"Some One"`), "plan": json.RawMessage(`"pro"`),
			"age": json.RawMessage(`41`), "address": json.RawMessage(`{"city":"Lyon","country":"FR"}`), "locale": json.RawMessage(`"fr"`),
		},
		Visits: []lifecycle.Visit{{
			Journey: "customer-lifecycle", Stage: "single-purchase", Entered: at, Number: 9, Version: "9f86d081884c7d65",
			Timers: []lifecycle.Timer{
				{Due: at.Add(time.Hour), Seq: 11, Run: lifecycle.HashID("r")},
				{Due: at.Add(9 * time.Hour), Seq: 12, Event: "Order Completed", After: 180 * 24 * time.Hour, Stage: "single-purchase"},
			},
			Runs: []lifecycle.RunRef{{ID: lifecycle.HashID("r"), Handler: "single-purchase.lua#1", Stage: "single-purchase", Visit: 9, Version: "9f86d081884c7d65"}},
		}},
	}
}
