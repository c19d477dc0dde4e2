package app

import (
	"context"
	"errors"
	"sync"

	"stagecraft/app/lifecycle"
)

// limit ends what goes on in a scratch before it fills the memory: scripts can make events that make events. The steps of
// a script bound one run, this bounds how much all runs together may decide.
type limit struct {
	most int // facts and messages; 0: no limit

	mu   sync.Mutex
	done int
	over bool // it was reached: what is left of the world is not to be used
	stop context.CancelCauseFunc
}

var errTooMuch = errors.New("too much is decided at once")

// within returns a context that ends when more is decided than the limit allows, counted from here, and what turns the
// error that this brings into one that says so.
func (l *limit) within(ctx context.Context) (context.Context, func(*error)) {
	bounded, stop := context.WithCancelCause(ctx)
	l.mu.Lock()
	l.done, l.stop = 0, stop
	l.mu.Unlock()
	return bounded, func(err *error) {
		if errors.Is(context.Cause(bounded), errTooMuch) {
			*err = &lifecycle.Error{Code: lifecycle.ScriptFailed, Message: "too much happens: scripts decide more than is looked at here; what is told ends there",
				Hint: "look for a script that makes an event happen at that same event, or that waits for a very short time again and again"}
		}
		l.mu.Lock()
		l.stop = nil
		l.mu.Unlock()
		stop(nil)
	}
}

// reached reports whether something was ended.
func (l *limit) reached() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// count notes what was decided.
func (l *limit) count(decision *lifecycle.Decision) {
	if l.most == 0 {
		return
	}
	work := 1
	for i := range decision.Facts {
		work += costOfFact(&decision.Facts[i])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done += work; l.done > l.most && l.stop != nil {
		l.over = true
		l.stop(errTooMuch)
	}
}

// costOfFact is what a fact counts: one, and more if it stands for something that is kept besides.
func costOfFact(f *lifecycle.Fact) int {
	switch f.Kind {
	case lifecycle.FactTracked, lifecycle.FactMessage:
		return 1 + costOfCopy
	}
	return 1 + len(f.Reason)>>10
}

const costOfCopy = 4
