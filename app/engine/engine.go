// Package engine turns inputs into decisions: an event or a due timer and a customer go in; moves, messages and timers
// come out, all in one commit. It is where the rules of identity, time and order live.
//
// Reading order: receive.go (was it seen before, whose is it), identify.go (who is it), session.go (one customer in one
// input), order.go (the order within one event), step.go (all or nothing), run.go (handlers that wait), await.go (what
// they wait for), effects.go, track.go, look.go (what scripts see of the past), answers.go (what came of messages),
// ask.go (what speaks against an address),
// consent.go, reports.go and told.go (what people and other servers say about messages), direct.go (messages beside the journeys),
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
	// PutRendered is Put for a message that has its bytes, which it had before it was handed on; nil: it has none.
	PutRendered(tx store.Tx, message *lifecycle.Message, rendered *lifecycle.Rendered, customer *lifecycle.Customer, at time.Time)
	// Watch returns where a message stands, and why; "" if there is no such message. When a watched message is accepted or
	// has failed afterwards, Engine.Settled is told.
	Watch(tx store.Tx, decided time.Time, id lifecycle.ID) (lifecycle.MessageState, string)
	// Left reports whether a message has left for the customer, as far as is known: not if it was posted to another program, nor
	// if there is no such message.
	Left(tx store.Reader, decided time.Time, id lifecycle.ID) bool
	// Sent returns a message as it stands, and the address to which it was handed over, "" if it never was; nil if there is
	// no such message.
	Sent(tx store.Reader, decided time.Time, id lifecycle.ID) (message *lifecycle.Message, to string)
	// Free lets messages go on that waited to hear about an address of the customer's.
	Free(tx store.Tx, customer lifecycle.ID)
	// WrittenTo returns the customers of the partition to whom something went at an address of a channel that takes
	// answers.
	WrittenTo(tx store.Reader, channel, address string) []lifecycle.Addressee
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

	revenue    RevenueRules
	stageHooks []string // where changes of stages are posted

	posted map[lifecycle.ID]string // of a twin: the webhooks that were posted of changes of stages, with their hosts
	apart  map[lifecycle.ID]bool   // of a twin: who becomes part of others when it is told to only

	compileBroadcast func(script.Source) (*script.Program, error)

	distrust func(channel, text string) // nil: nobody writes it down

	referrals referrals
	failures  failures

	options Options      // of New, for a twin
	tell    func(*Trace) // hears of every call of a script; nil: nobody

	log   *slog.Logger
	store *store.Store
	zone  *time.Location
	zones *lifecycle.Zones

	publishing    sync.Mutex // one change of the journeys at a time
	importing     sync.Mutex // one import is opened or closed at a time
	resuming      sync.Mutex // one partition is brought back into memory at a time
	programs      sync.Map   // version -> *script.Program
	recent        recent     // programs of which only somebody who looked back asked
	segmentSets   sync.Map   // version -> *script.Segments
	segmentErrors sync.Map   // name -> *SegmentError
	parts         [lifecycle.Partitions]partition
	reports       chan told
	looks         looks
	meetings      *meetings
	pending       atomic.Int64
	suspected     atomic.Int64
	suspectTold   atomic.Int64 // when the log was told of one last, in Unix nanoseconds
	identities    IdentityLimits
	forgetter     Forgetter                 // nil: there are no messages to forget
	starts        Starts                    // nil: nobody begins by a chat
	channels      func(name string) bool    // whether a channel is set up; nil: there are none of others
	applicants    func(email string) string // the anonymous ID of whoever sends a form with a mail address; nil: there are no forms
	limit         int64
	precedence    map[string]int // of sources, by name: whose word about a trait counts before whose
	paces         paces          // of broadcasts and bulks that have a rate
}

