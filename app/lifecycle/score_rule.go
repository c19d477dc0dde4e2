package lifecycle

import (
	"slices"
	"strings"
	"time"
)

// ScoreRule is what scripts/scores.lua says of one score. It holds for all points of that score, whoever gives them.
type ScoreRule struct {
	Name       string        `json:"name" msgpack:"n"`            // empty: the score that has no name
	Title      string        `json:"title,omitempty" msgpack:"t"` // for people
	HalfLife   time.Duration `json:"-" msgpack:"h"`               // of all its points; zero: each award has its own
	Floor      *float64      `json:"floor,omitempty" msgpack:"f"` // points take it no lower; nil: there is no limit
	Cap        *float64      `json:"cap,omitempty" msgpack:"c"`   // points take it no higher
	Thresholds []float64     `json:"thresholds" msgpack:"l"`      // rising; reaching one, and falling below it, is an event
}

// ScoreRules are all that are declared, by name.
type ScoreRules []ScoreRule

// Of returns the rule of a score, or nil.
func (r ScoreRules) Of(name string) *ScoreRule {
	at, has := slices.BinarySearchFunc(r, name, func(rule ScoreRule, name string) int { return strings.Compare(rule.Name, name) })
	if !has {
		return nil
	}
	return &r[at]
}

// Bind returns an award as the rules have it: what they say of its score goes before what the award says.
func (r ScoreRules) Bind(a Award) Award {
	rule := r.Of(a.Name)
	if rule == nil {
		return a
	}
	if rule.HalfLife > 0 {
		a.HalfLife = rule.HalfLife
	}
	if rule.Floor != nil {
		a.Floor = rule.Floor
	}
	if rule.Cap != nil {
		a.Cap = rule.Cap
	}
	return a
}

// Scores is what is kept of a customer's scores besides the points.
type Scores struct {
	Epoch  uint64    `msgpack:"e"`           // by which rules Beyond and Due were made; zero: by none
	Due    time.Time `msgpack:"d"`           // when the fading of points alone takes a score over a threshold; zero: never
	Beyond []Beyond  `msgpack:"b,omitempty"` // the thresholds that a score is beyond, in the order of the rules
	Given  []Given   `msgpack:"g,omitempty"` // what is given once, by key
}

// Beyond is a threshold that the customer's score has on its other side, seen from a score of 0: one above 0 that is
// reached, or one up to 0 that it is below.
type Beyond struct {
	Score     string  `msgpack:"s"`
	Threshold float64 `msgpack:"t"`
}

// Given is points that were given once, with the hash of their key.
type Given struct {
	Key uint64 `msgpack:"k"`
	Points
}

// IsZero reports whether nothing is kept.
func (s *Scores) IsZero() bool {
	return s.Epoch == 0 && s.Due.IsZero() && len(s.Beyond) == 0 && len(s.Given) == 0
}

func (s *Scores) given(key uint64) (at int, before bool) {
	return slices.BinarySearchFunc(s.Given, key, func(one Given, key uint64) int {
		switch {
		case one.Key < key:
			return -1
		case one.Key > key:
			return 1
		}
		return 0
	})
}

// clone returns a copy that shares nothing with the original.
func (s *Scores) clone() Scores {
	clone := *s
	clone.Beyond, clone.Given = slices.Clone(s.Beyond), slices.Clone(s.Given)
	return clone
}

// shift moves what is dated, and what is still to come, by a time.
func (s *Scores) shift(by time.Duration) {
	if !s.Due.IsZero() {
		s.Due = s.Due.Add(by)
	}
	s.Given = slices.Clone(s.Given)
	for i := range s.Given {
		s.Given[i].At = s.Given[i].At.Add(by)
	}
}

// Crossing is a threshold that a score went over.
type Crossing struct {
	Score     string
	Threshold float64
	Reached   bool // else it fell below
}

// CrossScores brings what is kept of thresholds to a moment, and returns those that were crossed: the reached ones
// rising, then those that a score fell below, falling.
func (c *Customer) CrossScores(rules ScoreRules, epoch uint64, now time.Time) []Crossing {
	var beyond []Beyond
	var reached, fallen []Crossing
	due := time.Time{}
	for i := range rules {
		rule := &rules[i]
		has := slices.ContainsFunc(c.Points, func(p Points) bool { return p.Name == rule.Name })
		if !has { // it is 0, and beyond nothing
			continue
		}
		score := c.ScoreNamed(rule.Name, now)
		for _, threshold := range rule.Thresholds {
			one, at := Beyond{rule.Name, threshold}, score >= threshold
			is, was := at == (threshold > 0), slices.Contains(c.Scores.Beyond, Beyond{rule.Name, threshold})
			if is {
				beyond = append(beyond, one)
			}
			if is != was && at {
				reached = append(reached, Crossing{rule.Name, threshold, true})
			} else if is != was {
				fallen = append(fallen, Crossing{rule.Name, threshold, false})
			}
			if next := c.ScoreCrosses(rule.Name, threshold, now); !next.IsZero() && (due.IsZero() || next.Before(due)) {
				due = next
			}
		}
	}
	slices.Reverse(fallen)
	c.Scores.Epoch, c.Scores.Beyond, c.Scores.Due = epoch, beyond, due
	return append(reached, fallen...)
}
