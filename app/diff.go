package app

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// DiffNote is what every comparison says of itself.
const DiffNote = "This is what would have been decided about the same past. How people would have reacted to other messages, nobody can know from it."

// Diff runs two versions of a journey over the same history, each as a simulation, and compares what became of every
// customer.
type Diff struct {
	old, new *side
	was      string // the version of the old source under its own name
	until    time.Time
}

// side is one of the two versions.
type side struct {
	*Simulation
	mu    sync.Mutex
	marks map[lifecycle.ID]uint64 // by customer: a hash over what was decided about them, in order
}

// NewDiff prepares the comparison. Events after until are not part of it. The two journeys may have different names; both
// run under that of the new one, because draws of split and hold-out depend on it.
func NewDiff(ctx context.Context, old, new Version, until time.Time) (*Diff, error) {
	d := &Diff{until: until, was: old.Journey.Version()}
	old.Journey.Name = new.Journey.Name
	var err error
	if d.old, err = newSide(ctx, old, until); err != nil {
		return nil, inVersion("old", err)
	}
	if d.new, err = newSide(ctx, new, until); err != nil {
		d.old.Close()
		return nil, inVersion("new", err)
	}
	return d, nil
}

func inVersion(which string, err error) error {
	return lifecycle.Wrap(lifecycle.CodeOf(err), err, "the %s version cannot run", which)
}

func newSide(ctx context.Context, version Version, until time.Time) (*side, error) {
	s := &side{marks: map[lifecycle.ID]uint64{}}
	var err error
	s.Simulation, err = newSimulation(ctx, version, until, s.mark)
	return s, err
}

// mark adds facts to a customer's hash.
func (s *side) mark(customer lifecycle.ID, facts []lifecycle.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range facts {
		if f := &facts[i]; tells(f.Kind) {
			s.marks[customer] = mix(s.marks[customer], f)
		}
	}
}

// tells reports whether facts of a kind are part of what became of a customer, and not of how a script got there.
func tells(kind lifecycle.FactKind) bool {
	switch kind {
	case lifecycle.FactCustomer, lifecycle.FactEvent, lifecycle.FactLate, lifecycle.FactLogged, lifecycle.FactWaits, lifecycle.FactWoke, lifecycle.FactSettled, lifecycle.FactReceipt:
		return false
	}
	return true
}

// mix hashes a fact behind what was there (FNV-1a, 64 bits). Where it stands in the script is left out.
func mix(before uint64, f *lifecycle.Fact) uint64 {
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%d\x00%s\x00%d\x00%s\x00%s\x00%s\x00%s\x00%d", before, f.Kind, f.At.UnixNano(), f.From, f.To, f.Name, f.Reason, math.Float64bits(f.Amount))
	return hash.Sum64()
}

// Take feeds the same events to both versions, as Simulation.Take does.
func (d *Diff) Take(ctx context.Context, lines []engine.Line) error {
	if err := d.old.Take(ctx, lines); err != nil {
		return inVersion("old", err)
	}
	return d.new.Take(ctx, lines)
}

// Close frees both stores.
func (d *Diff) Close() error {
	err := d.old.Close()
	if e := d.new.Close(); err == nil {
		err = e
	}
	return err
}

// DiffResult says what differs.
type DiffResult struct {
	Journey   string      `json:"journey"`
	Old       string      `json:"old"` // versions
	New       string      `json:"new"`
	Until     time.Time   `json:"until"`
	Events    int         `json:"events"`
	Customers int64       `json:"customers"`
	Partial   bool        `json:"partial,omitempty"` // there was more history than was looked at
	Changes   []DiffCount `json:"changes"`           // only what differs
	Differ    int         `json:"differ"`            // customers of whom something else would have become
	Examples  []DiffLife  `json:"examples"`
	Errors    []string    `json:"errors,omitempty"` // of the new version's scripts
	Note      string      `json:"note"`
}

// DiffCount is a figure that differs.
type DiffCount struct {
	Kind string `json:"kind"` // stages, entered, moves, messages, caps hit, refused, converted, exited, failed, segment members, segment entered, segment left, score, score reached or score fell below
	Name string `json:"name"`
	Old  int64  `json:"old"`
	New  int64  `json:"new"`
}

// DiffLife is a customer of whom something else would have become.
type DiffLife struct {
	Customer string     `json:"customer"`
	User     string     `json:"user"`
	Lines    []DiffLine `json:"lines"`
}

// DiffLine is a line of a life in one version or both.
type DiffLine struct {
	In   string `json:"in"` // old, new or both
	Text string `json:"text"`
}

