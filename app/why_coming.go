package app

import (
	"fmt"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// coming returns the places that may still send a message because a handler waits before them, each in the version with which it
// began: also one whose stage has another name by now.
func (x *explaining) coming(name string) (list []WhyMissed) {
	c := x.life.Customer
	for v := range c.Visits {
		visit := &c.Visits[v]
		for i := range visit.Runs {
			run := &visit.Runs[i]
			program, ok := x.engine.Program(run.Version)
			if !ok {
				continue
			}
			at := script.Place{File: run.File, Line: run.Line}
			for _, sending := range program.Sendings(name) {
				if sending.Handler != run.Handler || !sending.Behind[at] {
					continue
				}
				handler := sending.Kind
				if h := handlerOf(&program.Journey, run.Handler); h != nil {
					handler = handlerWords(h)
				}
				reason := fmt.Sprintf("it waits at %s:%d", run.File, run.Line)
				for _, timer := range visit.Timers {
					if timer.Run == run.ID {
						reason += " until " + when(c.Real(timer.Due))
					}
				}
				for _, state := range x.life.Now {
					if state.Name == visit.Journey && state.Version != run.Version {
						reason += fmt.Sprintf(", in version %.8s, with which it began", run.Version)
					}
					if state.Name == visit.Journey && state.Mode != lifecycle.Live {
						reason += "; " + notLive(state)
					}
				}
				list = append(list, WhyMissed{Place: sending.Place, Journey: visit.Journey, Stage: sending.Stage, Handler: handler, Reasons: []string{reason}})
			}
		}
	}
	return list
}

// notLive says what the mode of a journey that is not live keeps from people.
func notLive(state engine.JourneyState) string {
	if state.Mode == lifecycle.Shadow {
		return fmt.Sprintf("journey %s is in shadow, so it sends nothing; it would have to be live", state.Name)
	}
	return fmt.Sprintf("journey %s is %s, so nothing of it runs; it would have to be live", state.Name, state.Mode)
}

// sentSince reports whether the timeline has a message from a place, since a moment.
func (x *explaining) sentSince(since time.Time, name string, from script.Place) bool {
	for i := range x.life.Entries {
		for _, f := range x.life.Entries[i].Facts {
			if f.Kind == lifecycle.FactMessage && f.Name == name && f.File == from.File && f.Line == from.Line && !f.At.Before(since) {
				return true
			}
		}
	}
	return false
}
