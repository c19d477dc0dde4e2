// Package engine turns inputs into decisions: an event or a due timer and a customer go in; moves, messages and timers
// come out, all in one commit. It is where the rules of identity, time and order live.
//
// Reading order: receive.go (was it seen before, whose is it), identify.go (who is it), session.go (one customer in one
// input), order.go (the order within one event), step.go (all or nothing), run.go (handlers that wait), await.go (what
// they wait for), effects.go, track.go, look.go (what scripts see of the past), answers.go (what came of messages),
// consent.go and reports.go (what people and other servers say about messages), direct.go (messages beside the journeys),
// timers.go, publish.go, release.go (a version as it is stored), spread.go (which partitions have it), resync.go (whom a
// change of the journeys reaches), history.go, broadcast.go (one message to many).
package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Outbox takes the messages that scripts decided. It is called inside Apply, once per message, in order, with the
// customer as the step has left them and the time of the input, which a late timer's message may be older than.
type Outbox interface {
	Put(tx store.Tx, message *lifecycle.Message, customer *lifecycle.Customer, at time.Time)
	// Watch returns where a message stands, and why; "" if there is no such message. When a watched message is accepted or
	// has failed afterwards, Engine.Settled is told.
	Watch(tx store.Tx, decided time.Time, id lifecycle.ID) (lifecycle.MessageState, string)
	// Left reports whether a message has left, as far as is known. There may be no such message.
	Left(tx store.Reader, decided time.Time, id lifecycle.ID) bool
	// Sent returns a message as it stands, and the address to which it was handed over, "" if it never was; nil if there is
	// no such message.
	Sent(tx store.Reader, decided time.Time, id lifecycle.ID) (message *lifecycle.Message, to string)
	// WrittenTo returns the customers of the partition to whom something went at an address of a channel that takes
	// answers.
	WrittenTo(tx store.Reader, channel, address string) []lifecycle.ID
}

// Recorder takes what was decided, inside Apply, so that figures are part of the same commit.
type Recorder interface {
	Fold(tx store.Tx, decision *lifecycle.Decision)
}

// Engine holds no state of customers: that is in the store. It holds compiled scripts and, per partition, what its
// single writer last read of the journeys.
type Engine struct {
	clock    lifecycle.Clock
	host     *script.Host
	outbox   Outbox
	recorder Recorder
	judge    Judge

	compileBroadcast func(script.Source) (*script.Program, error)

	log   *slog.Logger
	store *store.Store
	zone  *time.Location
	zones zones

	publishing sync.Mutex // one change of the journeys at a time
	programs   sync.Map   // version -> *script.Program
	parts      [lifecycle.Partitions]partition
	reports    chan told
	looks      looks
	pending    atomic.Int64
	limit      int64
}

// partition is what the owner and the single writer of one partition keep in memory.
type partition struct {
	journeys   []*journey // as stored; used by the single writer only
	current    bool       // journeys is what is stored
	draining   map[string][]string
	modes      atomic.Pointer[map[string]lifecycle.Mode] // of all journeys, while current
	epoch      uint32                                    // the epoch before the present one, as far as it was looked into
	epochEmpty bool                                      // it holds no marks
	broadcasts map[string]*journey                       // those at work, by the names of their journeys; while current, used by the single writer only
	casting    atomic.Bool                               // broadcasts may have something to do
	castAt     atomic.Int64                              // when they have it next, in Unix nanoseconds; 0: not known
	wake       chan struct{}
	next       atomic.Int64 // the moment the owner sleeps until, in Unix nanoseconds
}

// Options of New.
type Options struct {
	Clock      lifecycle.Clock
	Host       *script.Host
	Outbox     Outbox
	Recorder   Recorder
	Log        *slog.Logger
	MaxPending int            // events in flight before callers are told to come back later
	Zone       *time.Location // of customers who have none of their own; nil: UTC
}

// New returns an engine; Bind gives it its store.
func New(opts Options) *Engine {
	e := &Engine{
		clock: opts.Clock, host: opts.Host, outbox: opts.Outbox, recorder: opts.Recorder, log: opts.Log,
		limit: int64(opts.MaxPending), zone: opts.Zone, reports: make(chan told, maxReports),
		looks: looks{by: map[lifecycle.Ref]*look{}, wake: make(chan struct{}, 1)},
	}
	if e.zone == nil {
		e.zone = time.UTC
	}
	for i := range e.parts {
		e.parts[i].wake = make(chan struct{}, 1)
		e.parts[i].casting.Store(true)
	}
	return e
}

// Bind names the store through which the engine gives inputs to partitions.
func (e *Engine) Bind(s *store.Store) { e.store = s }

// Pending returns how many events are in flight.
func (e *Engine) Pending() int { return int(e.pending.Load()) }

