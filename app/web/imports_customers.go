package web

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// Bounds of one imported customer, besides those of events.
const (
	maxRowTags       = 100
	maxRowStages     = 32
	maxRowIdentities = 64
	maxRowPoints     = 300
)

// wireCustomerRow is a customer as lists from elsewhere know them.
type wireCustomerRow struct {
	wirePerson
	Timestamp    time.Time               `json:"timestamp"` // when the list knew all this; none: now
	Created      time.Time               `json:"created"`
	Tags         []string                `json:"tags"`
	Consents     []lifecycle.Consent     `json:"consents"`
	Suppressions []lifecycle.Suppression `json:"suppressions"`
	Stages       []engine.RowStage       `json:"stages"`

	Identities []lifecycle.Identity   `json:"identities"` // by which the list knows the customer besides
	Points     []engine.RowPoints     `json:"points"`     // what the scores are made of
	Acquired   *lifecycle.Acquisition `json:"acquired"`
}

// leaveNobody leaves out names that mean nobody, as NULL or 0: all rows that have them would be one customer's, and what their
// addresses refuse nobody else's. The addresses say who it is then; without one the row is refused.
func (w *wireCustomerRow) leaveNobody() error {
	for _, name := range []struct {
		kind  lifecycle.IdentityKind
		field string
		text  *string
	}{{lifecycle.UserID, "userId", &w.UserID}, {lifecycle.AnonymousID, "anonymousId", &w.AnonymousID}} {
		if !(lifecycle.Identity{Kind: name.kind, Value: *name.text}).Meaningless() {
			continue
		}
		if w.Email == "" && w.Phone == "" && (name.kind == lifecycle.AnonymousID && w.UserID == "" || name.kind == lifecycle.UserID && w.AnonymousID == "") {
			return fieldError(name.field, "%s %.80q names nobody, and there is no email or phone", name.field, *name.text)
		}
		*name.text = ""
	}
	return nil
}

// row reads and checks a customer.
func (w *wireCustomerRow) row(now time.Time) (lifecycle.Event, engine.Row, error) {
	row := engine.Row{Created: w.Created, Tags: w.Tags, Consents: w.Consents, Suppress: w.Suppressions, Stages: w.Stages,
		Points: w.Points, Acquired: w.Acquired}
	if err := w.leaveNobody(); err != nil {
		return lifecycle.Event{}, row, err
	}
	event, err := w.event()
	if err != nil {
		return event, row, err
	}
	event.Type, event.Timestamp = lifecycle.Identify, w.Timestamp.UTC()
	if w.Timestamp.IsZero() {
		event.Timestamp = time.Time{}
	}
	for _, at := range []struct {
		field string
		at    time.Time
	}{{"timestamp", w.Timestamp}, {"created", w.Created}} {
		if at.at.After(now.Add(24 * time.Hour)) {
			return event, row, fieldError(at.field, "%s lies in the future", at.field)
		}
	}
	switch {
	case len(w.Tags) > maxRowTags:
		return event, row, fieldError("tags", "a customer has at most %d tags", maxRowTags)
	case len(w.Consents) > lifecycle.MaxConsents:
		return event, row, fieldError("consents", "a customer has at most %d consents", lifecycle.MaxConsents)
	case len(w.Suppressions) > lifecycle.MaxSuppressions:
		return event, row, fieldError("suppressions", "a customer has at most %d suppressions", lifecycle.MaxSuppressions)
	case len(w.Stages) > maxRowStages:
		return event, row, fieldError("stages", "a customer is put into at most %d journeys", maxRowStages)
	case len(w.Identities) > maxRowIdentities:
		return event, row, fieldError("identities", "a customer has at most %d identities", maxRowIdentities)
	case len(w.Points) > maxRowPoints:
		return event, row, fieldError("points", "a customer has at most %d points", maxRowPoints)
	}
	for _, said := range w.Identities {
		identity, err := identityOf(string(said.Kind), said.Value)
		if err != nil || strings.ContainsFunc(identity.Value, unreadable) {
			return event, row, fieldError("identities", "%.40q %.80q is no identity; its kind is user, anonymous, email, phone, device or external:NAME", said.Kind, said.Value)
		}
		row.Identities = append(row.Identities, identity)
	}
	for i := range w.Points {
		if !w.Points[i].Check() {
			return event, row, fieldError("points", `points are written like {"score": "heat", "points": 12.5, "halfLife": "336h", "at": "2026-01-31T12:00:00Z"}`)
		}
	}
	for _, tag := range w.Tags {
		if tag == "" || len(tag) > lifecycle.MaxNameBytes || strings.ContainsFunc(tag, unreadable) {
			return event, row, fieldError("tags", "a tag must have 1 to %d bytes of readable text", lifecycle.MaxNameBytes)
		}
	}
	for _, word := range w.Consents {
		if !isChannelName(word.Channel) {
			return event, row, fieldError("consents", "channel %.40q is no name of a channel, as email or sms", word.Channel)
		}
		if len(word.Topic) > lifecycle.MaxNameBytes || len(word.Source) > lifecycle.MaxNameBytes {
			return event, row, fieldError("consents", "a topic and a source have at most %d bytes", lifecycle.MaxNameBytes)
		}
	}
	for _, dead := range w.Suppressions {
		if err := checkSuppression(dead); err != nil {
			return event, row, err
		}
	}
	return event, row, event.Validate()
}

