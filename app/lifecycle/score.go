package lifecycle

import (
	"math"
	"slices"
	"time"
)

// Points are what a customer was given with one half-life. They fade: after one half-life half of them are left.
type Points struct {
	Name     string        `msgpack:"n,omitempty"` // which score; empty: the one that has no name
	HalfLife time.Duration `msgpack:"h,omitempty"` // zero: they stay
	Value    float64       `msgpack:"v"`           // as of At
	At       time.Time     `msgpack:"a"`
}

// at returns what is left of the points at a moment: value · 2^(−elapsed / half-life). A moment before At counts as At.
func (p Points) at(now time.Time) float64 {
	elapsed := now.Sub(p.At)
	if p.HalfLife <= 0 || elapsed <= 0 {
		return p.Value
	}
	return p.Value * math.Exp2(-float64(elapsed)/float64(p.HalfLife))
}

// maxHalfLives is how many entries a customer's score may have.
const maxHalfLives = 16

// Score returns the sum of a customer's points as of a moment.
func (c *Customer) Score(now time.Time) float64 {
	sum := 0.0
	for _, points := range c.Points {
		sum += points.at(now)
	}
	return sum
}

// AddScore gives points as of a moment; negative ones take away. A customer keeps one entry per half-life, at most 16:
// points of a further one are refused, and AddScore reports false.
func (c *Customer) AddScore(points float64, halfLife time.Duration, now time.Time) bool {
	c.Points = slices.Clone(c.Points)
	for i := range c.Points {
		if p := &c.Points[i]; p.HalfLife == halfLife {
			at := now
			if p.At.After(at) {
				at = p.At
			}
			*p = Points{HalfLife: halfLife, Value: p.at(at) + points, At: at}
			return true
		}
	}
	if len(c.Points) >= maxHalfLives {
		return false
	}
	c.Points = append(c.Points, Points{HalfLife: halfLife, Value: points, At: now})
	return true
}

// AddPoints adds the points of somebody who has become part of this customer.
func (c *Customer) AddPoints(points Points) bool {
	now := points.At
	for _, p := range c.Points {
		if p.HalfLife == points.HalfLife && p.At.After(now) {
			now = p.At
		}
	}
	return c.AddScore(points.at(now), points.HalfLife, now)
}