// Apply handles the engine's inputs; handled is false for an input of someone else.
func (e *Engine) Apply(tx store.Tx, input any) (answer any, handled bool, err error) {
	switch in := input.(type) {
	case Receive:
		answer, err = e.receive(tx, in)
	case told:
		answer, err = e.told(tx, in)
	case direct:
		answer, err = e.direct(tx, in)
	case fire:
		answer, err = nil, e.fire(tx, in)
	case Publish:
		defer e.forgetJourneys(tx) // also if this is undone
		answer, err = nil, e.publish(tx, in)
	case SetMode:
		defer e.forgetJourneys(tx)
		answer, err = nil, e.setMode(tx, in)
	case resync:
		defer e.forgetJourneys(tx)
		answer, err = e.resync(tx, in)
	case openImport:
		answer, err = e.openImport(tx, in)
	case beginClose:
		answer, err = e.beginClose(tx, in)
	case closeChunk:
		answer, err = e.closeChunk(tx, in)
	case setTest:
		answer, err = nil, e.setTest(tx, in)
	case link:
		answer, err = nil, e.link(tx, in)
	case adopt:
		answer, err = nil, e.adopt(tx, in)
	case moveTimeline:
		answer, err = nil, e.moveTimeline(tx, in)
	case done:
		answer, err = nil, e.done(tx, in)
	case Replay:
		answer, err = nil, e.replay(tx, in)
	case sweep:
		answer, err = e.sweep(tx, in)
	case shareBroadcast:
		defer e.forgetJourneys(tx)
		answer, err = nil, e.shareBroadcast(tx, in)
	case castStep:
		answer, err = nil, e.castStep(tx, in)
	case letIn:
		answer, err = nil, e.letInFromElsewhere(tx, in)
	case dropShare:
		answer, err = nil, e.dropShare(tx, in)
	case changeBroadcast:
		answer, err = e.changeBroadcast(tx, in)
	case addToList:
		answer, err = e.addToList(tx, in)
	case lookAhead:
		answer, err = e.lookAhead(tx, in)
	default:
		return e.applyLab(tx, input)
	}
	return answer, true, err
}

// Ask answers the engine's questions; handled is false for a question of someone else.
func (e *Engine) Ask(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case writtenTo:
		return e.outbox.WrittenTo(tx, q.Channel, q.Address), true, nil
	case offers:
		answer, err = e.offers(tx)
	case dueTimers:
		return e.dueTimers(tx, q), true, nil
	case instructions:
		return e.instructions(tx, q), true, nil
	case instructedUntil:
		return e.instructedUntil(tx, q), true, nil
	case Journeys:
		answer, err = e.journeyStates(tx)
	case DeadLetters:
		answer, err = e.deadLetters(tx, q)
	case idsOf:
		answer, err = e.idsOf(tx, q)
	case CustomerByIdentity:
		answer, err = e.customerByIdentity(tx, q)
	case reach:
		answer, err = e.reach(tx, q)
	case timeline:
		answer, err = e.timeline(tx, q)
	case sourceOf:
		answer, err = e.Source(tx, q.Version)
	case importState:
		answer, err = e.importRecord(tx, q.Source)
	case dueShares:
		answer, err = e.dueShares(tx)
	case shareOf:
		answer, err = readShare(tx, q.Name)
	case broadcastsOf:
		answer, err = e.broadcasts(tx, q)
	case whoHasEmail:
		answer, err = e.whoHasEmail(tx, q)
	default:
		return e.askLab(tx, query)
	}
	return answer, true, err
}

// Own carries out what is due in a partition until ctx ends: instructions for other partitions, timers, and the
// chores that publishing leaves behind.
func (e *Engine) Own(ctx context.Context, p int) {
	part := &e.parts[p]
	var swept time.Time
	aligned := p != 0
	for ctx.Err() == nil {
		part.next.Store(0)
		now := e.clock.Now()
		busy, err := e.ownOnce(ctx, p, now)
		if !aligned && err == nil {
			err = e.alignBroadcasts(ctx)
			aligned = err == nil
		}
		if now.Sub(swept) > time.Hour && err == nil {
			swept = now
			err = e.sweepMarks(ctx, p, now)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Warn("a partition's chores failed and are tried again", "partition", p, "error", err)
			lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
			continue
		}
		if busy {
			continue
		}
		due, err := e.nextDue(ctx, p)
		if err != nil {
			lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
			continue
		}
		if at := part.castAt.Load(); at != 0 && (due.IsZero() || at < due.UnixNano()) {
			due = time.Unix(0, at)
		}
		limit := now.Add(time.Hour)
		if due.IsZero() || due.After(limit) {
			due = limit
		}
		part.next.Store(due.UnixNano())
		lifecycle.Sleep(ctx, e.clock, due, part.wake)
	}
}

func (e *Engine) ownOnce(ctx context.Context, p int, now time.Time) (busy bool, err error) {
	for _, chore := range []func(context.Context, int, time.Time) (bool, error){e.deliverInstructions, e.fireDue, e.resyncJourneys, e.cast} {
		more, err := chore(ctx, p, now)
		if err != nil {
			return false, err
		}
		busy = busy || more
	}
	return busy, nil
}

// hint wakes the owner after the commit if something is due before it would wake by itself.
func (e *Engine) hint(tx store.Tx, due time.Time) {
	part := &e.parts[tx.Partition()]
	at := due.UnixNano()
	tx.After(func() {
		if next := part.next.Load(); next == 0 || at < next {
			select {
			case part.wake <- struct{}{}:
			default:
			}
		}
	})
}
