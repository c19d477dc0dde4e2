package web

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// exportRow is one row of an export: its fields by name. A field that is not there is an empty cell, and none of JSON.
type exportRow map[string]any

// exportColumns are the columns of each export in their order. Those of customers and events may be taken apart further:
// traits.NAME, scores.NAME, stages.JOURNEY, properties.NAME and context.NAME, with dots to go deeper.
var exportColumns = map[string][]string{
	"customers": {"customer", "userId", "anonymousId", "identities", "created", "lastSeen", "email", "phone", "tags", "score", "scores", "points", "segments", "stages", "entered",
		"consents", "suppressions", "acquired", "orders", "revenue", "test", "traits"},
	"events": {"customer", "userId", "anonymousId", "messageId", "type", "event", "timestamp", "receivedAt", "source", "late", "properties", "traits", "context"},
	"messages": {"ref", "customer", "user", "journey", "stage", "name", "channel", "kind", "decided", "due", "state", "reason", "attempts", "inDoubt",
		"settled", "test", "direct", "file", "line", "version"},
	"decisions": {"customer", "userId", "anonymousId", "at", "kind", "journey", "from", "to", "name", "reason", "amount", "heldout", "message", "event",
		"file", "line", "version"},
}

func customerRow(c *lifecycle.Customer, segments []string, now time.Time) exportRow {
	row := exportRow{"customer": c.ID.String(), "userId": c.UserID(), "anonymousId": c.AnonymousID(), "created": c.Created, "lastSeen": c.LastSeen(),
		"tags": c.Tags, "test": c.Test(), "consents": c.Consents, "suppressions": c.Suppressions, "identities": c.Identities}
	for _, trait := range []string{"email", "phone"} {
		if text, ok := c.Trait(trait).(string); ok {
			row[trait] = text
		}
	}
	scores, now := map[string]float64{}, c.Lapsed(now)
	for _, name := range c.ScoreNames() {
		points := math.Round(c.ScoreNamed(name, now)*1000) / 1000
		if name == "" {
			row["score"] = points
		} else {
			scores[name] = points
		}
	}
	row["scores"], row["points"], row["segments"] = scores, engine.PointsOf(c), segments
	stages, entered := map[string]string{}, map[string]time.Time{}
	for i := range c.Visits {
		if visit := &c.Visits[i]; visit.Stage != "" && !lifecycle.IsBroadcast(visit.Journey) {
			stages[visit.Journey], entered[visit.Journey] = visit.Stage, visit.Entered.UTC()
		}
	}
	row["stages"], row["entered"] = stages, entered
	if c.Acquired != nil {
		row["acquired"] = c.Acquired
	}
	if !c.Revenue.IsZero() {
		row["orders"], row["revenue"] = c.Revenue.Orders, c.Revenue.Total
	}
	if len(c.Traits) > 0 {
		row["traits"] = c.Traits
	}
	return row
}

func eventRow(lived *engine.Lived) exportRow {
	event := lived.Event
	return exportRow{"customer": lived.Customer.String(), "userId": event.UserID, "anonymousId": event.AnonymousID, "messageId": event.MessageID,
		"type": string(event.Type), "event": event.Name, "timestamp": event.Timestamp, "receivedAt": event.Received, "source": event.Source,
		"late": lived.Late, "properties": event.Properties, "traits": event.Traits, "context": event.Context}
}

func decisionRow(lived *engine.Lived, fact *lifecycle.Fact) exportRow {
	row := exportRow{"customer": lived.Customer.String(), "userId": lived.UserID, "anonymousId": lived.AnonymousID, "at": fact.At,
		"kind": string(fact.Kind), "journey": fact.Journey, "from": fact.From, "to": fact.To, "name": fact.Name, "reason": fact.Reason,
		"heldout": fact.Heldout, "file": fact.File, "version": fact.Version}
	if fact.Amount != 0 {
		row["amount"] = fact.Amount
	}
	if fact.Line != 0 {
		row["line"] = fact.Line
	}
	if !fact.Message.IsZero() {
		row["message"] = fact.Message.String()
	}
	if lived.Event != nil {
		row["event"] = lived.Event.Name
	}
	return row
}

