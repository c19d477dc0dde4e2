package cli

import (
	"bufio"
	"errors"
	"io"
	"io/fs"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// sourceRows reads what sources fetch in the same way as the verb import reads files.
type sourceRows struct{}

// Check refuses rules that cannot be followed.
func (sourceRows) Check(rules []string) error {
	_, err := ParseMapping(rules)
	return err
}

// Read visits the rows. A document without any is none.
func (sourceRows) Read(name string, r io.Reader, rules []string, visit func(app.SourceRow) error) error {
	buffered := bufio.NewReader(r)
	if _, err := buffered.Peek(1); err == io.EOF {
		return nil
	}
	mapping, err := ParseMapping(rules)
	if err != nil {
		return err
	}
	rows, err := NewRows(name, buffered)
	if err != nil {
		return err
	}
	defer rows.Close()
	if mapping != nil {
		if err = mapping.Check(rows); err != nil {
			return err
		}
	}
	for {
		row, err := rows.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		next := app.SourceRow{Line: row.Line, Head: rows.Header(), Text: row.Text, Values: row.values(), Err: row.Err}
		if mapping != nil && next.Err == nil {
			next.Event, next.Err = mapping.Event(row)
		}
		if err = visit(next); err != nil {
			return err
		}
	}
}

// values returns all columns of a row as decoded JSON; the cells of CSV are texts.
func (r Row) values() map[string]any {
	values := map[string]any{}
	if r.Err != nil {
		return values
	}
	for name, raw := range r.object {
		if value, err := script.DecodeJSON(raw); err == nil {
			values[name] = value
		}
	}
	for name, at := range r.names {
		if at >= 0 && at < len(r.cells) {
			values[name] = r.cells[at]
		}
	}
	return values
}

var _ app.Rows = sourceRows{}

// sourceAnswer is what a source made of a request.
type sourceAnswer struct {
	Accepted int    `json:"accepted"`
	Repeats  int    `json:"repeats"`
	Refused  string `json:"refused"`
	Errors   []struct {
		Event   string         `json:"event"`
		Code    lifecycle.Code `json:"code"`
		Message string         `json:"message"`
	} `json:"errors"`
}

// checkSources looks for mistakes in the sources of a scripts folder.
func checkSources(folder fs.FS, only string) []script.Problem {
	if only != "" && only != "sources" {
		return nil
	}
	found, err := script.ReadIntakes(folder)
	var problems []script.Problem
	var unread script.Errors
	if errors.As(err, &unread) {
		for _, e := range unread {
			problems = append(problems, unreadable(e))
		}
	}
	host := script.NewIntakes(script.Limits{})
	for _, source := range found {
		problems = append(problems, host.CheckIntake(source)...)
	}
	return problems
}
