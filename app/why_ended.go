package app

import (
	"slices"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// wereIn reports whether the timeline knows the customer in a stage, also one that they did not leave by themselves: they
// were placed in it, put out of it, or became somebody else's part there.
func (x *explaining) wereIn(journey, stage string) bool {
	for i := range x.life.Entries {
		for _, f := range x.life.Entries[i].Facts {
			if f.Journey != journey {
				continue
			}
			switch f.Kind {
			case lifecycle.FactPlaced, lifecycle.FactMoved, lifecycle.FactEntered:
				if f.To == stage || f.From == stage {
					return true
				}
			case lifecycle.FactExited, lifecycle.FactMerged:
				if f.From == stage {
					return true
				}
			}
		}
	}
	return false
}

// endedBy says what ended the wait of a call: the first thing after it that ends what waits in its stage.
func (x *explaining) endedBy(t *engine.Trace) string {
	merged := x.merged()
	for i := range x.life.Entries {
		entry := &x.life.Entries[i]
		if entry.At.Before(t.At) {
			continue
		}
		for _, f := range entry.Facts {
			if f.At.Before(t.At) || f.Journey != t.Journey {
				continue
			}
			at := when(entry.At)
			switch {
			case entry.Event == nil && f.Name == "" && f.File == "" && merged && (f.Kind == lifecycle.FactPlaced || f.Kind == lifecycle.FactExited):
				return "when they became one with another customer at " + at
			case f.Kind == lifecycle.FactWoke && f.Reason != "" && f.File == t.Ended.File && f.Line == t.Ended.Line:
				return "at " + at + ": " + f.Reason
			case f.Kind == lifecycle.FactConverted && f.From == t.Stage:
				return "when they reached the goal of " + f.From + " at " + at
			case f.Kind == lifecycle.FactExited:
				return "when they left the journey at " + at + by(f)
			case f.Kind == lifecycle.FactPlaced && f.To != t.Stage:
				return "when they were placed in " + f.To + " at " + at + by(f)
			case f.Kind == lifecycle.FactMoved && f.From == t.Stage:
				return "when they moved to " + f.To + " at " + at + by(f)
			}
		}
	}
	for _, past := range x.life.Past {
		if past.Journey == t.Journey && past.Drained && past.At.After(t.At) && past.Version != t.Version {
			return "when its version was drained at " + when(past.At)
		}
	}
	if merged {
		return "when they became one with another customer"
	}
	return "before its time; the timeline does not say by what"
}

// merged reports whether others became part of this customer.
func (x *explaining) merged() bool {
	return slices.ContainsFunc(x.life.Entries, func(entry engine.LifeEntry) bool { return !entry.From.IsZero() })
}
