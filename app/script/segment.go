package script

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// Segments are predicates about one customer: scripts/segments/NAME.lua. This file is what the rest of the program sees of
// them; segment_compile.go makes them, segment_words.go has their words, segment_memo.go remembers what they have said.

// SegmentsFolder is the folder of the scripts in which segments are; no journey can have its name.
const SegmentsFolder = "segments"

// MaxSegments is how many segments there may be.
const MaxSegments = 200

// Segment is one compiled predicate. It is safe for concurrent use.
type Segment struct {
	Name    string
	Title   string   // for people
	Note    string   // for people: what it is for; may be empty
	File    string   // as people see it: "segments/dormant.lua"
	Version string   // names the text, helpers included
	Needs   []string // the segments that it asks for

	set   *Segments
	path  string
	names map[string]uint8 // the texts that are written out in it, each with its bit
	memo  memo
	spent spent
}

// Segments are all segments of a scripts folder, compiled together because they may ask for each other.
type Segments struct {
	List    []*Segment // in the order of their files' names, which is not quite that of their own: "pro-recent.lua" is before "pro.lua"
	Order   []int      // indices of List, so that whoever is asked for comes before who asks
	Version string

	program *Program
	places  map[string]int // in List, by name
}

// Find returns a segment by name, with its place in List; nil and -1 if there is none.
func (s *Segments) Find(name string) (*Segment, int) {
	at, ok := s.places[name]
	if !ok {
		return nil, -1
	}
	return s.List[at], at
}

// Ranked reports whether any of them may ask for a rank among all customers.
func (s *Segments) Ranked() bool {
	for _, text := range s.program.src.Files {
		if bytes.Contains(text, []byte(AskRFM)) {
			return true
		}
	}
	return false
}

// Source returns the text from which they were compiled.
func (s *Segments) Source() Source { return s.program.src }

// AskOp is a kind of question that a segment asks.
type AskOp string

// The questions. Name is the event, the message, the journey, the score or the segment that is asked about.
const (
	AskField   AskOp = "customer"     // Name is the path as scripts write it: "plan", "traits.plan", "tags.vip", "user_id"
	AskCount   AskOp = "count"        // of events in Window
	AskSum     AskOp = "sum"          // of Property, over events in Window
	AskLast    AskOp = "last"         // the newest event in Window
	AskStage   AskOp = "stage"        // in journey Name
	AskStayed  AskOp = "in_stage_for" // in journey Name, in the stage Property if that is not empty, for Window at least
	AskSent    AskOp = "sent"         // at least Number messages Name (empty: any) in Window
	AskOpened  AskOp = "opened"
	AskClicked AskOp = "clicked"
	AskScore   AskOp = "score_at_least" // Number points of the score Name
	AskRFM     AskOp = "rfm"            // bought within Window, Number orders, Amount of money; zero: not asked
	AskRank    AskOp = "rfm rank"       // 1 to 5, by Name: "r", "f" or "m"; 0: has bought nothing, or nobody is ranked yet
	AskMember  AskOp = "in_segment"
)

// Question is one question that a segment asks about a customer.
type Question struct {
	Op       AskOp
	Name     string
	Property string
	Window   time.Duration
	Number   float64
	Amount   float64
}

// Looker answers a segment's questions about one customer at one moment. The same question has the same answer for as long
// as a segment is asked.
type Looker interface {
	// Look returns nil, bool, float64, string, or what JSON decodes to; of AskLast a *lifecycle.Event or nil. until is when
	// the answer would change by the passing of time alone; zero: never.
	Look(read Question) (answer any, until time.Time, err error)
}

// Outcome is what a segment says of a customer.
type Outcome struct {
	Member bool
	Reads  uint64    // what it has looked at, as bits; see Segment.Touches
	Until  time.Time // when an answer to one of its questions changes by time alone; zero: never
	Steps  int       // what it cost; 0 if the script need not be asked
}

// Bits of what was looked at that has no text in the file.
const (
	bitScores  = 59 // any score
	bitRevenue = 60 // what was bought
	bitAll     = 61 // all traits or all tags, or who the customer is
	bitAny     = 62 // any message
	bitOther   = 63 // a name that is not written out in the file
	maxNamed   = bitScores
)

// Kinds of change that have no name; see Segment.Touches.
const (
	TouchScores  uint64 = 1 << bitScores
	TouchRevenue uint64 = 1 << bitRevenue
	TouchPerson  uint64 = 1 << bitAll
	TouchMessage uint64 = 1 << bitAny
	TouchOther   uint64 = 1 << bitOther // a name that is not written out in the file
)

// Touches returns the bits of Outcome.Reads under which something of a name is looked at: an event, a trait, a tag, a
// journey, a message or a segment. Every segment counts its bits by itself.
func (s *Segment) Touches(name string) uint64 {
	if bit, ok := s.names[name]; ok {
		return 1 << bit
	}
	return 1 << bitOther
}

// Names calls visit for every text that is written out in the file.
func (s *Segment) Names(visit func(name string)) {
	for name := range s.names {
		visit(name)
	}
}

// bits returns what a question looks at.
func (s *Segment) bits(read *Question) uint64 {
	switch read.Op {
	case AskField:
		return s.fieldBits(read.Name)
	case AskScore:
		return TouchScores
	case AskRFM, AskRank:
		return TouchRevenue
	case AskSent, AskOpened, AskClicked:
		if read.Name == "" {
			return TouchMessage
		}
	}
	return s.Touches(read.Name)
}

func (s *Segment) fieldBits(path string) uint64 {
	kind, name := FieldOf(path)
	switch kind {
	case FieldTrait, FieldTag:
		return s.Touches(name)
	case FieldBought:
		return TouchRevenue
	}
	return TouchPerson
}

