package script

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

const (
	openMessage = "is no proof of a person; mail programs open messages by themselves, and hide the opens of people"
	openHint    = `decide by what a person must do: "clicked", "replied", or what the customer does next`
)

// isOpened tells the name of an event, or what became of a message, that only says that something was opened.
func isOpened(text string) bool {
	channel, ok := strings.CutSuffix(text, " Opened")
	return text == "opened" || ok && slices.Contains(channels, strings.ToLower(channel))
}

// openings finds opens that are used as if they were people: in a condition, as a goal, or to move on.
func (r *review) openings(u *unit) {
	everyBlock(u.tree, func(stmts []ast.Stmt) {
		for _, stmt := range stmts {
			switch s := stmt.(type) {
			case *ast.IfStmt:
				r.openIn(u, s.Condition)
			case *ast.WhileStmt:
				r.openIn(u, s.Condition)
			case *ast.RepeatStmt:
				r.openIn(u, s.Condition)
			}
			for _, head := range heads(stmt) {
				everyExpr(head, func(e ast.Expr) { r.openGiven(u, e) })
			}
		}
	})
	for _, f := range u.order {
		for _, s := range r.started[f] {
			if s.kind == "on" && isOpened(s.event) {
				for _, call := range f.said("move") {
					r.warn(u, call.Line(), "move", openHint, "this moves at an open, which "+openMessage)
				}
			}
		}
	}
}

// openGiven looks at calls that are given an open to judge by, and at goals.
func (r *review) openGiven(u *unit, e ast.Expr) {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok {
		return
	}
	switch word := u.word(call); word {
	case "split", "choose", "move":
		for _, arg := range call.Args {
			r.openIn(u, arg)
		}
		if word == "choose" && len(call.Args) > 2 {
			r.openGoal(u, option(call.Args[2], "goal"))
		}
	case "stage":
		if len(call.Args) == 1 {
			r.openGoal(u, option(call.Args[0], "goal"))
		}
	}
}

func (r *review) openGoal(u *unit, goal ast.Expr) {
	switch e := goal.(type) {
	case *ast.StringExpr:
		if isOpened(e.Value) {
			r.warn(u, e.Line(), e.Value, openHint, "an open as a goal "+openMessage)
		}
	case *ast.TableExpr:
		for _, field := range e.Fields {
			r.openGoal(u, field.Value)
		}
	}
}

// openIn finds an open in an expression that decides something.
func (r *review) openIn(u *unit, e ast.Expr) {
	if line, about, ok := u.opened(e, map[*binding]bool{}); ok {
		r.warn(u, line, about, openHint, "an open "+openMessage)
	}
}

// opened tells whether an expression asks whether something was opened, itself or through local variables, each of which
// is followed once.
func (u *unit) opened(e ast.Expr, followed map[*binding]bool) (line int, about string, found bool) {
	if e == nil {
		return 0, "", false
	}
	everyExpr(e, func(part ast.Expr) {
		if found {
			return
		}
		switch part := part.(type) {
		case *ast.FuncCallExpr:
			word := u.word(part)
			if word != "wait_for" && word != "count" && word != "sum" && word != "last" {
				return
			}
			for i := 0; i < len(part.Args) && i < 2; i++ {
				if text, ok := literal(part, i); ok && isOpened(text) {
					line, about, found = part.Args[i].Line(), text, true
					return
				}
			}
		case *ast.RelationalOpExpr:
			for _, side := range []ast.Expr{part.Lhs, part.Rhs} {
				if text, ok := side.(*ast.StringExpr); ok && isOpened(text.Value) {
					line, about, found = text.Line(), text.Value, true
				}
			}
		case *ast.IdentExpr:
			b := u.bound[part]
			if b == nil || b.value == nil || b.writes > 0 || followed[b] {
				return
			}
			followed[b] = true
			if _, _, ok := u.opened(b.value, followed); ok {
				line, about, found = part.Line(), b.name, true
			}
		}
	})
	return line, about, found
}
