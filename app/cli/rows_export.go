package cli

import (
	"encoding/json"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// The columns of `export customers`. Those that say what can be counted anew are not taken: who is in which segment, what was
// bought, what the scores come to now.
var (
	exportTexts   = []string{"userId", "anonymousId", "email", "phone", "created"}
	exportObjects = []string{"identities", "points", "stages", "entered", "consents", "suppressions", "acquired", "traits"}
	exportPassed  = []string{"customer", "lastSeen", "score", "scores", "segments", "orders", "revenue"}
	exportParts   = []string{"traits", "scores", "stages", "entered"} // that have columns for what lies in them
)

// isExport reports whether a CSV header is that of an export of ours, of all columns or some.
func isExport(header []string) bool {
	named := false
	for _, column := range header {
		head, _, part := strings.Cut(column, ".")
		switch {
		case part && slices.Contains(exportParts, head), slices.Contains(exportObjects, column), slices.Contains(exportPassed, column), column == "tags", column == "test":
		case slices.Contains(exportTexts, column):
			named = named || column != "created"
		default:
			return false
		}
	}
	return named
}

// exportedRow turns a row of CSV that we have written into the object that NDJSON has.
func exportedRow(row Row) (Row, error) {
	object, parts := map[string]json.RawMessage{}, map[string]*branch{}
	for column, at := range row.names {
		if at < 0 || row.cells[at] == "" {
			continue
		}
		text := row.cells[at]
		head, rest, part := strings.Cut(column, ".")
		switch {
		case part && head != "scores":
			if parts[head] == nil {
				parts[head] = &branch{}
			}
			value := typed(Value{Text: unguarded(text)}, false)
			if head != "traits" {
				value = jsonText(unguarded(text))
			} else if (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text)) {
				value = json.RawMessage(text)
			}
			parts[head].put([]string{rest}, value)
		case column == "tags":
			tags, err := tagsOf(Value{Text: unguarded(text)})
			if err != nil {
				return row, err
			}
			object[column], _ = json.Marshal(tags) // texts always can
		case slices.Contains(exportTexts, column):
			object[column] = jsonText(unguarded(text))
		case column == "test" || slices.Contains(exportObjects, column):
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

// unguarded takes off the apostrophe that an export puts before what a spreadsheet would take for a formula.
func unguarded(text string) string {
	rest, guarded := strings.CutPrefix(text, "'")
	if !guarded || !slices.ContainsFunc([]string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"}, func(sign string) bool { return strings.HasPrefix(rest, sign) }) {
		return text
	}
	return rest
}

// kept is what only an export of ours says of a customer.
type kept struct {
	Identities []lifecycle.Identity `json:"identities,omitempty"`
	Points     json.RawMessage      `json:"points,omitempty"`
	Acquired   json.RawMessage      `json:"acquired,omitempty"`
}
