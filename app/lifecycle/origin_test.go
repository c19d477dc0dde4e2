package lifecycle_test

import (
	"math"
	"testing"

	"stagecraft/app/lifecycle"
)

// What somebody has bought stays a number that can be written, whatever is added to it and whatever an older record holds.
func TestRevenueStaysANumber(t *testing.T) {
	for _, c := range []struct{ had, more, want float64 }{
		{20, 22.5, 42.5}, {1.7e308, 1.7e308, 1e18}, {-1.7e308, -1.7e308, -1e18}, {math.Inf(1), math.Inf(-1), 0}, {math.Inf(1), -20, 1e18},
	} {
		total := lifecycle.Revenue{Orders: 1, Total: c.had}.Plus(lifecycle.Revenue{Orders: 1, Total: c.more})
		if total.Total != c.want || total.Orders != 2 {
			t.Errorf("%v and %v are %+v", c.had, c.more, total)
		}
	}
	for stored, want := range map[float64]float64{7.5: 7.5, math.Inf(1): 1e18, math.Inf(-1): -1e18, math.MaxFloat64: 1e18} {
		written := lifecycle.Customer{Revenue: lifecycle.Revenue{Orders: 2, Total: stored}}
		var read lifecycle.Customer
		if err := read.ReadRecord(written.AppendRecord(nil)); err != nil || read.Revenue.Total != want {
			t.Errorf("%v is read as %v: %v", stored, read.Revenue.Total, err)
		}
	}
	written, read := lifecycle.Customer{Revenue: lifecycle.Revenue{Orders: 2, Total: math.NaN()}}, lifecycle.Customer{}
	if err := read.ReadRecord(written.AppendRecord(nil)); err != nil || read.Revenue.Total != 0 {
		t.Errorf("what is no number is read as %v: %v", read.Revenue.Total, err)
	}
}

// Who has spent much more than anybody is known to has the highest rank by money, and nobody who has not.
func TestRanksOfMuchMoney(t *testing.T) {
	var bought lifecycle.Bought
	bought.Add(lifecycle.Revenue{Orders: 1, Total: 1e15})
	ranks := bought.Ranks(noon)
	if got := ranks.Of(lifecycle.Revenue{Orders: 1, Total: 1e15}); got.Monetary != 1 {
		t.Errorf("the only customer has rank %d by money", got.Monetary)
	}
}

// Ranks do not hang by the unit in which money is counted.
func TestRanksOfSmallMoney(t *testing.T) {
	for _, unit := range []float64{1e6, 1, 1e-3, 1e-9} {
		var bought lifecycle.Bought
		total := func(i int) float64 { return (10 + float64(i)/10) * unit }
		for i := range 500 {
			bought.Add(lifecycle.Revenue{Orders: 1, Total: total(i)})
		}
		ranks, counts := bought.Ranks(noon), [6]int{}
		for i := range 500 {
			counts[ranks.Of(lifecycle.Revenue{Orders: 1, Total: total(i)}).Monetary]++
		}
		for rank, n := range counts[1:] {
			if n < 95 || n > 105 {
				t.Errorf("in units of %v rank %d has %d of 500", unit, rank+1, n)
			}
		}
	}
}

// A key is a source of its own, but for one that is called like the words for what anybody says.
func TestKeysAreSources(t *testing.T) {
	for name, want := range map[string]string{"shopA": "shopA", "till 2": "till 2", "api": "", "browser": "", "form:news": "", "x, not confirmed": ""} {
		if got := lifecycle.KeySource(name); got != want {
			t.Errorf("key %q is source %q, not %q", name, got, want)
		}
	}
}
