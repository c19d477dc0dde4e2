package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// dryRows is how many rows a dry run asks the server about at a time.
const dryRows = maxBatchEvents

// Outlook is what an import would do. Nothing was changed for it.
type Outlook struct {
	Source    string            `json:"source"`
	Guessed   map[string]string `json:"guessed,omitempty"` // columns whose meaning was guessed, and that
	Left      []string          `json:"left,omitempty"`    // columns that were not, for want of a name
	Rows      int               `json:"rows"`
	Rejected  int               `json:"rejected"`  // bad rows
	Repeats   int               `json:"repeats"`   // taken before under this name
	Known     int               `json:"known"`     // rows about customers who are there
	Unknown   int               `json:"unknown"`   // rows about customers who are not
	Skipped   int               `json:"skipped"`   // later than --until
	Events    map[string]int    `json:"events"`    // good rows by the event's name, or its type
	From      time.Time         `json:"from"`      // of the timestamps
	To        time.Time         `json:"to"`        //
	Stages    map[string]int    `json:"stages"`    // placements, by journey and stage
	Consents  map[string]int    `json:"consents"`  // granted, refused
	Suppress  map[string]int    `json:"suppress"`  // by reason
	Tagged    int               `json:"tagged"`    // customers with tags
	FirstRows []string          `json:"firstRows"` // the first rows as the server would get them
	Errors    []string          `json:"errors"`    // the first bad rows
}

// shownFirst and shownErrors bound what a dry run shows.
const (
	shownFirst  = 3
	shownErrors = 20
)

// Look reads a source to its end and says what importing it would do.
func (im *Importer) Look(ctx context.Context, events *Events) (Outlook, error) {
	out := Outlook{Source: im.Source, Guessed: events.Guessed, Left: events.Left, Events: map[string]int{}, Stages: map[string]int{}, Consents: map[string]int{}, Suppress: map[string]int{}}
	var batch []item
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		var reply struct {
			answer
			Known   int `json:"known"`
			Unknown int `json:"unknown"`
		}
		if _, err := im.Client.Post(ctx, im.path("look?kind="+im.kind()), batchBody(im.kind(), batch), &reply); err != nil {
			return err
		}
		out.Repeats, out.Known, out.Unknown = out.Repeats+reply.Duplicates, out.Known+reply.Known, out.Unknown+reply.Unknown
		bad := map[int]string{}
		for _, problem := range reply.Errors {
			bad[problem.Index] = problem.Message
		}
		for i, next := range batch {
			if reason, is := bad[i]; is {
				out.reject(fmt.Sprintf("%s:%d: %s", next.record.file, next.record.Row.Line, reason))
			} else {
				out.count(next)
			}
		}
		batch, size = batch[:0], 0
		return nil
	}
	for {
		if ctx.Err() != nil {
			return out, ErrInterrupted
		}
		record, err := events.Next()
		if errors.Is(err, io.EOF) {
			return out, flush()
		}
		if err != nil {
			return out, err
		}
		out.Rows++
		if im.Rows != nil {
			done, total := events.Rows.Position()
			im.Rows(done, total, out.Rows)
		}
		if record.Err != nil {
			out.reject(record.Err.Error())
			continue
		}
		if im.passes(record) {
			out.Skipped++
			continue
		}
		next, err := newItem(record)
		if err != nil {
			return out, err
		}
		if len(batch) == dryRows || size+len(next.encoded) > maxBatchBytes/2 {
			if err = flush(); err != nil {
				return out, err
			}
		}
		batch, size = append(batch, next), size+len(next.encoded)
	}
}

func (o *Outlook) reject(reason string) {
	if o.Rejected++; o.Rejected <= shownErrors {
		o.Errors = append(o.Errors, reason)
	}
}

func (o *Outlook) count(next item) {
	if len(o.FirstRows) < shownFirst {
		var line struct{ Event, Customer json.RawMessage }
		_ = json.Unmarshal(next.encoded, &line) // we wrote it
		o.FirstRows = append(o.FirstRows, string(line.Event)+string(line.Customer))
	}
	event := &next.record.Event
	if at := event.Timestamp; !at.IsZero() {
		if o.From.IsZero() || at.Before(o.From) {
			o.From = at
		}
		if at.After(o.To) {
			o.To = at
		}
	}
	name := event.Name
	if name == "" {
		name = string(event.Type)
	}
	c := next.record.person
	if c == nil {
		if _, seen := o.Events[name]; seen || len(o.Events) < 100 {
			o.Events[name]++
		}
		return
	}
	for _, place := range c.Stages {
		o.Stages[place.Journey+": "+place.Stage]++
	}
	for _, word := range c.Consents {
		o.Consents[map[bool]string{true: "granted", false: "refused"}[word.Granted]]++
	}
	for _, dead := range c.Suppressions {
		o.Suppress[dead.Reason]++
	}
	if len(c.Tags) > 0 {
		o.Tagged++
	}
}

// guessedColumns says in words what the columns of a list were taken for.
func guessedColumns(guessed map[string]string) string {
	var columns []string
	for _, column := range slices.Sorted(maps.Keys(guessed)) {
		columns = append(columns, fmt.Sprintf("%q as %s", column, guessed[column]))
	}
	return "by their names columns are taken " + strings.Join(columns, ", ") + ", and the others as traits; --map says otherwise"
}

// leftColumns says which columns of a list are left out.
func leftColumns(left []string) string {
	shown := make([]string, 0, len(left))
	for _, column := range left {
		shown = append(shown, printable(column))
	}
	return "left out, because no trait can be named so: " + strings.Join(shown, ", ") + "; give what matters a name in the first line, without an equals sign"
}

// print says it in words.
func (o *Outlook) print(out io.Writer) error {
	fmt.Fprintf(out, "%s: %s; nothing was changed\n", o.Source, plural(o.Rows, "row", "rows"))
	if len(o.Guessed) > 0 {
		fmt.Fprintln(out, guessedColumns(o.Guessed))
	}
	if len(o.Left) > 0 {
		fmt.Fprintln(out, leftColumns(o.Left))
	}
	if len(o.FirstRows) > 0 {
		fmt.Fprintln(out, "the first ones, as they would be taken:")
		for _, row := range o.FirstRows {
			fmt.Fprintf(out, "  %s\n", printable(row))
		}
	}
	line := func(n int, text string) {
		if n > 0 {
			fmt.Fprintf(out, "%8d %s\n", n, text)
		}
	}
	line(o.Unknown, "about customers who are not there yet")
	line(o.Known, "about customers who are there")
	line(o.Repeats, "taken before, which would be left out")
	line(o.Skipped, "later than --until, or test people, which would be left out")
	line(o.Rejected, "bad, which would be rejected")
	for _, counts := range []struct {
		what string
		by   map[string]int
	}{{"events", o.Events}, {"put in stages", o.Stages}, {"consents", o.Consents}, {"addresses nothing goes to any more", o.Suppress}} {
		if len(counts.by) == 0 {
			continue
		}
		fmt.Fprintf(out, "%s:\n", counts.what)
		for _, name := range slices.Sorted(maps.Keys(counts.by)) {
			line(counts.by[name], printable(name))
		}
	}
	if !o.From.IsZero() {
		fmt.Fprintf(out, "from %s to %s\n", o.From.UTC().Format(time.RFC3339), o.To.UTC().Format(time.RFC3339))
	}
	for _, reason := range o.Errors {
		fmt.Fprintf(out, "bad: %s\n", printable(reason))
	}
	if more := o.Rejected - len(o.Errors); more > 0 {
		fmt.Fprintf(out, "bad: and %d more\n", more)
	}
	return nil
}