// FieldKind is what a field of the customer is.
type FieldKind uint8

// The fields that a AskField asks for.
const (
	FieldTrait  FieldKind = iota // the trait of a name
	FieldTag                     // whether there is the tag of a name
	FieldTraits                  // all of them
	FieldTags                    // all of them
	FieldID                      // the customer's ID, user ID or anonymous ID
	FieldBought                  // orders, revenue or last_order; see Bought
)

// FieldOf takes a path as scripts write it apart.
func FieldOf(path string) (FieldKind, string) {
	switch path {
	case "traits":
		return FieldTraits, ""
	case "tags":
		return FieldTags, ""
	case "id", "user_id", "anonymous_id":
		return FieldID, path
	case "orders", "revenue", "last_order":
		return FieldBought, path
	}
	if len(path) > 5 && path[:5] == "tags." {
		return FieldTag, path[5:]
	}
	if len(path) > 7 && path[:7] == "traits." {
		return FieldTrait, path[7:]
	}
	return FieldTrait, path
}

// Ask says whether a customer is a member now. The error has file and line; then the customer stays what they were, and
// Outcome says what was looked at until then. A segment that did too much work maxSpent times in a row is not run any more:
// it fails for everybody.
func (s *Segment) Ask(look Looker) (Outcome, error) {
	if reads, err := s.spent.broken(); err != nil {
		return Outcome{Reads: reads}, err
	}
	q := questions{segment: s, look: look}
	if member, known := s.memo.recall(&q); known || q.err != nil {
		if known {
			s.spent.forget()
		}
		return q.outcome(member), q.failure()
	}
	member, spent, err := s.run(&q)
	switch {
	case err == nil:
		s.memo.remember(&q, member)
		s.spent.forget()
	case spent:
		s.spent.note(q.reads, err)
	}
	return q.outcome(member), err
}

// questions are those of one asking, with their answers.
type questions struct {
	segment *Segment
	look    Looker
	asked   []asked
	room    [8]asked
	reads   uint64
	until   time.Time
	steps   int
	err     error
}

type asked struct {
	read   Question
	answer any
}

// ask returns the answer to a question, the same one each time.
func (q *questions) ask(read Question) (any, error) {
	for i := range q.asked {
		if q.asked[i].read == read {
			return q.asked[i].answer, nil
		}
	}
	answer, until, err := q.look.Look(read)
	q.reads |= q.segment.bits(&read)
	if err != nil {
		q.err = err
		return nil, err
	}
	if !until.IsZero() && (q.until.IsZero() || until.Before(q.until)) {
		q.until = until
	}
	if q.asked == nil {
		q.asked = q.room[:0]
	}
	q.asked = append(q.asked, asked{read, answer})
	return answer, nil
}

func (q *questions) outcome(member bool) Outcome {
	return Outcome{Member: member, Reads: q.reads, Until: q.until, Steps: q.steps}
}

func (q *questions) failure() error {
	if q.err == nil {
		return nil
	}
	return problem(q.segment.File, 1, "", "the customer cannot be read: %s", cut(q.err.Error(), 300))
}

// run asks the script itself. spent: it did too much work.
func (s *Segment) run(q *questions) (member, spent bool, err error) {
	h := s.set.program.host
	m := h.take()
	sound := false
	defer func() {
		if r := recover(); r != nil {
			member, sound = false, false
			err = problem(s.File, 1, "please report it", "the Lua machine failed: %s", cut(fmt.Sprint(r), 200))
		}
		q.steps, spent = m.budget.steps(), err != nil && m.budget.over == errSteps
		h.give(m, sound)
	}()
	m.beginSegment(s.set.program, h.limits)
	m.file, m.want, m.toplevel, m.asking = s.path, 1, true, q
	if failed := m.exec(m.chunk(s.set.program.chunks[s.path])); failed != nil {
		return false, false, m.failure(failed)
	}
	if m.found == nil {
		return false, false, problem(s.File, 1, "register it in the same way every time", "the file did not say who is a member")
	}
	m.toplevel = false
	if failed := m.exec(m.found, m.customer); failed != nil {
		return false, false, m.failure(failed)
	}
	sound = true
	return m.outcome.yes, false, nil
}

// beginSegment prepares a fresh environment that has the words of segments only. Its steps are all that a predicate may use
// up: by the clock, who is a member would depend on how busy the machine was, and on how long a timeline took to be read.
func (m *machine) beginSegment(p *Program, limits Limits) {
	limits.Wall = math.MaxInt64
	m.begin(p, limits)
	m.env.Metatable = m.segmentMeta
	m.kind = lifecycle.OnGoal // it only looks
}

// prepareSegments builds what segments find defined: Lua's own functions, and the words that look.
func (m *machine) prepareSegments(shared *lua.LTable) {
	words := m.L.CreateTable(0, 64)
	for name := range m.baseLib() {
		words.RawSetString(name, shared.RawGetString(name))
	}
	for _, name := range []string{"string", "table", "math", "use", wordSet, wordTable, wordKey, wordConcat} {
		words.RawSetString(name, shared.RawGetString(name))
	}
	all := m.segmentWords()
	for _, name := range sortedKeys(all) {
		words.RawSetString(name, m.L.NewFunction(all[name]))
	}
	m.segmentMeta = m.L.CreateTable(0, 1)
	m.segmentMeta.RawSetString("__index", words)
}

// memo remembers what a segment has said, as a tree of questions: it is a pure function of the answers, so that the same
// answers lead to the same end, and the script need not be asked again.
type memo struct {
	mu    sync.RWMutex
	root  *said
	nodes int
}
