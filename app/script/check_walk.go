package script

import (
	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// checker walks the syntax tree of one file once. It finds what can be known without running anything (unknown words,
// names of messages and stages, words in the wrong place) and rewrites what the Lua machine would do without bounds:
// a .. b becomes a call of (concat), t[k] = v one of (set), { … } one of (table).
type checker struct {
	file  string // relative to the scripts folder
	lib   bool
	errs  Errors
	depth int              // of the tree
	deep  *lifecycle.Error // it was too deep to be walked to its end
	inner int              // functions around the present place
	role  string           // "leave" and "goal" inside such a function
	scope []map[string]bool

	reads   []mention // globals read
	globals map[string]bool
	sends   []mention // literal names, to be compared when everything is known
	moves   []mention
	uses    []mention
	texts   map[string]int // string literals and the first line they stand on

	known    *vocabulary
	declared int // journey { … } and stage { … } around the present place
}

type mention struct {
	name string
	line int
}

func newChecker(file string, lib bool, known *vocabulary) *checker {
	return &checker{file: file, lib: lib, known: known, globals: map[string]bool{}, texts: map[string]int{}}
}

// tooDeep unwinds the walk of a tree that is nested too deeply.
type tooDeep struct{ line int }

func (c *checker) run(tree []ast.Stmt) {
	defer func() {
		if r := recover(); r != nil {
			deep, ok := r.(tooDeep)
			if !ok {
				panic(r)
			}
			c.deep = problem(c.file, deep.line, "split it into several statements", "an expression or block is nested more than %d levels deep", maxDepth)
			c.errs = append(c.errs, c.deep)
		}
	}()
	c.block(tree)
}

// maxErrors of one file are told; finding out what somebody meant by each of thousands would take minutes.
const maxErrors = 50

func (c *checker) full() bool { return len(c.errs) >= maxErrors }

func (c *checker) report(line int, hint, format string, args ...any) {
	if c.full() {
		return
	}
	c.errs = append(c.errs, problem(c.file, line, hint, format, args...))
}

func (c *checker) enter(line int) {
	if c.depth++; c.depth > maxDepth {
		panic(tooDeep{line})
	}
}

func (c *checker) declare(names ...string) {
	for _, name := range names {
		c.scope[len(c.scope)-1][name] = true
	}
}

func (c *checker) local(name string) bool {
	for i := len(c.scope) - 1; i >= 0; i-- {
		if c.scope[i][name] {
			return true
		}
	}
	return false
}

func (c *checker) open()  { c.scope = append(c.scope, map[string]bool{}) }
func (c *checker) close() { c.scope = c.scope[:len(c.scope)-1] }

func (c *checker) block(stmts []ast.Stmt) {
	c.open()
	c.stmts(stmts)
	c.close()
}

func (c *checker) stmts(stmts []ast.Stmt) {
	for i, stmt := range stmts {
		stmts[i] = c.stmt(stmt)
	}
}

func (c *checker) stmt(stmt ast.Stmt) ast.Stmt {
	c.enter(stmt.Line())
	defer func() { c.depth-- }()
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		return c.assign(s)
	case *ast.LocalAssignStmt:
		if len(s.Names) == 1 && len(s.Exprs) == 1 {
			if _, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
				c.declare(s.Names...)
			}
		}
		c.exprs(s.Exprs)
		c.declare(s.Names...)
	case *ast.FuncCallStmt:
		s.Expr = c.expr(s.Expr)
	case *ast.DoBlockStmt:
		c.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = c.expr(s.Condition)
		c.block(s.Stmts)
	case *ast.RepeatStmt:
		c.open()
		c.stmts(s.Stmts)
		s.Condition = c.expr(s.Condition)
		c.close()
	case *ast.IfStmt:
		s.Condition = c.expr(s.Condition)
		c.block(s.Then)
		c.block(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit = c.expr(s.Init), c.expr(s.Limit)
		if s.Step != nil {
			s.Step = c.expr(s.Step)
		}
		c.open()
		c.declare(s.Name)
		c.stmts(s.Stmts)
		c.close()
	case *ast.GenericForStmt:
		c.exprs(s.Exprs)
		c.open()
		c.declare(s.Names...)
		c.stmts(s.Stmts)
		c.close()
	case *ast.FuncDefStmt:
		c.define(s)
	case *ast.ReturnStmt:
		c.exprs(s.Exprs)
	}
	return stmt
}

// define is function name() … end, also name.field and name:method.
func (c *checker) define(s *ast.FuncDefStmt) {
	self := s.Name.Func == nil
	if self {
		s.Name.Receiver = c.expr(s.Name.Receiver)
	} else if ident, ok := s.Name.Func.(*ast.IdentExpr); ok {
		c.write(ident)
	} else {
		s.Name.Func = c.expr(s.Name.Func)
	}
	c.function(s.Func, self)
}

func (c *checker) function(fn *ast.FunctionExpr, self bool) {
	c.enter(fn.Line())
	declared := c.declared
	c.declared = 0
	c.inner++
	c.open()
	if self {
		c.declare("self")
	}
	c.declare(fn.ParList.Names...)
	c.stmts(fn.Stmts)
	c.close()
	c.inner--
	c.declared = declared
	c.depth--
}

func (c *checker) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = c.expr(e)
	}
}

func (c *checker) expr(expr ast.Expr) ast.Expr {
	c.enter(expr.Line())
	defer func() { c.depth-- }()
	switch e := expr.(type) {
	case *ast.StringExpr:
		if _, ok := c.texts[e.Value]; !ok {
			c.texts[e.Value] = e.Line()
		}
	case *ast.IdentExpr:
		if !c.local(e.Value) {
			c.reads = append(c.reads, mention{e.Value, e.Line()})
		}
	case *ast.AttrGetExpr:
		c.libraryField(e)
		e.Object, e.Key = c.expr(e.Object), c.expr(e.Key)
	case *ast.TableExpr:
		return c.table(e)
	case *ast.FuncCallExpr:
		c.call(e)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = c.expr(e.Lhs), c.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = c.expr(e.Lhs), c.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = c.expr(e.Lhs), c.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return c.join(e)
	case *ast.UnaryMinusOpExpr:
		e.Expr = c.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = c.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = c.expr(e.Expr)
	case *ast.FunctionExpr:
		c.function(e, false)
	}
	return expr
}