func messageRow(m *delivery.Listed) exportRow {
	row := exportRow{"ref": m.Ref, "customer": m.Customer.String(), "user": m.User, "journey": m.Journey, "stage": m.Stage, "name": m.Name,
		"channel": m.Channel, "kind": string(m.Kind), "decided": m.Decided, "due": m.Due, "state": string(m.State), "reason": m.Reason,
		"attempts": m.Attempts, "settled": m.Settled, "test": m.Test, "direct": m.Direct, "file": m.File, "version": m.Version}
	if m.InDoubt != 0 {
		row["inDoubt"] = m.InDoubt
	}
	if m.Line != 0 {
		row["line"] = m.Line
	}
	return row
}

// exportForm writes rows in one form.
type exportForm struct {
	csv     bool
	raw     bool // cells stand as they are, also those that a spreadsheet would take for formulas
	columns []string
}

// header returns the first line of CSV; nothing for NDJSON.
func (f *exportForm) header() []byte {
	if !f.csv {
		return nil
	}
	var out []byte
	for i, column := range f.columns {
		out = f.cell(out, i, column, true)
	}
	return append(out, "\r\n"...)
}

// row appends a row.
func (f *exportForm) row(out []byte, row exportRow) ([]byte, error) {
	if f.csv {
		for i, column := range f.columns {
			text, isText, err := cellOf(row.value(column))
			if err != nil {
				return nil, err
			}
			out = f.cell(out, i, text, isText)
		}
		return append(out, "\r\n"...), nil
	}
	out = append(out, '{')
	first := true
	for _, column := range f.columns {
		value := row.value(column)
		if nothing(value) {
			continue
		}
		if at, ok := value.(time.Time); ok {
			value = at.UTC()
		}
		data, err := json.Marshal(value)
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "%s cannot be written as JSON", column)
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		name, err := json.Marshal(column)
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "%s cannot be written as JSON", column)
		}
		out = append(append(append(out, name...), ':'), data...)
	}
	return append(out, '}', '\n'), nil
}

// value returns a field, or what lies below one: traits.plan. A field whose name has dots counts first.
func (r exportRow) value(column string) any {
	if value, ok := r[column]; ok {
		return value
	}
	head, rest, deeper := strings.Cut(column, ".")
	if !deeper {
		return nil
	}
	switch below := r[head].(type) {
	case map[string]string:
		return below[rest]
	case map[string]time.Time:
		return below[rest]
	case map[string]float64:
		if points, has := below[rest]; has {
			return points
		}
	case map[string]json.RawMessage:
		return dig(below, rest)
	case json.RawMessage:
		var object map[string]json.RawMessage
		if json.Unmarshal(below, &object) == nil {
			return dig(object, rest)
		}
	}
	return nil
}

func dig(object map[string]json.RawMessage, path string) any {
	if raw, ok := object[path]; ok {
		return raw
	}
	head, rest, deeper := strings.Cut(path, ".")
	var below map[string]json.RawMessage
	if !deeper || json.Unmarshal(object[head], &below) != nil {
		return nil
	}
	return dig(below, rest)
}

// nothing reports whether a value says nothing: NDJSON leaves it out.
func nothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case time.Time:
		return v.IsZero()
	case []string:
		return len(v) == 0
	case json.RawMessage:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	case map[string]time.Time:
		return len(v) == 0
	case map[string]float64:
		return len(v) == 0
	case []engine.RowPoints:
		return len(v) == 0
	case map[string]json.RawMessage:
		return len(v) == 0
	case []lifecycle.Consent:
		return len(v) == 0
	case []lifecycle.Suppression:
		return len(v) == 0
	case []lifecycle.Identity:
		return len(v) == 0
	}
	return false
}

