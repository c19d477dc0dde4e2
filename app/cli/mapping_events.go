package cli

import (
	"errors"
	"io"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// Record is one row of a source with the event that it makes.
type Record struct {
	Row   Row
	ID    lifecycle.ID // the row's identity; also the event's MessageID where none is mapped
	Event lifecycle.Event
	Err   error // why there is no event: a *lifecycle.Error with file and line

	person   *customer    // of a list of customers: what it says; Event has the identity only
	file     string       // the name that stands before the line in errors
	customer lifecycle.ID // of what a server has stored: whose event it is, however it names them; zero otherwise
}

// Events reads a source as events: rows, and the mapping over them. It is used by one goroutine.
type Events struct {
	Rows    *Rows
	Guessed map[string]string // targets of a list's columns that were guessed by their names; the others are traits
	Left    []string          // the columns, in words, that were left out of that because they have no name to guess by

	source    string
	mapping   *Mapping
	customers bool // rows are customers, not events
	needsTime bool
	unseen    map[string]bool // mapped columns of NDJSON that no row had so far
}

// Position returns how many bytes of the file were read, and how many there are.
func (e *Events) Position() (done, total int64) { return e.Rows.Position() }

// OpenEvents opens a file, or standard input if path is "-", and checks the rules (see Mapping) against its columns.
// Without rules a source of NDJSON holds events of the Segment API, and CSV those of an export of ours. With needsTime a row without a timestamp is an
// error: history is nothing without its time. The source's name goes into the rows' identities.
func OpenEvents(path string, stdin io.Reader, source string, rules []string, needsTime bool) (*Events, error) {
	mapping, err := ParseMapping(rules)
	if err != nil {
		return nil, err
	}
	rows, err := OpenRows(path, stdin)
	if err != nil {
		return nil, err
	}
	events := &Events{Rows: rows, source: source, mapping: mapping, needsTime: needsTime, unseen: map[string]bool{}}
	if rows.Format == CSV {
		rows.csv.guarded = isExportOfEvents(rows.csv.header)
	}
	if err := events.check(path == "-"); err != nil {
		rows.Close()
		return nil, err
	}
	return events, nil
}

// OpenCustomers opens a list of customers. Without rules a list that an export of ours wrote is read as it is, the columns of
// another CSV are guessed by their names, and NDJSON holds customers of the API. stages has our names for stages that the source names otherwise; "" is nowhere.
func OpenCustomers(path string, stdin io.Reader, source string, rules []string, stages map[string]string) (*Events, error) {
	rows, err := OpenRows(path, stdin)
	if err != nil {
		return nil, err
	}
	events := &Events{Rows: rows, source: source, customers: true, unseen: map[string]bool{}}
	if rows.Format == CSV {
		rows.csv.guarded = exportOfCustomers.has(rows.csv.header)
	}
	if ours := len(rules) == 0 && rows.Format == CSV && rows.csv.guarded; rows.Format == CSV && !ours && !slices.ContainsFunc(rules, func(rule string) bool {
		return !strings.HasPrefix(rule, "stage.") && !strings.HasPrefix(rule, "since.")
	}) {
		var guessed []string
		guessed, events.Guessed = GuessCustomerRules(rows.csv.header)
		rules = append(guessed, rules...)
		if events.Left, err = checkGuesses(rows.csv.header, events.Guessed); err != nil {
			rows.Close()
			return nil, placedAt(rows.file, 1, err)
		}
	}
	if events.mapping, err = ParseCustomerMapping(rules); err == nil && events.mapping != nil {
		events.mapping.stages = stages
		err = events.check(path == "-")
	}
	if err != nil {
		rows.Close()
		return nil, err
	}
	return events, nil
}

func (e *Events) check(streamed bool) error {
	switch {
	case e.mapping == nil && e.Rows.Format == CSV && !e.Rows.csv.guarded:
		columns, err := e.Rows.Columns()
		if err != nil {
			return err
		}
		return lifecycle.Errorf(lifecycle.Invalid,
			"CSV needs --map to say what its columns mean, such as --map userId=%s --map 'event:=Order Completed'; the columns of %s are: %s",
			columns[0], e.Rows.file, listed(columns))
	case e.mapping == nil:
		return nil
	case e.needsTime && !e.mapping.has("timestamp"):
		return lifecycle.Errorf(lifecycle.Invalid, "history needs the time of each row; add --map timestamp=COLUMN")
	}
	for _, rule := range e.mapping.rules {
		if e.Rows.Format == NDJSON && rule.constant == nil {
			e.unseen[rule.column] = true
		}
	}
	// A stream may give its first rows and then wait: it is not read in advance.
	if streamed && e.Rows.Format == NDJSON {
		return nil
	}
	return e.mapping.Check(e.Rows)
}

// Next returns the next record, or io.EOF. A record with Err set has no event, and reading goes on behind it.
func (e *Events) Next() (Record, error) {
	row, err := e.Rows.Next()
	if err != nil {
		return Record{}, err
	}
	record := Record{Row: row, ID: row.Identity(e.source), Err: row.Err, file: e.Rows.file}
	if row.Err != nil {
		return record, nil
	}
	for column := range e.unseen {
		if _, ok := row.Get(column); ok {
			delete(e.unseen, column)
		}
	}
	if e.customers {
		record.person, err = e.person(row)
		if err == nil {
			switch identity := record.person.identity(); identity.Kind {
			case lifecycle.UserID:
				record.Event.UserID, record.Event.AnonymousID = identity.Value, record.person.AnonymousID
			default:
				record.Event.AnonymousID = identity.Value
			}
			record.Event.Type, record.Event.Timestamp = lifecycle.Identify, record.person.Timestamp
		}
	} else if e.mapping != nil {
		record.Event, err = e.mapping.Event(row)
	} else {
		if row.object == nil { // CSV
			row, err = exportOfEvents.read(row)
		}
		if err == nil {
			record.Event, err = SegmentEvent(row)
		}
	}
	if err == nil && e.needsTime && record.Event.Timestamp.IsZero() {
		err = invalidField("timestamp", "the row has no timestamp, and history needs one")
	}
	if err != nil {
		record.Err = e.at(row.Line, err)
	}
	if record.Event.MessageID == "" {
		record.Event.MessageID = record.ID.String()
	}
	return record, nil
}

func (e *Events) person(row Row) (*customer, error) {
	read := readCustomer
	if e.mapping != nil {
		read = e.mapping.customer
	}
	c, err := read(row)
	return &c, err
}

// Unseen returns the mapped columns of NDJSON that no row had so far.
func (e *Events) Unseen() []string {
	var columns []string
	for column := range e.unseen {
		columns = append(columns, column)
	}
	return columns
}

// Close closes the source.
func (e *Events) Close() error { return e.Rows.Close() }

// at puts file and line before an error's sentence.
func (e *Events) at(line int, err error) error { return placedAt(e.Rows.file, line, err) }

func placedAt(file string, line int, err error) error {
	placed := lifecycle.Error{Code: lifecycle.Invalid, Message: err.Error()}
	var known *lifecycle.Error
	if errors.As(err, &known) {
		placed = *known
	}
	placed.File, placed.Line = file, line
	return &placed
}
