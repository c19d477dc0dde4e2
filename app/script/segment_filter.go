package script

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
)

// SegmentFilter is a segment as the console builds it. It is kept as the Lua file that it writes, with itself in a comment,
// so that the console can open it again; a file that was changed by hand is a script like any other.
type SegmentFilter struct {
	Title string       `json:"title"`
	Note  string       `json:"note,omitempty"`
	Any   bool         `json:"any,omitempty"` // one rule is enough; otherwise all hold
	Rules []FilterRule `json:"rules"`
}

// FilterRule is one condition.
type FilterRule struct {
	Kind     string          `json:"kind"`               // trait, tag, count, sum, stage, stayed, sent, opened, clicked, score, rfm, rank or segment
	Name     string          `json:"name,omitempty"`     // of the trait, tag, event, journey, message, score or segment; of rank r, f or m
	Property string          `json:"property,omitempty"` // of sum
	Is       string          `json:"is,omitempty"`       // of a trait: equal, more, less, known or contains; of count and sum: more (at least) or less (fewer)
	Value    json.RawMessage `json:"value,omitempty"`    // of a trait: what it is compared with; of stage and stayed: a text, the stage
	Window   string          `json:"window,omitempty"`   // how far back, or how long
	Number   float64         `json:"number,omitempty"`
	Amount   float64         `json:"amount,omitempty"` // of rfm: the money
	Not      bool            `json:"not,omitempty"`
}

const (
	maxRules   = 50
	filterMark = "-- filter "
)

// Lua writes the filter as the file of a segment.
func (f *SegmentFilter) Lua() ([]byte, error) {
	if len(f.Rules) == 0 || len(f.Rules) > maxRules {
		return nil, badRule("filter.rules", "a filter has 1 to %d rules, not %d", maxRules, len(f.Rules))
	}
	data, err := json.Marshal(f)
	if err != nil {
		return nil, badRule("filter", "the filter cannot be written: %v", err)
	}
	var b bytes.Buffer
	b.WriteString("-- Built in the console. Change it there, or here: then the console shows it as a script.\n" + filterMark)
	b.Write(data)
	b.WriteString("\nsegment { title = " + luaText(f.Title))
	if f.Note != "" {
		b.WriteString(", note = " + luaText(f.Note))
	}
	b.WriteString(" }\n\nmember(function(customer)\n  return ")
	joint := " and"
	if f.Any {
		joint = " or"
	}
	for i := range f.Rules {
		text, err := f.Rules[i].lua()
		if err != nil {
			err.Field = fmt.Sprintf("filter.rules.%d.%s", i, err.Field)
			return nil, err
		}
		if i > 0 {
			b.WriteString(joint + "\n    ")
		}
		if f.Rules[i].Not {
			text = "not (" + text + ")"
		}
		b.WriteString(text)
	}
	b.WriteString("\nend)\n")
	return b.Bytes(), nil
}

// FilterOf returns the filter that wrote a file; nil if none did, or if the file was changed since.
func FilterOf(text []byte) *SegmentFilter {
	for line := range bytes.Lines(text) {
		data, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte(filterMark))
		if !ok {
			continue
		}
		f := &SegmentFilter{}
		if json.Unmarshal(data, f) != nil {
			return nil
		}
		if again, err := f.Lua(); err != nil || !bytes.Equal(again, text) {
			return nil
		}
		return f
	}
	return nil
}

func badRule(field, format string, args ...any) *lifecycle.Error {
	err := lifecycle.Errorf(lifecycle.Invalid, format, args...)
	err.Field = field
	return err
}

