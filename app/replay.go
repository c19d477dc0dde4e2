package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// maxDifferences is how many differences a replay names.
const maxDifferences = 100

// Replayed says whether a customer's state follows from the events alone.
type Replayed struct {
	Customer    string       `json:"customer"`
	User        string       `json:"user"`
	Equal       bool         `json:"equal"`
	Events      int          `json:"events"` // that were lived again, those that scripts made included
	Facts       int          `json:"facts"`  // that followed from them
	Scripts     int          `json:"scripts"`
	Until       time.Time    `json:"until"`
	Differences []Difference `json:"differences"`
	More        int          `json:"more,omitempty"` // differences that are not named
	Notes       []string     `json:"notes"`          // what a replay of this customer cannot know
	Incomplete  bool         `json:"incomplete"`     // the timeline lacks something on which all that is stored may hang: its beginning, or the days of a test person, also of a former one. A difference is no fault
}

// Difference is one place where the stored state is not what the events lead to.
type Difference struct {
	Field    string `json:"field"`
	Stored   string `json:"stored"`   // "": it is not there
	Replayed string `json:"replayed"` // "": it is not there
}

// Replay lives the customer's events again and compares what comes of them with what is stored.
func (l *Lives) Replay(ctx context.Context, id lifecycle.ID) (any, error) {
	r, err := l.relive(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.compared(), nil
}

func (r *relived) compared() *Replayed {
	c := r.life.Customer
	out := &Replayed{Customer: c.ID.String(), User: nameOf(c), Until: c.Real(c.Clock).UTC(), Scripts: len(r.traces), Notes: r.notes(),
		Differences: []Difference{}, Incomplete: r.life.Cut || !r.life.Gone.IsZero() || r.test()}
	var replayed map[string]string
	again := map[string]int{}
	if r.again != nil {
		replayed = r.stateOf(r.again)
		for i := range r.again.Entries {
			if entry := &r.again.Entries[i].TimelineEntry; !onlyByMerge(entry) {
				again[entryText(entry, everySegment)]++
			}
			out.Facts += len(r.again.Entries[i].Facts)
			if r.again.Entries[i].Event != nil {
				out.Events++
			}
		}
	}
	if r.test() { // every time in their life would differ
		return out
	}
	stored := r.stateOf(r.life)
	add := func(d Difference) {
		if len(out.Differences) < maxDifferences {
			out.Differences = append(out.Differences, d)
		} else {
			out.More++
		}
	}
	names := maps.Clone(stored)
	maps.Copy(names, replayed)
	for _, field := range slices.Sorted(maps.Keys(names)) {
		if stored[field] != replayed[field] {
			add(Difference{field, stored[field], replayed[field]})
		}
	}
	for i := range r.life.Entries {
		entry := &r.life.Entries[i]
		text := entryText(&entry.TimelineEntry, func(segment string) bool { return r.asked(entry.Seq, segment) })
		switch {
		case again[text] > 0:
			again[text]--
		case !r.left(entry) && !onlyByMerge(&entry.TimelineEntry):
			add(Difference{"timeline", text, ""})
		}
	}
	for _, text := range slices.Sorted(maps.Keys(again)) {
		for range again[text] {
			add(Difference{"timeline", "", text})
		}
	}
	out.Equal = len(out.Differences) == 0
	return out
}

// test reports whether the customer is a test person, or was one: before the timeline told of that, when something was sent to them.
func (r *relived) test() bool {
	if r.life.Customer.Test() {
		return true
	}
	for _, m := range r.messages {
		if m.Test {
			return true
		}
	}
	return slices.ContainsFunc(r.life.Entries, func(e engine.LifeEntry) bool {
		return slices.ContainsFunc(e.Facts, func(f lifecycle.Fact) bool { return f.Kind == lifecycle.FactTest })
	})
}

// left reports whether an entry is not a matter of the customer's own events.
func (r *relived) left(entry *engine.LifeEntry) bool {
	if entry.Event != nil && entry.Event.Depth == 0 {
		return false
	}
	for _, fact := range entry.Facts {
		refused := fact.Kind == lifecycle.FactRefused && fact.File == "" && fact.Name != ""
		friend := fact.Kind == lifecycle.FactLogged && fact.Journey == "" // whose order did not count
		told := fact.Kind == lifecycle.FactSegment && !r.asked(entry.Seq, fact.Name)
		if fact.Kind != lifecycle.FactEvent && !told && !lifecycle.IsBroadcast(fact.Journey) && !refused && !friend {
			return false
		}
	}
	return len(entry.Facts) > 0
}

// notes say what a replay of this life cannot know.
func (r *relived) notes() []string {
	notes := []string{}
	if r.life.Cut {
		notes = append(notes, fmt.Sprintf("the timeline is longer than is read: it begins %s here", when(r.life.Entries[0].At)))
	}
	if gone := r.life.Gone; !gone.IsZero() {
		notes = append(notes, fmt.Sprintf("events before %s were removed, as they are kept only so long (--keep-events): what followed from them cannot be told", when(gone)))
	}
	if len(r.life.Past) == 0 {
		notes = append(notes, "when the journeys changed was not written down: those of now were taken for all of the past")
	}
	merged, cast := map[lifecycle.ID]bool{}, false
	for i := range r.life.Entries {
		entry := &r.life.Entries[i]
		if !entry.From.IsZero() {
			merged[entry.From] = true
		}
		for _, fact := range entry.Facts {
			cast = cast || lifecycle.IsBroadcast(fact.Journey)
		}
	}
	if len(merged) > 0 {
		notes = append(notes, numberOf(len(merged), "other customer", "other customers")+" became part of this one: how their events came between is known by time only")
	}
	if cast {
		notes = append(notes, "broadcasts are not sent again")
	}
	notes = append(notes, segmentNotes(&r.segments)...)
	if r.test() {
		notes = append(notes, "a test person's days are minutes, and no event tells of them: what is stored was taken as it is and not checked")
	}
	if len(r.foreign) > 0 {
		notes = append(notes, numberOf(len(r.foreign), "entry", "entries")+" of the timeline without an event and anybody's name: left out")
	}
	return notes
}

func numberOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func when(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }

// stamp is a time as it is compared.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// entryText is a timeline entry as it is compared.
// Of segments it has those that are asked again.
func entryText(entry *engine.TimelineEntry, asked func(segment string) bool) string {
	var b strings.Builder
	b.WriteString(stamp(entry.At))
	if e := entry.Event; e != nil {
		fmt.Fprintf(&b, " %s %q %s", e.Type, e.Name, e.MessageID)
	} else {
		b.WriteString(" timer")
	}
	for _, f := range entry.Facts {
		if f.Kind == lifecycle.FactSegment && (byMerge(&f) || !asked(f.Name)) {
			continue
		}
		fmt.Fprintf(&b, "; %s", f.Kind)
		if f.Kind == lifecycle.FactWoke { // why a wait ended was not always written down
			f.Reason = ""
		}
		for _, text := range []string{f.Journey, f.From, f.To, f.Name, f.Reason} {
			if text != "" {
				b.WriteString(" " + text)
			}
		}
		if f.File != "" {
			fmt.Fprintf(&b, " %s:%d", f.File, f.Line)
		}
		if f.Amount != 0 {
			fmt.Fprintf(&b, " %v", f.Amount)
		}
		if !f.Message.IsZero() {
			fmt.Fprintf(&b, " %s", f.Message)
		}
	}
	return b.String()
}

// stateOf is a customer's state, field by field, without what only numbers things within a store.
func (r *relived) stateOf(life *engine.Life) map[string]string {
	c := life.Customer
	state := map[string]string{"created": stamp(c.Created), "clock": stamp(c.Clock), "tags": strings.Join(c.Tags, ", "), "held by import": c.Import}
	text := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(data)
	}
	var identities []string
	for _, identity := range c.Identities {
		identities = append(identities, string(identity.Kind)+" "+identity.Value)
	}
	slices.Sort(identities)
	state["identities"] = strings.Join(identities, ", ")
	for name, value := range c.Traits {
		state["trait "+name] = string(value)
	}
	for _, origin := range c.Origins {
		state["origin of "+origin.Trait] = origin.Source + " " + stamp(origin.At)
	}
	for i, points := range c.Points {
		state[fmt.Sprintf("points %d", i)] = text(points)
	}
	for i, word := range c.Consents {
		word.At = word.At.UTC()
		state[fmt.Sprintf("consent %d", i)] = text(word)
	}
	for i, s := range c.Suppressions {
		s.At = s.At.UTC()
		state[fmt.Sprintf("suppression %d", i)] = text(s)
	}
	if c.Acquired != nil {
		acquired := *c.Acquired
		acquired.At = acquired.At.UTC()
		state["acquired"] = text(acquired)
	}
	state["thresholds"], state["points given once"] = text(c.Scores.Beyond), text(c.Scores.Given)
	if !c.Scores.Due.IsZero() {
		state["score changes"] = stamp(c.Scores.Due)
	}
	if !c.Revenue.IsZero() {
		// A sum of what two have spent who became one depends, in its last digit, on the order of adding.
		state["revenue"] = fmt.Sprintf("orders %d, %.4f, %s to %s", c.Revenue.Orders, c.Revenue.Total, stamp(c.Revenue.First), stamp(c.Revenue.Last))
	}
	for _, past := range c.Past {
		if !lifecycle.IsBroadcast(past.Journey) {
			state["left "+past.Journey+" "+past.Stage] = stamp(past.Left)
		}
	}
	if r.life.Members != nil {
		for _, name := range r.segments.Now {
			state["segment "+name] = life.Members[name]
		}
	}
	for i := range c.Visits {
		if v := &c.Visits[i]; !lifecycle.IsBroadcast(v.Journey) {
			visitState(state, v)
		}
	}
	return state
}

