package script

import (
	"slices"
	"strconv"

	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// What the Lua machine would do without bounds is rewritten in the syntax tree to calls that are bounded.

// bounded rewrites a tree without looking at what it says, for files that are no scripts of stages.
func bounded(file string, tree []ast.Stmt) *lifecycle.Error {
	c := newChecker(file, false, &vocabulary{})
	c.run(tree)
	if c.deep != nil {
		return c.deep
	}
	return nil
}

// assign rewrites what assigns to a computed key. Several targets are assigned through locals, in their order.
func (c *checker) assign(s *ast.AssignStmt) ast.Stmt {
	c.exprs(s.Rhs)
	computed := false
	for i, target := range s.Lhs {
		switch t := target.(type) {
		case *ast.IdentExpr:
			c.write(t)
		case *ast.AttrGetExpr:
			c.frozenField(t)
			t.Object, t.Key = c.expr(t.Object), c.expr(t.Key)
			computed = computed || isComputed(t.Key)
		default:
			s.Lhs[i] = c.expr(target)
		}
	}
	if !computed {
		return s
	}
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		return setComputed(s)
	}
	block := throughLocals(s)
	for i, stmt := range block.Stmts {
		if set, ok := stmt.(*ast.AssignStmt); ok {
			block.Stmts[i] = setComputed(set)
		}
	}
	return block
}

// setComputed turns t[k] = v into a call.
func setComputed(s *ast.AssignStmt) ast.Stmt {
	if t, ok := s.Lhs[0].(*ast.AttrGetExpr); ok && isComputed(t.Key) {
		return callStmt(s.Line(), wordSet, t.Object, t.Key, single(s.Rhs[0]))
	}
	return s
}

func isComputed(key ast.Expr) bool {
	switch key.(type) {
	case *ast.StringExpr, *ast.TrueExpr, *ast.FalseExpr:
		return false
	}
	return true
}

func setLine(p ast.PositionHolder, line int) {
	p.SetLine(line)
	p.SetLastLine(line)
}

func ident(line int, name string) *ast.IdentExpr {
	e := &ast.IdentExpr{Value: name}
	setLine(e, line)
	return e
}

func call(line int, word string, args ...ast.Expr) *ast.FuncCallExpr {
	e := &ast.FuncCallExpr{Func: ident(line, word), Args: args, AdjustRet: true}
	setLine(e, line)
	return e
}

func callStmt(line int, word string, args ...ast.Expr) ast.Stmt {
	s := &ast.FuncCallStmt{Expr: call(line, word, args...)}
	setLine(s, line)
	return s
}

// single makes an expression yield one value, as brackets around it would.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

// join turns a .. b .. c into one call; long chains into calls of 40 each, inside each other at the first
// place, where they need no registers while they wait.
func (c *checker) join(e *ast.StringConcatOpExpr) ast.Expr {
	line := e.Line()
	var parts []ast.Expr
	var rest ast.Expr = e
	for {
		next, ok := rest.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		parts = append(parts, single(c.expr(next.Lhs)))
		rest = next.Rhs
	}
	parts = append(parts, single(c.expr(rest)))
	const most = 40
	for len(parts) > most {
		head := slices.Clone(parts[:most])
		parts = append([]ast.Expr{call(line, wordConcat, head...)}, parts[most:]...)
	}
	return call(line, wordConcat, parts...)
}

// longList is how many places of a list that is written out are too many to be looked through for nothing.
const longList = 64

func (c *checker) table(e *ast.TableExpr) ast.Expr {
	places := 0
	for _, field := range e.Fields {
		if field.Key == nil {
			places++
		} else {
			field.Key = c.expr(field.Key)
			if isComputed(field.Key) {
				field.Key = call(e.Line(), wordKey, single(field.Key))
			}
		}
		if fn, ok := field.Value.(*ast.FunctionExpr); ok && c.declared > 0 && isKey(field, "goal") {
			c.inRole("goal", func() { c.function(fn, false) })
			continue
		}
		field.Value = c.expr(field.Value)
	}
	if c.declared > 0 {
		return e // nothing keeps these
	}
	if places < longList {
		return call(e.Line(), wordTable, e)
	}
	count := &ast.NumberExpr{Value: strconv.Itoa(places)}
	setLine(count, e.Line())
	return call(e.Line(), wordTable, e, count)
}
