package engine_test

import (
	"testing"

	"stagecraft/app/engine"
)

// TestWhatAsksForARank has scripts whose answer follows from a customer's own purchases, and those of which that cannot be said.
func TestWhatAsksForARank(t *testing.T) {
	for text, want := range map[string]bool{
		`return count("Ordered", "3 days") > 1`:                     false,
		`return rfm { recency = "90 days" }`:                        false,
		"return rfm({\n\tfrequency = 3;\n\tmonetary = 5 * 100,\n})": false,
		`return rfm{recency="1 day"} or rfm { monetary = 5 }`:       false,
		`return rfm { r = 4 }`:                                      true,
		`return rfm { recency = "90 days", m = 4 }`:                 true,
		`return rfm { recency = "1 day" } and rfm { f = 2 }`:        true,
		`return rfm { ["r"] = 4 }`:                                  true,
		`return rfm { monetary = ({ r = 4 }).r }`:                   true,
		`local ask = rfm return ask { r = 4 }`:                      true,
		`return rfm(what)`:                                          true,
		`return rfm --[[{ recency = "1 day" }]] { r = 4 }`:          true,
		"return rfm { recency = '1 day', -- }\n r = 4 }":            true,
		`return rfm`:                     true,
		`return rfm { recency = "1 day"`: true,
	} {
		if got := engine.AsksRank([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// FuzzWhatAsksForARank has texts of which nothing is known.
func FuzzWhatAsksForARank(f *testing.F) {
	f.Add(`rfm { recency = "90 days", m = 4 }`)
	f.Fuzz(func(t *testing.T, text string) {
		if !engine.AsksRank([]byte(text + "\nreturn rfm { r = 4 }")) {
			t.Errorf("%q hides a rank", text)
		}
	})
}