// checkSuppression says what is wrong with a suppression of a row. Who was erased elsewhere and came back is kept from every
// channel; whatever else is suppressed is an address of one.
func checkSuppression(dead lifecycle.Suppression) error {
	erased := dead.Reason == lifecycle.SuppressedErased
	switch {
	case erased && dead.Channel == "" && dead.Address == "":
		return nil
	case dead.Channel == "" || !isChannelName(dead.Channel):
		return fieldError("suppressions", "channel %.40q is no name of a channel, as email or sms", dead.Channel)
	case !erased && dead.Reason != lifecycle.SuppressedBounce && dead.Reason != lifecycle.SuppressedComplaint:
		return fieldError("suppressions", "the reason of a suppression is %s, %s or %s", lifecycle.SuppressedBounce, lifecycle.SuppressedComplaint, lifecycle.SuppressedErased)
	case len(dead.Address) > 4<<10:
		return fieldError("suppressions", "the address is too long")
	}
	return nil
}

func isChannelName(name string) bool {
	return len(name) <= lifecycle.MaxNameBytes && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

type wireRowLine struct {
	Line     int             `json:"line"`
	ID       string          `json:"id"`
	Customer wireCustomerRow `json:"customer"`
}

// importCustomers takes a batch of customers.
func (s *Server) importCustomers(c *fiber.Ctx) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	_, done, err := s.runs(c, name)
	if err != nil {
		return err
	}
	defer done()
	lines, rows, err := s.customerLines(c)
	if err != nil {
		return err
	}
	results, err := s.Engine.ImportRows(c.UserContext(), name, lines)
	if err != nil {
		return err
	}
	return s.answerImport(c, name, results, rows)
}

// customerLines reads the customers of a request: those that are good, and what is wrong with the others.
func (s *Server) customerLines(c *fiber.Ctx) (lines []engine.RowLine, rows rowsRead, err error) {
	data, err := body(c, maxInflated)
	if err != nil {
		return nil, rows, err
	}
	var request struct {
		Customers []json.RawMessage `json:"customers"`
	}
	if err = decodeJSON(data, &request); err != nil {
		return nil, rows, err
	}
	if len(request.Customers) > maxBatch {
		return nil, rows, fieldError("customers", "at most %d customers a request", maxBatch)
	}
	now := s.Clock.Now()
	written := spellingOf(reflect.TypeFor[wireRowLine]())
	stages := map[engine.RowStage]error{} // a list names the same few again and again
	channels := channelsAsked{asked: map[string]error{}, ask: func(name string) error { return s.knownChannel(c.UserContext(), name) }}
	for i, raw := range request.Customers {
		var line wireRowLine
		err := decodeSpelt(raw, &line, written)
		rows.numbers = append(rows.numbers, line.Line)
		if err != nil {
			rows.problems.add(i, err)
			continue
		}
		event, row, err := line.Customer.row(now)
		if err == nil {
			err = lineID(line.ID)
		}
		for _, place := range row.Stages {
			if err != nil {
				break
			}
			place.Since = time.Time{}
			checked, known := stages[place]
			if !known {
				checked = s.Engine.CheckStages(c.UserContext(), []engine.RowStage{place})
				stages[place] = checked
			}
			err = checked
		}
		var left *lifecycle.Error
		if err == nil {
			left, err = channels.check(&row)
		}
		if err != nil {
			if lifecycle.CodeOf(err) != lifecycle.Invalid {
				return nil, rows, err
			}
			rows.problems.add(i, err)
			continue
		}
		if left != nil {
			rows.problems.add(i, left)
		}
		lines, rows.good = append(lines, engine.RowLine{ID: line.ID, Event: event, Row: row}), append(rows.good, i)
	}
	return lines, rows, nil
}

