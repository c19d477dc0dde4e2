package script

import "github.com/yuin/gopher-lua/ast"

// unit is one Lua file as it is written, with every name traced to what it stands for. The tree is not the one that is
// compiled: that one is rewritten.
type unit struct {
	path      string // relative to the journey's folder
	full      string // relative to the scripts folder
	text      []byte
	tree      []ast.Stmt
	known     *vocabulary
	bound     map[*ast.IdentExpr]*binding // what is not in it is a word, or unknown
	globals   map[string]*binding
	locals    []*binding // functions that are local, in order
	declared  []string   // the names of all locals
	functions map[*ast.FunctionExpr]*function
	order     []*function // the same, in the order of the file
}

// binding is a variable.
type binding struct {
	name   string
	line   int
	fn     *ast.FunctionExpr // the function it is given where it is made
	value  ast.Expr          // otherwise the value that it is given there
	owner  *ast.FunctionExpr // of a parameter
	index  int               // of a parameter
	global bool
	reads  int
	writes int
}

// function is one function of a file.
type function struct {
	unit  *unit
	node  *ast.FunctionExpr
	name  string // as people call it; "" if it has none
	line  int
	outer *function // around it; nil at the top level
	inner []*function
	calls []*ast.FuncCallExpr // in its own body, in order
	names []*ast.IdentExpr    // that are read there
}

// newUnit traces the names of a syntax tree.
func newUnit(path, full string, text []byte, tree []ast.Stmt, known *vocabulary) *unit {
	u := &unit{path: path, full: full, text: text, tree: tree, known: known, bound: map[*ast.IdentExpr]*binding{},
		globals: map[string]*binding{}, functions: map[*ast.FunctionExpr]*function{}}
	t := tracer{unit: u}
	t.block(tree)
	// A global that is defined further down is the same one.
	for _, ident := range t.free {
		if b := u.globals[ident.Value]; b != nil {
			u.bound[ident] = b
			b.reads++
		}
	}
	return u
}

// word returns the word of the language that a call says, "" if it calls something else.
func (u *unit) word(call *ast.FuncCallExpr) string {
	name, ok := call.Func.(*ast.IdentExpr)
	if !ok || u.bound[name] != nil || !u.known.words[name.Value] {
		return ""
	}
	return name.Value
}

// variable returns what a name stands for; nil if the expression is no variable.
func (u *unit) variable(e ast.Expr) *binding {
	if ident, ok := e.(*ast.IdentExpr); ok {
		return u.bound[ident]
	}
	return nil
}

// function returns the function that an expression is, or names.
func (u *unit) function(e ast.Expr) *function {
	if fn, ok := e.(*ast.FunctionExpr); ok {
		return u.functions[fn]
	}
	if b := u.variable(e); b != nil && b.fn != nil {
		return u.functions[b.fn]
	}
	return nil
}

type tracer struct {
	*unit
	scope []map[string]*binding
	at    *function // the function around the present place
	free  []*ast.IdentExpr
}

func (t *tracer) open()  { t.scope = append(t.scope, map[string]*binding{}) }
func (t *tracer) close() { t.scope = t.scope[:len(t.scope)-1] }

func (t *tracer) declare(name string, line int) *binding {
	b := &binding{name: name, line: line}
	t.declared = append(t.declared, name)
	t.scope[len(t.scope)-1][name] = b
	return b
}

func (t *tracer) find(name string) *binding {
	for i := len(t.scope) - 1; i >= 0; i-- {
		if b := t.scope[i][name]; b != nil {
			return b
		}
	}
	return nil
}

func (t *tracer) block(stmts []ast.Stmt) {
	t.open()
	t.stmts(stmts)
	t.close()
}

func (t *tracer) stmts(stmts []ast.Stmt) {
	for _, stmt := range stmts {
		t.stmt(stmt)
	}
}

