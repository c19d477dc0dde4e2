package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Row is what a list from elsewhere says of one customer besides identities and traits, which stand in the event it comes
// with. Taking it is quiet: no journey is entered, no handler runs, nothing is sent. It is kept with the event as the
// property "row", as the proof of what was taken over.
type Row struct {
	Created  time.Time               `json:"created,omitzero" msgpack:"c,omitempty"` // when the customer came to be; zero: when the row says so
	Tags     []string                `json:"tags,omitempty" msgpack:"g,omitempty"`
	Consents []lifecycle.Consent     `json:"consents,omitempty" msgpack:"n,omitempty"`     // At zero: when the row says so
	Suppress []lifecycle.Suppression `json:"suppressions,omitempty" msgpack:"x,omitempty"` // Address empty: the one that the customer has
	Stages   []RowStage              `json:"stages,omitempty" msgpack:"s,omitempty"`

	Identities []lifecycle.Identity   `json:"identities,omitempty" msgpack:"i,omitempty"` // besides those of the event
	Points     []RowPoints            `json:"points,omitempty" msgpack:"p,omitempty"`
	Acquired   *lifecycle.Acquisition `json:"acquired,omitempty" msgpack:"a,omitempty"` // how the customer was won; nil: not known
}

// RowStage is where a customer stands in a journey already.
type RowStage struct {
	Journey string    `json:"journey" msgpack:"j"`
	Stage   string    `json:"stage" msgpack:"s"`
	Since   time.Time `json:"since,omitzero" msgpack:"e,omitempty"` // zero: since the row is taken
}

func (r *Row) isZero() bool {
	return r.Created.IsZero() && r.Acquired == nil && len(r.Tags)+len(r.Consents)+len(r.Suppress)+len(r.Stages)+len(r.Identities)+len(r.Points) == 0
}

// RowLine is one line of an import of customers: an identify event with what else is known, and the identity by which a
// repeat of the line is recognised.
type RowLine struct {
	ID    string
	Event lifecycle.Event
	Row   Row
}

// ImportRows takes customers of an open import. The event's timestamp is when the list knew all that; zero is now. What is
// older than the customer's clock adds what is not known, and replaces nothing.
func (e *Engine) ImportRows(ctx context.Context, source string, lines []RowLine) ([]store.Result, error) {
	if _, err := e.importIsOpen(ctx, source); err != nil {
		return nil, err
	}
	now := e.clock.Now()
	inputs := make([]Receive, len(lines))
	for i := range lines {
		event, row := lines[i].Event, lines[i].Row
		event.Type, event.Received, event.Source = lifecycle.Identify, now, source
		if event.MessageID == "" {
			event.MessageID = source + ":" + lines[i].ID
		}
		if event.Timestamp.IsZero() || event.Timestamp.After(now) {
			event.Timestamp = now
		}
		if !row.isZero() {
			data, err := json.Marshal(struct {
				Row *Row `json:"row"`
			}{&row})
			if err != nil {
				return nil, lifecycle.Wrap(lifecycle.Internal, err, "a row cannot be written down")
			}
			event.Properties = data
		}
		inputs[i] = Receive{Event: event, At: now, Source: source, Mark: lineMark(source, lines[i].ID), Row: &row}
	}
	return e.take(ctx, inputs)
}

func lineMark(source, id string) lifecycle.ID { return lifecycle.HashID("line", source, id) }

// takeRow takes what a list says of the customer. A row is not something that happens to them: their clock stays where it
// is, and what is due is left to its time.
func (s *session) takeRow(in Receive) (Receipt, error) {
	receipt := Receipt{Customer: s.customer.ID}
	event, c := in.Event, s.customer
	said := c.Lapsed(event.Timestamp)
	s.at, s.accepted, s.source = in.At, !in.Target.IsZero(), in.Source
	s.cause = lifecycle.HashID("row", in.Mark.Part())
	s.event = s.inward(&event)
	if !s.known {
		c.Clock, c.Created = said, said
		if !in.Row.Created.IsZero() && in.Row.Created.Before(said) {
			c.Created = in.Row.Created
		}
		s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	}
	receipt.Late = said.Before(c.Clock)
	s.now = later(c.Lapsed(in.At), c.Clock)
	s.identify(&event, receipt.Late)
	s.takeIdentities(in.Row)
	for _, tag := range in.Row.Tags {
		if len(c.Tags) < maxTags && c.AddTag(tag) {
			s.note(lifecycle.Fact{Kind: lifecycle.FactTagged, Name: tag})
		}
	}
	s.takeConsents(in.Row, said)
	s.takePoints(in.Row, said, receipt.Late)
	s.takeTouch(in.Row, said)
	for _, place := range in.Row.Stages {
		if why := s.place(Placement{Journey: place.Journey, Stage: place.Stage, Entered: place.Since, Keep: receipt.Late, By: s.source}); why != "" {
			s.note(lifecycle.Fact{Kind: lifecycle.FactRefused, Journey: place.Journey, To: place.Stage, Name: s.source, Reason: why})
		}
	}
	s.timeline(TimelineEntry{At: c.Real(s.now), Event: &event, Facts: s.decision.Facts})
	return receipt, s.save()
}

