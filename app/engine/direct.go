package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// A direct message is one that another program asks for and no script decides: a receipt, a code, a new password. It uses
// the messages of a journey and goes through the same outbox and policy; the journey's handlers know nothing of it.

// directRequested is the event that stands in the timeline for it, and that its template sees as `event`.
const directRequested = "Message Requested"

// Direct asks for one transactional message to one customer, now.
type Direct struct {
	Event    lifecycle.Event // whose it is, with what is known of them as traits; its properties are the template's; MessageID recognises a repeat
	Journey  string
	Message  string
	Channel  string        // empty: of the message's channels the one that the customer prefers
	Expires  time.Duration // how long it may wait to leave; 0: as the message says, else for ever
	Checksum lifecycle.ID  // of the request, but for whose it is: one that comes again has to be the same
	Former   lifecycle.ID  // of the request with that, as it was kept before
}

// DirectAnswer is what became of a Direct in the commit that took it.
type DirectAnswer struct {
	Message  lifecycle.Ref
	Channel  string
	State    lifecycle.MessageState
	Reason   string
	Repeated bool // it was asked for before, and answered so then
}

// direct is the input "this message is asked for". It goes to the partition of the customer's identity first, and from
// there wherever the customer is.
type direct struct {
	Direct
	At   time.Time // of the request that was taken first
	Mark lifecycle.ID
	Via  []lifecycle.ID // where it has been sent on to; the last one is where it is
}

// directOutcome is kept behind the mark's time, so that a repeat gets the same answer. Where the customer is elsewhere it
// is the durable word that the message is decided there and nowhere else.
type directOutcome struct {
	Checksum lifecycle.ID           `msgpack:"c"`
	Next     lifecycle.ID           `msgpack:"n"`
	ID       lifecycle.ID           `msgpack:"i"`
	Channel  string                 `msgpack:"h"`
	State    lifecycle.MessageState `msgpack:"s"`
	Reason   string                 `msgpack:"r"`

	at       time.Time
	repeated bool
}

// Send decides a direct message and returns when that is on disk; it is on its way then. A customer who is not known is
// made, as by an identify call. The same message ID for the same identity within 30 days is the same message.
func (e *Engine) Send(ctx context.Context, d Direct) (DirectAnswer, error) {
	now := e.clock.Now()
	d.Event.Type, d.Event.Name, d.Event.Received, d.Event.Timestamp = lifecycle.Track, directRequested, now, now
	if d.Event.MessageID == "" {
		d.Event.MessageID = uuid.NewString()
	}
	if err := d.Event.Validate(); err != nil {
		return DirectAnswer{}, err
	}
	if err := e.admit(1); err != nil {
		return DirectAnswer{}, err
	}
	defer e.pending.Add(-1)
	identity := d.Event.Identity()
	in := direct{Direct: d, At: now, Mark: lifecycle.HashID("direct", string(identity.Kind), identity.Value, d.Event.MessageID)}
	of := Receive{Event: d.Event, At: now}
	if e.recognise(ctx, &of); !of.Owner.IsZero() {
		if _, err := e.store.Do(ctx, identity.Hash().Partition(), link{Identity: identity, Customer: of.Owner, At: now}); err != nil {
			return DirectAnswer{}, err
		}
		if of.By.Kind != "" {
			if _, err := e.store.Do(ctx, of.By.Hash().Partition(), link{Identity: of.By, Customer: of.Owner, At: now, Recognised: true}); err != nil {
				return DirectAnswer{}, err
			}
		}
	}
	for partition := identity.Hash().Partition(); len(in.Via) < 8; {
		answer, err := e.store.Do(ctx, partition, in)
		if err != nil {
			return DirectAnswer{}, e.neverRan(ctx, d.Journey, err)
		}
		out := answer.(directOutcome)
		if out.Next.IsZero() {
			return DirectAnswer{Message: lifecycle.Ref{Partition: partition, Decided: out.at.Round(0).UTC(), ID: out.ID}, Channel: out.Channel,
				State: out.State, Reason: out.Reason, Repeated: out.repeated}, nil
		}
		in.At, in.Via, partition = out.at, append(slices.Clone(in.Via), out.Next), out.Next.Partition()
	}
	return DirectAnswer{}, lifecycle.Errorf(lifecycle.Internal, "the identity leads in a circle")
}

