package script

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// exprs draws the words that expressions say, in the order in which they are said.
func (d *drawer) exprs(list []FlowNode, u *unit, exprs ...ast.Expr) []FlowNode {
	for _, e := range exprs {
		list = d.expr(list, u, e)
	}
	return list
}

func (d *drawer) expr(list []FlowNode, u *unit, expr ast.Expr) []FlowNode {
	list = d.exprs(list, u, inside(expr)...)
	call, ok := expr.(*ast.FuncCallExpr)
	if !ok {
		return list
	}
	if word := u.word(call); handlerWords[word].form != "" {
		if word == "wait_for" {
			return d.waitFor(list, u, call, nil, true)
		}
		return d.add(list, u, d.word(u, call, word))
	}
	if f := d.files.function(u, call.Func); f != nil {
		list = d.use(list, u, call, f)
	}
	for _, arg := range call.Args { // as in pcall(greet, customer), or pcall(function() … end)
		if f := d.files.function(u, arg); f != nil {
			list = d.use(list, u, call, f)
		}
	}
	return list
}

// use draws the use of a function that acts or looks.
func (d *drawer) use(list []FlowNode, u *unit, call *ast.FuncCallExpr, f *function) []FlowNode {
	if d.files.acts(f, map[*function]bool{}) == "" {
		return list
	}
	label := f.name
	if called := d.files.function(u, call.Func); call.Func != nil && (called == f || label == "") {
		label = written(call.Func)
	}
	n := FlowNode{Kind: "call", Label: label, Line: call.Line(), EndLine: lastLine(call)}
	if d.nodes < maxFlowNodes {
		n.Children = d.body(f)
	}
	return d.add(list, u, n)
}

// word draws one word with what it is given.
func (d *drawer) word(u *unit, call *ast.FuncCallExpr, word string) FlowNode {
	n := FlowNode{Kind: word, Line: call.Line(), EndLine: lastLine(call)}
	if len(call.Args) == 0 {
		return n
	}
	first := call.Args[0]
	n.Label = plain(first)
	switch word {
	case "send":
		n.Name = plainName(first)
		n.Channels = d.channels(n.Name)
		if len(call.Args) > 1 {
			if by := option(call.Args[1], "by"); by != nil {
				n.Label += " by " + plain(by)
				if named := plainName(by); named != "" {
					n.Channels = []string{named}
				}
			}
		}
	case "move", "tag", "untag", "last":
		n.Name = plainName(first)
	case "wait", "wait_until":
	case "split", "choose":
		n.Name = plainName(first)
		var values []string
		for _, arg := range call.Args[1:] {
			if table, ok := arg.(*ast.TableExpr); ok {
				values = append(values, listed(table)...)
			} else {
				values = append(values, plain(arg))
			}
		}
		n.Label += ": " + strings.Join(values, ", ")
	case "set":
		n.Name = plainName(first)
		if len(call.Args) > 1 {
			n.Label += " = " + plain(call.Args[1])
		}
	default:
		n.Name = plainName(first)
		var all []string
		for _, arg := range call.Args {
			all = append(all, plain(arg))
		}
		n.Label = strings.Join(all, ", ")
	}
	n.Label = cut(n.Label, maxWritten)
	return n
}

// answered recognises a wait_for that is answered at once: if wait_for(…) then, or local clicked = wait_for(…) with if
// clicked then behind it. It returns the call, the if, and whether its first way is that the event came.
func (d *drawer) answered(u *unit, stmts []ast.Stmt) (wait *ast.FuncCallExpr, branch *ast.IfStmt, came bool) {
	waits := func(e ast.Expr) *ast.FuncCallExpr {
		if call, ok := e.(*ast.FuncCallExpr); ok && u.word(call) == "wait_for" {
			return call
		}
		return nil
	}
	if s, ok := stmts[0].(*ast.IfStmt); ok {
		condition, straight := unnegated(s.Condition)
		return waits(condition), s, straight
	}
	local, ok := stmts[0].(*ast.LocalAssignStmt)
	if !ok || len(stmts) < 2 || len(local.Names) != 1 || len(local.Exprs) != 1 {
		return nil, nil, false
	}
	s, ok := stmts[1].(*ast.IfStmt)
	if wait = waits(local.Exprs[0]); wait == nil || !ok {
		return nil, nil, false
	}
	condition, straight := unnegated(s.Condition)
	if b := u.variable(condition); b == nil || b.value != local.Exprs[0] {
		return nil, nil, false
	}
	return wait, s, straight
}

