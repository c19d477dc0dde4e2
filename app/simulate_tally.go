package app

import (
	"context"
	"sync"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// SegmentFigures say what became of one segment.
type SegmentFigures struct {
	Members int64 `json:"members"` // at the end
	Entered int64 `json:"entered"` // how often customers did
	Left    int64 `json:"left"`
}

// ScoreFigures say what became of one score.
type ScoreFigures struct {
	Customers  int64              `json:"customers"` // who have points at the end, a thousandth at least
	Thresholds []ThresholdFigures `json:"thresholds"`
}

// ThresholdFigures say how often one threshold of a score was crossed.
type ThresholdFigures struct {
	Threshold float64 `json:"threshold"`
	Reached   int64   `json:"reached"`
	FellBelow int64   `json:"fellBelow"`
}

// tally counts what is decided about segments and scores. Its zero value is ready.
type tally struct {
	mu       sync.Mutex
	scored   bool // somebody was given points
	segments map[string]*SegmentFigures
	crossed  map[crossing]*ThresholdFigures
}

// crossing names a threshold of a score.
type crossing struct {
	score     string
	threshold float64
}

// concerns reports whether there is something to count among facts.
func (*tally) concerns(facts []lifecycle.Fact) bool {
	for i := range facts {
		switch facts[i].Kind {
		case lifecycle.FactSegment, lifecycle.FactThreshold, lifecycle.FactScored:
			return true
		}
	}
	return false
}

// add counts what was committed.
func (t *tally) add(facts []lifecycle.Fact) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range facts {
		switch f := &facts[i]; f.Kind {
		case lifecycle.FactScored:
			t.scored = true
		case lifecycle.FactSegment:
			figures := figuresAt(&t.segments, f.Name)
			if f.To == engine.SegmentIn {
				figures.Entered++
			} else {
				figures.Left++
			}
		case lifecycle.FactThreshold:
			figures := figuresAt(&t.crossed, crossing{f.Name, f.Amount})
			if f.To == engine.ThresholdReached {
				figures.Reached++
			} else {
				figures.FellBelow++
			}
		}
	}
}

// figuresAt returns the figures of a key, which are zero at first.
func figuresAt[K comparable, F any](all *map[K]*F, key K) *F {
	if *all == nil {
		*all = map[K]*F{}
	}
	figures := (*all)[key]
	if figures == nil {
		figures = new(F)
		(*all)[key] = figures
	}
	return figures
}

// besides adds to the result what became of segments and scores. Nothing is read where there are none.
func (s *Simulation) besides(ctx context.Context, result *SimulationResult) error {
	if len(s.beside.Segments.Files) > 0 {
		state, err := s.engine.Segments(ctx)
		if err != nil {
			return err
		}
		result.Segments = map[string]SegmentFigures{}
		for _, segment := range state.Segments {
			figures := *figuresAt(&s.tally.segments, segment.Name)
			figures.Members = segment.Members
			result.Segments[segment.Name] = figures
			if f := segment.Failure; f != nil && len(result.Errors) < maxErrors {
				failure := lifecycle.Error{Message: f.Message, File: f.File, Line: f.Line, Hint: f.Hint}
				result.Errors = append(result.Errors, failure.Error())
			}
		}
	}
	if len(s.beside.Scores) == 0 && !s.tally.scored {
		return nil
	}
	points, err := s.engine.WithPoints(ctx, s.until)
	if err != nil {
		return err
	}
	result.Scores = map[string]ScoreFigures{}
	for name, customers := range points {
		result.Scores[name] = ScoreFigures{Customers: customers, Thresholds: []ThresholdFigures{}}
	}
	for _, rule := range s.beside.Scores {
		figures := ScoreFigures{Customers: points[rule.Name], Thresholds: []ThresholdFigures{}}
		for _, threshold := range rule.Thresholds {
			crossed := *figuresAt(&s.tally.crossed, crossing{rule.Name, threshold})
			crossed.Threshold = threshold
			figures.Thresholds = append(figures.Thresholds, crossed)
		}
		result.Scores[rule.Name] = figures
	}
	return nil
}
