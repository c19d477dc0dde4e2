package engine

import (
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// HeldOut reports whether a message's customer belongs to the hold-out group of its stage as the journey stands now. It
// is delivery's way to ask again about a message that has waited. A journey that is braked or off holds nobody out.
func (e *Engine) HeldOut(tx store.Tx, m *lifecycle.Message) bool {
	journeys, err := e.journeys(tx)
	if err != nil {
		return false
	}
	j := e.parts[tx.Partition()].broadcasts[m.Journey]
	for _, other := range journeys {
		if other.name == m.Journey {
			j = other
		}
	}
	if j == nil {
		return false
	}
	stage := j.plan().Stage(m.Stage)
	return stage != nil && lifecycle.HeldOut(m.Customer, j.name, stage.Holdout)
}
