package engine

import (
	"math"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// The events of scores, where a script names them. Their properties are score, threshold and points.
const (
	ScoreReached   = "Score Reached"
	ScoreFellBelow = "Score Fell Below"
)

// What FactThreshold says in To.
const (
	ThresholdReached = "reached"
	ThresholdLost    = "fell below"
)

// scoreChange is what is told of a threshold that was crossed.
type scoreChange struct {
	Score     string  `json:"score"`
	Threshold float64 `json:"threshold"`
	Points    float64 `json:"points"`
}

// award gives points that a script wants given, and tells of the thresholds that they cross. The fact is noted here.
func (s *session) award(effect *script.Effect, fact lifecycle.Fact) error {
	if math.IsNaN(effect.Award.Points) || math.IsInf(effect.Award.Points, 0) {
		return failure(effect, "", "%v is no number of points", effect.Award.Points)
	}
	table := s.engine.scores(s.tx)
	given, why, ok := s.customer.Give(table.Rules.Bind(effect.Award), s.now)
	if !ok {
		return failure(effect, "use the same names and half-lives everywhere, and few keys of points that are given once",
			"a customer has room for 64 scores with their half-lives, and for 200 keys")
	}
	fact.Kind, fact.Name, fact.Amount, fact.Reason = lifecycle.FactScored, effect.Award.Name, given, why
	if err := s.spend(effect, len(fact.Name)); err != nil {
		return err
	}
	s.note(fact)
	if given != 0 && len(table.Rules) > 0 {
		s.crossScores(loudly, "")
	}
	return nil
}

// crossScores brings what is kept of thresholds up to the session's time, and tells which were crossed.
func (s *session) crossScores(how telling, why string) {
	c, table := s.customer, s.engine.scores(s.tx)
	for _, crossing := range c.CrossScores(table.Rules, table.Epoch, s.now) {
		if how == quietly {
			continue
		}
		to, event := ThresholdLost, ScoreFellBelow
		if crossing.Reached {
			to, event = ThresholdReached, ScoreReached
		}
		s.note(lifecycle.Fact{Kind: lifecycle.FactThreshold, Name: crossing.Score, Amount: crossing.Threshold, To: to, Reason: why})
		if how == loudly && s.wants(event) {
			s.happen(event, "", scoreChange{crossing.Score, crossing.Threshold, math.Round(c.ScoreNamed(crossing.Score, s.now)*1000) / 1000})
		}
	}
}

// syncScores brings a customer to what is declared of scores, as it would have been when it was published: what has been
// crossed since then is still to be told.
func (s *session) syncScores() {
	c := s.customer
	if len(c.Points) == 0 {
		return
	}
	table := s.engine.scores(s.tx)
	if c.Scores.Epoch == table.Epoch {
		return
	}
	now := s.now
	s.now = later(c.Lapsed(table.Since), now)
	s.crossScores(quietly, "")
	s.now = now
}

// takeScores adds the points of a merged customer. A merge is no event of the customer: what it crosses is a fact.
func (s *session) takeScores(loser *lifecycle.Customer) {
	if len(loser.Points)+len(loser.Scores.Given) == 0 {
		return
	}
	s.customer.TakeScores(loser, s.engine.scores(s.tx).Rules, s.now)
	s.crossScores(asFact, BecauseMerged)
}

// scoresFirst reports whether a score crosses a threshold by a moment because points fade, before the next timer and before
// segments are asked.
func (s *session) scoresFirst(owner *journey, timer lifecycle.Timer, until time.Time) bool {
	due, segments := s.customer.Scores.Due, s.customer.SegmentsDue
	return !due.IsZero() && !due.After(until) && (owner == nil || due.Before(timer.Due)) && (segments.IsZero() || !segments.Before(due))
}

// fireScores tells of the thresholds that are crossed now because points have faded.
func (s *session) fireScores() {
	c := s.customer
	s.now, s.event, s.moves, s.depth, s.first = c.Scores.Due, nil, 0, 0, moveRequest{}
	if s.now.After(c.Clock) {
		c.Clock = s.now
	}
	s.cause = lifecycle.HashID("scores", c.ID.Part(), s.now.UTC().Format(time.RFC3339Nano))
	first := len(s.decision.Facts)
	s.crossScores(loudly, "")
	if facts := s.decision.Facts[first:]; len(facts) > 0 {
		s.timeline(TimelineEntry{At: c.Real(s.now), Facts: facts})
	}
	s.handleTracked()
}

// dropScores forgets crossings that should have been told by a moment already, of a past that was never told to its end.
func (s *session) dropScores(until time.Time) {
	if due := s.customer.Scores.Due; !due.IsZero() && !due.After(until) {
		now := s.now
		s.now = until
		s.crossScores(quietly, "")
		s.now = now
	}
}