func lineID(id string) error {
	if id == "" || len(id) > lifecycle.MaxNameBytes {
		return fieldError("id", "a line needs an id of 1 to %d bytes, by which its repeat is known", lifecycle.MaxNameBytes)
	}
	return nil
}

// lookAtImport says what an import would find, and takes nothing: ?kind=customers, or events.
func (s *Server) lookAtImport(c *fiber.Ctx) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	var lines []engine.Line
	var rows rowsRead
	if c.Query("kind") == "customers" {
		var customers []engine.RowLine
		if customers, rows, err = s.customerLines(c); err != nil {
			return err
		}
		for _, row := range customers {
			lines = append(lines, engine.Line{ID: row.ID, Event: row.Event})
		}
	} else if lines, rows, err = s.eventLines(c); err != nil {
		return err
	}
	looks, err := s.Engine.LookAtLines(c.UserContext(), name, lines)
	if err != nil {
		return err
	}
	repeats, known, unknown := 0, 0, 0
	for _, look := range looks {
		switch {
		case look.Repeat:
			repeats++
		case look.Known:
			known++
		default:
			unknown++
		}
	}
	return c.JSON(fiber.Map{"duplicates": repeats, "known": known, "unknown": unknown, "errors": rows.problems.list()})
}

// wireImport is what is known of a source.
type wireImport struct {
	Source  string          `json:"source"`
	State   string          `json:"state,omitempty"`
	History bool            `json:"history,omitempty"`
	Began   time.Time       `json:"began,omitzero"`    // of the latest run
	Ended   time.Time       `json:"ended,omitzero"`    // of the latest run
	Aborted bool            `json:"aborted,omitempty"` // it was taken back
	Runs    int             `json:"runs,omitempty"`
	Taken   *importTaken    `json:"taken,omitempty"` // what was sent since the program started, or since the run began
	Mapping json.RawMessage `json:"mapping,omitempty"`
}

func (s *Server) listImports(c *fiber.Ctx) error {
	states, err := s.Engine.Imports(c.UserContext())
	if err != nil {
		return err
	}
	imports := make([]wireImport, 0, len(states))
	for _, state := range states {
		imports = append(imports, wireImport{state.Source, state.State, state.History, state.Began.UTC(), state.Ended.UTC(),
			state.Aborted, state.Runs, s.importing.of(state.Source), state.Mapping})
	}
	return c.JSON(fiber.Map{"imports": imports})
}

// importMapping answers with the mapping that is saved for a source.
func (s *Server) importMapping(c *fiber.Ctx) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	data, err := s.Engine.Mapping(c.UserContext(), name)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(data)
}

func (s *Server) saveImportMapping(c *fiber.Ctx) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	data, err := body(c, engine.MaxMapping)
	if err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if err = json.Unmarshal(data, &object); err != nil {
		return decodeError(err)
	}
	if len(name) > lifecycle.MaxNameBytes || strings.ContainsFunc(name, unreadable) {
		return fieldError("source", "source needs 1 to %d bytes of readable text", lifecycle.MaxNameBytes)
	}
	if err = s.Engine.SaveMapping(c.UserContext(), name, data); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"source": name})
}

func (s *Server) forgetImportMapping(c *fiber.Ctx) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	if err = s.Engine.SaveMapping(c.UserContext(), name, nil); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"source": name})
}
