package delivery

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// callChannel is the channel of messages that a person says: each becomes a call in the queue of the call centre.
const callChannel = "call"

// Bounds of calls.
const (
	CallLease     = 15 * time.Minute     // how long an agent has a call to themselves; claiming it again begins anew
	maxCallBack   = 365 * 24 * time.Hour // how far ahead a call may be put off
	maxAgentBytes = 100
	maxNoteBytes  = 2000
	maxCallLog    = 50   // entries of one call; older ones are forgotten
	maxCallList   = 200  // calls of one list
	maxCallLook   = 1000 // entries that one question looks at in one partition
)

// The dispositions that are there without a setting: how a call ended.
const (
	CallReached     = "reached"
	CallNoAnswer    = "no-answer"
	CallBusy        = "busy"
	CallWrongNumber = "wrong-number" // nobody is called at this number any more
	CallRefused     = "refused"      // the customer wants no calls: a word about consent
	CallBack        = "call-back"    // agreed for another time: the call stays, and is put off
)

// CallState is where a call stands.
type CallState string

const (
	CallOpen    CallState = "open"    // waits for an agent, or for its time
	CallClaimed CallState = "claimed" // an agent has it, until its lease ends
	CallClosed  CallState = "closed"  // it has a disposition
	CallDropped CallState = "dropped" // it is not to be made any more; Reason says why
)

// Call is a task of the call centre: one message that a person says to one customer.
type Call struct {
	Message     lifecycle.Ref
	Customer    lifecycle.ID
	User        string
	Journey     string
	Stage       string
	Name        string
	Kind        lifecycle.MessageKind
	Number      string // E.164, or as the message says it
	Named       bool   // the message says the number itself
	About       string // why the customer is called, in one line
	Text        string // what the agent reads
	Priority    int    // 0 to 3: an agreed time, high, normal, low
	State       CallState
	Opened      time.Time
	Due         time.Time // from when on it may be claimed; of a claimed one, when its lease ends
	Expires     time.Time // zero: never
	Agreed      bool      // the customer has agreed to be called at Due
	Agent       string    // who has it, or had it last
	Claimed     time.Time
	Closed      time.Time
	Disposition string
	Note        string
	Reason      string                 // why it waits or was dropped
	Becomes     lifecycle.MessageState // of one that was dropped: what its message becomes
	Log         []CallEntry            // oldest first
}

// CallEntry is one thing that was done with a call.
type CallEntry struct {
	At    time.Time
	Agent string
	What  string // "claimed", "released", "dropped" or a disposition
	Note  string
	Until time.Time // of a call back
}

// Ref is how the API names the call: the reference of its message.
func (c *Call) Ref() string { return c.Message.String() }

// Teller is told what became known about a message, inside the Apply in which it does, so that both are in one commit. It
// makes an event of the customer's of it.
type Teller interface {
	Tell(tx store.Tx, message lifecycle.Ref, from, event string, data map[string]string, at time.Time) error
}

// Calls is the channel call: a queue of tasks in the store, which agents claim and close. A call's place is the partition of
// the customer for whom it was decided.
type Calls struct {
	delivery     *Delivery
	teller       Teller
	dispositions []string
}

// Calls returns the call-centre queue. What becomes of calls is told to teller. own are the
// dispositions that the operator has beside ours; they close a call. It is called before the store starts.
func (d *Delivery) Calls(teller Teller, own []string) *Calls {
	d.calls = &Calls{d, teller, append([]string{CallReached, CallNoAnswer, CallBusy, CallWrongNumber, CallRefused, CallBack}, own...)}
	return d.calls
}

// Dispositions returns how a call may end.
func (c *Calls) Dispositions() []string { return c.dispositions }

// Behind returns the queue as it is connected as the channel call: what the connector accepts is put into it. One that is
// there already is taken once more, and changes nothing.
func (c *Calls) Behind(connector Connector) Connector {
	return &shelf{connector, c.delivery, func(m channels.Outgoing) any { return openCall{m, c.delivery.clock.Now()} }}
}

