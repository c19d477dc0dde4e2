package script

import (
	"cmp"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// Flow draws a file of the journey, named as in errors ("customer-lifecycle/lost.lua") or relative to the journey's
// folder ("lost.lua"). Of a helper it draws the functions that act or look, as roots of kind call.
func (p *Program) Flow(file string) (*Flow, error) {
	files := library{}
	for path := range p.chunks {
		tree, err := parseLua(p.src.full(path), p.src.Files[path])
		if err != nil {
			return nil, err
		}
		files[path] = newUnit(path, p.src.full(path), p.src.Files[path], tree, p.host.known)
	}
	u := files[strings.TrimPrefix(file, p.src.Name+"/")]
	if u == nil {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "journey %s has no script %s", p.src.Name, cut(file, 200))
	}
	d := &drawer{files: files, file: u.full, channels: p.Channels}
	flow := &Flow{File: u.full, Roots: []FlowNode{}}
	if strings.HasPrefix(u.path, "lib/") {
		for _, f := range u.order {
			if f.outer == nil && f.name != "" && files.acts(f, map[*function]bool{}) != "" {
				flow.Roots = append(flow.Roots, FlowNode{Kind: "call", Label: f.name, Line: f.line, EndLine: f.node.LastLine(), Children: d.body(f)})
			}
		}
		return flow, nil
	}
	for _, s := range u.starts() {
		flow.Roots = append(flow.Roots, d.root(u, s))
	}
	p.nameHandlers(u, flow.Roots)
	return flow, nil
}

// maxFlowNodes bounds a drawing: functions that use each other several times are drawn inside each other, which could
// become very many. From here on the insides of functions are left out.
const maxFlowNodes = 2000

type drawer struct {
	files library
	file  string // that is drawn
	nodes int
	stack []*function // around the present place
	// channels returns those that a message is written for.
	channels func(message string) []string
}

// root draws one registration.
func (d *drawer) root(u *unit, s start) FlowNode {
	n := FlowNode{Kind: s.kind, Label: s.kind, Line: s.call.Line(), EndLine: lastLine(s.call)}
	switch s.kind {
	case "on":
		n.Label = plain(s.call.Args[0])
	case "idle":
		n.Label = plain(s.call.Args[0]) + ", " + plain(s.call.Args[1])
	case "goal", "exit":
		n.Line, n.EndLine = s.run.Line(), lastLine(s.run)
		n.Label = eventList(s.run)
	}
	if f := d.files.function(u, s.run); f != nil {
		n.Children = d.body(f)
		if s.kind == "goal" {
			n.Label = cmp.Or(f.name, "function")
			// What it returns last is the goal itself: nothing ends with it.
			if last := len(n.Children) - 1; last >= 0 && n.Children[last].Kind == "return" {
				n.Label, n.Children = cmp.Or(n.Children[last].Label, n.Label), n.Children[:last]
			}
		}
	}
	if next := option(s.call.Args[0], "next"); s.kind == "goal" && next != nil {
		n.Children = append(n.Children, FlowNode{Kind: "move", Label: plain(next), Name: plainName(next), Line: next.Line(), EndLine: next.Line()})
	}
	return n
}

// body draws the inside of a function, unless it is being drawn around this place already.
func (d *drawer) body(f *function) []FlowNode {
	for _, around := range d.stack {
		if around == f {
			return nil
		}
	}
	d.stack = append(d.stack, f)
	defer func() { d.stack = d.stack[:len(d.stack)-1] }()
	stmts := f.node.Stmts
	if n := len(stmts); n > 0 {
		if last, ok := stmts[n-1].(*ast.ReturnStmt); ok && len(last.Exprs) == 0 {
			stmts = stmts[:n-1] // it would end here anyway
		}
	}
	return d.block(f.unit, stmts)
}

// add says where a node stands, and counts it.
func (d *drawer) add(list []FlowNode, u *unit, n FlowNode) []FlowNode {
	d.nodes++
	if u.full != d.file {
		n.File = u.full
	}
	n.EndLine = max(n.EndLine, n.Line)
	return append(list, n)
}

func (d *drawer) block(u *unit, stmts []ast.Stmt) []FlowNode {
	var list []FlowNode
	for i := 0; i < len(stmts); i++ {
		if wait, branch, came := d.answered(u, stmts[i:]); wait != nil {
			if branch != stmts[i] {
				i++
			}
			list = d.waitFor(list, u, wait, branch, came)
			continue
		}
		list = d.stmt(list, u, stmts[i])
	}
	return list
}