// partition is what the owner and the single writer of one partition keep in memory.
type partition struct {
	journeys      []*journey // as stored; used by the single writer only
	current       bool       // journeys is what is stored
	draining      map[string][]string
	modes         atomic.Pointer[map[string]lifecycle.Mode] // of all journeys, while current
	marks         marks
	segments      segmentPart
	scores        scorePart
	ranks         rankPart
	newest        time.Time // of what came in or was published since the start; used by the single writer only
	erasuresKnown bool
	newcomers     newcomers
	listed        listTail
	broadcasts    map[string]*journey // those at work, by the names of their journeys; while current, used by the single writer only
	bulking       atomic.Bool         // bulks may have something to do
	bulkAt        atomic.Int64        // when they have it next, in Unix nanoseconds; 0: not known
	casting       atomic.Bool         // broadcasts may have something to do
	castAt        atomic.Int64        // when they have it next, in Unix nanoseconds; 0: not known
	forgetting    atomic.Bool         // somebody may still have to be forgotten
	erasures      bool                // somebody was erased, or is being forgotten; while erasuresKnown, used by the single writer only
	wake          chan struct{}
	next          atomic.Int64 // the moment the owner sleeps until, in Unix nanoseconds
	tried         atomic.Int64 // what was due before it was given its chance to fire, in Unix nanoseconds; 0: not known
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
	Identities IdentityLimits
	Revenue    RevenueRules
	Precedence []string // sources whose words about traits count before those of others, the first of them most
	ErasureKey []byte   // of the hashes that stay of who was erased
	Unranked   bool     // nobody is ranked by themselves once a day, but when RankNow is called
}

// New returns an engine; Bind gives it its store.
func New(opts Options) *Engine {
	e := &Engine{
		options: opts, clock: opts.Clock, host: opts.Host, outbox: opts.Outbox, recorder: opts.Recorder, log: opts.Log,
		limit: int64(opts.MaxPending), zone: opts.Zone, precedence: ranks(opts.Precedence), reports: make(chan told, maxReports),
		meetings: &meetings{}, looks: looks{by: map[lifecycle.Ref]*look{}, wake: make(chan struct{}, 1)},
	}
	e.identities = opts.Identities.orDefaults()
	e.revenue = opts.Revenue.orDefaults()
	if e.zone == nil {
		e.zone = time.UTC
	}
	e.zones = lifecycle.NewZones(opts.Log)
	for i := range e.parts {
		e.parts[i].wake = make(chan struct{}, 1)
		e.parts[i].listed.whole, e.parts[i].listed.turn = make(chan struct{}), 1
		e.parts[i].casting.Store(true)
		e.parts[i].segments.walking.Store(true)
		e.parts[i].scores.walking.Store(true)
		e.parts[i].bulking.Store(true)
		e.parts[i].forgetting.Store(true)
	}
	return e
}

// Bind names the store through which the engine gives inputs to partitions.
func (e *Engine) Bind(s *store.Store) {
	e.store = s
	for i := range e.parts {
		if !s.Durable() {
			e.parts[i].marks.before.Store(&sieve{})
		}
	}
}

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
	case callBy:
		answer, err = e.callBy(tx, in)
	case link:
		answer, err = e.link(tx, in)
	case ofAddress:
		answer, err = nil, e.ofAddress(tx, in)
	case adopt:
		answer, err = nil, e.adopt(tx, in)
	case moveTimeline:
		answer, err = nil, e.moveTimeline(tx, in)
	case ban:
		answer, err = nil, e.ban(tx, in)
	case inherit:
		answer, err = nil, e.inherit(tx, in)
	case forgive:
		answer, err = nil, e.forgive(tx, in)
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
		answer, err = e.castStep(tx, in)
	case letIn:
		answer, err = nil, e.letInFromElsewhere(tx, in)
	case dropShare:
		answer, err = nil, e.dropShare(tx, in)
	case changeBroadcast:
		answer, err = e.changeBroadcast(tx, in)
	case addToList:
		answer, err = e.addToList(tx, in)
	case shareBulk, bulkStep, changeBulk, addToBulk, bulkLook, dropBulkShare:
		answer, err = e.applyBulk(tx, input)
	case change:
		answer, err = e.change(tx, in)
	case lookAhead:
		answer, err = e.lookAhead(tx, in)
	case submit:
		answer, err = nil, e.submitted(tx, in)
	case applied:
		answer, err = nil, e.applied(tx, in)
	case confirm:
		answer, err = e.confirm(tx, in)
	case sweepForms:
		answer, err = e.sweepForms(tx, in)
	case referred:
		answer, err = nil, e.referred(tx, in)
	case keepSource:
		answer, err = nil, e.keepSource(tx, in)
	case dropReject:
		answer, err = nil, e.dropReject(tx, in)
	case nameFirst:
		answer, err = e.nameFirst(tx, in)
	case unname:
		answer, err = nil, e.unname(tx, in)
	case sweepFirst:
		answer = sweepFirstNames(tx, in)
	case saveAPIKey, dropAPIKey, useAPIKey:
		answer, err = e.applyAPIKeys(tx, input)
	case beginReply, keepReply, sweepReplies:
		answer, err = e.applyReplies(tx, input)
	case keepReference, sweepReferences:
		answer, err = e.applyReferences(tx, input)
	default:
		if answer, handled, err = e.applySegments(tx, input); handled {
			return answer, true, err
		}
		if answer, handled, err = e.applyScores(tx, input); handled {
			return answer, true, err
		}
		if answer, handled, err = e.applyErasures(tx, input); handled {
			return answer, true, err
		}
		return e.applyImports(tx, input)
	}
	return answer, true, err
}

