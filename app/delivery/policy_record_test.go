package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Whatever stands in the store, reading it ends, and what can be read is written as it stood.
func FuzzLeavings(f *testing.F) {
	f.Add((&delivery.Leavings{}).AppendRecord(nil))
	list := make(delivery.Leavings, 3)
	f.Add(list.AppendRecord(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var read delivery.Leavings
		if read.ReadRecord(bytes.Clone(data)) != nil {
			return
		}
		var again delivery.Leavings
		written := read.AppendRecord(nil)
		if err := again.ReadRecord(bytes.Clone(written)); err != nil || !bytes.Equal(again.AppendRecord(nil), written) {
			t.Errorf("%x becomes %x: %v", data, written, err)
		}
	})
}

// A forecast counts what caps would hold back of messages that are never sent, in the order in which they would leave.
func TestForecast(t *testing.T) {
	for _, c := range []struct {
		name string
		caps map[string][]delivery.Cap
		at   []time.Duration // when messages are decided
		drop bool
		want int64
	}{
		{"no caps", nil, []time.Duration{0, 0, 0}, false, 0},
		{"another channel's", map[string][]delivery.Cap{"sms": {{Limit: 1}}}, []time.Duration{0, 0, 0}, false, 0},
		{"two a day", map[string][]delivery.Cap{"email": {{Limit: 2}}}, []time.Duration{0, 0, 0, 0}, false, 2},
		{"those of today fill tomorrow", map[string][]delivery.Cap{"email": {{Limit: 2}}}, []time.Duration{0, 0, 0, 0, 13 * time.Hour}, false, 3},
		{"unless they are dropped", map[string][]delivery.Cap{"email": {{Limit: 2}}}, []time.Duration{0, 0, 0, 0, 13 * time.Hour}, true, 2},
		{"24 hours", map[string][]delivery.Cap{"*": {{Limit: 1, Within: 24 * time.Hour}}}, []time.Duration{0, 24 * time.Hour, 25 * time.Hour}, false, 1},
		{"too old to wait for room", map[string][]delivery.Cap{"email": {{Limit: 1, Within: 96 * time.Hour}}}, []time.Duration{0, 0, 0, 97 * time.Hour}, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost(t, newConnector())
			forecast := delivery.NewForecast(delivery.Policy{Caps: c.caps})
			ada := &lifecycle.Customer{ID: lifecycle.HashID("ada")}
			ada.SetTrait("timezone", json.RawMessage(`"UTC"`))
			for _, after := range c.at {
				m := p.message(ada.ID, wanted, "hello")
				m.Decided, m.Expires = start.Add(after), start.Add(after+72*time.Hour)
				if c.drop {
					m.Options = map[string]string{"caps": "drop"}
				}
				p.do(ada.ID.Partition(), func(tx store.Tx) { forecast.Take(tx, m, ada) })
			}
			if _, err := p.store.Ask(context.Background(), ada.ID.Partition(), delivery.Newest{Limit: 1}); err != nil {
				t.Fatal(err)
			}
			if got := forecast.Hits()["hello"]; got != c.want {
				t.Errorf("%d hits, want %d", got, c.want)
			}
		})
	}
}
