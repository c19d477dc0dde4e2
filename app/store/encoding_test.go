package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

var (
	_ store.Record = (*lifecycle.Customer)(nil)
	_ store.Record = (*lifecycle.Event)(nil)
	_ store.Record = (*lifecycle.Fact)(nil)
	_ store.Record = (*lifecycle.Message)(nil)
	_ store.Record = (*lifecycle.Rendered)(nil)
)

func storedEvent() lifecycle.Event {
	return lifecycle.Event{
		Type: lifecycle.Track, Name: "Order Completed", MessageID: "a7d0f2de-5f2b-4d8a-9a44-0d3b5d4f6a10", UserID: "user-4711",
		Timestamp: time.Unix(1772355600, 0).UTC(), Received: time.Unix(1772355601, 5e8).UTC(),
		Properties: json.RawMessage(`{"order_id":"50314b8e","total":27.5,"currency":"EUR","products":[{"sku":"45790-32","price":19}]}`),
		Context:    json.RawMessage(`{"library":{"name":"node","version":"2.1"}}`),
	}
}

func storedMessage() *lifecycle.Message {
	at := time.Unix(1772355601, 5e8).UTC()
	return &lifecycle.Message{
		ID: lifecycle.HashID("m"), Customer: lifecycle.HashID("c"), User: "user-4711", Journey: "customer-lifecycle",
		Version: "9f86d081884c7d65", Stage: "single-purchase", Name: "thank-you", File: "single-purchase.lua", Line: 4,
		Channel: "email", Kind: lifecycle.Marketing, Decided: at, Due: at, Expires: at.Add(72 * time.Hour),
		State: lifecycle.Queued, Event: storedEvent(),
	}
}

func storedCustomer() *lifecycle.Customer {
	at := time.Unix(1772355601, 5e8).UTC()
	return &lifecycle.Customer{
		ID: lifecycle.HashID("c"), Created: at, Clock: at, Seq: 17, Due: at.Add(time.Hour),
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
			Runs: []lifecycle.RunRef{{ID: lifecycle.HashID("r"), Handler: "single-purchase.lua#1", Visit: 9, Version: "9f86d081884c7d65"}},
		}},
	}
}

// oldEncode is how everything was written before there were records.
func oldEncode(t testing.TB, value any) []byte {
	data, err := msgpack.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{1}, data...)
}

// A record is read whether it was written as one or, by an older program, as MessagePack.
func TestEncodeRecord(t *testing.T) {
	for _, test := range []struct{ value, empty any }{
		{storedCustomer(), &lifecycle.Customer{}}, {storedMessage(), &lifecycle.Message{}},
	} {
		for encoding, data := range map[byte][]byte{1: oldEncode(t, test.value), 2: store.Encode(test.value)} {
			if data[0] != encoding {
				t.Errorf("%T is written in encoding %d instead of %d", test.value, data[0], encoding)
			}
			if err := store.Decode(data, test.empty); err != nil {
				t.Fatal(err)
			}
			clear(data) // nothing of it was kept
			if d := cmp.Diff(test.value, test.empty, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(lifecycle.Customer{})); d != "" {
				t.Errorf("encoding %d: %s", encoding, d)
			}
		}
	}
}

// Whatever is no record, even if it contains one, is MessagePack.
func TestEncodeOthers(t *testing.T) {
	type container struct {
		Event  *lifecycle.Event
		Silent *lifecycle.Timer
	}
	event := storedEvent()
	data := store.Encode(&container{Event: &event})
	var read container
	if err := store.Decode(data, &read); err != nil || data[0] != 1 {
		t.Fatal(data[0], err)
	}
	if d := cmp.Diff(container{Event: &event}, read); d != "" {
		t.Error(d)
	}
}

func TestDecodeErrors(t *testing.T) {
	for text, data := range map[string][]byte{
		"is empty": nil, "encoding version 3": {3, 1}, "stored in version 99": {2, 99}, "cut short": {2, 1},
	} {
		if err := store.Decode(data, &lifecycle.Customer{}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v", data, err)
		}
	}
	var text string
	if err := store.Decode([]byte{2, 1}, &text); err == nil || !strings.Contains(err.Error(), "cannot read") {
		t.Errorf("a record as a string: %v", err)
	}
}

func BenchmarkEncoding(b *testing.B) {
	for name, test := range map[string]struct {
		value any
		empty func() any
	}{
		"customer": {storedCustomer(), func() any { return &lifecycle.Customer{} }},
		"message":  {storedMessage(), func() any { return &lifecycle.Message{} }},
	} {
		for encoding, encode := range map[string]func() []byte{
			"record":      func() []byte { return store.Encode(test.value) },
			"messagepack": func() []byte { return oldEncode(b, test.value) },
		} {
			b.Run(name+"/write/"+encoding, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					encode()
				}
			})
			data := encode()
			b.Run(name+"/read/"+encoding, func(b *testing.B) {
				b.ReportAllocs()
				b.ReportMetric(float64(len(data)), "bytes")
				for b.Loop() {
					if err := store.Decode(data, test.empty()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