// Ask answers the engine's questions; handled is false for a question of someone else.
func (e *Engine) Ask(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case lifeOf:
		answer, err = e.lifeOf(tx, q)
	case writtenTo:
		return e.outbox.WrittenTo(tx, q.Channel, q.Address), true, nil
	case referenceOf:
		answer, err = e.reference(tx, q)
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
	case tookOver:
		answer = e.tookOver(tx, q)
	case nameKnown:
		answer = e.nameKnown(tx, q)
	case claimedOf:
		answer, err = e.whoHas(tx, q)
	case barredOf:
		answer, err = e.barred(tx, q)
	case suspicions:
		answer, err = e.suspicions(tx, q)
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
	case sharesOf:
		answer, err = e.sharesOf(tx)
	case shareOf:
		answer, err = readShare(tx, q.Name)
	case broadcastsOf:
		answer, err = e.broadcasts(tx, q)
	case bulksOf, bulkShareOf, dueBulks:
		answer, err = e.askBulk(tx, query)
	case planLook:
		answer, err = e.planLook(tx, q)
	case lostLook:
		answer, err = e.lostLook(tx, q)
	case whoHasEmail:
		answer, err = e.whoHasEmail(tx, q)
	case applicationOf:
		answer, err = readApplication(tx.Get(applicationKey(q.Applicant, q.ID)), q.At)
	case formFigures:
		answer, err = e.formFigures(tx)
	case sourceState:
		answer, err = e.sourceState(tx, q)
	case sourceRejects:
		answer, err = e.sourceRejects(tx, q)
	case apiKeysOf:
		answer, err = readAPIKeys(tx)
	default:
		if answer, handled, err = e.askSegments(tx, query); handled {
			return answer, true, err
		}
		if answer, handled, err = e.askScores(tx, query); handled {
			return answer, true, err
		}
		if answer, handled, err = e.askErasures(tx, query); handled {
			return answer, true, err
		}
		if answer, handled, err = e.askCustomers(tx, query); handled {
			return answer, true, err
		}
		return e.askImports(tx, query)
	}
	return answer, true, err
}

// Own carries out what is due in a partition until ctx ends: instructions for other partitions, timers, and the
// chores that publishing leaves behind.
func (e *Engine) Own(ctx context.Context, p int) {
	part := &e.parts[p]
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { e.resumeMemory(ctx, p) })
	if p == 0 && !e.options.Unranked {
		beside.Go(func() { e.rankDaily(ctx) })
	}
	var swept time.Time
	aligned := p != 0
	for ctx.Err() == nil {
		part.next.Store(0)
		now := e.clock.Now()
		busy, err := e.ownOnce(ctx, p, now)
		if !aligned && err == nil {
			if err = e.alignBroadcasts(ctx); err == nil {
				err = e.alignBulks(ctx)
			}
			aligned = err == nil
		}
		if now.Sub(swept) > time.Hour && err == nil {
			swept = now
			if err = e.sweepMarks(ctx, p, now); err == nil {
				err = e.sweepApplications(ctx, p, now)
			}
			if err == nil {
				err = e.sweepReplies(ctx, p, now)
			}
			if err == nil {
				err = e.sweepReferences(ctx, p, now)
			}
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
		if at := part.bulkAt.Load(); at != 0 && (due.IsZero() || at < due.UnixNano()) {
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
	for _, chore := range []func(context.Context, int, time.Time) (bool, error){e.forgetSome, e.deliverInstructions, e.fireDue, e.resyncJourneys, e.cast, e.walk, e.workScores, e.workBulks} {
		more, failed := chore(ctx, p, now)
		busy = busy || more
		if err == nil {
			err = failed // one that fails does not keep the others back
		}
	}
	return busy, err
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
