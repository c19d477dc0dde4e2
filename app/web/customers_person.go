package web

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// wireCustomer is everything that is kept of a customer in one place; events and messages have lists of their own.
type wireCustomer struct {
	ID           lifecycle.ID            `json:"id"`
	UserID       string                  `json:"userId,omitempty"`
	AnonymousID  string                  `json:"anonymousId,omitempty"`
	Created      time.Time               `json:"created"`
	Seen         time.Time               `json:"seen"` // when their last event was
	Test         bool                    `json:"test,omitempty"`
	Import       string                  `json:"import,omitempty"` // the open import that holds their timers back
	Identities   []lifecycle.Identity    `json:"identities"`
	Traits       []wireTrait             `json:"traits"` // by name
	Tags         []string                `json:"tags"`
	Acquired     *lifecycle.Acquisition  `json:"acquired,omitempty"` // the first touch
	Consents     []lifecycle.Consent     `json:"consents"`           // oldest first
	Suppressions []lifecycle.Suppression `json:"suppressions"`
	Stages       []wireVisit             `json:"stages"`
	Segments     []wireSegmentName       `json:"segments"`
	Scores       []wireScore             `json:"scores"`
	Revenue      *lifecycle.Revenue      `json:"revenue,omitempty"`
	RFM          *lifecycle.RFM          `json:"rfm,omitempty"` // ranks among all who have bought something; none: not ranked
}

// wireTrait is a trait and where it came from.
type wireTrait struct {
	Name   string          `json:"name"`
	Value  json.RawMessage `json:"value"`
	Source string          `json:"source,omitempty"` // none: not known
	At     *time.Time      `json:"at,omitempty"`
	Wrong  string          `json:"wrong,omitempty"` // why it has no effect where Stagecraft itself reads it; none: it has, or it is for scripts only
}

// notAZone is what is wrong with a trait timezone that names none.
const notAZone = "not a time zone: the configured one is used"

// wireVisit is where a customer is in a journey, and how they came there.
type wireVisit struct {
	Journey   string            `json:"journey"`
	Stage     string            `json:"stage"` // "": they have left the journey
	Entered   *time.Time        `json:"entered,omitempty"`
	Converted bool              `json:"converted,omitempty"` // the goal was reached in this stay
	Waits     []wireWait        `json:"waits"`               // what will happen by itself, the next first
	History   []wireStageChange `json:"history"`             // newest first
}

// wireWait is something that will happen unless it is taken back before.
type wireWait struct {
	Due     time.Time `json:"due"`
	Event   string    `json:"event,omitempty"`   // what is waited for, or what ends the silence
	Silence float64   `json:"silence,omitempty"` // how long a silence has to be, in seconds; none: a script waits
	File    string    `json:"file,omitempty"`
	Line    int       `json:"line,omitempty"`
}

// wireStageChange is one change of a stage, or one that was refused.
type wireStageChange struct {
	At   time.Time          `json:"at"`
	Kind lifecycle.FactKind `json:"kind"` // entered, moved, placed, exited, converted or refused
	From string             `json:"from,omitempty"`
	To   string             `json:"to,omitempty"`
	Text string             `json:"text"`
	File string             `json:"file,omitempty"` // the line of the script that wanted it
	Line int                `json:"line,omitempty"`
}

