package script

import (
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
)

// Call is one handler started, or one run resumed: a snapshot, a time, a seed and what the run did so far. Nothing
// else reaches a script.
type Call struct {
	Handler  string               // the Handler.ID
	Stage    string               // where the customer stands in this journey
	Customer *lifecycle.Customer  // read only; what the handler sets is laid over it
	Scores   lifecycle.ScoreRules // what is declared of scores
	Event    *lifecycle.Event     // what started the handler; nil if no event did
	Now      time.Time
	Zone     *time.Location // the customer's, for wait_until; nil is UTC
	Seed     uint64
	Run      lifecycle.ID     // names what the run does: a message is known by its run and step
	Journal  []Entry          // empty at a first start
	Woken    *lifecycle.Event // of a run resumed from wait_for: the event that came; nil: the time ran out
	History  History          // what count, sum and last look at; nil: nothing has happened yet
	Trace    *Trace           // filled with what the call did; nil: nobody asks
}

// History is the customer's past, as the engine has it in the snapshot.
type History interface {
	// Events calls visit for the customer's events of a name that happened at or after since and not after now, newest
	// first, until visit returns false. at is the client's timestamp of the event, never later than when it came in. The
	// event must not be kept or changed. looked is how many timeline entries were read, of any name.
	Events(name string, since time.Time, visit func(at time.Time, event *lifecycle.Event) bool) (looked int, err error)
}

// Result is what the handler decided.
type Result struct {
	Effects []Effect  // what is new since the run last waited, in order
	Waiting bool      // the run goes on at Until, or before that at the event it waits For
	Until   time.Time // never before Call.Now
	For     *Awaited  // of wait_for; nil for wait and wait_until
	File    string    // where the wait or the move stands
	Line    int
	Move    string  // the stage the handler moves to, after which it has ended; "" for none
	Reached bool    // of a goal function: it returned a true value
	Journal []Entry // everything so far; to be kept if Waiting
	Steps   int     // what it cost
}

// Awaited is what a run waits for.
type Awaited struct {
	Event   string         `msgpack:"e,omitempty"` // the event's name; empty if a message is waited for
	Message lifecycle.ID   `msgpack:"m,omitempty"` // of wait_for(handle, what): the message
	What    string         `msgpack:"w,omitempty"` // what became of it: accepted, delivered, opened, clicked, replied, bounced, complained, completed, dismissed, failed
	Filter  map[string]any `msgpack:"f,omitempty"` // properties that the event must have with exactly these values
}

// Entry is one call of a run that acted or looked, with what it returned.
type Entry struct {
	Op    string `msgpack:"o"` // the word, or "customer" for a field that was read
	Arg   string `msgpack:"a"` // its arguments in one canonical text, to recognise the call by
	Value any    `msgpack:"v"` // nil, bool, float64, string, map[string]any or []any; never omitted, because false, 0 and "" are answers too
}

// EffectKind names what a script does to the world.
type EffectKind string

const (
	Send    EffectKind = "send"
	Log     EffectKind = "log"
	Set     EffectKind = "set"     // Name is the trait, Value what it becomes; nil removes it
	Tag     EffectKind = "tag"     // Name is added to the customer's tags
	Untag   EffectKind = "untag"   // Name is taken off
	Score   EffectKind = "score"   // Award is given
	Track   EffectKind = "track"   // event Name with properties Args happens to the customer, or to To
	Webhook EffectKind = "webhook" // Args are posted to the address Name
	Split   EffectKind = "split"   // Value was given for the split Name, with Odds
	Choose  EffectKind = "choose"  // Value was chosen for Name, with Odds; Text is the goal that will judge it
)

// Effect is one thing that a script wants done.
type Effect struct {
	Kind  EffectKind
	Name  string
	Text  string         // of a log: what it says
	Args  map[string]any // of a send: its options, checked: by, subject, preheader, caps (texts), expires (a time.Duration), fallback (a boolean); of a track: the properties; of a webhook: the payload
	Value any
	Award lifecycle.Award // of a score, as the script says it
	To    string          // of a track: the user ID, or customer ID, of somebody else; empty: the same customer
	Odds  float64         // of split and choose: the propensity with which Value was given, in (0, 1]
	Step  int             // index in the journal; with the run's ID it names the effect for life
	File  string
	Line  int
}

// MessageID returns the ID of the message that a run sends at a step, by which its handle is known to wait_for.
func MessageID(run lifecycle.ID, step int) lifecycle.ID {
	return lifecycle.HashID("message", run.Part(), strconv.Itoa(step))
}
