package script

import (
	"fmt"
	"strings"
)

// stages finds those that the moves of journey.lua do not lead to.
func (r *review) stages() {
	journey := &r.c.Journey
	if len(journey.Stages) == 0 {
		return
	}
	reached := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		if reached[name] || journey.Index(name) < 0 {
			return
		}
		reached[name] = true
		for _, to := range journey.Moves[name] {
			visit(to)
		}
	}
	visit(journey.Stages[0].Name)
	for i := range journey.Stages {
		if name := journey.Stages[i].Name; !reached[name] {
			r.bad(r.files[journeyFile], r.c.lineOf(name), name, "add it to the moves of the stage before it",
				fmt.Sprintf("stage %q cannot be reached: no moves lead there from %q, where everybody begins", name, journey.Stages[0].Name))
		}
	}
}

// unmoved finds stages into which, or out of which, nothing in the scripts moves anybody.
func (r *review) unmoved() {
	journey := &r.c.Journey
	into, out := r.done()
	plan := r.files[journeyFile]
	last := len(journey.Stages) // from here on stages are ends
	for last > 0 && len(journey.Moves[journey.Stages[last-1].Name]) == 0 {
		last--
	}
	for i := range journey.Stages {
		stage := &journey.Stages[i]
		name, line, allowed := stage.Name, r.c.lineOf(stage.Name), journey.Moves[stage.Name]
		if i > 0 && !into[name] {
			r.warn(plan, line, name, fmt.Sprintf(`say move %q in a stage before it, or goal and next = %q`, name, name), fmt.Sprintf("nothing in the scripts moves anybody to %q", name))
		}
		switch {
		case len(stage.Exit) > 0 || out[name]:
		case len(allowed) > 0:
			r.warn(plan, line, name, fmt.Sprintf("say move in %s.lua, or goal and next in its stage { … }: it may go to %s", name, strings.Join(quoted(allowed), ", ")), fmt.Sprintf("nothing in the scripts moves anybody out of %q", name))
		case i < last:
			r.warn(plan, line, name, "add its moves, or name it at the end of stages if it is an end", fmt.Sprintf("stage %q cannot be left: it has no moves", name))
		}
	}
}

// done returns the stages into which, and out of which, the scripts move customers. A move whose stage is worked out
// may be any that the journey allows.
func (r *review) done() (into, out map[string]bool) {
	into, out = map[string]bool{}, map[string]bool{}
	journey := &r.c.Journey
	note := func(from, to string) {
		if journey.MayMove(from, to) {
			into[to], out[from] = true, true
		}
	}
	noteFrom := func(u *unit, to string) {
		if from := r.stageOf(u); from != nil {
			note(*from, to)
			return
		}
		for i := range journey.Stages {
			note(journey.Stages[i].Name, to)
		}
	}
	for f, starts := range r.started {
		for _, call := range f.said("move") {
			if to, ok := literal(call, 0); ok {
				for _, s := range starts {
					noteFrom(s.unit, to)
				}
			}
		}
	}
	for i := range journey.Stages {
		if s := &journey.Stages[i]; s.Next != "" {
			note(s.Name, s.Next)
		}
	}
	for u := range r.dynamic {
		for i := range journey.Stages {
			noteFrom(u, journey.Stages[i].Name)
		}
	}
	return into, out
}
