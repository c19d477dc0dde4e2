package lifecycle

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Customer is what is known about one person and where they stand in every journey. It is one record of at most
// 256 KB; events, runs and messages are records of their own.
type Customer struct {
	ID           ID                         `msgpack:"i"`
	Identities   []Identity                 `msgpack:"d"` // the first one gave the customer its ID; at most 64
	Created      time.Time                  `msgpack:"c"`
	Clock        time.Time                  `msgpack:"k"`           // the time of the last input; never goes back
	Seen         time.Time                  `msgpack:"L,omitempty"` // the time of the last event, where the clock has gone on without one; see LastSeen
	Seq          uint64                     `msgpack:"s"`           // how many timeline entries, timers and visits were numbered so far
	Traits       map[string]json.RawMessage `msgpack:"t,omitempty"`
	Tags         []string                   `msgpack:"g,omitempty"` // in alphabetical order
	Points       []Points                   `msgpack:"p,omitempty"` // the scores, one entry per name and half-life; see Score
	Visits       []Visit                    `msgpack:"v,omitempty"` // one per journey, by journey name
	Past         []Past                     `msgpack:"w,omitempty"` // the stages that were left, by journey and stage
	Lapse        time.Time                  `msgpack:"l,omitempty"` // of a test person: when a day became a minute; zero for everyone else
	Consents     []Consent                  `msgpack:"n,omitempty"` // what they said about being written to, oldest first
	Joins        []Join                     `msgpack:"j,omitempty"` // which of their names are one person's since when, earliest first; see Settle
	OptOuts      []OptOut                   `msgpack:"U,omitempty"` // what their names said by the trait unsubscribed, one entry per name
	Suppressions []Suppression              `msgpack:"x,omitempty"` // addresses that nothing goes to any more
	Questions    []Question                 `msgpack:"r,omitempty"` // addresses of which it is not known yet whether anything may go there
	Import       string                     `msgpack:"m,omitempty"` // the open history import that holds this customer's timers back
	TraitsHash   uint64                     `msgpack:"h"`           // of the traits that came in last, which many senders repeat with every event
	Due          time.Time                  `msgpack:"u"`           // the earliest timer as it stands in the due index; zero: none
	Origins      []Origin                   `msgpack:"o,omitempty"` // where the traits came from, by the name of the trait
	Acquired     *Acquisition               `msgpack:"a,omitempty"` // how the customer was won: the first touch; nil: not known
	Revenue      Revenue                    `msgpack:"b,omitempty"` // what they have bought
	SegmentsDue  time.Time                  `msgpack:"y,omitempty"` // when a segment's answer may change by the passing of time alone; zero: never
	Segments     []byte                     `msgpack:"z,omitempty"` // what the engine keeps of segments; it can be made anew
	Scores       Scores                     `msgpack:"q,omitempty"` // what is kept of the scores besides the points
	Called       bool                       `msgpack:"e,omitempty"` // a user ID leads here that was given to them when they had none; see Named
	Referred     time.Time                  `msgpack:"f,omitempty"` // when their first order was told to whom Acquired.By names; zero: not yet

	decoded map[string]any
	shared  bool // Traits belong to a Kept as well: they are copied before they change
	lent    bool // the same of Origins
}

// Past is when a customer last left a stage, or a journey.
type Past struct {
	Journey string    `msgpack:"j"`
	Stage   string    `msgpack:"s"` // empty: the journey itself, by one of its exits
	Left    time.Time `msgpack:"l"`
}

// Visit is a customer's stay in the current stage of one journey. A customer who has left the journey by an exit keeps
// the visit, with an empty stage, and is in none.
type Visit struct {
	Journey   string    `msgpack:"j"`
	Stage     string    `msgpack:"s"`
	Entered   time.Time `msgpack:"e"`
	Number    uint64    `msgpack:"n"`           // which visit: drawn from Customer.Seq, so it differs for every stay
	Converted bool      `msgpack:"g,omitempty"` // the stage's goal was reached in this visit
	Touched   bool      `msgpack:"m,omitempty"` // in this visit a message was decided that was not kept back at once
	Of        []ID      `msgpack:"o,omitempty"` // of a broadcast: who was let in, if not this customer alone: some have become part of them since
	Version   string    `msgpack:"v"`           // the script version by which its idle timers were set
	Timers    []Timer   `msgpack:"t,omitempty"`
	Runs      []RunRef  `msgpack:"r,omitempty"` // runs that wait
}