func visitState(state map[string]string, v *lifecycle.Visit) {
	name := "journey " + v.Journey
	state[name+": stage"] = v.Stage
	state[name+": entered"] = stamp(v.Entered)
	state[name+": goal reached"] = fmt.Sprint(v.Converted)
	var waits, silences []string
	due := map[lifecycle.ID]string{}
	for _, timer := range v.Timers {
		if !timer.Run.IsZero() {
			due[timer.Run] = stamp(timer.Due)
			continue
		}
		silences = append(silences, fmt.Sprintf("%s %v due %s fired %v", timer.Event, timer.After, stamp(timer.Due), timer.Fired))
	}
	for _, run := range v.Runs {
		waits = append(waits, fmt.Sprintf("%s %s:%d %s until %s (%s)", run.Handler, run.File, run.Line, run.Event, due[run.ID], run.Version))
	}
	slices.Sort(waits)
	slices.Sort(silences)
	state[name+": waits"] = strings.Join(waits, "; ")
	state[name+": silences"] = strings.Join(silences, "; ")
}

// nameOf is the name by which people know a customer.
func nameOf(c *lifecycle.Customer) string {
	for _, name := range []string{c.UserID(), c.AnonymousID()} {
		if name != "" {
			return name
		}
	}
	return c.ID.String()
}