// Claim gives a call to an agent for the time of CallLease, and asks policy once more: what the customer has said since,
// and the hours, hold for the moment at which the number is dialled. Who claims what they have already has it longer. It is
// a Conflict if another agent has it, or if it may not be made now.
func (c *Calls) Claim(ctx context.Context, ref, agent string) (*Call, error) {
	agent, err := agentName(agent)
	if err == nil {
		err = c.going()
	}
	if err != nil {
		return nil, err
	}
	return c.change(ctx, ref, claimCall{Agent: agent, At: c.delivery.clock.Now()})
}

// Next claims the call that is to be made first: of the highest priority the one that has waited longest; nil if none
// waits.
func (c *Calls) Next(ctx context.Context, agent string) (*Call, error) {
	if err := c.going(); err != nil {
		return nil, err
	}
	for _, limit := range []int{20, maxCallList} { // mostly the first one is free
		list, err := c.List(ctx, CallQuery{State: CallOpen, Limit: limit, Uncounted: true})
		if err != nil || len(list.Calls) == 0 {
			return nil, err
		}
		for _, waiting := range list.Calls {
			call, err := c.Claim(ctx, waiting.Ref(), agent)
			if lifecycle.CodeOf(err) != lifecycle.Conflict { // else another agent was faster, or policy keeps it back
				return call, err
			}
		}
	}
	return nil, nil
}

// going reports whether calls are made at present.
func (c *Calls) going() error {
	if c.delivery.Paused(callChannel) {
		return lifecycle.Errorf(lifecycle.Conflict, "no calls are made at present: %s", becausePaused)
	}
	return nil
}

// Release gives a call back to the queue.
func (c *Calls) Release(ctx context.Context, ref, agent string) (*Call, error) {
	agent, err := agentName(agent)
	if err != nil {
		return nil, err
	}
	return c.change(ctx, ref, releaseCall{Agent: agent, At: c.delivery.clock.Now()})
}

// Ending is how an agent closes a call.
type Ending struct {
	Agent       string
	Disposition string
	Note        string    // for the next one who looks; also in the event
	Until       time.Time // of a call back: the agreed time
}

// Close ends a call, or puts it off to an agreed time. It becomes an event of the customer in the same commit. Only who has
// the call may close it, also when the lease has ended and nobody else has claimed it. To close it twice in the same way
// changes nothing.
func (c *Calls) Close(ctx context.Context, ref string, ending Ending) (*Call, error) {
	var err error
	if ending.Agent, err = agentName(ending.Agent); err != nil {
		return nil, err
	}
	if !slices.Contains(c.dispositions, ending.Disposition) {
		return nil, &lifecycle.Error{Code: lifecycle.Invalid, Field: "disposition",
			Message: "disposition must be one of " + strings.Join(c.dispositions, ", ")}
	}
	ending.Note = strings.TrimSpace(ending.Note)
	if len(ending.Note) > maxNoteBytes || !utf8.ValidString(ending.Note) {
		return nil, invalid("note", "note may have %d bytes of text", maxNoteBytes)
	}
	if ending.Disposition != CallBack {
		ending.Until = time.Time{}
	}
	return c.change(ctx, ref, closeCall{ending, c.delivery.clock.Now()})
}

func invalid(field, format string, args ...any) error {
	err := lifecycle.Errorf(lifecycle.Invalid, format, args...)
	err.Field = field
	return err
}

// change gives an input about a call to its partition.
func (c *Calls) change(ctx context.Context, ref string, input interface{ to(lifecycle.ID) any }) (*Call, error) {
	partition, _, id, err := parseRef(ref)
	if err != nil {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no call %.80q", ref)
	}
	answer, err := c.delivery.store.Do(ctx, partition, input.to(id))
	if err != nil {
		return nil, err
	}
	changed := answer.(callAnswer)
	return changed.Call, changed.Refused
}

// agentName reads the name by which an agent is known to the others.
func agentName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > maxAgentBytes || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", invalid("agent", "agent must be the name of who makes the call, in 1 to %d bytes", maxAgentBytes)
	}
	return name, nil
}
