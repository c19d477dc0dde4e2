package engine_test

import (
	"encoding/json"
	"testing"

	"stagecraft/app/lifecycle"
)

// A row of an order whose amount cannot be read is not taken as an order of nothing.
func TestAnAmountThatCannotBeRead(t *testing.T) {
	h := newHarness(t)
	for properties, good := range map[string]bool{
		`{"total":"7,50"}`:                    false,
		`{"revenue":"7.50 EUR","total":null}`: false,
		`{"total":"7.50"}`:                    true,
		`{"total":7.5}`:                       true,
		`{"revenue":"7,50","total":7.5}`:      true, // the first one that is one counts
		`{"total":"zz"}`:                      false,
		`{"total":true}`:                      false,
		`{"total":"n/a"}`:                     true, // it says that it does not say
		`{"total":" "}`:                       true,
		`{"item":"tea 7,50"}`:                 true,
		`{}`:                                  true,
	} {
		event := h.event("ada", "Order Completed")
		event.Properties = json.RawMessage(properties)
		if err := h.engine.CheckAmount(&event); (err == nil) != good || err != nil && lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%s: %v", properties, err)
		}
		if event.Name = "Priced"; h.engine.CheckAmount(&event) != nil {
			t.Errorf("%s: what is no order has no amount", properties)
		}
	}
}
