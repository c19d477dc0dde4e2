package script

import (
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// What the Lua machine gets wrong is rewritten in the syntax tree to what it gets right:
//
//   - An error cuts every closure loose from the locals of the functions that still run, those that catch it among them;
//     what is assigned afterwards on one side is not seen on the other. So a local that a closure shares and that is
//     assigned anew lives in a table of its own, which both sides hold: a = 1 becomes a.v = 1.
//   - What is assigned to a local may be worked out on top of it while it is still needed, and a call's arguments on top of
//     the last parameter and the locals after it. So what is more than one plain value goes through new locals.
//   - A jump back to a jump may land anywhere. Only constants as conditions, and goto, put a jump where a loop begins. So
//     conditions that are known are decided beforehand, and goto follows something else.

// mend rewrites a checked tree in that way.
func mend(tree []ast.Stmt) []ast.Stmt {
	m := &mender{}
	return m.block(tree)
}

type mender struct {
	inner int // functions around the present place
	scope []map[string]*variable
}

// variable is a local of the script, with every place that names it.
type variable struct {
	name             string
	inner            int
	shared, assigned bool
	uses             []*ast.Expr
}

// birth is where in a list of statements new variables begin to be.
type birth struct {
	after int
	vars  []*variable
}

func (m *mender) open()  { m.scope = append(m.scope, map[string]*variable{}) }
func (m *mender) close() { m.scope = m.scope[:len(m.scope)-1] }

func (m *mender) declare(names ...string) []*variable {
	vars := make([]*variable, len(names))
	for i, name := range names {
		vars[i] = &variable{name: name, inner: m.inner}
		m.scope[len(m.scope)-1][name] = vars[i]
	}
	return vars
}

func (m *mender) use(at *ast.Expr, name string, assigned bool) {
	for i := len(m.scope) - 1; i >= 0; i-- {
		if v := m.scope[i][name]; v != nil {
			v.shared = v.shared || m.inner > v.inner
			v.assigned = v.assigned || assigned
			v.uses = append(v.uses, at)
			return
		}
	}
}

// block walks statements in a scope of their own, in which the given names are declared already.
func (m *mender) block(stmts []ast.Stmt, names ...string) []ast.Stmt {
	return m.blockUntil(stmts, nil, names...)
}

// blockUntil also walks the condition of a repeat loop, which sees the locals of its block.
func (m *mender) blockUntil(stmts []ast.Stmt, until *ast.Expr, names ...string) []ast.Stmt {
	m.open()
	births := []birth{{after: 0, vars: m.declare(names...)}}
	for i, stmt := range stmts {
		mended, vars := m.stmt(stmt)
		stmts[i] = mended
		births = append(births, birth{after: i + 1, vars: vars})
	}
	if until != nil {
		m.expr(until)
	}
	m.close()
	for i := len(births) - 1; i >= 0; i-- {
		stmts = births[i].box(stmts)
	}
	return stmts
}

// box puts the variables that are born together and need it into tables, as their first act.
func (n birth) box(stmts []ast.Stmt) []ast.Stmt {
	var boxes []ast.Stmt
	for _, v := range n.vars {
		if !v.shared || !v.assigned {
			continue
		}
		for _, at := range v.uses {
			*at = inBox(*at)
		}
		line := n.line(stmts)
		name := ident(line, v.name)
		set := &ast.AssignStmt{Lhs: []ast.Expr{name}, Rhs: []ast.Expr{newBox(line, name)}}
		if l, ok := own(stmts, n.after); ok { // it may name itself, so its box is there before it
			set.Lhs[0], set.Rhs[0] = inBox(name), l.Exprs[0]
			l.Exprs[0] = newBox(line, nil)
		}
		setLine(set, line)
		boxes = append(boxes, set)
	}
	return slices.Insert(stmts, n.after, boxes...)
}

func (n birth) line(stmts []ast.Stmt) int {
	switch {
	case n.after > 0:
		return stmts[n.after-1].LastLine()
	case len(stmts) > 0:
		return stmts[0].Line()
	}
	return 1
}

// throughLocals makes an assignment whose parts the machine would work out on top of what it assigns to go through new
// locals. It returns nil if there is no need.
func throughLocals(s *ast.AssignStmt) *ast.DoBlockStmt {
	const value, object, key = "(value ", "(object ", "(key "
	if name, ok := s.Rhs[0].(*ast.IdentExpr); ok && strings.HasPrefix(name.Value, value) {
		return nil // it does already
	}
	if len(s.Rhs) == 1 {
		switch only := s.Rhs[0].(type) {
		case *ast.FuncCallExpr:
			if len(s.Lhs) == 1 {
				only.AdjustRet = false // there is one place for what it yields
				return nil
			}
		case *ast.LogicalOpExpr:
		default:
			if len(s.Lhs) == 1 {
				return nil
			}
		}
	}
	line := s.Line()
	var first []ast.Stmt
	local := func(exprs []ast.Expr, names ...string) {
		l := &ast.LocalAssignStmt{Names: names, Exprs: exprs}
		setLine(l, line)
		first = append(first, l)
	}
	var sets []ast.Stmt
	values := make([]string, len(s.Lhs))
	for i, target := range s.Lhs {
		n := strconv.Itoa(i) + ")"
		values[i] = value + n
		if field, ok := target.(*ast.AttrGetExpr); ok && len(s.Lhs) > 1 {
			local([]ast.Expr{single(field.Object), single(field.Key)}, object+n, key+n)
			own := &ast.AttrGetExpr{Object: ident(line, object+n), Key: field.Key}
			if isComputed(field.Key) {
				own.Key = ident(line, key+n)
			}
			setLine(own, line)
			target = own
		}
		set := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{ident(line, values[i])}}
		setLine(set, line)
		sets = append(sets, set)
	}
	local(s.Rhs, values...)
	return doBlock(line, append(first, sets...)...)
}