func (e *Engine) direct(tx store.Tx, in direct) (directOutcome, error) {
	// People may have been merged to and fro since: where it was already it is not sent to again.
	if out, err := e.directBefore(tx, in, in.Mark); err != nil {
		return directOutcome{}, err
	} else if out != nil && (out.Next.IsZero() || !slices.Contains(in.Via, out.Next)) {
		return *out, nil
	}
	j, err := e.directJourney(tx, in.Direct)
	if err != nil {
		return directOutcome{}, err
	}
	id := in.Event.Identity().Hash()
	if len(in.Via) > 0 {
		id = in.Via[len(in.Via)-1]
	}
	out := directOutcome{Checksum: in.Checksum, at: in.At}
	id, record, here := e.find(tx, id)
	if !here {
		out.Next = id
	} else {
		theirs := lifecycle.HashID("direct of", id.Part(), in.Event.MessageID) // whichever of their names a request has
		if before, err := e.directBefore(tx, in, theirs); err != nil {
			return out, err
		} else if before != nil {
			return *before, nil
		}
		s, err := e.openRecord(tx, id, record)
		if err != nil {
			return out, err
		}
		e.cameIn(tx, in.At)
		if err = s.sendDirect(j, in, &out); err != nil {
			return out, err
		}
		e.setMark(tx, in.At, theirs, append(markedAt(in.At), store.Encode(&out)...))
	}
	e.setMark(tx, in.At, in.Mark, append(markedAt(in.At), store.Encode(&out)...))
	return out, nil
}

// directBefore returns what became of a request that was taken under a mark before; nil if none was.
func (e *Engine) directBefore(tx store.Tx, in direct, mark lifecycle.ID) (*directOutcome, error) {
	value := e.marked(tx, in.At, mark)
	if value == nil {
		return nil, nil
	}
	out := &directOutcome{at: markTime(value), repeated: true}
	if err := store.Decode(value[8:], out); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "what a request was answered cannot be read")
	}
	if out.Checksum != in.Checksum && (in.Former.IsZero() || out.Checksum != in.Former) {
		return nil, lifecycle.Errorf(lifecycle.Conflict, "another message was asked for with the same Idempotency-Key; use a new key for each message")
	}
	return out, nil
}