func (d *drawer) stmt(list []FlowNode, u *unit, stmt ast.Stmt) []FlowNode {
	switch s := stmt.(type) {
	case *ast.DoBlockStmt:
		return append(list, d.block(u, s.Stmts)...)
	case *ast.IfStmt:
		return d.branch(d.exprs(list, u, s.Condition), u, s)
	case *ast.WhileStmt:
		inside := append(d.exprs(nil, u, s.Condition), d.block(u, s.Stmts)...)
		return d.loop(list, u, s, "while "+written(s.Condition), inside)
	case *ast.RepeatStmt:
		inside := append(d.block(u, s.Stmts), d.exprs(nil, u, s.Condition)...)
		return d.loop(list, u, s, "until "+written(s.Condition), inside)
	case *ast.NumberForStmt:
		list = d.exprs(list, u, heads(s)...)
		return d.loop(list, u, s, "for "+s.Name+" = "+written(s.Init)+", "+written(s.Limit), d.block(u, s.Stmts))
	case *ast.GenericForStmt:
		list = d.exprs(list, u, s.Exprs...)
		return d.loop(list, u, s, "for "+strings.Join(s.Names, ", ")+" in "+writtenAll(s.Exprs), d.block(u, s.Stmts))
	case *ast.ReturnStmt:
		list = d.exprs(list, u, s.Exprs...)
		return d.add(list, u, FlowNode{Kind: "return", Label: writtenAll(s.Exprs), Line: s.Line()})
	case *ast.BreakStmt:
		return d.add(list, u, FlowNode{Kind: "break", Line: s.Line()})
	case *ast.LocalAssignStmt, *ast.AssignStmt, *ast.FuncCallStmt:
		return d.exprs(list, u, heads(s)...)
	}
	return list
}

func (d *drawer) loop(list []FlowNode, u *unit, s ast.Stmt, label string, inside []FlowNode) []FlowNode {
	if len(inside) == 0 {
		return list
	}
	return d.add(list, u, FlowNode{Kind: "loop", Label: label, Line: s.Line(), EndLine: s.LastLine(), Children: inside})
}

// branch draws if, elseif and else; nothing if nothing is done in any of them.
func (d *drawer) branch(list []FlowNode, u *unit, s *ast.IfStmt) []FlowNode {
	n := FlowNode{Kind: "branch", Label: written(s.Condition), Line: s.Line(), EndLine: max(s.LastLine(), lastOf(s.Then), lastOf(s.Else))}
	for {
		n.Branches = append(n.Branches, d.way(u, written(s.Condition), s.Line(), s.Then))
		next, ok := only(s.Else).(*ast.IfStmt)
		if !ok || len(d.quietly(u, next.Condition)) > 0 {
			break
		}
		s = next
	}
	line := s.Line()
	if len(s.Else) > 0 {
		line = s.Else[0].Line()
	}
	n.Branches = append(n.Branches, d.way(u, "otherwise", line, s.Else))
	for _, way := range n.Branches {
		if len(way.Children) > 0 {
			return d.add(list, u, n)
		}
	}
	return list
}

// quietly draws expressions without counting them.
func (d *drawer) quietly(u *unit, exprs ...ast.Expr) []FlowNode {
	before := d.nodes
	list := d.exprs(nil, u, exprs...)
	d.nodes = before
	return list
}

func only(stmts []ast.Stmt) ast.Stmt {
	if len(stmts) == 1 {
		return stmts[0]
	}
	return nil
}

func (d *drawer) way(u *unit, label string, line int, stmts []ast.Stmt) FlowWay {
	children := d.block(u, stmts)
	if children == nil {
		children = []FlowNode{}
	}
	return FlowWay{Label: label, Line: line, EndLine: max(line, lastOf(stmts)), Ends: u.leaves(stmts), Children: children}
}

// leaves tells whether what follows a block is never reached from its end.
func (u *unit) leaves(stmts []ast.Stmt) bool {
	if len(stmts) == 0 {
		return false
	}
	switch s := stmts[len(stmts)-1].(type) {
	case *ast.ReturnStmt, *ast.BreakStmt:
		return true
	case *ast.DoBlockStmt:
		return u.leaves(s.Stmts)
	case *ast.IfStmt:
		return u.leaves(s.Then) && u.leaves(s.Else)
	default:
		return u.ends(s)
	}
}

// nameHandlers finds the handlers that the roots are.
func (p *Program) nameHandlers(u *unit, roots []FlowNode) {
	handlers := p.Journey.Handlers
	if stage := p.Journey.Stage(strings.TrimSuffix(u.path, ".lua")); stage != nil {
		handlers = stage.Handlers
	}
	taken := map[string]bool{}
	for i := range roots {
		for _, h := range handlers {
			if string(h.Kind) == roots[i].Kind && !taken[h.ID] && h.Line >= roots[i].Line && h.Line <= roots[i].EndLine {
				roots[i].Handler = h.ID
				taken[h.ID] = true
				break
			}
		}
	}
}