// cellOf returns a value as a cell has it, and whether it is a text: numbers and the like are no formulas.
func cellOf(value any) (text string, isText bool, err error) {
	if nothing(value) {
		return "", false, nil
	}
	switch v := value.(type) {
	case string:
		return v, true, nil
	case bool:
		return "true", false, nil
	case int:
		return strconv.Itoa(v), false, nil
	case uint64:
		return strconv.FormatUint(v, 10), false, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), false, nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), false, nil
	case []string:
		if !slices.ContainsFunc(v, func(text string) bool { return strings.ContainsAny(text, ",;|\"[") || strings.TrimSpace(text) != text }) {
			return strings.Join(v, ", "), true, nil
		} // else as JSON, which import takes too
	case json.RawMessage:
		if len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &text) == nil {
			return text, true, nil
		}
		if string(v) == "null" {
			return "", false, nil
		}
		return string(v), false, nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err = encoder.Encode(value); err != nil {
		return "", false, lifecycle.Wrap(lifecycle.Internal, err, "a cell cannot be written as JSON")
	}
	return strings.TrimSuffix(out.String(), "\n"), false, nil
}

// isFormula reports whether a spreadsheet could take a text for a formula, or already has an apostrophe before one; there are those
// that read the wide signs of East Asian keyboards, too. Quotes before it may mean nothing to them.
func isFormula(text string) bool {
	text = strings.TrimLeft(text, `'"`)
	for _, sign := range [...]string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(text, sign) {
			return true
		}
	}
	return false
}

// cellEnds are the signs behind which a spreadsheet may begin another cell, whatever quotes stand around: where its separator is
// not the comma, quotes in the middle of a line mean nothing to it.
const cellEnds = ";\t\r\n"

// noFormula is a text with an apostrophe before whatever a spreadsheet could take for a formula, as OWASP has it
// (https://owasp.org/www-community/attacks/CSV_Injection): at the beginning, before white space there, and where another separator
// would begin a cell. Without one apostrophe at each such place it is the text again.
func noFormula(text string) string {
	if start := strings.TrimLeft(text, `'"`); isFormula(text) || start != "" && strings.IndexByte("\t\r\n", start[0]) >= 0 {
		text = "'" + text
	}
	if !strings.ContainsAny(text, cellEnds) {
		return text
	}
	var out strings.Builder
	for rest := text; rest != ""; {
		end := strings.IndexAny(rest, cellEnds) + 1
		if end == 0 {
			end = len(rest)
		}
		out.WriteString(rest[:end])
		if rest = rest[end:]; isFormula(rest) {
			out.WriteByte('\'')
		}
	}
	return out.String()
}

// semicolonFormula finds where in JSON a cell with a formula could begin, or one that has apostrophes before it, which an import
// would take for ours; a semicolon stands in texts only.
var semicolonFormula = regexp.MustCompile(`;('*[=+\-@＝＋－＠])`)

// cell appends a cell of RFC 4180, without formulas unless they are wanted.
func (f *exportForm) cell(out []byte, at int, text string, isText bool) []byte {
	if at > 0 {
		out = append(out, ',')
	}
	switch {
	case f.raw:
	case isText:
		text = noFormula(text)
	case strings.Contains(text, ";"):
		text = semicolonFormula.ReplaceAllString(text, `\u003b$1`)
	}
	if !strings.ContainsAny(text, "\",;\t\r\n") {
		return append(out, text...)
	}
	out = append(out, '"')
	out = append(out, strings.ReplaceAll(text, `"`, `""`)...)
	return append(out, '"')
}

// exportColumnsOf checks the columns that were asked for; none are all.
func exportColumnsOf(kind, asked string) ([]string, error) {
	all := exportColumns[kind]
	if asked == "" {
		return all, nil
	}
	var columns []string
	for _, column := range strings.Split(asked, ",") {
		column = strings.TrimSpace(column)
		head, _, deeper := strings.Cut(column, ".")
		open := deeper && slices.Contains([]string{"traits", "scores", "stages", "entered", "properties", "context"}, head)
		if !slices.Contains(all, column) && (!open || !slices.Contains(all, head)) {
			return nil, fieldError("columns", "%s have no column %.80q; there are %s", kind, column, strings.Join(all, ", "))
		}
		columns = append(columns, column)
	}
	return columns, nil
}
