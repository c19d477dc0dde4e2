// Package insight folds what was decided into counters, in the commit of the decision itself, and answers reports from
// them. Reports never scan history.
//
// Reading order: insight.go (which fact counts as what), cell.go (what is counted of stages and the moves between them),
// stays.go (how long customers stay), counters.go (how other counts are stored), report.go (how they are summed), day.go and
// days.go (what happened on which day).
package insight

import (
	"context"
	"sync/atomic"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Insight counts and reports.
type Insight struct {
	store   *store.Store
	plans   Plans // nil: every stage is called as it was counted
	changes atomic.Uint64
	changed func() // a hint for commits in which nobody moves
	days    days
}

// Plans knows the journeys that run, by name.
type Plans interface {
	Plans(ctx context.Context) (map[string]*lifecycle.Journey, error)
}

// New returns an insight; Bind gives it its store.
func New() *Insight {
	i := &Insight{}
	i.changed = i.Touch
	return i
}

// Bind names the store that reports read.
func (i *Insight) Bind(s *store.Store) { i.store = s }

// SetPlans says who knows what stages are called by now: what was counted under a former name is reported under that.
func (i *Insight) SetPlans(plans Plans) { i.plans = plans }

// Changes grows whenever figures may have changed; who shows them live compares it.
func (i *Insight) Changes() uint64 { return i.changes.Load() }

// Touch says that something else changed that is shown beside the figures.
func (i *Insight) Touch() { i.changes.Add(1) }

// Fold counts a decision. What test people do is not to be given to it.
func (i *Insight) Fold(tx store.Tx, decision *lifecycle.Decision) {
	if len(decision.Facts) == 0 {
		return
	}
	var room [2]flow
	var dated []datedJourney
	for n := range decision.Facts {
		f := &decision.Facts[n]
		fold(tx, f)
		list := flows(room[:0], f)
		if len(list) == 0 {
			continue
		}
		day := DateOf(f.At)
		for k := range list {
			list[k].count(tx, f.Journey, day)
		}
		if last := len(dated) - 1; last < 0 || dated[last] != (datedJourney{f.Journey, day}) {
			dated = append(dated, datedJourney{f.Journey, day})
		}
	}
	if dated == nil {
		tx.After(i.changed)
		return
	}
	tx.After(func() {
		for _, d := range dated {
			i.days.changed(d.journey, d.day)
		}
		i.Touch()
	})
}

type datedJourney struct {
	journey string
	day     Date
}

// fold counts what is not of stages; see flows for that.
func fold(tx store.Tx, f *lifecycle.Fact) {
	switch f.Kind {
	case lifecycle.FactCustomer:
		add(tx, 1, "", "customers")
	case lifecycle.FactMerged:
		if f.Journey == "" {
			add(tx, -1, "", "customers")
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