// takeConsents takes over what the customer said elsewhere, and which addresses are dead. A yes whose time is not known
// never lifts a no.
func (s *session) takeConsents(row *Row, said time.Time) {
	for _, word := range row.Consents {
		timeless := word.At.IsZero()
		if timeless || word.At.After(said) {
			word.At = said
		}
		if timeless && word.Granted && s.refuses(word) {
			continue
		}
		word.Source = cmp.Or(word.Source, s.source)
		s.sayWord(word, s.event, false)
	}
	for _, dead := range row.Suppress {
		if dead.At.IsZero() || dead.At.After(said) {
			dead.At = said
		}
		if dead.Address == "" && dead.Channel != "" {
			dead.Address, _ = s.customer.Address(dead.Channel) // without one, nothing goes by the channel at all
		}
		if dead.Reason == lifecycle.SuppressedErased {
			s.suppressErased(dead)
			continue
		}
		s.suppressAddress(dead)
	}
}

// suppressErased keeps from the customer what an erasure elsewhere keeps from them. It is about this person: an address of theirs
// that somebody else has here stays that one's.
func (s *session) suppressErased(dead lifecycle.Suppression) {
	dead.Channel = lifecycle.KindOf(dead.Channel)
	if !s.customer.Suppress(dead) {
		return
	}
	s.note(lifecycle.Fact{Kind: lifecycle.FactSuppressed, Name: dead.Channel, Reason: dead.Reason, To: dead.Address})
	s.withdrawRefused()
}

// refuses reports whether the customer has said no to anything that a word is about.
func (s *session) refuses(word lifecycle.Consent) bool {
	meet := func(a, b string) bool { return a == "" || b == "" || a == b }
	return s.customer.OptedOut() || slices.ContainsFunc(s.customer.Consents, func(said lifecycle.Consent) bool {
		return !said.Granted && meet(lifecycle.KindOf(said.Channel), lifecycle.KindOf(word.Channel)) && meet(said.Topic, word.Topic)
	})
}

// CheckStages says what is wrong with the stages of a row, by what the journeys are now; nil if nothing is.
func (e *Engine) CheckStages(ctx context.Context, rows []RowStage) error {
	if len(rows) == 0 {
		return nil
	}
	states, err := e.States(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if problem := e.checkStage(states, row); problem != "" {
			failure := lifecycle.Errorf(lifecycle.Invalid, "%s", problem)
			failure.Field = "stage"
			return failure
		}
	}
	return nil
}

func (e *Engine) checkStage(states []JourneyState, row RowStage) string {
	for _, state := range states {
		if state.Name != row.Journey {
			continue
		}
		program, ok := e.Program(state.Version)
		if !ok {
			return fmt.Sprintf("the journey %q cannot be read", row.Journey)
		}
		names := ""
		for _, stage := range program.Journey.Stages {
			if stage.Name == row.Stage {
				return ""
			}
			names += ", " + stage.Name
		}
		return fmt.Sprintf("the journey %s has no stage %q; it has %s", row.Journey, row.Stage, names[min(2, len(names)):])
	}
	return fmt.Sprintf("there is no journey %q", row.Journey)
}

// RowLook is what is known of a line that was not taken.
type RowLook struct {
	Repeat bool // it was taken before
	Known  bool // its customer is there
}

type lookRows struct {
	Source string
	Marks  []lifecycle.ID
	Whose  []lifecycle.ID
}

func (e *Engine) lookRows(tx store.Reader, q lookRows) []RowLook {
	looks := make([]RowLook, len(q.Marks))
	for i := range looks {
		_, record, here := e.find(tx, q.Whose[i])
		looks[i] = RowLook{Repeat: tx.Has(lineKey(sourceID(q.Source), q.Marks[i])), Known: !here || record != nil}
	}
	return looks
}

// LookAtLines says what an import would find, without taking anything: of each line, whether it was taken before and
// whether its customer is known.
func (e *Engine) LookAtLines(ctx context.Context, source string, lines []Line) ([]RowLook, error) {
	by := map[int][]int{}
	for i := range lines {
		p := lines[i].Event.Identity().Hash().Partition()
		by[p] = append(by[p], i)
	}
	looks := make([]RowLook, len(lines))
	for p, at := range by {
		q := lookRows{Source: source}
		for _, i := range at {
			q.Marks, q.Whose = append(q.Marks, lineMark(source, lines[i].ID)), append(q.Whose, lines[i].Event.Identity().Hash())
		}
		answer, err := e.store.Ask(ctx, p, q)
		if err != nil {
			return nil, err
		}
		for n, look := range answer.([]RowLook) {
			looks[at[n]] = look
		}
	}
	return looks, nil
}
