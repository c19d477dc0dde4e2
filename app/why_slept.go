package app

import (
	"slices"
	"time"

	"stagecraft/app/lifecycle"
)

// slept says which events of the customer came, since a moment, while a journey was off or braked, when nothing of it ran: those
// of some names, or, if there are none, all.
func (x *explaining) slept(journey string, since time.Time, names []string, say func(string, ...any)) {
	times, last, mode := 0, time.Time{}, lifecycle.Mode("")
	for i := range x.life.Entries {
		entry := &x.life.Entries[i]
		if entry.Event == nil || len(names) > 0 && !slices.Contains(names, entry.Event.Name) {
			continue
		}
		came := entry.Event.Received // of history, when it was handled
		if came.IsZero() {
			came = entry.At
		}
		if was := x.modeAt(journey, came); !came.Before(since) && (was == lifecycle.Off || was == lifecycle.Braked) {
			times, last, mode = times+1, came, was
		}
	}
	if times > 0 {
		say("%d of their events came while journey %s was %s, when nothing of it runs; the last on %s", times, journey, mode, when(last))
	}
}

// heardIn returns the events that a stage listens to: those of its goal, and those of its handlers.
func heardIn(plan *lifecycle.Journey, name string) (events []string) {
	stage := plan.Stage(name)
	if stage == nil {
		return nil
	}
	events = slices.Clone(stage.Goals)
	for _, h := range stage.Handlers {
		if h.Kind == lifecycle.OnEvent {
			events = append(events, h.Event)
		}
	}
	return events
}

// modeAt returns what a journey was allowed to do at a moment; "" if that is not known, as before it was first published.
func (x *explaining) modeAt(journey string, at time.Time) (mode lifecycle.Mode) {
	for _, past := range x.life.Past { // oldest first
		if past.Journey == journey && !past.At.After(at) {
			mode = past.Mode
		}
	}
	return mode
}
