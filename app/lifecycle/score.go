package lifecycle

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// Points are what a customer was given of one score with one half-life. They fade: after one half-life half of them are left.
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

// Award is points that a script gives; negative ones take away.
type Award struct {
	Name     string // which score; empty: the one that has no name
	Points   float64
	HalfLife time.Duration // zero: they stay
	Floor    *float64      // they take the score no lower; nil: there is no limit
	Cap      *float64      // they take it no higher
	Once     string        // they are given once for this key; empty: each time
}

// Why an award gave less than it has, or nothing.
const (
	AwardOnce   = "given before"
	AwardCapped = "capped"
)

// Bounds of one customer's scores.
const (
	maxPoints = 64  // scores and half-lives
	maxGiven  = 200 // keys of points that are given once
)

// Score returns the customer's points of the score that has no name, as of a moment.
func (c *Customer) Score(now time.Time) float64 { return c.ScoreNamed("", now) }

// ScoreNamed returns the sum of the customer's points of one score as of a moment; the empty name is the score that has none.
func (c *Customer) ScoreNamed(name string, now time.Time) float64 {
	sum := 0.0
	for i := range c.Points {
		if c.Points[i].Name == name {
			sum += c.Points[i].at(now)
		}
	}
	return sum
}

// ScoreNames returns the names of the customer's scores, in order; the empty one is the score that has none.
func (c *Customer) ScoreNames() []string {
	var names []string
	for i := range c.Points {
		if at, has := slices.BinarySearch(names, c.Points[i].Name); !has {
			names = slices.Insert(names, at, c.Points[i].Name)
		}
	}
	return names
}

// Give gives points as of a moment, and returns how many those were, with the reason if they are fewer than the award has.
// A customer has room for 64 scores and half-lives and for 200 keys: what has no room is refused, and ok is false.
func (c *Customer) Give(a Award, now time.Time) (given float64, why string, ok bool) {
	key := a.key()
	at, before := c.Scores.given(key)
	switch {
	case a.Once != "" && before:
		return 0, AwardOnce, true
	case a.Once != "" && len(c.Scores.Given) >= maxGiven:
		return 0, "", false
	}
	given = a.Points
	if sum := c.ScoreNamed(a.Name, now); a.Cap != nil && given > 0 && sum+given > *a.Cap {
		given, why = max(0, *a.Cap-sum), AwardCapped
	} else if a.Floor != nil && given < 0 && sum+given < *a.Floor {
		given, why = min(0, *a.Floor-sum), AwardCapped
	}
	if given != 0 && !c.addPoints(Points{a.Name, a.HalfLife, given, now}) {
		return 0, "", false
	}
	if a.Once != "" {
		c.Scores.Given = slices.Insert(slices.Clone(c.Scores.Given), at, Given{key, Points{a.Name, a.HalfLife, given, now}})
	}
	return given, why, true
}

// key names what an award gives once.
func (a *Award) key() uint64 {
	if a.Once == "" {
		return 0
	}
	id := HashID("score", a.Name, a.Once)
	return binary.BigEndian.Uint64(id[:])
}

// addPoints adds to what there is of the same score and half-life, as of the later moment; false if there is no room.
func (c *Customer) addPoints(points Points) bool {
	c.Points = slices.Clone(c.Points)
	for i := range c.Points {
		if p := &c.Points[i]; p.Name == points.Name && p.HalfLife == points.HalfLife {
			at := points.At
			if p.At.After(at) {
				at = p.At
			}
			p.Value, p.At = p.at(at)+points.at(at), at
			return true
		}
	}
	if len(c.Points) >= maxPoints {
		return false
	}
	c.Points = append(c.Points, points)
	return true
}

// SetPoints has the points of some scores take the place of all that there was of these, and keeps what was given once. It
// returns the names of the scores, in order. What there is no room for is left out.
func (c *Customer) SetPoints(all []Points, once []Given) (names []string) {
	for i := range all {
		if at, has := slices.BinarySearch(names, all[i].Name); !has {
			names = slices.Insert(names, at, all[i].Name)
		}
	}
	c.Points = slices.DeleteFunc(slices.Clone(c.Points), func(p Points) bool {
		_, named := slices.BinarySearch(names, p.Name)
		return named
	})
	for _, points := range all {
		c.addPoints(points)
	}
	for _, given := range once {
		if at, before := c.Scores.given(given.Key); !before && len(c.Scores.Given) < maxGiven {
			c.Scores.Given = slices.Insert(slices.Clone(c.Scores.Given), at, given)
		}
	}
	return names
}

// TakeScores adds the points of somebody who has become part of this customer. What both were given once counts once, and
// what the rules cap stays capped.
func (c *Customer) TakeScores(other *Customer, rules ScoreRules, now time.Time) {
	for _, points := range other.Points {
		c.addPoints(points)
	}
	for _, once := range other.Scores.Given {
		at, both := c.Scores.given(once.Key)
		switch {
		case both:
			points := once.Points
			points.Value = -points.Value
			c.addPoints(points)
		case len(c.Scores.Given) < maxGiven:
			c.Scores.Given = slices.Insert(slices.Clone(c.Scores.Given), at, once)
		}
	}
	for i := range rules {
		rule := &rules[i]
		sum := c.ScoreNamed(rule.Name, now)
		points := Points{Name: rule.Name, HalfLife: c.halfLifeOf(rule), At: now}
		if rule.Cap != nil && sum > *rule.Cap {
			points.Value = *rule.Cap - sum
		} else if rule.Floor != nil && sum < *rule.Floor {
			points.Value = *rule.Floor - sum
		}
		if points.Value != 0 {
			c.addPoints(points)
		}
	}
}

// halfLifeOf returns the half-life of which what is over the cap is taken away: the score's own, or that of most of the points.
func (c *Customer) halfLifeOf(rule *ScoreRule) time.Duration {
	if rule.HalfLife > 0 {
		return rule.HalfLife
	}
	most, half := 0.0, time.Duration(0)
	for i := range c.Points {
		if p := &c.Points[i]; p.Name == rule.Name && math.Abs(p.Value) > most {
			most, half = math.Abs(p.Value), p.HalfLife
		}
	}
	return half
}
