package engine_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// says is an event by which a source says something of a customer.
func says(source string, public bool, traits string, at time.Time) lifecycle.Event {
	return lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", Traits: json.RawMessage(traits), Source: source, Public: public, Timestamp: at}
}

// Every trait knows its source and time, and no source overwrites what one before it in the order has said.
func TestWhereTraitsComeFrom(t *testing.T) {
	h := newHarness(t)
	h.order = []string{"crm", "api", "shop"}
	h.restart()
	steps := []struct {
		source string
		public bool
		traits string
		want   string // the value of plan, its source and the minute
	}{
		{"shop", false, `{"plan":"a"}`, `"a" shop 1`},
		{"", true, `{"plan":"b"}`, `"a" shop 1`},       // the browser key is not named in the order
		{"", false, `{"plan":"b"}`, `"b"  3`},          // the write key is before the shop
		{"shop", false, `{"plan":"c"}`, `"b"  3`},      // a lower one overwrites nothing
		{"shop", false, `{"plan":null}`, `"b"  3`},     // nor does it remove anything
		{"crm", false, `{"plan":"b"}`, `"b" crm 6`},    // the same value, confirmed by a higher one
		{"", false, `{"plan":"d"}`, `"b" crm 6`},       //
		{"crm", false, `{"plan":null}`, ` crm 8`},      // the first may remove
		{"shop", false, `{"plan":"e"}`, ` crm 8`},      // and a lower one does not bring it back
		{"shop", false, `{"size":"e"}`, ` crm 8`},      // of other traits it may speak
		{"crm", false, `{"plan":"f"}`, `"f" crm 11`},   // the same one replaces its own word
		{"crm", false, `{"plan":"f"}`, `"f" crm 12`},   // and says later that it still holds
		{"other", false, `{"plan":"g"}`, `"f" crm 12`}, // one that is not named comes last
	}
	for i, step := range steps {
		at := start.Add(time.Duration(i+1) * time.Minute)
		h.clock.Set(at)
		h.receive(says(step.source, step.public, step.traits, at))
		c := h.customer("ada")
		origin, _ := c.Origin("plan")
		got := string(c.Traits["plan"]) + " " + origin.Source + " "
		if !origin.At.IsZero() {
			got += strconv.Itoa(int(origin.At.Sub(start) / time.Minute))
		}
		if got != step.want {
			t.Errorf("step %d: %s, not %s", i+1, got, step.want)
		}
	}
}
