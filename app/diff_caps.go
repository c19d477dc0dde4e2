package app

import (
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Caps lets the simulation count what a policy's frequency caps would have held back. It is called before Take.
func (s *Simulation) Caps(policy delivery.Policy) { s.forecast = delivery.NewForecast(policy) }

// Caps lets both versions count what a policy's frequency caps would have held back. It is called before Take.
func (d *Diff) Caps(policy delivery.Policy) {
	d.old.Caps(policy)
	d.new.Caps(policy)
}

// decided sees a message of the simulation. Whoever is held out for comparison gets none.
func (s *Simulation) decided(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer) {
	if s.forecast == nil {
		return
	}
	if stage := s.plan.Stage(m.Stage); m.Kind == lifecycle.Marketing && stage != nil && lifecycle.HeldOut(m.Customer, m.Journey, stage.Holdout) {
		return
	}
	s.forecast.Take(tx, m, customer)
}

// capped returns how often caps would have held a message back, by its name.
func (s *Simulation) capped() map[string]int64 {
	if s.forecast == nil {
		return nil
	}
	return s.forecast.Hits()
}
