package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// afterMoves finds what stands behind a move and never runs.
func (r *review) afterMoves(u *unit) {
	everyBlock(u.tree, func(stmts []ast.Stmt) {
		for i, stmt := range stmts {
			if i+1 == len(stmts) || !u.ends(stmt) {
				continue
			}
			next := stmts[i+1]
			switch next := next.(type) {
			case *ast.LabelStmt:
				continue
			case *ast.ReturnStmt:
				if len(next.Exprs) == 0 {
					continue // it says the same
				}
			}
			about, what := "", "this never runs: "
			if call, ok := next.(*ast.FuncCallStmt); ok {
				if word := u.word(call.Expr.(*ast.FuncCallExpr)); isWait(word) {
					about, what = word, "nobody waits here: "
				} else if word != "" {
					about = word
				}
			}
			r.bad(u, next.Line(), about, "put it before the move, or into the next stage's enter", what+"the move before it ends the handler")
			return
		}
	})
}

// ends tells whether a statement always moves.
func (u *unit) ends(stmt ast.Stmt) bool {
	last := func(stmts []ast.Stmt) bool { return len(stmts) > 0 && u.ends(stmts[len(stmts)-1]) }
	switch s := stmt.(type) {
	case *ast.FuncCallStmt:
		call, ok := s.Expr.(*ast.FuncCallExpr)
		return ok && u.word(call) == "move"
	case *ast.DoBlockStmt:
		return last(s.Stmts)
	case *ast.IfStmt:
		return last(s.Then) && last(s.Else)
	}
	return false
}

// stageOf returns the stage that a file is, nil for journey.lua.
func (r *review) stageOf(u *unit) *string {
	if name, ok := strings.CutSuffix(u.path, ".lua"); ok && r.c.Journey.Index(name) >= 0 {
		return &name
	}
	return nil
}

// mayMove tells whether what is registered in a file may move to a stage.
func (r *review) mayMove(u *unit, to string) bool {
	if from := r.stageOf(u); from != nil {
		return r.c.Journey.MayMove(*from, to)
	}
	for i := range r.c.Journey.Stages {
		if r.c.Journey.MayMove(r.c.Journey.Stages[i].Name, to) {
			return true
		}
	}
	return false
}

// moves finds those that journey.lua does not allow from anywhere they are said.
func (r *review) moves() {
	for _, u := range r.order {
		for _, f := range u.order {
			starts := r.started[f]
			for _, call := range f.said("move") {
				to, ok := literal(call, 0)
				if !ok || len(starts) == 0 || r.c.Journey.Index(to) < 0 {
					continue
				}
				if !slices.ContainsFunc(starts, func(s start) bool { return r.mayMove(s.unit, to) }) {
					r.refused(u, call, starts[0].unit, to)
				}
			}
		}
	}
}

func (r *review) refused(u *unit, call *ast.FuncCallExpr, registered *unit, to string) {
	line := call.Args[0].Line()
	from := r.stageOf(registered)
	switch {
	case from == nil:
		r.bad(u, line, to, "add it to moves in journey.lua", fmt.Sprintf("no stage may move to %q", to))
	case *from == to:
		r.bad(u, line, to, "move to another stage, or start over with a handler", fmt.Sprintf("the customer is in %q already", to))
	default:
		hint := fmt.Sprintf("add %q to the moves of %q in journey.lua", to, *from)
		if allowed := r.c.Journey.Moves[*from]; len(allowed) > 0 {
			hint = fmt.Sprintf("from %q it may go to %s; or %s", *from, strings.Join(quoted(allowed), ", "), hint)
		}
		r.bad(u, line, to, hint, fmt.Sprintf("the journey does not allow the move %s -> %s", *from, to))
	}
}

func quoted(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%q", name)
	}
	return list
}
