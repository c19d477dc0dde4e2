// Package insight folds what was decided into counters, in the commit of the decision itself, and answers reports from
// them. Reports never scan history.
//
// Reading order: insight.go (which fact counts as what), counters.go (how counts are stored), report.go (how they are
// summed), stays.go (how long customers stay).
package insight

import (
	"sync/atomic"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Insight counts and reports.
type Insight struct {
	store   *store.Store
	changes atomic.Uint64
}

// New returns an insight; Bind gives it its store.
func New() *Insight { return &Insight{} }

// Bind names the store that reports read.
func (i *Insight) Bind(s *store.Store) { i.store = s }

// Changes grows whenever figures may have changed; who shows them live compares it.
func (i *Insight) Changes() uint64 { return i.changes.Load() }

// Touch says that something else changed that is shown beside the figures.
func (i *Insight) Touch() { i.changes.Add(1) }

// Fold counts a decision. What test people do is not to be given to it.
func (i *Insight) Fold(tx store.Tx, decision *lifecycle.Decision) {
	for n := range decision.Facts {
		fold(tx, &decision.Facts[n])
	}
	if len(decision.Facts) > 0 {
		tx.After(func() { i.changes.Add(1) })
	}
}

func fold(tx store.Tx, f *lifecycle.Fact) {
	switch f.Kind {
	case lifecycle.FactCustomer:
		add(tx, 1, "", "customers")
	case lifecycle.FactEntered:
		add(tx, 1, f.Journey, "entered", f.To)
		add(tx, 1, f.Journey, "in", f.To)
		if f.Heldout {
			add(tx, 1, f.Journey, "held-out entered", f.To)
		}
	case lifecycle.FactMoved:
		add(tx, -1, f.Journey, "in", f.From)
		add(tx, 1, f.Journey, "move", f.From, f.To)
		addStay(tx, f)
	case lifecycle.FactExited:
		add(tx, -1, f.Journey, "in", f.From)
		add(tx, 1, f.Journey, "exited", f.From)
		if f.Name != "" { // else it was no event, but a merge, that ended the stay
			addStay(tx, f)
		}
	case lifecycle.FactPlaced:
		if f.From != "" {
			add(tx, -1, f.Journey, "in", f.From)
		}
		if f.To != "" {
			add(tx, 1, f.Journey, "in", f.To)
		}
	case lifecycle.FactMerged:
		switch {
		case f.Journey == "":
			add(tx, -1, "", "customers")
		case f.From != "": // else the customer had left the journey
			add(tx, -1, f.Journey, "in", f.From)
		}
	case lifecycle.FactRefused:
		add(tx, 1, f.Journey, "refused", f.From, f.To)
	case lifecycle.FactConverted:
		add(tx, 1, f.Journey, "converted", f.From)
		if f.Heldout {
			add(tx, 1, f.Journey, "held-out converted", f.From)
		}
	case lifecycle.FactMessage:
		addMessage(tx, f, "decided", f.Reason, "")
	case lifecycle.FactSettled:
		addMessage(tx, f, "", f.To, f.From)
		addReason(tx, f)
	case lifecycle.FactInDoubt:
		addMessage(tx, f, "in doubt", "", "")
	case lifecycle.FactReceipt:
		addAnswer(tx, f)
	case lifecycle.FactWaits:
		addAtLine(tx, 1, "waits", f)
	case lifecycle.FactWoke:
		addAtLine(tx, -1, "waits", f)
	case lifecycle.FactChose:
		addChoice(tx, f)
	case lifecycle.FactFailed:
		add(tx, 1, f.Journey, "failed", f.From)
		if f.File != "" {
			addAtLine(tx, 1, "failed at", f)
		}
	case lifecycle.FactLate:
		add(tx, 1, "", "late")
	}
	// Of anything else, the event itself among them, no count is shown: the timeline has it.
}
