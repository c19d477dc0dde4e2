package lifecycle

import (
	"encoding/json"
	"time"
)

// Customer is what is known about one person and where they stand in every journey. It is one record of at most
// 256 KB; events, runs and messages are records of their own.
type Customer struct {
	ID         ID                         `msgpack:"i"`
	Identities []Identity                 `msgpack:"d"` // the first one gave the customer its ID; at most 64
	Created    time.Time                  `msgpack:"c"`
	Clock      time.Time                  `msgpack:"k"` // the time of the last input; never goes back
	Seq        uint64                     `msgpack:"s"` // how many timeline entries, timers and visits were numbered so far
	Traits     map[string]json.RawMessage `msgpack:"t,omitempty"`
	Visits     []Visit                    `msgpack:"v,omitempty"` // one per journey, by journey name
	Import     string                     `msgpack:"m,omitempty"` // the open history import that holds this customer's timers back
	TraitsHash uint64                     `msgpack:"h"`           // of the traits that came in last, which many senders repeat with every event
	Due        time.Time                  `msgpack:"u"`           // the earliest timer as it stands in the due index; zero: none

	decoded map[string]any
}

// Visit is a customer's stay in the current stage of one journey.
type Visit struct {
	Journey   string    `msgpack:"j"`
	Stage     string    `msgpack:"s"`
	Entered   time.Time `msgpack:"e"`
	Number    uint64    `msgpack:"n"`           // which visit: drawn from Customer.Seq, so it differs for every stay
	Converted bool      `msgpack:"g,omitempty"` // the stage's goal was reached in this visit
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

// Trait returns a decoded trait, or nil. Numbers are float64, objects map[string]any, lists []any.
func (c *Customer) Trait(name string) any {
	if value, ok := c.decoded[name]; ok {
		return value
	}
	raw, ok := c.Traits[name]
	if !ok {
		return nil
	}
	var value any
	if json.Unmarshal(raw, &value) != nil {
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
	if string(value) == "null" {
		delete(c.Traits, name)
		return
	}
	if c.Traits == nil {
		c.Traits = map[string]json.RawMessage{}
	}
	c.Traits[name] = value
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