// directJourney returns the journey whose message is asked for, if the message may be sent so.
func (e *Engine) directJourney(tx store.Tx, d Direct) (*journey, error) {
	states, err := e.journeyStates(tx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(states, func(state JourneyState) bool { return state.Name == d.Journey })
	if at < 0 {
		return nil, errNoJourney(d.Journey)
	}
	j := &journey{name: d.Journey, mode: states[at].Mode}
	if j.mode == lifecycle.Off {
		return nil, errJourneyOff(d.Journey)
	}
	if j.program, err = e.program(tx, states[at].Version); err != nil {
		return nil, err
	}
	channels := j.program.Channels(d.Message)
	if len(channels) == 0 {
		return nil, inField("message", "journey %s has no message %q", d.Journey, d.Message)
	}
	if d.Channel != "" {
		if !slices.Contains(channels, d.Channel) {
			return nil, inField("channel", "message %s is not written for %q; it is for %s", d.Message, d.Channel, strings.Join(channels, ", "))
		}
		channels = []string{d.Channel}
	}
	for _, channel := range channels {
		if t, _ := j.program.Template(d.Message, channel, ""); t != nil && kindOf(t) != lifecycle.Transactional {
			err := inField("message", "%s is marketing, which only journeys send", t.File)
			err.Hint = "if the customer is owed it, write kind: transactional into its front matter"
			return nil, err
		}
	}
	return j, nil
}

func errNoJourney(journey string) *lifecycle.Error {
	return inField("journey", "there is no journey %q", journey)
}

func errJourneyOff(journey string) *lifecycle.Error {
	return lifecycle.Errorf(lifecycle.Conflict, "journey %s is off, and so are its messages; switch it to live", journey)
}

// neverRan says of a journey that a partition does not know that it is off, if it is: what never ran is known to the first
// partition alone.
func (e *Engine) neverRan(ctx context.Context, journey string, err error) error {
	var own *lifecycle.Error
	if !errors.As(err, &own) || own.Code != lifecycle.Invalid || own.Field != "journey" {
		return err
	}
	states, failed := e.States(ctx)
	if failed != nil || !slices.ContainsFunc(states, func(state JourneyState) bool { return state.Name == journey }) {
		return err
	}
	return errJourneyOff(journey)
}

func inField(field, format string, args ...any) *lifecycle.Error {
	return &lifecycle.Error{Code: lifecycle.Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// sendDirect decides the message for the customer of the session. Timers that are due do not come before it: no script
// is asked, and the customer's clock stays where it is.
func (s *session) sendDirect(j *journey, in direct, out *directOutcome) error {
	c, event := s.customer, in.Event
	s.at, s.accepted = in.At, len(in.Via) > 0
	s.now = later(c.Lapsed(in.At), c.Clock)
	s.cause = lifecycle.HashID("input", in.Mark.Part(), in.At.UTC().Format(time.RFC3339Nano))
	known := s.known
	if !known {
		c.Created, c.Clock = s.now, s.now
		s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	}
	event.Received, event.Timestamp = in.At, in.At
	s.identify(&event, false)
	first := len(s.decision.Facts)
	s.note(lifecycle.Fact{Kind: lifecycle.FactEvent, Name: event.Name})
	m, err := s.directMessage(j, in, *s.inward(&event))
	if err != nil {
		return err
	}
	fact := lifecycle.Fact{Kind: lifecycle.FactMessage, Journey: j.name, Name: m.Name, Reason: string(m.State), Version: m.Version}
	if !m.Test {
		fact.Message = m.ID
	}
	s.note(fact)
	s.engine.outbox.Put(s.tx, m, c, s.at)
	s.timeline(TimelineEntry{At: c.Real(s.now), Event: &event, Facts: s.decision.Facts[first:]})
	if !known { // they enter journeys, as at an identify call
		identified := event
		identified.Type, identified.Name, identified.Properties = lifecycle.Identify, "", nil
		s.event, first = &identified, len(s.decision.Facts)
		s.handle()
		if len(s.decision.Facts) > first {
			s.timeline(TimelineEntry{At: c.Real(s.now), Event: &identified, Facts: s.decision.Facts[first:]})
		}
		s.handleTracked()
	}
	if err := s.save(); err != nil {
		return err
	}
	out.ID, out.Channel, out.State, out.Reason = m.ID, m.Channel, m.State, m.Reason
	if now, _ := s.engine.outbox.Sent(s.tx, m.Decided, m.ID); now != nil { // policy may have been asked already
		out.State, out.Reason = now.State, now.Reason
	}
	return nil
}

func (s *session) directMessage(j *journey, in direct, event lifecycle.Event) (*lifecycle.Message, error) {
	effect := script.Effect{Name: in.Message}
	if in.Channel != "" {
		effect.Args = map[string]any{"by": in.Channel}
	}
	m := &lifecycle.Message{
		ID: lifecycle.HashID("direct message", s.cause.Part()), Customer: s.customer.ID, User: s.user(), Journey: j.name,
		Version: j.plan().Version, Name: in.Message, Kind: lifecycle.Transactional, Decided: in.At, Due: in.At,
		State: lifecycle.Queued, Test: s.customer.Test(), Direct: true, Event: event,
	}
	template := s.chooseTemplate(m, j.program, &effect)
	m.Channel = template.Channel
	if in.Channel != "" {
		m.Options = map[string]string{lifecycle.OptionFallback: "false"} // by this channel or not at all
	}
	life := in.Expires
	if text := template.Front["expires"]; life == 0 && text != "" {
		var err error
		if life, err = lifecycle.ParseDuration(text); err != nil {
			return nil, lifecycle.Wrap(lifecycle.ScriptFailed, err, "%s: expires", template.File)
		}
	}
	if life > 0 {
		m.Expires = in.At.Add(life)
	}
	if j.mode == lifecycle.Shadow {
		m.State, m.Reason, m.Settled = lifecycle.Suppressed, lifecycle.BecauseShadow, in.At
	}
	return m, nil
}