// own returns the statement before a place in a list if it is local function name() … end.
func own(stmts []ast.Stmt, after int) (*ast.LocalAssignStmt, bool) {
	if after == 0 {
		return nil, false
	}
	l, ok := stmts[after-1].(*ast.LocalAssignStmt)
	return l, ok && namesItself(l)
}

func namesItself(l *ast.LocalAssignStmt) bool {
	if len(l.Names) != 1 || len(l.Exprs) != 1 {
		return false
	}
	_, ok := l.Exprs[0].(*ast.FunctionExpr)
	return ok
}

func newBox(line int, first ast.Expr) ast.Expr {
	t := &ast.TableExpr{}
	setLine(t, line)
	if first != nil {
		t.Fields = []*ast.Field{{Key: boxKey(line), Value: first}}
	}
	box := call(line, wordTable, t)
	box.AdjustRet = false
	return box
}

func boxKey(line int) ast.Expr {
	key := &ast.StringExpr{Value: "v"}
	setLine(key, line)
	return key
}

func inBox(e ast.Expr) ast.Expr {
	get := &ast.AttrGetExpr{Object: e, Key: boxKey(e.Line())}
	setLine(get, e.Line())
	return get
}

// stmt walks a statement. It returns what takes its place, and the variables that it declares for those after it.
func (m *mender) stmt(stmt ast.Stmt) (ast.Stmt, []*variable) {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		if block := throughLocals(s); block != nil {
			return m.stmt(block)
		}
		m.exprs(s.Rhs)
		for i := range s.Lhs {
			m.target(&s.Lhs[i])
		}
	case *ast.LocalAssignStmt:
		if namesItself(s) {
			vars := m.declare(s.Names...)
			m.exprs(s.Exprs)
			return s, vars
		}
		m.exprs(s.Exprs)
		return s, m.declare(s.Names...)
	case *ast.FuncCallStmt:
		m.expr(&s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = m.block(s.Stmts)
	case *ast.WhileStmt:
		m.expr(&s.Condition)
		s.Stmts = m.block(s.Stmts)
		if known, yes := truth(s.Condition); known && !yes {
			return doBlock(s.Line()), nil
		}
	case *ast.RepeatStmt:
		s.Stmts = m.blockUntil(s.Stmts, &s.Condition)
	case *ast.IfStmt:
		m.expr(&s.Condition)
		s.Then, s.Else = m.block(s.Then), m.block(s.Else)
		if known, yes := truth(s.Condition); known && yes {
			return doBlock(s.Line(), s.Then...), nil
		} else if known {
			return doBlock(s.Line(), s.Else...), nil
		}
	case *ast.NumberForStmt:
		m.expr(&s.Init)
		m.expr(&s.Limit)
		if s.Step != nil {
			m.expr(&s.Step)
		}
		s.Stmts = m.block(s.Stmts, s.Name)
	case *ast.GenericForStmt:
		m.exprs(s.Exprs)
		s.Stmts = m.block(s.Stmts, s.Names...)
	case *ast.FuncDefStmt:
		if s.Name.Func == nil {
			m.expr(&s.Name.Receiver)
			m.function(s.Func, "self")
			break
		}
		m.target(&s.Name.Func)
		m.function(s.Func)
	case *ast.ReturnStmt:
		m.exprs(s.Exprs)
	case *ast.GotoStmt:
		nothing := &ast.LocalAssignStmt{Names: []string{"(nothing)"}}
		setLine(nothing, s.Line())
		return doBlock(s.Line(), doBlock(s.Line(), nothing), s), nil
	}
	return stmt, nil
}