// Timer is something that will happen to a customer at a moment unless it is taken back before: a run that wakes up,
// or a silence that has lasted long enough.
type Timer struct {
	Due   time.Time     `msgpack:"d"`
	Seq   uint64        `msgpack:"s"`           // order of creation, for timers due at the same moment
	Run   ID            `msgpack:"r,omitempty"` // the run that wakes up; zero for a silence
	Event string        `msgpack:"e,omitempty"` // of a silence: the event that would end it
	After time.Duration `msgpack:"a,omitempty"` // of a silence: how long it lasts before the handler runs
	Stage string        `msgpack:"g,omitempty"` // of a silence: empty if journey.lua registered it
	Fired bool          `msgpack:"f,omitempty"` // of a silence: the handler ran, and rests until the event comes again
}

// RunRef points at a run that waits.
type RunRef struct {
	ID      ID     `msgpack:"i"`
	Handler string `msgpack:"h"`
	Stage   string `msgpack:"s,omitempty"` // empty for a run of journey.lua, which outlives the stage
	Visit   uint64 `msgpack:"n"`           // the visit in which it began
	Version string `msgpack:"v"`
	File    string `msgpack:"f,omitempty"` // where it waits
	Line    int    `msgpack:"l,omitempty"`
	Event   string `msgpack:"e,omitempty"` // of wait_for: the event that wakes it; the rest of what it waits for is with the run
	Message ID     `msgpack:"m,omitempty"` // of wait_for with a handle: the message whose receipts wake it
}

// Clone returns a copy that shares nothing with the original.
func (v Visit) Clone() Visit {
	v.Timers = append([]Timer(nil), v.Timers...)
	v.Runs = append([]RunRef(nil), v.Runs...)
	return v
}

// Visit returns the customer's stay in a journey, or nil.
func (c *Customer) Visit(journey string) *Visit {
	for i := range c.Visits {
		if c.Visits[i].Journey == journey {
			return &c.Visits[i]
		}
	}
	return nil
}

// LastSeen returns the time of the customer's last event. Their clock is later where something else happened since: a timer, a
// change of a script, the end of an import.
func (c *Customer) LastSeen() time.Time {
	if c.Seen.IsZero() {
		return c.Clock
	}
	return c.Seen
}

// KeepSeen keeps the time of the last event; zero: nothing but the clock tells it.
func (c *Customer) KeepSeen(at time.Time) {
	if c.Seen = at; !at.Before(c.Clock) {
		c.Seen = time.Time{}
	}
}

// Trait returns a decoded trait, or nil. Numbers are float64, objects map[string]any, lists []any; a number that no float
// holds, such as 1e400, is nil.
func (c *Customer) Trait(name string) any {
	if value, ok := c.decoded[name]; ok {
		return value
	}
	raw, ok := c.Traits[name]
	if !ok {
		return nil
	}
	var value any
	var beyond *json.UnmarshalTypeError // what stands beside such a number is decoded all the same
	if err := json.Unmarshal(raw, &value); err != nil && !errors.As(err, &beyond) {
		return nil
	}
	if c.decoded == nil {
		c.decoded = map[string]any{}
	}
	c.decoded[name] = value
	return value
}

// SetTrait stores a trait; a JSON null removes it.
func (c *Customer) SetTrait(name string, value json.RawMessage) {
	delete(c.decoded, name)
	if c.shared {
		c.Traits, c.shared = maps.Clone(c.Traits), false
	}
	if string(value) == "null" {
		delete(c.Traits, name)
		return
	}
	if c.Traits == nil {
		c.Traits = map[string]json.RawMessage{}
	}
	c.Traits[name] = value
}

// HasTag reports whether the customer has a tag.
func (c *Customer) HasTag(name string) bool {
	_, has := slices.BinarySearch(c.Tags, name)
	return has
}

// AddTag adds a tag and reports whether it is new.
func (c *Customer) AddTag(name string) bool {
	at, has := slices.BinarySearch(c.Tags, name)
	if !has {
		c.Tags = slices.Insert(slices.Clone(c.Tags), at, name)
	}
	return !has
}