func unnegated(e ast.Expr) (ast.Expr, bool) {
	if not, ok := e.(*ast.UnaryNotOpExpr); ok {
		return not.Expr, false
	}
	return e, true
}

// waitFor draws a wait_for and its two ways, which are those of the if that answers it, or otherwise go on together.
func (d *drawer) waitFor(list []FlowNode, u *unit, call *ast.FuncCallExpr, branch *ast.IfStmt, came bool) []FlowNode {
	if branch != nil {
		list = d.exprs(list, u, call.Args...)
	}
	n := FlowNode{Kind: "wait_for", Line: call.Line(), EndLine: lastLine(call)}
	what, rest := "", call.Args
	if len(rest) > 0 {
		what, n.Name, rest = plain(rest[0]), plainName(rest[0]), rest[1:]
	}
	if n.Name == "" && len(rest) > 0 { // of a message
		n.Name = d.message(u, call.Args[0])
		if n.Name != "" {
			what = n.Name
		}
		what, rest = what+" "+plain(rest[0]), rest[1:]
	}
	if n.Label = what; len(rest) > 0 {
		n.Label += ", " + plain(rest[0])
	}
	if len(rest) > 1 {
		n.Label += ", " + plain(rest[1])
	}
	n.Label = cut(n.Label, maxWritten)
	var yes, no []ast.Stmt
	line := call.Line()
	if branch != nil {
		yes, no, line = branch.Then, branch.Else, branch.Line()
		if n.EndLine = max(branch.LastLine(), lastOf(yes), lastOf(no)); !came {
			yes, no = no, yes
		}
	}
	n.Branches = []FlowWay{d.way(u, "it came", firstOf(yes, line), yes), d.way(u, "time ran out", firstOf(no, line), no)}
	return d.add(list, u, n)
}

// message returns the name of the message that a handle stands for, if that is plain.
func (d *drawer) message(u *unit, handle ast.Expr) string {
	if b := u.variable(handle); b != nil && b.writes == 0 {
		handle = b.value
	}
	if call, ok := handle.(*ast.FuncCallExpr); ok && u.word(call) == "send" {
		name, _ := literal(call, 0)
		return name
	}
	return ""
}

// plain shows a text without its quotes, anything else as it is written.
func plain(e ast.Expr) string {
	if text, ok := e.(*ast.StringExpr); ok {
		return cut(text.Value, maxWritten)
	}
	return written(e)
}

func plainName(e ast.Expr) string {
	if text, ok := e.(*ast.StringExpr); ok {
		return text.Value
	}
	return ""
}

// listed returns the entries of a table that has no names.
func listed(table *ast.TableExpr) []string {
	var list []string
	for _, field := range table.Fields {
		if field.Key == nil {
			list = append(list, plain(field.Value))
		}
	}
	return list
}

func eventList(e ast.Expr) string {
	if table, ok := e.(*ast.TableExpr); ok {
		return strings.Join(listed(table), " or ")
	}
	return plain(e)
}

func writtenAll(exprs []ast.Expr) string {
	list := make([]string, len(exprs))
	for i, e := range exprs {
		list[i] = written(e)
	}
	return cut(strings.Join(list, ", "), maxWritten)
}

// lastLine returns the last line of an expression, as far as the syntax tree knows it.
func lastLine(e ast.Expr) int {
	last := 0
	everyExpr(e, func(part ast.Expr) { last = max(last, part.Line(), part.LastLine()) })
	return last
}

// lastOf returns the last line of a block.
func lastOf(stmts []ast.Stmt) int {
	last := 0
	for _, stmt := range stmts {
		last = max(last, stmt.Line(), stmt.LastLine())
		for _, head := range heads(stmt) {
			last = max(last, lastLine(head))
		}
		for _, block := range blocks(stmt) {
			last = max(last, lastOf(block))
		}
	}
	return last
}

func firstOf(stmts []ast.Stmt, otherwise int) int {
	if len(stmts) == 0 {
		return otherwise
	}
	return stmts[0].Line()
}
