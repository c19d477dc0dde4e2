package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// Mapping says how the columns of a source become an event. Each rule is written
//
//	target=column        the value of a column
//	target:=constant     the same in every row
//
// Targets are userId, anonymousId, event, type, timestamp, messageId, externalId.SYSTEM, and properties.NAME, traits.NAME
// and context.NAME, where NAME may go deeper with dots; properties, traits and context alone are JSON objects of all that, before
// which go those with a NAME. An empty cell or a null leaves its target out. type is track
// where nothing says otherwise.
//
// userId, anonymousId, event, type and messageId are texts, to the letter: 00001 keeps its zeros. Under properties,
// traits and context a CSV cell becomes a JSON number if it is written as one and nothing is lost by it: 11.77, 5
// and 12.00 do; 00001, +5, 1e5, 1,000 and anything of more than 15 digits stay text. true and false become booleans.
// Constants follow the same rules; one in double quotes is a JSON text whatever it looks like (`properties.code:="5"`).
// Values of NDJSON keep their type.
type Mapping struct {
	rules     []rule
	customers bool              // the rows are customers, not events; see customerTargets
	stages    map[string]string // of customers: stages by the names that the source has for them
}

type rule struct {
	target   string
	path     []string // of properties, traits and context: the section, then the names
	column   string
	constant *string
}

func (r rule) String() string {
	if r.constant != nil {
		return r.target + ":=" + *r.constant
	}
	return r.target + "=" + r.column
}

// ParseMapping reads rules. No rules are no mapping (nil): the rows are then events already.
func ParseMapping(texts []string) (*Mapping, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	mapping := &Mapping{}
	for _, text := range texts {
		next, err := parseRule(text)
		if err != nil {
			return nil, err
		}
		if err = mapping.add(next); err != nil {
			return nil, err
		}
	}
	if !mapping.has("userId") && !mapping.has("anonymousId") && !mapping.namesExternal() {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "--map: nothing says whose events these are; add userId=COLUMN, anonymousId=COLUMN or externalId.SYSTEM=COLUMN")
	}
	if kind := mapping.rule("type"); !mapping.has("event") && (kind == nil || kind.constant != nil && *kind.constant == string(lifecycle.Track)) {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "--map: the event has no name; add 'event:=NAME' (such as 'event:=Order Completed') or event=COLUMN, or 'type:=identify' if the rows are customers")
	}
	return mapping, nil
}

// add adds a rule that no other one contradicts.
func (m *Mapping) add(next rule) error {
	for _, other := range m.rules {
		if other.target == next.target && !(m.customers && next.refuses()) {
			return lifecycle.Errorf(lifecycle.Invalid, "--map: %s is mapped twice, by %q and %q", next.target, other, next)
		}
		if slices.Contains(sections, next.target) || slices.Contains(sections, other.target) {
			continue
		}
		if (next.path != nil || other.path != nil) && (strings.HasPrefix(next.target, other.target+".") || strings.HasPrefix(other.target, next.target+".")) {
			return lifecycle.Errorf(lifecycle.Invalid, "--map: %s and %s cannot both be there: one lies inside the other", other.target, next.target)
		}
	}
	m.rules = append(m.rules, next)
	return nil
}

// refuses reports whether a rule of customers can only say that they want no mail: of those, several may say so.
func (r rule) refuses() bool {
	head, _, _ := strings.Cut(r.target, ".")
	return head == "unsubscribed"
}

// splitRule cuts a rule into its target and where the value comes from.
func splitRule(text string) (rule, error) {
	target, value, ok := strings.Cut(text, "=")
	constant := strings.HasSuffix(target, ":")
	target = strings.TrimSpace(strings.TrimSuffix(target, ":"))
	if !ok || target == "" || value == "" {
		return rule{}, lifecycle.Errorf(lifecycle.Invalid, "--map %q: write target=column, or 'target:=constant'", text)
	}
	next := rule{target: target, column: value}
	if constant {
		next.column, next.constant = "", &value
	}
	return next, nil
}

func parseRule(text string) (rule, error) {
	next, err := splitRule(text)
	if err != nil {
		return next, err
	}
	target := next.target
	path := strings.Split(target, ".")
	system, external := externalSystem(target)
	switch {
	case external:
		if err = checkExternal(text, system); err != nil {
			return rule{}, err
		}
	case len(path) > 1 && slices.Contains(sections, path[0]):
		if slices.Contains(path, "") {
			return rule{}, lifecycle.Errorf(lifecycle.Invalid, "--map %q: a name between the dots is empty", text)
		}
		if len(path) > 8 {
			return rule{}, lifecycle.Errorf(lifecycle.Invalid, "--map %q: deeper than 7 names", text)
		}
		next.path = path
	case slices.Contains(plainTargets, target), slices.Contains(sections, target):
	default:
		known := append(slices.Clone(plainTargets), "externalId.SYSTEM", "properties", "properties.NAME", "traits", "traits.NAME", "context", "context.NAME")
		return rule{}, lifecycle.Errorf(lifecycle.Invalid, "--map %q: %q is no target%s; there are %s",
			text, target, didYouMean(target, plainTargets), strings.Join(known, ", "))
	}
	return next, nil
}

func (m *Mapping) rule(target string) *rule {
	for i := range m.rules {
		if m.rules[i].target == target {
			return &m.rules[i]
		}
	}
	return nil
}

func (m *Mapping) has(target string) bool { return m.rule(target) != nil }