func (t *tracer) stmt(stmt ast.Stmt) {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		t.assign(s)
	case *ast.LocalAssignStmt:
		t.local(s)
	case *ast.FuncCallStmt:
		t.expr(s.Expr)
	case *ast.DoBlockStmt:
		t.block(s.Stmts)
	case *ast.WhileStmt:
		t.expr(s.Condition)
		t.block(s.Stmts)
	case *ast.RepeatStmt:
		t.open()
		t.stmts(s.Stmts)
		t.expr(s.Condition)
		t.close()
	case *ast.IfStmt:
		t.expr(s.Condition)
		t.block(s.Then)
		t.block(s.Else)
	case *ast.NumberForStmt:
		t.exprs(s.Init, s.Limit, s.Step)
		t.open()
		t.declare(s.Name, s.Line())
		t.stmts(s.Stmts)
		t.close()
	case *ast.GenericForStmt:
		t.exprs(s.Exprs...)
		t.open()
		for _, name := range s.Names {
			t.declare(name, s.Line())
		}
		t.stmts(s.Stmts)
		t.close()
	case *ast.FuncDefStmt:
		t.define(s)
	case *ast.ReturnStmt:
		t.exprs(s.Exprs...)
	}
}

func (t *tracer) local(s *ast.LocalAssignStmt) {
	made := make([]*binding, len(s.Names))
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if fn, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			b := t.declare(s.Names[0], s.Line())
			b.fn = fn
			t.locals = append(t.locals, b)
			t.lambda(fn, b.name, s.Line())
			return
		}
	}
	t.exprs(s.Exprs...)
	for i, name := range s.Names {
		made[i] = t.declare(name, s.Line())
		if i < len(s.Exprs) {
			made[i].value = s.Exprs[i]
		}
	}
}

func (t *tracer) assign(s *ast.AssignStmt) {
	for i, e := range s.Rhs {
		if fn, ok := e.(*ast.FunctionExpr); ok && i < len(s.Lhs) {
			t.lambda(fn, written(s.Lhs[i]), fn.Line())
			continue
		}
		t.expr(e)
	}
	for i, target := range s.Lhs {
		ident, ok := target.(*ast.IdentExpr)
		if !ok {
			t.expr(target)
			continue
		}
		var fn *ast.FunctionExpr
		if i < len(s.Rhs) {
			fn, _ = s.Rhs[i].(*ast.FunctionExpr)
		}
		t.write(ident, fn)
	}
}

// write notes that a variable is given something anew; what it stands for is then uncertain.
func (t *tracer) write(ident *ast.IdentExpr, fn *ast.FunctionExpr) {
	b := t.find(ident.Value)
	if b == nil {
		if b = t.globals[ident.Value]; b == nil {
			b = &binding{name: ident.Value, line: ident.Line(), global: true}
			t.globals[ident.Value] = b
		}
	}
	t.bound[ident] = b
	if b.writes++; b.writes == 1 && b.global {
		b.fn = fn
	} else {
		b.fn, b.value = nil, nil
	}
}

// define is function name() … end, also name.field and name:method.
func (t *tracer) define(s *ast.FuncDefStmt) {
	name := ""
	if s.Name.Func == nil {
		name = written(s.Name.Receiver) + ":" + s.Name.Method
		t.expr(s.Name.Receiver)
	} else if ident, ok := s.Name.Func.(*ast.IdentExpr); ok {
		name = ident.Value
		t.write(ident, s.Func)
	} else {
		name = written(s.Name.Func)
		t.expr(s.Name.Func)
	}
	t.lambda(s.Func, name, s.Line())
}

func (t *tracer) lambda(fn *ast.FunctionExpr, name string, line int) {
	f := &function{unit: t.unit, node: fn, name: name, line: line, outer: t.at}
	if t.at != nil {
		t.at.inner = append(t.at.inner, f)
	}
	t.functions[fn] = f
	t.order = append(t.order, f)
	t.at = f
	t.open()
	for i, param := range fn.ParList.Names {
		b := t.declare(param, fn.Line())
		b.owner, b.index = fn, i
	}
	t.stmts(fn.Stmts)
	t.close()
	t.at = f.outer
}

func (t *tracer) exprs(list ...ast.Expr) {
	for _, e := range list {
		if e != nil {
			t.expr(e)
		}
	}
}

func (t *tracer) expr(expr ast.Expr) {
	switch e := expr.(type) {
	case *ast.IdentExpr:
		if t.at != nil {
			t.at.names = append(t.at.names, e)
		}
		if b := t.find(e.Value); b != nil {
			t.bound[e] = b
			b.reads++
		} else {
			t.free = append(t.free, e)
		}
	case *ast.FunctionExpr:
		t.lambda(e, "", e.Line())
	case *ast.FuncCallExpr:
		if t.at != nil {
			t.at.calls = append(t.at.calls, e)
		}
		t.exprs(inside(e)...)
	default:
		t.exprs(inside(e)...)
	}
}