type wireSegmentName struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// person gathers what is kept of a customer.
func (s *Server) person(ctx context.Context, c *lifecycle.Customer) (*wireCustomer, error) {
	w := &wireCustomer{ID: c.ID, UserID: c.UserID(), AnonymousID: c.AnonymousID(), Created: c.Real(c.Created).UTC(), Seen: c.Real(c.LastSeen()).UTC(),
		Test: c.Test(), Import: c.Import, Identities: c.Identities, Traits: []wireTrait{}, Tags: append([]string{}, c.Tags...),
		Acquired: c.Acquired, Consents: append([]lifecycle.Consent{}, c.Consents...), Suppressions: append([]lifecycle.Suppression{}, c.Suppressions...),
		Stages: []wireVisit{}, Segments: []wireSegmentName{}, Scores: []wireScore{}}
	for _, name := range slices.Sorted(maps.Keys(c.Traits)) {
		trait := wireTrait{Name: name, Value: c.Traits[name]}
		if origin, known := c.Origin(name); known {
			at := origin.At.UTC()
			trait.Source, trait.At = cmp.Or(origin.Source, lifecycle.ByKey), &at
		}
		if name == lifecycle.ZoneTrait && lifecycle.NoZone(trait.Value) {
			trait.Wrong = notAZone
		}
		w.Traits = append(w.Traits, trait)
	}
	if !c.Revenue.IsZero() {
		w.Revenue = &c.Revenue
	}
	if err := s.addScores(ctx, w, c); err != nil {
		return nil, err
	}
	history, err := s.Engine.StageHistory(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	w.addStages(c, history)
	names, err := s.Engine.SegmentsOf(ctx, c)
	if err != nil || len(names) == 0 {
		return w, err
	}
	titles, err := s.Engine.SegmentTitles(ctx)
	for _, name := range names {
		w.Segments = append(w.Segments, wireSegmentName{name, cmp.Or(titles[name], name)})
	}
	return w, err
}

// addStages adds the journeys in which the customer is or was.
func (w *wireCustomer) addStages(c *lifecycle.Customer, history []lifecycle.Fact) {
	of := map[string]int{}
	at := func(journey string) *wireVisit {
		i, known := of[journey]
		if !known {
			i = len(w.Stages)
			of[journey] = i
			w.Stages = append(w.Stages, wireVisit{Journey: journey, Waits: []wireWait{}, History: []wireStageChange{}})
		}
		return &w.Stages[i]
	}
	for i := range c.Visits {
		if visit := &c.Visits[i]; !lifecycle.IsBroadcast(visit.Journey) {
			at(visit.Journey).stands(c, visit)
		}
	}
	for i := range history {
		f := &history[i]
		j := at(f.Journey)
		j.History = append(j.History, wireStageChange{At: f.At.UTC(), Kind: f.Kind, From: f.From, To: f.To, Text: factWords(f), File: f.File, Line: f.Line})
	}
}

func (w *wireVisit) stands(c *lifecycle.Customer, visit *lifecycle.Visit) {
	w.Stage, w.Converted = visit.Stage, visit.Converted
	if visit.Stage != "" {
		entered := c.Real(visit.Entered).UTC()
		w.Entered = &entered
	}
	for _, timer := range visit.Timers {
		wait := wireWait{Due: c.Real(timer.Due).UTC(), Event: timer.Event}
		run := slices.IndexFunc(visit.Runs, func(run lifecycle.RunRef) bool { return !timer.Run.IsZero() && run.ID == timer.Run })
		switch {
		case timer.Fired:
			continue
		case run >= 0:
			wait.File, wait.Line, wait.Event = visit.Runs[run].File, visit.Runs[run].Line, visit.Runs[run].Event
		case timer.Run.IsZero():
			wait.Silence = timer.After.Seconds()
		default:
			continue
		}
		w.Waits = append(w.Waits, wait)
	}
	slices.SortStableFunc(w.Waits, func(a, b wireWait) int { return a.Due.Compare(b.Due) })
}

// factWords tells a fact in words; "" for what needs none, as the event itself.
func factWords(f *lifecycle.Fact) string {
	switch f.Kind {
	case lifecycle.FactSegment:
		text := f.To + " segment " + f.Name
		if f.Reason != "" {
			text += ": " + f.Reason
		}
		return text
	case lifecycle.FactSuppressed:
		if f.Reason == lifecycle.SuppressedErased && f.Name == "" {
			return "nothing is sent to them any more: they had their data erased before"
		}
		return "nothing goes to " + cmp.Or(f.To, "any address") + " by " + f.Name + " any more: it " + f.Reason + " for somebody else who has it"
	case lifecycle.FactEntered:
		if f.From != "" {
			return "" // the move says it
		}
	case lifecycle.FactExited:
		text := "left the journey from " + f.From
		switch {
		case f.Name == "":
		case f.File == "":
			text += ", asked for by " + f.Name
		default:
			text += " at " + f.Name
		}
		if f.Reason != "" {
			text += ": " + f.Reason
		}
		return text
	}
	text := script.TellFact(*f)
	if i := strings.LastIndex(text, " ("); i >= 0 && f.File != "" {
		text = text[:i] // the place has fields of its own
	}
	switch f.Kind {
	case lifecycle.FactRefused:
		if f.File == "" && f.Name != "" {
			text += ", asked for by " + f.Name
		}
	case lifecycle.FactEntered, lifecycle.FactMoved, lifecycle.FactPlaced:
		if f.File == "" && f.Name != "" {
			if text += ", asked for by " + f.Name; f.Reason != "" {
				text += ": " + f.Reason
			}
		}
	}
	return text
}