// Check compares the mapping with the columns that there are. In NDJSON, where an optional value may come late, only
// the columns that an event cannot do without have to be among them.
func (m *Mapping) Check(rows *Rows) error {
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var problems []string
	for _, rule := range m.rules {
		if rule.constant != nil {
			continue
		}
		if rows.Format == NDJSON {
			found := slices.ContainsFunc(rows.ahead, func(row Row) bool { _, ok := row.Get(rule.column); return ok })
			if _, external := externalSystem(rule.target); found || external || m.customers || rule.path != nil || slices.Contains(sections, rule.target) || rule.target == "messageId" {
				continue
			}
		} else if index, ok := rows.csv.names[rule.column]; ok && index >= 0 {
			continue
		} else if ok {
			problems = append(problems, fmt.Sprintf("--map %s: there are several columns %q; give them names of their own", rule, rule.column))
			continue
		}
		problems = append(problems, fmt.Sprintf("--map %s: there is no column %q%s", rule, rule.column, didYouMean(rule.column, columns)))
	}
	if len(problems) == 0 {
		return nil
	}
	return lifecycle.Errorf(lifecycle.Invalid, "%s\nthe columns of %s are: %s", strings.Join(problems, "\n"), rows.file, listed(columns))
}

// listed writes the first 40 of some names.
func listed(names []string) string {
	shown := make([]string, 0, len(names))
	for _, name := range names {
		shown = append(shown, printable(name))
	}
	names = shown
	if len(names) <= 40 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:40], ", "), len(names)-40)
}

// Event makes the event of a row. The error is a *lifecycle.Error that names the target in Field.
func (m *Mapping) Event(row Row) (lifecycle.Event, error) {
	event := lifecycle.Event{Type: lifecycle.Track}
	var trees [3]*branch
	var wholes [3]map[string]json.RawMessage
	var externals []lifecycle.Identity
	for _, rule := range m.rules {
		value, ok := rule.value(row)
		if !ok {
			continue
		}
		if _, external := externalSystem(rule.target); external {
			identity, err := externalOf(rule, value)
			if err != nil {
				return event, err
			}
			externals = append(externals, identity)
			continue
		}
		if rule.path != nil {
			section := slices.Index(sections, rule.path[0])
			if trees[section] == nil {
				trees[section] = &branch{}
			}
			trees[section].put(rule.path[1:], typed(value, rule.constant != nil))
			continue
		}
		if section := slices.Index(sections, rule.target); section >= 0 {
			var err error
			if wholes[section], err = objectOf(rule.target, value); err != nil {
				return event, err
			}
			continue
		}
		if err := setPlain(&event, rule, value); err != nil {
			return event, err
		}
	}
	for i, part := range []*json.RawMessage{&event.Properties, &event.Traits, &event.Context} {
		if trees[i] == nil && wholes[i] != nil {
			trees[i] = &branch{}
		}
		if trees[i] != nil {
			trees[i].fill(wholes[i])
			*part = trees[i].append(nil)
		}
	}
	if len(externals) > 0 {
		var err error
		if event.Context, err = withExternals(event.Context, externals); err != nil {
			return event, err
		}
		named(&event, externals)
	}
	return event, event.Validate()
}

// value returns what the row has for the rule; ok is false if it has nothing.
func (r *rule) value(row Row) (value Value, ok bool) {
	if r.constant != nil {
		return Value{Text: *r.constant}, true
	}
	value, ok = row.Get(r.column)
	return value, ok && !value.Empty()
}

func setPlain(event *lifecycle.Event, rule rule, value Value) error {
	if rule.target == "timestamp" {
		moment, err := timestampOf(value)
		event.Timestamp = moment
		return err
	}
	text, err := textOf(rule.target, value)
	if err != nil {
		return err
	}
	switch rule.target {
	case "userId":
		event.UserID = text
	case "anonymousId":
		event.AnonymousID = text
	case "event":
		event.Name = text
	case "type":
		event.Type = lifecycle.EventType(text)
	case "messageId":
		event.MessageID = text
	}
	return nil
}

// SegmentEvent reads a row of NDJSON that is an event of the Segment API as it stands. What an event here does not
// have (originalTimestamp, integrations …) is left out.
func SegmentEvent(row Row) (lifecycle.Event, error) {
	event := lifecycle.Event{Type: lifecycle.Track}
	for _, target := range plainTargets {
		value, ok := row.Get(target)
		if !ok || value.Empty() {
			continue
		}
		if err := setPlain(&event, rule{target: target}, value); err != nil {
			return event, err
		}
	}
	for i, part := range []*json.RawMessage{&event.Properties, &event.Traits, &event.Context} {
		if value, ok := row.Get(sections[i]); ok && !value.Empty() {
			*part = value.JSON
		}
	}
	return event, event.Validate()
}

// targets of one value, and those with names below them. They are written once and never changed.
var (
	plainTargets = []string{"userId", "anonymousId", "event", "type", "timestamp", "messageId"}
	sections     = []string{"properties", "traits", "context"}
)

func invalidField(field, format string, args ...any) error {
	err := lifecycle.Errorf(lifecycle.Invalid, format, args...)
	err.Field = field
	return err
}

// didYouMean returns a hint with the name nearest to what was written, or "".
func didYouMean(written string, names []string) string {
	best, distance := "", len(written)/3+2
	for _, name := range names {
		if d := editDistance(strings.ToLower(written), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

func editDistance(a, b string) int {
	if len(a) > 200 || len(b) > 200 {
		return 200
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
