package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// Columns, or fields, by which a row names its customer.
var (
	userColumns  = []string{"userid", "user_id", "user", "id"}
	emailColumns = []string{"email", "e-mail", "email_address", "mail"}
)

// readMembers reads a list: CSV with a header line, NDJSON, or a JSON array; of JSON each row is an object, or a text that is
// a user ID or a mail address. What it is, is told from the content. A row that names nobody is an error.
func readMembers(data []byte) ([]engine.Member, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) == 0 {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "the list is empty")
	}
	switch data[0] {
	case '[':
		var rows []json.RawMessage
		if err := json.Unmarshal(data, &rows); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the list is not valid JSON")
		}
		return jsonMembers(rows)
	case '{', '"':
		if json.Valid(data) || !bytes.ContainsRune(data, '\n') || data[0] == '{' || !strings.Contains(string(firstLine(data)), ",") {
			var rows []json.RawMessage
			for line := range bytes.Lines(data) {
				if line = bytes.TrimSpace(line); len(line) > 0 {
					rows = append(rows, line)
				}
			}
			return jsonMembers(rows)
		}
	}
	return csvMembers(data)
}

func firstLine(data []byte) []byte {
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	return bytes.TrimRight(line, "\r")
}

func jsonMembers(rows []json.RawMessage) ([]engine.Member, error) {
	members := make([]engine.Member, 0, len(rows))
	for i, row := range rows {
		var text string
		if json.Unmarshal(row, &text) == nil {
			m, err := member(i+1, map[string]string{"": text}, nil)
			if err != nil {
				return nil, err
			}
			members = append(members, m)
			continue
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(row, &object); err != nil || object == nil {
			return nil, lifecycle.Errorf(lifecycle.Invalid, "row %d is neither an object nor a text", i+1)
		}
		names, rest := map[string]string{}, map[string]json.RawMessage{}
		for name, value := range object {
			lower := strings.ToLower(strings.TrimSpace(name))
			if slices.Contains(userColumns, lower) || slices.Contains(emailColumns, lower) {
				var named string // null names nobody
				if json.Unmarshal(value, &named) != nil {
					named = string(bytes.TrimSpace(value)) // numbers are IDs, too
				}
				names[lower] = named
			} else {
				rest[name] = value
			}
		}
		m, err := member(i+1, names, rest)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

func csvMembers(data []byte) ([]engine.Member, error) {
	head := string(firstLine(data))
	reader := csv.NewReader(bytes.NewReader(data))
	reader.FieldsPerRecord, reader.LazyQuotes = -1, true
	for _, comma := range ";\t" {
		if strings.Count(head, string(comma)) > strings.Count(head, string(reader.Comma)) {
			reader.Comma = comma
		}
	}
	header, err := reader.Read()
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the list cannot be read as CSV")
	}
	known := slices.ContainsFunc(header, func(name string) bool {
		lower := strings.ToLower(strings.TrimSpace(name))
		return slices.Contains(userColumns, lower) || slices.Contains(emailColumns, lower)
	})
	var members []engine.Member
	add := func(n int, cells []string) error {
		names, rest := map[string]string{}, map[string]json.RawMessage{}
		for i, cell := range cells {
			if i >= len(header) {
				return lifecycle.Errorf(lifecycle.Invalid, "row %d has %d cells, the header has %d", n, len(cells), len(header))
			}
			lower := strings.ToLower(strings.TrimSpace(header[i]))
			switch {
			case !known:
				names[""] = cell
			case slices.Contains(userColumns, lower) || slices.Contains(emailColumns, lower):
				names[lower] = cell
			default:
				rest[strings.TrimSpace(header[i])], _ = json.Marshal(cell)
			}
		}
		m, err := member(n, names, rest)
		members = append(members, m)
		return err
	}
	if !known {
		if len(header) != 1 || !strings.Contains(header[0], "@") {
			return nil, &lifecycle.Error{Code: lifecycle.Invalid, Message: "no column of the list names customers", Hint: "begin it with a header line that has userId or email"}
		}
		if err = add(1, header); err != nil {
			return nil, err
		}
	}
	for n := 2; ; n++ {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the list cannot be read as CSV")
		}
		if err = add(n, cells); err != nil {
			return nil, err
		}
	}
}

// member makes a row of what names its customer, by column; "" is the only column there is.
func member(n int, names map[string]string, rest map[string]json.RawMessage) (engine.Member, error) {
	var m engine.Member
	for _, column := range userColumns {
		if m.UserID == "" {
			m.UserID = strings.TrimSpace(names[column])
		}
	}
	for _, column := range emailColumns {
		if m.Email == "" {
			m.Email = strings.TrimSpace(names[column])
		}
	}
	if only := strings.TrimSpace(names[""]); strings.Contains(only, "@") {
		m.Email = only
	} else if only != "" {
		m.UserID = only
	}
	switch {
	case m.UserID == "" && m.Email == "":
		return m, lifecycle.Errorf(lifecycle.Invalid, "row %d names nobody: it has neither a user ID nor a mail address", n)
	case len(m.UserID) > lifecycle.MaxNameBytes || len(m.Email) > lifecycle.MaxNameBytes:
		return m, lifecycle.Errorf(lifecycle.Invalid, "the customer's name in row %d is too long", n)
	}
	if len(rest) > 0 {
		m.Row, _ = json.Marshal(rest) // it was read from JSON, or made of texts
	}
	if len(m.Row) > engine.MaxRow {
		return m, lifecycle.Errorf(lifecycle.TooLarge, "row %d has %d bytes; the limit is %d", n, len(m.Row), engine.MaxRow)
	}
	return m, nil
}
