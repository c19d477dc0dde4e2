package engine

import (
	"slices"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
)

// What only an export of ours says of a customer: further identities, the points of their scores, and the first touch. A row
// that has them moves the customer as they are.

// RowPoints is what a customer has of one score with one half-life.
type RowPoints struct {
	Score    string    `json:"score,omitempty" msgpack:"n,omitempty"` // empty: the score that has no name
	Points   float64   `json:"points" msgpack:"v"`                    // as of At
	HalfLife string    `json:"halfLife,omitempty" msgpack:"h,omitempty"`
	At       time.Time `json:"at,omitzero" msgpack:"a,omitempty"`    // zero: when the row says so
	Once     string    `json:"once,omitempty" msgpack:"o,omitempty"` // these were given for a key that counts once; Points has them too
}

// PointsOf returns what a customer's scores are made of, and then what was given once.
func PointsOf(c *lifecycle.Customer) []RowPoints {
	var list []RowPoints
	add := func(p lifecycle.Points, once string) {
		half := ""
		if p.HalfLife > 0 {
			half = p.HalfLife.String()
		}
		list = append(list, RowPoints{p.Name, p.Value, half, p.At.UTC(), once})
	}
	for _, points := range c.Points {
		add(points, "")
	}
	for _, given := range c.Scores.Given {
		add(given.Points, strconv.FormatUint(given.Key, 16))
	}
	return list
}

// read returns the points; false if they cannot be read.
func (p *RowPoints) read() (points lifecycle.Points, once uint64, ok bool) {
	points = lifecycle.Points{Name: p.Score, Value: p.Points, At: p.At}
	if p.HalfLife != "" {
		half, err := lifecycle.ParseDuration(p.HalfLife)
		if err != nil || half <= 0 {
			return points, 0, false
		}
		points.HalfLife = half
	}
	if p.Once != "" {
		key, err := strconv.ParseUint(p.Once, 16, 64)
		return points, key, err == nil
	}
	return points, 0, true
}

// Check reports whether the points can be read.
func (p *RowPoints) Check() bool {
	_, _, ok := p.read()
	return ok && len(p.Score) <= lifecycle.MaxNameBytes
}

// claimsRows numbers the instructions of a row's identities; a customer has at most 64.
const claimsRows = 100

// takeIdentities adds the names by which the list knows the customer besides those of the row itself. One that is somebody
// else's joins nobody who was not joined before: a list is no alias call.
func (s *session) takeIdentities(row *Row) {
	for i, identity := range row.Identities {
		switch {
		case i >= maxIdentities:
			continue
		case s.customer.Knows(identity):
			s.joinAgain(identity, s.event)
			continue
		case !s.mayGrow():
			continue
		}
		s.customer.Identities = append(s.customer.Identities, identity)
		s.join(identity, s.event)
		if identity.Hash() != s.customer.ID {
			s.claim(identity, claimsRows+byte(i), false)
		}
	}
}

// takePoints takes over the scores of a list: of those that it names, it says all there is. Nothing is told of the thresholds
// that are crossed by it. A list that is older than the customer's clock adds scores that they do not have.
func (s *session) takePoints(row *Row, said time.Time, late bool) {
	if len(row.Points) == 0 {
		return
	}
	had := s.customer.ScoreNames()
	var taken []lifecycle.Points
	var once []lifecycle.Given
	for i := range row.Points {
		points, key, ok := row.Points[i].read()
		if !ok || late && slices.Contains(had, points.Name) {
			continue
		}
		if points.At.IsZero() || points.At.After(said) {
			points.At = said
		}
		if row.Points[i].Once != "" {
			once = append(once, lifecycle.Given{Key: key, Points: points})
		} else {
			taken = append(taken, points)
		}
	}
	for _, name := range s.customer.SetPoints(taken, once) {
		s.note(lifecycle.Fact{Kind: lifecycle.FactScored, Name: name, Amount: s.customer.ScoreNamed(name, s.now), Reason: "taken over"})
	}
	s.crossScores(quietly, "")
}

// takeTouch takes over how the customer was won, unless something earlier is known.
func (s *session) takeTouch(row *Row, said time.Time) {
	if row.Acquired == nil || row.Acquired.At.After(said) || s.customer.Acquired != nil && !row.Acquired.At.Before(s.customer.Acquired.At) {
		return
	}
	touch := *row.Acquired
	for _, text := range []*string{&touch.Source, &touch.Medium, &touch.Campaign} {
		*text = bounded(*text, maxTouchText)
	}
	touch.Referrer, touch.Landing = bounded(touch.Referrer, maxTouchURL), bounded(touch.Landing, maxTouchURL)
	s.customer.Acquired = &touch
}