// RemoveTag takes a tag off and reports whether it was there.
func (c *Customer) RemoveTag(name string) bool {
	at, has := slices.BinarySearch(c.Tags, name)
	if has {
		c.Tags = slices.Delete(slices.Clone(c.Tags), at, at+1)
	}
	return has
}

// Left returns when the customer last left a stage, or the journey itself if stage is empty; zero: never.
func (c *Customer) Left(journey, stage string) time.Time {
	if at, was := c.past(journey, stage); was {
		return c.Past[at].Left
	}
	return time.Time{}
}

// SetLeft notes that the customer left a stage, or the journey itself if stage is empty. The latest time holds.
func (c *Customer) SetLeft(journey, stage string, left time.Time) {
	at, was := c.past(journey, stage)
	switch past := (Past{journey, stage, left}); {
	case !was:
		c.Past = slices.Insert(slices.Clone(c.Past), at, past)
	case left.After(c.Past[at].Left):
		c.Past = slices.Clone(c.Past)
		c.Past[at] = past
	}
}

func (c *Customer) past(journey, stage string) (at int, was bool) {
	return slices.BinarySearchFunc(c.Past, Past{Journey: journey, Stage: stage}, func(a, b Past) int {
		return cmp.Or(strings.Compare(a.Journey, b.Journey), strings.Compare(a.Stage, b.Stage))
	})
}

// Kept is what a script may change of a customer besides visits, as it was at one moment.
type Kept struct {
	traits map[string]json.RawMessage
	tags   []string
	points []Points
	scores Scores
	past   []Past
	origin []Origin
	optOut []OptOut
}

// Keep remembers what Restore brings back. It copies nothing: whatever changes afterwards is copied before.
func (c *Customer) Keep() Kept {
	c.shared, c.lent = true, true
	return Kept{c.Traits, c.Tags, c.Points, c.Scores, c.Past, c.Origins, c.OptOuts}
}

// Restore undoes every change since Keep of traits, tags, score and past.
func (c *Customer) Restore(kept Kept) {
	if !c.shared {
		c.decoded = nil
	}
	c.Traits, c.Tags, c.Points, c.Scores, c.Past, c.shared = kept.traits, kept.tags, kept.points, kept.scores, kept.past, false
	c.Origins, c.OptOuts, c.lent = kept.origin, kept.optOut, false
}

// Release ends what Keep began, when there is nothing to bring back any more.
func (c *Customer) Release() { c.shared, c.lent = false, false }

// Clone returns a copy that shares nothing with the original.
func (c *Customer) Clone() *Customer {
	clone := *c
	clone.decoded, clone.shared, clone.lent = nil, false, false
	clone.Identities, clone.Tags = slices.Clone(c.Identities), slices.Clone(c.Tags)
	clone.Points, clone.Past, clone.Scores = slices.Clone(c.Points), slices.Clone(c.Past), c.Scores.clone()
	clone.Questions, clone.Joins, clone.OptOuts = slices.Clone(c.Questions), slices.Clone(c.Joins), slices.Clone(c.OptOuts)
	clone.Origins, clone.Segments = slices.Clone(c.Origins), slices.Clone(c.Segments)
	if c.Acquired != nil {
		acquired := *c.Acquired
		clone.Acquired = &acquired
	}
	clone.Traits = maps.Clone(c.Traits)
	for name, value := range clone.Traits {
		clone.Traits[name] = slices.Clone(value)
	}
	clone.Visits = slices.Clone(c.Visits)
	for i := range clone.Visits {
		clone.Visits[i] = clone.Visits[i].Clone()
	}
	return &clone
}

// UserID returns the first user ID by which the customer is known, or "".
func (c *Customer) UserID() string { return c.first(UserID) }

// AnonymousID returns the first anonymous ID by which the customer is known, or "".
func (c *Customer) AnonymousID() string { return c.first(AnonymousID) }

func (c *Customer) first(kind IdentityKind) string {
	for _, identity := range c.Identities {
		if identity.Kind == kind {
			return identity.Value
		}
	}
	return ""
}

// Knows reports whether the identity is already one of the customer's.
func (c *Customer) Knows(identity Identity) bool {
	for _, known := range c.Identities {
		if known == identity {
			return true
		}
	}
	return false
}
