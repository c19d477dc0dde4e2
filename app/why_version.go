package app

import (
	"slices"

	"stagecraft/app/engine"
	"stagecraft/app/script"
)

// asItWas returns a place that sends a message as the version had it with which a handler ran, whose lines are others; false if
// that version did not send it there. Of several places of the handler it is the one under the same conditions, else, if there
// were as many as there are now, the one in the same order.
func (x *explaining) asItWas(t *engine.Trace, now *script.Program, name string, s script.Sending) (script.Sending, bool) {
	if t.Version == now.Journey.Version {
		return s, true
	}
	then, ok := x.engine.Program(t.Version)
	if !ok {
		return s, true // nobody knows
	}
	here := func(other script.Sending) bool { return other.Handler == s.Handler && other.Stage == s.Stage }
	is, was := sendingsIn(now, name, here), sendingsIn(then, name, here)
	at := slices.IndexFunc(is, func(other script.Sending) bool { return other.Place == s.Place })
	if at >= 0 && len(is) == len(was) {
		return was[at], true
	}
	under := func(other script.Sending) bool { return here(other) && sameConditions(other, s) }
	is, was = sendingsIn(now, name, under), sendingsIn(then, name, under)
	at = slices.IndexFunc(is, func(other script.Sending) bool { return other.Place == s.Place })
	if at < 0 || at >= len(was) {
		return s, false
	}
	return was[at], true
}

func sendingsIn(program *script.Program, name string, which func(script.Sending) bool) []script.Sending {
	return slices.DeleteFunc(program.Sendings(name), func(s script.Sending) bool { return !which(s) })
}

func sameConditions(a, b script.Sending) bool {
	return slices.EqualFunc(a.Inside, b.Inside, func(a, b script.Condition) bool {
		return a.Text == b.Text && (a.Held == nil) == (b.Held == nil) && (a.Held == nil || *a.Held == *b.Held)
	})
}