func doBlock(line int, stmts ...ast.Stmt) *ast.DoBlockStmt {
	b := &ast.DoBlockStmt{Stmts: stmts}
	setLine(b, line)
	return b
}

// truth says whether it is known of an expression that it counts as true, or as false.
func truth(e ast.Expr) (known, yes bool) {
	switch e.(type) {
	case *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr:
		return true, true
	case *ast.FalseExpr, *ast.NilExpr:
		return true, false
	}
	return false, false
}

// decided is what takes the place of "a and b", "a or b" and "not a" where a is known.
func decided(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.LogicalOpExpr:
		e.Lhs = decided(e.Lhs)
		if known, yes := truth(e.Lhs); known && yes == (e.Operator == "and") {
			return decided(single(e.Rhs))
		} else if known {
			return e.Lhs
		}
	case *ast.UnaryNotOpExpr:
		e.Expr = decided(e.Expr)
		if known, yes := truth(e.Expr); known {
			var answer ast.Expr = &ast.TrueExpr{}
			if yes {
				answer = &ast.FalseExpr{}
			}
			setLine(answer, e.Line())
			return answer
		}
	}
	return e
}

// target is what an assignment writes to.
func (m *mender) target(at *ast.Expr) {
	if name, ok := (*at).(*ast.IdentExpr); ok {
		m.use(at, name.Value, true)
		return
	}
	m.expr(at)
}

func (m *mender) function(fn *ast.FunctionExpr, self ...string) {
	m.inner++
	fn.Stmts = m.block(fn.Stmts, append(self, fn.ParList.Names...)...)
	m.inner--
}

func (m *mender) exprs(list []ast.Expr) {
	for i := range list {
		m.expr(&list[i])
	}
}

func (m *mender) expr(at *ast.Expr) {
	*at = decided(*at)
	switch e := (*at).(type) {
	case *ast.IdentExpr:
		m.use(at, e.Value, false)
	case *ast.AttrGetExpr:
		m.expr(&e.Object)
		m.expr(&e.Key)
	case *ast.TableExpr:
		for _, field := range e.Fields {
			if field.Key != nil {
				m.expr(&field.Key)
			}
			m.expr(&field.Value)
		}
	case *ast.FuncCallExpr:
		if e.Func != nil {
			m.expr(&e.Func)
		} else {
			m.expr(&e.Receiver)
		}
		m.exprs(e.Args)
	case *ast.LogicalOpExpr:
		m.expr(&e.Lhs)
		m.expr(&e.Rhs)
	case *ast.RelationalOpExpr:
		m.expr(&e.Lhs)
		m.expr(&e.Rhs)
	case *ast.ArithmeticOpExpr:
		m.expr(&e.Lhs)
		m.expr(&e.Rhs)
	case *ast.StringConcatOpExpr:
		m.expr(&e.Lhs)
		m.expr(&e.Rhs)
	case *ast.UnaryMinusOpExpr:
		m.expr(&e.Expr)
	case *ast.UnaryNotOpExpr:
		m.expr(&e.Expr)
	case *ast.UnaryLenOpExpr:
		m.expr(&e.Expr)
	case *ast.FunctionExpr:
		m.function(e)
	}
}