// luaText writes a text as Lua reads it.
func luaText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// lua writes a rule as an expression in brackets where it needs them.
func (r *FilterRule) lua() (string, *lifecycle.Error) {
	if r.Window != "" {
		if d, err := lifecycle.ParseDuration(r.Window); err != nil || d <= 0 {
			return "", badRule("window", "%.80q is no duration; write it like \"30 days\"", r.Window)
		}
	}
	named := func(word string, needed bool) (string, *lifecycle.Error) {
		if needed && strings.TrimSpace(r.Name) == "" || len(r.Name) > lifecycle.MaxNameBytes {
			return "", badRule("name", "%s needs a name of at most %d bytes", word, lifecycle.MaxNameBytes)
		}
		return luaText(r.Name), nil
	}
	if r.Window == "" && r.Kind != "trait" && r.Kind != "tag" && r.Kind != "stage" && r.Kind != "score" && r.Kind != "rfm" && r.Kind != "rank" && r.Kind != "segment" {
		return "", badRule("window", "say how far back, as in \"30 days\"")
	}
	name, err := named(r.Kind, r.Kind != "sent" && r.Kind != "opened" && r.Kind != "clicked" && r.Kind != "score" && r.Kind != "rfm")
	if err != nil {
		return "", err
	}
	number, window := strconv.FormatFloat(r.Number, 'f', -1, 64), luaText(r.Window)
	sign, ok := map[string]string{"": " >= ", "more": " >= ", "less": " < "}[r.Is]
	switch r.Kind {
	case "trait":
		return r.trait("customer.traits[" + name + "]")
	case "tag":
		return "customer.tags[" + name + "] == true", nil
	case "count":
		if !ok {
			return "", badRule("is", "count is compared with more or less")
		}
		return "count(" + name + ", " + window + ")" + sign + number, nil
	case "sum":
		if !ok || r.Property == "" || len(r.Property) > lifecycle.MaxNameBytes {
			return "", badRule("property", "sum needs a property, and is compared with more or less")
		}
		return "sum(" + name + ", " + luaText(r.Property) + ", " + window + ")" + sign + number, nil
	case "stage":
		stage, err := r.text()
		if err != nil {
			return "", err
		}
		if stage == "" {
			return "stage(" + name + ") ~= nil", nil
		}
		return "stage(" + name + ") == " + luaText(stage), nil
	case "stayed":
		stage, err := r.text()
		if err != nil {
			return "", err
		}
		if stage == "" {
			return "in_stage_for(" + name + ", " + window + ")", nil
		}
		return "in_stage_for(" + name + ", " + window + ", " + luaText(stage) + ")", nil
	case "sent", "opened", "clicked":
		if r.Name == "" {
			name = "nil"
		}
		if r.Number > 1 {
			return r.Kind + "(" + name + ", " + window + ", " + number + ")", nil
		}
		return r.Kind + "(" + name + ", " + window + ")", nil
	case "score":
		if r.Name == "" {
			return "score_at_least(" + number + ")", nil
		}
		return "score_at_least(" + name + ", " + number + ")", nil
	case "rfm":
		var parts []string
		if r.Window != "" {
			parts = append(parts, "recency = "+window)
		}
		if r.Number > 0 {
			parts = append(parts, "frequency = "+number)
		}
		if r.Amount > 0 {
			parts = append(parts, "monetary = "+strconv.FormatFloat(r.Amount, 'f', -1, 64))
		}
		if len(parts) == 0 {
			return "", badRule("window", "rfm needs a window, a number of orders or an amount")
		}
		return "rfm { " + strings.Join(parts, ", ") + " }", nil
	case "rank":
		if r.Name != "r" && r.Name != "f" && r.Name != "m" || r.Number != 1 && r.Number != 2 && r.Number != 3 && r.Number != 4 && r.Number != 5 {
			return "", badRule("number", "a rank is r, f or m, from 1 to 5")
		}
		return "rfm { " + r.Name + " = " + number + " }", nil
	case "segment":
		return "in_segment(" + name + ")", nil
	}
	return "", badRule("kind", "%.40q is no kind of rule", r.Kind)
}

func (r *FilterRule) text() (text string, err *lifecycle.Error) {
	if len(r.Value) > 0 && string(r.Value) != "null" && json.Unmarshal(r.Value, &text) != nil {
		return "", badRule("value", "the stage must be a text")
	}
	return text, nil
}

// trait compares a trait. One that is not there, or of another kind, is not what is asked for.
func (r *FilterRule) trait(field string) (string, *lifecycle.Error) {
	var value any
	if len(r.Value) > 0 && json.Unmarshal(r.Value, &value) != nil {
		return "", badRule("value", "the value cannot be read")
	}
	if r.Is == "known" {
		return field + " ~= nil", nil
	}
	literal := ""
	switch v := value.(type) {
	case string:
		literal = luaText(v)
	case bool:
		literal = strconv.FormatBool(v)
	case float64:
		literal = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return "", badRule("value", "a trait is compared with a text, a number, true or false")
	}
	_, isNumber := value.(float64)
	_, isText := value.(string)
	switch {
	case r.Is == "equal" || r.Is == "":
		return field + " == " + literal, nil
	case (r.Is == "more" || r.Is == "less") && isNumber:
		sign := map[string]string{"more": " > ", "less": " < "}[r.Is]
		return "(type(" + field + ") == \"number\" and " + field + sign + literal + ")", nil
	case r.Is == "contains" && isText:
		return "(type(" + field + ") == \"string\" and string.find(string.lower(" + field + "), string.lower(" + literal + "), 1, true) ~= nil)", nil
	}
	return "", badRule("is", "a trait cannot be compared with %.40q that way", r.Is)
}
