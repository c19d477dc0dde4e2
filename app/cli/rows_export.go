package cli

import (
	"encoding/json"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// exportForm are the columns of an export of ours.
type exportForm struct {
	texts   []string
	names   []string // of the texts: one of them says whose row it is
	objects []string // and lists, in JSON
	passed  []string // that are not taken
	parts   []string // that have columns for what lies in them
	typed   []string // of those: the ones with values of any type
}

// Of customers those are passed that say what can be counted anew: who is in which segment, what was bought, what the scores come to
// now. Of events, what the server that takes them says by itself.
var (
	exportOfCustomers = &exportForm{
		texts: []string{"userId", "anonymousId", "email", "phone", "created"}, names: []string{"userId", "anonymousId", "email", "phone"},
		objects: []string{"identities", "points", "stages", "entered", "consents", "suppressions", "acquired", "traits", "test"},
		passed:  []string{"customer", "lastSeen", "score", "scores", "segments", "orders", "revenue"},
		parts:   []string{"traits", "scores", "stages", "entered"}, typed: []string{"traits"},
	}
	exportOfEvents = &exportForm{
		texts: plainTargets, names: []string{"userId", "anonymousId"}, objects: sections,
		passed: []string{"customer", "receivedAt", "source", "late"},
		parts:  sections, typed: sections,
	}
)

// has reports whether a CSV header is that of such an export, of all columns or some, or of its bad rows.
func (f *exportForm) has(header []string) bool {
	named := false
	for _, column := range header {
		head, _, part := strings.Cut(column, ".")
		switch {
		case part && slices.Contains(f.parts, head), slices.Contains(f.objects, column), slices.Contains(f.passed, column), slices.Contains(rejectColumns, column):
		case f == exportOfCustomers && column == "tags":
		case slices.Contains(f.texts, column):
			named = named || slices.Contains(f.names, column)
		default:
			return false
		}
	}
	return named
}

// isExportOfEvents reports whether a header is that of `export events`. A list of other people's that has but its names has to say
// what its events are: without the one or the other it is not known.
func isExportOfEvents(header []string) bool {
	return exportOfEvents.has(header) && (slices.Contains(header, "event") || slices.Contains(header, "type"))
}

// read turns a row of CSV that we have written into the object that NDJSON has. Its cells are unguarded.
func (f *exportForm) read(row Row) (Row, error) {
	object, parts := map[string]json.RawMessage{}, map[string]*branch{}
	for _, column := range row.columns {
		at := row.names[column]
		if at < 0 || row.cells[at] == "" {
			continue
		}
		text := row.cells[at]
		head, rest, part := strings.Cut(column, ".")
		switch {
		case part && slices.Contains(f.parts, head) && !slices.Contains(f.passed, head):
			if parts[head] == nil {
				parts[head] = &branch{}
			}
			value := typed(Value{Text: text}, false)
			if !slices.Contains(f.typed, head) {
				value = jsonText(text)
			} else if (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text)) {
				value = json.RawMessage(text)
			}
			path := []string{rest}
			if f == exportOfEvents {
				path = strings.Split(rest, ".")
			}
			parts[head].put(path, value)
		case f == exportOfCustomers && column == "tags":
			tags, err := tagsOf(Value{Text: text})
			if err != nil {
				return row, err
			}
			object[column], _ = json.Marshal(tags) // texts always can
		case slices.Contains(f.texts, column):
			object[column] = jsonText(text)
		case slices.Contains(f.objects, column):
			if !json.Valid([]byte(text)) {
				return row, invalidField(column, "%s %q is not the JSON that an export writes", column, shorten(text))
			}
			object[column] = json.RawMessage(text)
		}
	}
	for head, part := range parts {
		if object[head] == nil {
			object[head] = part.append(nil)
		}
	}
	row.object = object
	return row, nil
}

// unguarded takes off the apostrophes that an export puts before what a spreadsheet would take for a formula: at the beginning, and
// where it might begin another cell.
func unguarded(text string) string {
	if !strings.Contains(text, "'") {
		return text
	}
	var out strings.Builder
	for at, begins := 0, true; at < len(text); at++ {
		if !begins || text[at] != '\'' || !isGuard(text[at:], at == 0) {
			out.WriteByte(text[at])
		}
		begins = strings.IndexByte(";\t\r\n", text[at]) >= 0
	}
	return out.String()
}

// isGuard reports whether the apostrophe at the beginning of a text was put there: behind it and other quotes a formula comes, or
// white space where the cell begins.
func isGuard(text string, first bool) bool {
	text = strings.TrimLeft(text, `'"`)
	return slices.ContainsFunc([]string{"=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"}, func(sign string) bool {
		return strings.HasPrefix(text, sign) && (first || sign > " ")
	})
}

// kept is what only an export of ours says of a customer.
type kept struct {
	Identities []lifecycle.Identity `json:"identities,omitempty"`
	Points     json.RawMessage      `json:"points,omitempty"`
	Acquired   json.RawMessage      `json:"acquired,omitempty"`
}
