package web

import (
	"context"
	"math"

	"stagecraft/app/lifecycle"
)

// wireScore is what is left of a score now; the name of the one that has none is empty.
type wireScore struct {
	Name       string          `json:"name"`
	Title      string          `json:"title,omitempty"`
	Points     float64         `json:"points"`
	Cap        *float64        `json:"cap,omitempty"`
	Floor      *float64        `json:"floor,omitempty"`
	Thresholds []wireThreshold `json:"thresholds,omitempty"` // rising
}

// wireThreshold is one threshold of a score, and on which side of it the score is.
type wireThreshold struct {
	Points  float64 `json:"points"`
	Reached bool    `json:"reached"`
}

// addScores adds the customer's scores, by name, and their ranks by what they have bought.
func (s *Server) addScores(ctx context.Context, w *wireCustomer, c *lifecycle.Customer) error {
	rules, err := s.Engine.ScoreRules(ctx)
	if err != nil {
		return err
	}
	now := c.Lapsed(s.Clock.Now())
	for _, name := range c.ScoreNames() {
		points := c.ScoreNamed(name, now)
		score := wireScore{Name: name, Points: math.Round(points*100) / 100}
		if rule := rules.Of(name); rule != nil {
			score.Title, score.Cap, score.Floor = rule.Title, rule.Cap, rule.Floor
			for _, threshold := range rule.Thresholds {
				score.Thresholds = append(score.Thresholds, wireThreshold{threshold, points >= threshold})
			}
		}
		w.Scores = append(w.Scores, score)
	}
	if c.Revenue.Orders == 0 || c.Test() {
		return nil
	}
	ranks, err := s.Engine.Ranks(ctx)
	if err == nil && ranks.Customers > 0 {
		rfm := ranks.Of(c.Revenue)
		w.RFM = &rfm
	}
	return err
}
