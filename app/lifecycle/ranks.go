package lifecycle

import (
	"math"
	"slices"
	"time"
)

// Ranks divide the customers who have bought something into five parts of about the same size, by how recently, how often
// and for how much: recency, frequency and monetary value (Hughes, Strategic Database Marketing, 1994). Rank q means that at
// least (q − 1) / 5 of them come behind; equal values have equal ranks. They hold until the next ones are published, so that
// a customer's rank changes only with what they buy and with those.
type Ranks struct {
	At        time.Time    `json:"at" msgpack:"a"`        // when the customers were counted
	Customers int64        `json:"customers" msgpack:"n"` // who have bought something
	Recency   [4]time.Time `json:"recency" msgpack:"r"`   // the last order: from each of these on the rank is one higher
	Frequency [4]float64   `json:"frequency" msgpack:"f"` // likewise, orders
	Monetary  [4]float64   `json:"monetary" msgpack:"m"`  // likewise, revenue
}

// RFM is a customer's ranks, 1 to 5 each.
type RFM struct {
	Recency   int `json:"recency"`
	Frequency int `json:"frequency"`
	Monetary  int `json:"monetary"`
}

// Of returns the ranks of what somebody has bought; zeroes if they have bought nothing, or nobody was counted yet.
func (r *Ranks) Of(bought Revenue) RFM {
	if r.Customers == 0 || bought.Orders == 0 {
		return RFM{}
	}
	rfm := RFM{1, 1, 1}
	for i := range r.Recency {
		if !bought.Last.Before(r.Recency[i]) {
			rfm.Recency++
		}
		if float64(bought.Orders) >= r.Frequency[i] {
			rfm.Frequency++
		}
		if bought.Total >= r.Monetary[i] {
			rfm.Monetary++
		}
	}
	return rfm
}

// Bought counts customers by what they have bought, in histograms whose cells are as wide as 1 % at most: the hour of the
// last order, and the first three digits of the number of orders and of the revenue.
type Bought struct {
	Customers int64
	Recency   map[float64]int64
	Frequency map[float64]int64
	Monetary  map[float64]int64
}

// Add counts a customer who has bought something.
func (b *Bought) Add(bought Revenue) {
	if bought.Orders == 0 {
		return
	}
	if b.Recency == nil {
		b.Recency, b.Frequency, b.Monetary = map[float64]int64{}, map[float64]int64{}, map[float64]int64{}
	}
	b.Customers++
	b.Recency[float64(bought.Last.Unix()/3600*3600)]++
	b.Frequency[threeDigits(float64(bought.Orders))]++
	b.Monetary[threeDigits(bought.Total)]++
}

// Join adds what was counted elsewhere.
func (b *Bought) Join(other *Bought) {
	if other.Customers == 0 {
		return
	}
	if b.Recency == nil {
		b.Recency, b.Frequency, b.Monetary = map[float64]int64{}, map[float64]int64{}, map[float64]int64{}
	}
	b.Customers += other.Customers
	for _, pair := range [...][2]map[float64]int64{{b.Recency, other.Recency}, {b.Frequency, other.Frequency}, {b.Monetary, other.Monetary}} {
		for cell, count := range pair[1] {
			pair[0][cell] += count
		}
	}
}

// Ranks returns the bounds of five parts.
func (b *Bought) Ranks(at time.Time) Ranks {
	r := Ranks{At: at.UTC(), Customers: b.Customers, Frequency: bounds(b.Frequency, b.Customers, 1<<40), Monetary: bounds(b.Monetary, b.Customers, 10*maxTotal)}
	for i, bound := range bounds(b.Recency, b.Customers, 1<<40) { // of seconds: in the far future
		r.Recency[i] = time.Unix(int64(bound), 0).UTC()
	}
	return r
}

// bounds returns the least values behind which there are at least 1/5, 2/5 … of all. One that there is not is beyond, where
// nothing reaches it.
func bounds(cells map[float64]int64, all int64, beyond float64) (bounds [4]float64) {
	values := make([]float64, 0, len(cells))
	for value := range cells {
		values = append(values, value)
	}
	slices.Sort(values)
	behind, next := int64(0), 0
	for _, value := range values {
		for next < len(bounds) && behind*5 >= int64(next+1)*all {
			bounds[next] = value
			next++
		}
		behind += cells[value]
	}
	for ; next < len(bounds); next++ {
		bounds[next] = beyond
	}
	return bounds
}

// threeDigits rounds down to three digits: the cell of a value begins there.
func threeDigits(v float64) float64 {
	if v == 0 {
		return 0
	}
	digits := min(2-math.Floor(math.Log10(math.Abs(v))), 300) // behind the point
	if scale := math.Pow(10, math.Abs(digits)); digits < 0 {
		return math.Floor(v/scale) * scale
	} else {
		return math.Floor(v*scale) / scale
	}
}
