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
		`{"total":"0x10"}`:                    false,
		`{"total":1e400}`:                     false,
		`{"total":"zz"}`:                      false,
		`{"total":true}`:                      false,
		`{"total":1e15}`:                      true,
		`{"total":1e16}`:                      false,
		`{"total":1.7e308}`:                   false,
		`{"total":-1e308}`:                    false,
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

// Orders that come to more than there is money count as orders of nothing, and what adds up stays a number.
func TestAnAmountBeyondAllMoney(t *testing.T) {
	h := newHarness(t)
	for range 2 {
		h.track("ada", "Order Completed", "revenue", 1.7e308)
		h.track("ada", "Order Refunded", "revenue", 1.7e308)
		h.track("ada", "Order Completed", "revenue", 12)
	}
	if bought := h.customer("ada").Revenue; bought.Orders != 4 || bought.Total != 24 {
		t.Errorf("%+v", bought)
	}
}
