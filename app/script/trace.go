package script

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// Trace is what one call did, for people who ask why. A call that is given one fills it; it decides the same and costs
// more time.
type Trace struct {
	Lines []Place  // of the handler and the helpers it called, each once, in the order in which they were reached
	Reads []Looked // what was looked at, in order; those of before the last wait included
	Ended Result
	Err   error
}

// Place is a line of a script, 1-based.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// Looked is one look of a script at the world, and what it saw.
type Looked struct {
	Place
	What  string `json:"what"` // as in the script: customer.plan, count("Order Completed", "30 days")
	Value any    `json:"value"`
}

// Condition is an if that a call came by.
type Condition struct {
	Place
	Text string `json:"text"` // as it is written, shortened
	Held *bool  `json:"held"` // whether it went in; nil: it stands on one line with what it decides, which lines do not tell apart
}

// follow notes every line from here on.
func (m *machine) follow(t *Trace) {
	var last Place
	m.budget.watch = func() {
		var here Place
		if here.File, here.Line = m.where(m.L); here != last && !slices.Contains(t.Lines, here) {
			t.Lines = append(t.Lines, here)
		}
		last = here
	}
	m.budget.next = math.MaxInt
}

// noteRead notes that a word or a field was looked at.
func (m *machine) noteRead(op, arg string, value any) {
	t := m.call.Trace
	if t == nil || m.toplevel {
		return
	}
	what := op
	switch op {
	case "customer", "event":
		what += "." + arg
	case "count", "sum", "last", "now", "random", "split", "choose", "wait_for":
		what += "(" + arg + ")"
	default:
		return // it acted
	}
	read := Looked{What: what, Value: value}
	read.File, read.Line = m.where(m.L)
	if !slices.ContainsFunc(t.Reads, func(r Looked) bool { return r.Place == read.Place && r.What == what }) {
		t.Reads = append(t.Reads, read)
	}
}

// Conditions returns the ifs among the lines that a call reached, in the order of the lines.
func (p *Program) Conditions(reached []Place) []Condition {
	been := map[Place]bool{}
	var files []string
	for _, place := range reached {
		been[place] = true
		if !slices.Contains(files, place.File) {
			files = append(files, place.File)
		}
	}
	var found []Condition
	for _, file := range files {
		text, ok := p.Source(file)
		if !ok {
			continue
		}
		tree, failed := parseLua(file, text)
		if failed != nil {
			continue
		}
		everyBlock(tree, func(stmts []ast.Stmt) {
			for _, stmt := range stmts {
				branch, ok := stmt.(*ast.IfStmt)
				if !ok {
					continue
				}
				line := branch.Condition.Line()
				if !been[Place{file, line}] {
					if line = branch.Line(); !been[Place{file, line}] {
						continue
					}
				}
				found = append(found, Condition{Place: Place{file, line}, Text: written(branch.Condition), Held: wentIn(branch, file, line, been)})
			}
		})
	}
	order := map[Place]int{}
	for i, place := range reached {
		order[place] = i
	}
	slices.SortStableFunc(found, func(a, b Condition) int { return order[a.Place] - order[b.Place] })
	return found
}

// wentIn tells by the lines that were reached whether the condition held.
func wentIn(branch *ast.IfStmt, file string, line int, been map[Place]bool) *bool {
	if len(branch.Then) == 0 {
		return nil
	}
	held := false
	for _, stmt := range branch.Then {
		at := stmt.Line()
		if at == line {
			return nil
		}
		held = held || been[Place{file, at}]
	}
	return &held
}

// Sending is a place of a script that sends a message.
type Sending struct {
	Place
	Stage   string         // whose file it is; empty: journey.lua, which holds in every stage
	Handler string         // the Handler.ID of what starts it
	Kind    string         // enter, leave, on, idle
	Label   string         // of on and idle: the event, with the duration
	Inside  []Condition    // the conditions around it, the outermost first, and whether they have to hold; helpers' included
	Behind  map[Place]bool // the waits that may come before it
}

