package lifecycle

import (
	"fmt"
	"time"
)

// Mode says what a journey may do.
type Mode string

const (
	Off    Mode = "off"    // nothing runs; nobody enters
	Braked Mode = "braked" // nothing runs and nobody enters, and messages that are queued stay queued; all goes on when it is live again
	Shadow Mode = "shadow" // decides and counts, but sends nothing; messages that were queued before stay queued until it is live again
	Live   Mode = "live"   // decides and sends
)

// ParseMode reads a mode.
func ParseMode(text string) (Mode, error) {
	switch mode := Mode(text); mode {
	case Off, Braked, Shadow, Live:
		return mode, nil
	}
	return "", &Error{Code: Invalid, Field: "mode", Message: fmt.Sprintf("%q is not a mode; use off, shadow, live or braked", text)}
}

// Journey is the plan that journey.lua and the stage files declare: what a script version says, without its code.
type Journey struct {
	Name     string              `json:"name"` // its folder's name
	Title    string              `json:"title"`
	Version  string              `json:"version"`           // hash over its files
	Stages   []Stage             `json:"stages"`            // in the order of the journey
	Moves    map[string][]string `json:"moves"`             // from stage to the stages it may move to, whichever way journey.lua says it
	Entry    []string            `json:"entry,omitempty"`   // the events at which customers enter; none: at their first event, whichever it is
	ByHand   bool                `json:"byHand,omitempty"`  // nobody enters at an event: customers are enrolled
	Renamed  map[string]string   `json:"renamed,omitempty"` // from former stages to those whose customers theirs are now
	Retired  map[string]string   `json:"retired,omitempty"` // from former stages to where their customers are put; "": out of the journey
	Phases   []Phase             `json:"phases,omitempty"`  // a coarser view of the stages; may be empty
	Handlers []Handler           `json:"handlers,omitempty"`
}

// Phase is a group of stages under one title.
type Phase struct {
	Title  string   `json:"title"`
	Stages []string `json:"stages"`
}

// Stage returns a stage by name, or nil.
func (j *Journey) Stage(name string) *Stage {
	for i := range j.Stages {
		if j.Stages[i].Name == name {
			return &j.Stages[i]
		}
	}
	return nil
}

// Index returns the place of a stage in the order, or -1.
func (j *Journey) Index(name string) int {
	for i := range j.Stages {
		if j.Stages[i].Name == name {
			return i
		}
	}
	return -1
}

// MayMove reports whether the journey allows a move.
func (j *Journey) MayMove(from, to string) bool {
	for _, allowed := range j.Moves[from] {
		if allowed == to {
			return true
		}
	}
	return false
}

// Heir returns where the customers of a former stage are put: a stage, or "" for out of the journey; said is false if the
// journey does not say.
func (j *Journey) Heir(stage string) (heir string, said bool) {
	if heir, said = j.Renamed[stage]; !said {
		heir, said = j.Retired[stage]
	}
	return heir, said
}

// Present returns the name that a stage has by now: another one if it was renamed. Of no journey it is the stage's own.
func (j *Journey) Present(stage string) string {
	if j != nil {
		if heir, renamed := j.Renamed[stage]; renamed {
			return heir
		}
	}
	return stage
}

// Stage is one stage of a journey.
type Stage struct {
	Name     string    `json:"name"` // its file's name without .lua
	Title    string    `json:"title"`
	Goals    []string  `json:"goals,omitempty"`    // the events that count as this stage's conversion
	GoalFunc string    `json:"goalFunc,omitempty"` // the ID of the goal function instead; empty for none
	Next     string    `json:"next,omitempty"`     // where the goal moves the customer
	Holdout  float64   `json:"holdout,omitempty"`  // the share of customers, 0 to 1, who get no marketing here, for comparison
	Exit     []string  `json:"exit,omitempty"`     // the events at which the customer leaves the journey
	Reenter  Reenter   `json:"reenter,omitempty"`
	File     string    `json:"file"`
	Handlers []Handler `json:"handlers,omitempty"`
}

// HandlerKind says what starts a handler.
type HandlerKind string

const (
	OnEnter HandlerKind = "enter"
	OnLeave HandlerKind = "leave"
	OnEvent HandlerKind = "on"
	OnIdle  HandlerKind = "idle"
	OnGoal  HandlerKind = "goal" // the function of stage { goal = function … }, which only looks and returns whether the goal is reached
)

// Handler is one registered function of a script.
type Handler struct {
	ID       string        `json:"id"` // file, kind and the how-manieth of its file: "lost.lua#2"; the same in every run of one version
	Kind     HandlerKind   `json:"kind"`
	Event    string        `json:"event,omitempty"` // of on and idle
	After    time.Duration `json:"after,omitempty"` // of idle: how long the silence lasts
	Parallel bool          `json:"parallel,omitempty"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
}

// Template is one file under messages/: how one message is said on one channel.
type Template struct {
	Name    string            `json:"name"`             // "thank-you"
	Channel string            `json:"channel"`          // "email"
	Locale  string            `json:"locale,omitempty"` // "vi"; empty is the default
	File    string            `json:"file"`             // relative to the scripts folder
	Front   map[string]string `json:"front"`            // subject, preheader, topic, kind, purpose, expires, in_doubt …
	Data    map[string]string `json:"data,omitempty"`   // what the channel needs besides text: title, url …; Liquid
	Body    string            `json:"body"`             // Liquid
	Line    int               `json:"line"`             // the file's line on which Body starts, 1-based

	Lines    map[string]int       `json:"-"` // of front matter and data, by key: where each stands in the file
	Layouts  []*Template          `json:"-"` // what is put around the body, the innermost first
	Partials map[string]*Template `json:"-"` // by name, such as "partials/footer": what its files may render
}

// Reenter says when a customer who has left a stage may enter it again.
type Reenter struct {
	Never bool          `json:"never,omitempty"`
	After time.Duration `json:"after,omitempty"` // since the stage was left; zero with Never false: always
	Set   bool          `json:"set,omitempty"`   // the stage says so itself
}