// Finish lets everything due by the end happen in both versions and compares them. It shows up to as many customers as
// asked for, different ones first.
func (d *Diff) Finish(ctx context.Context, events, examples int) (*DiffResult, error) {
	old, err := d.old.Finish(ctx, events)
	if err != nil {
		return nil, inVersion("old", err)
	}
	new, err := d.new.Finish(ctx, events)
	if err != nil {
		return nil, inVersion("new", err)
	}
	result := &DiffResult{Journey: new.Journey, Old: d.was, New: new.Version, Until: d.until.UTC(), Events: new.Events, Customers: new.Customers,
		Examples: []DiffLife{}, Errors: new.Errors, Note: DiffNote}
	result.Changes = changes(old, new)
	differ := d.differ()
	result.Differ = len(differ)
	result.Examples, err = d.examples(ctx, differ, examples)
	return result, err
}

// differ returns the customers whose hashes differ, in the order of their IDs.
func (d *Diff) differ() []lifecycle.ID {
	var list []lifecycle.ID
	for id, mark := range d.old.marks {
		if d.new.marks[id] != mark {
			list = append(list, id)
		}
	}
	for id := range d.new.marks {
		if _, ok := d.old.marks[id]; !ok {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b lifecycle.ID) int { return slices.Compare(a[:], b[:]) })
	return list
}

// Bounds of examples.
const (
	maxCandidates = 300 // customers that are looked at to find different ones
	maxLifeLines  = 300 // lines of one life
)

// examples picks customers in whose lives different things differ; where there are not enough of those, others.
func (d *Diff) examples(ctx context.Context, differ []lifecycle.ID, limit int) ([]DiffLife, error) {
	list, rest, kinds := []DiffLife{}, []DiffLife{}, map[string]bool{}
	for _, id := range differ[:min(len(differ), maxCandidates)] {
		if len(list) >= limit {
			break
		}
		life, err := d.compare(ctx, id)
		if err != nil {
			return nil, err
		}
		if kind := life.kind(); !kinds[kind] {
			kinds[kind] = true
			list = append(list, life)
		} else if len(rest) < limit {
			rest = append(rest, life)
		}
	}
	return append(list, rest[:min(len(rest), limit-len(list))]...), nil
}

func (d *Diff) compare(ctx context.Context, id lifecycle.ID) (DiffLife, error) {
	life := DiffLife{Customer: id.String(), User: id.String()}
	var stories [2][]string
	for i, s := range []*side{d.old, d.new} {
		c, err := s.engine.Record(ctx, id)
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			continue
		}
		if err != nil {
			return life, err
		}
		if user := c.UserID(); user != "" {
			life.User = user
		} else if user := c.AnonymousID(); user != "" {
			life.User = user
		}
		happened, err := s.happened(ctx, c.ID, maxLifeLines)
		if err != nil {
			return life, err
		}
		for h := range happened {
			facts := happened[h].Facts[:0:0]
			for _, fact := range happened[h].Facts {
				if fact.Kind == lifecycle.FactMessage {
					fact.Reason = "" // it belongs to the past: nothing was sent
				}
				if fact.File = ""; tells(fact.Kind) { // where it stands in the script differs anyway
					facts = append(facts, fact)
				}
			}
			happened[h].Facts = facts
		}
		happened = slices.DeleteFunc(happened, func(h script.Happening) bool { return h.Event == nil && len(h.Facts) == 0 })
		stories[i] = (&script.Life{Happened: happened}).Story()
	}
	life.Lines = diffLines(stories[0], stories[1])
	return life, nil
}

// kind is what differs, whenever it does.
func (l *DiffLife) kind() string {
	var kind strings.Builder
	for _, line := range l.Lines {
		if line.In != "both" && strings.HasPrefix(line.Text, " ") {
			kind.WriteString(line.In + line.Text + "\n")
		}
	}
	return kind.String()
}

// diffLines sets two texts side by side by their longest common subsequence.
func diffLines(old, new []string) []DiffLine {
	old, new = old[:min(len(old), maxLifeLines)], new[:min(len(new), maxLifeLines)]
	common := make([][]int, len(old)+1) // common[i][j]: of old[i:] and new[j:]
	for i := range common {
		common[i] = make([]int, len(new)+1)
	}
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(new) - 1; j >= 0; j-- {
			if old[i] == new[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	lines := []DiffLine{}
	for i, j := 0, 0; i < len(old) || j < len(new); {
		switch {
		case i < len(old) && j < len(new) && old[i] == new[j]:
			lines = append(lines, DiffLine{"both", old[i]})
			i, j = i+1, j+1
		case j >= len(new) || i < len(old) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, DiffLine{"old", old[i]})
			i++
		default:
			lines = append(lines, DiffLine{"new", new[j]})
			j++
		}
	}
	return lines
}