// Sendings returns where the journey sends a message by its name, in the order of the stages. A name that a script works
// out is not found.
func (p *Program) Sendings(message string) []Sending {
	var all []Sending
	levels := append([]lifecycle.Stage{{File: p.src.full(journeyFile)}}, p.Journey.Stages...)
	for _, level := range levels {
		flow, err := p.Flow(level.File)
		if err != nil {
			continue
		}
		for _, root := range flow.Roots {
			if root.Handler == "" {
				continue
			}
			w := walk{file: level.File, message: message}
			w.on(root.Children, Sending{Stage: level.Name, Handler: root.Handler, Kind: root.Kind, Label: strings.ReplaceAll(root.Label, `"`, "")})
			all = append(all, w.found...)
		}
	}
	return all
}

// walk goes every way of a handler once, to find where it sends a message.
type walk struct {
	file    string // of nodes that name none
	message string
	found   []Sending
	returns []map[Place]bool // the waits before each return of the function around this place
	breaks  []map[Place]bool // those before each break of the loop around it
}

// on goes on through some nodes, and returns the waits that may have come before what follows them; none if nothing does.
func (w *walk) on(nodes []FlowNode, so Sending) map[Place]bool {
	for _, n := range nodes {
		at := Place{w.file, n.Line}
		if n.File != "" {
			at.File = n.File
		}
		sent, returned, broken := len(w.found), len(w.returns), len(w.breaks)
		switch {
		case n.Kind == "send" && n.Name == w.message:
			found := so
			found.Place = at
			w.found = append(w.found, found)
		case strings.HasPrefix(n.Kind, "wait"):
			so.Behind = both(so.Behind, map[Place]bool{at: true})
		case n.Kind == "call":
			so.Behind = w.on(n.Children, so)
			for _, waits := range w.returns[returned:] {
				so.Behind = both(so.Behind, waits)
			}
			w.returns = w.returns[:returned]
		case n.Kind == "loop":
			round := w.on(n.Children, so) // which is behind all that is in the next one
			for i := range w.found[sent:] {
				w.found[sent+i].Behind = both(w.found[sent+i].Behind, round)
			}
			for i := range w.returns[returned:] {
				w.returns[returned+i] = both(w.returns[returned+i], round)
			}
			so.Behind = both(so.Behind, round)
			for _, waits := range w.breaks[broken:] {
				so.Behind = both(so.Behind, waits)
			}
			w.breaks = w.breaks[:broken]
		case n.Kind == "return":
			w.returns, so.Behind = append(w.returns, so.Behind), nil
		case n.Kind == "break":
			w.breaks, so.Behind = append(w.breaks, so.Behind), nil
		case n.Kind == "move": // it ends the handler
			so.Behind = nil
		}
		if len(n.Branches) > 0 {
			so.Behind = w.ways(n, at.File, so)
		}
	}
	return so.Behind
}

// ways goes each of the ways of a node, and returns the waits that may have come before where they meet.
func (w *walk) ways(n FlowNode, file string, so Sending) (met map[Place]bool) {
	before := so.Inside
	for _, way := range n.Branches {
		inside := so
		inside.Inside = before
		if n.Kind == "branch" && way.Label != "otherwise" {
			yes, no := true, false
			c := Condition{Place: Place{file, way.Line}, Text: way.Label}
			c.Held = &yes
			inside.Inside = append(slices.Clone(before), c)
			c.Held = &no
			before = append(slices.Clone(before), c) // the ways behind it are gone only if it does not hold
		}
		met = both(met, w.on(way.Children, inside))
	}
	return met
}

func both(a, b map[Place]bool) map[Place]bool {
	all := maps.Clone(a)
	if all == nil {
		all = map[Place]bool{}
	}
	maps.Copy(all, b)
	return all
}
