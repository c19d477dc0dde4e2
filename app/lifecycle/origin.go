package lifecycle

import (
	"math"
	"time"
)

// Origin is where a trait's value came from.
type Origin struct {
	Trait  string    `json:"trait" msgpack:"n"`
	Source string    `json:"source" msgpack:"s"` // the named source or key; empty: the write key
	Keyed  bool      `json:"-" msgpack:"k"`      // Source is the name of a key, and no import's that is called likewise
	At     time.Time `json:"at" msgpack:"a"`     // when it was said
}

// Acquisition is the first touch of a customer: what brought them here. It is kept from the first event that says so and
// never replaced; of two who become one the earlier holds.
type Acquisition struct {
	Source   string    `json:"source,omitempty" msgpack:"s"` // utm_source, or the name of the form or of the referral
	Medium   string    `json:"medium,omitempty" msgpack:"m"`
	Campaign string    `json:"campaign,omitempty" msgpack:"c"`
	Referrer string    `json:"referrer,omitempty" msgpack:"r"` // the page that linked here
	Landing  string    `json:"landing,omitempty" msgpack:"l"`  // the page they came to first
	By       ID        `json:"by,omitzero" msgpack:"b"`        // the customer who recommended us
	At       time.Time `json:"at" msgpack:"a"`
}

// Revenue is what a customer has bought, from the events that carry revenue: the raw figures of recency, frequency and
// monetary value.
type Revenue struct {
	Orders uint64    `json:"orders" msgpack:"o"`
	Total  float64   `json:"total" msgpack:"t"` // in the currency of the events, which is the business's to keep one
	First  time.Time `json:"first,omitzero" msgpack:"f"`
	Last   time.Time `json:"last,omitzero" msgpack:"l"`
}

// Bounds of money. Beyond them a float64 counts no units any more, and sums would end where there are no numbers.
const (
	MaxAmount = 1e15 // of one order or refund, either way
	maxTotal  = 1e18 // of all that one customer has bought
)

// IsAmount reports whether a number can be what an order comes to.
func IsAmount(n float64) bool { return math.Abs(n) <= MaxAmount }

// withinTotal returns what a customer has bought within its bounds; records of old may hold what is no number.
func withinTotal(total float64) float64 {
	if math.IsNaN(total) {
		return 0
	}
	return max(-maxTotal, min(total, maxTotal))
}

// IsZero reports whether nothing was bought.
func (r Revenue) IsZero() bool {
	return r.Orders == 0 && r.Total == 0 && r.First.IsZero() && r.Last.IsZero()
}

// Plus returns what two who have become one have bought.
func (r Revenue) Plus(other Revenue) Revenue {
	if other.IsZero() {
		return r
	}
	r.Orders, r.Total = r.Orders+other.Orders, withinTotal(r.Total+other.Total)
	if r.First.IsZero() || !other.First.IsZero() && other.First.Before(r.First) {
		r.First = other.First
	}
	if other.Last.After(r.Last) {
		r.Last = other.Last
	}
	return r
}
