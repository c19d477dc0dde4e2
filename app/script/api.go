package script

import (
	"time"

	"stagecraft/app/lifecycle"
)

// Call is one handler started, or one run resumed: a snapshot, a time, a seed and what the run did so far. Nothing
// else reaches a script.
type Call struct {
	Handler  string              // the Handler.ID
	Stage    string              // where the customer stands in this journey
	Customer *lifecycle.Customer // read only
	Event    *lifecycle.Event    // what started the handler; nil if no event did
	Now      time.Time
	Seed     uint64
	Journal  []Entry // empty at a first start
}

// Result is what the handler decided.
type Result struct {
	Effects []Effect      // what is new since the run last waited, in order
	Waiting bool          // the run goes on after Wait
	Wait    time.Duration // counted from Call.Now
	Move    string        // the stage the handler moves to, after which it has ended; "" for none
	MoveAt  int           // the line of the move
	Journal []Entry       // everything so far; to be kept if Waiting
	Steps   int           // what it cost
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
	Send EffectKind = "send"
	Log  EffectKind = "log"
)

// Effect is one thing that a script wants done.
type Effect struct {
	Kind EffectKind
	Name string         // of a send: the message
	Text string         // of a log
	Args map[string]any // of a send: its second argument
	Step int            // index in the journal; with the run's ID it names the effect for life
	File string
	Line int
}
