package engine

import (
	"log/slog"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Trace is one call of a script with what led to it: the input or timer, the handler, the version. It is filled in an
// engine that was made for it; the one that serves customers keeps none, because scripts are pure and the same call can
// be made again.
type Trace struct {
	*script.Trace
	At      time.Time // what the script saw as now; real time
	Journey string
	Stage   string // where the customer stood
	Handler string
	Version string
	Run     lifecycle.ID
	Resumed bool             // it had waited
	Event   *lifecycle.Event // what started the handler; nil for a timer
	Woken   *lifecycle.Event // what it had waited for
}

// Twin returns an engine that decides as this one does, for a store of its own in which a life is lived again. tell
// hears of every call of a script, before it is made; nil: nobody listens.
func (e *Engine) Twin(clock lifecycle.Clock, outbox Outbox, recorder Recorder, tell func(*Trace)) *Engine {
	opts := e.options
	opts.Clock, opts.Outbox, opts.Recorder, opts.MaxPending = clock, outbox, recorder, 1<<20
	opts.Log = slog.New(slog.DiscardHandler) // what is lived again has been told of
	twin := New(opts)
	twin.tell, twin.referrals, twin.applicants, twin.channels = tell, e.referrals, e.applicants, e.channels
	return twin
}

// traced returns the trace that a call is to fill; nil if nobody listens.
func (s *session) traced(visit *lifecycle.Visit, r *run, woken *lifecycle.Event) *script.Trace {
	tell := s.engine.tell
	if tell == nil {
		return nil
	}
	t := &Trace{Trace: &script.Trace{}, At: s.customer.Real(s.now), Journey: r.Journey, Stage: visit.Stage, Handler: r.Handler, Version: r.Version,
		Run: r.ID, Resumed: len(r.Journal) > 0, Event: r.Event, Woken: woken}
	tell(t)
	return t.Trace
}
