package script

import (
	"maps"
	"slices"
	"strings"

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
	depth int // of the tree
	inner int // functions around the present place
	leave int // leave handlers around it
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
			c.report(deep.line, "split it into several statements", "an expression or block is nested more than %d levels deep", maxDepth)
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
	c.inner++
	c.open()
	if self {
		c.declare("self")
	}
	c.declare(fn.ParList.Names...)
	c.stmts(fn.Stmts)
	c.close()
	c.inner--
	c.depth--
}

// write notes an assignment to a name.
func (c *checker) write(ident *ast.IdentExpr) {
	if c.local(ident.Value) {
		return
	}
	if c.known.words[ident.Value] {
		c.report(ident.Line(), "choose another name, or make it local", "%q belongs to the language and cannot be changed", ident.Value)
	}
	c.globals[ident.Value] = true
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
	line := s.Line()
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		t := s.Lhs[0].(*ast.AttrGetExpr)
		return callStmt(line, wordSet, t.Object, t.Key, single(s.Rhs[0]))
	}
	var stmts []ast.Stmt
	locals := func(exprs []ast.Expr, names ...string) {
		l := &ast.LocalAssignStmt{Names: names, Exprs: exprs}
		setLine(l, line)
		stmts = append(stmts, l)
	}
	for i, target := range s.Lhs {
		if t, ok := target.(*ast.AttrGetExpr); ok {
			n := formatNumber(float64(i))
			locals([]ast.Expr{single(t.Object), single(t.Key)}, "(object"+n+")", "(key"+n+")")
		}
	}
	var values []string
	for i := range s.Lhs {
		values = append(values, "(value"+formatNumber(float64(i))+")")
	}
	locals(s.Rhs, values...)
	for i, target := range s.Lhs {
		n := formatNumber(float64(i))
		if _, ok := target.(*ast.AttrGetExpr); ok {
			stmts = append(stmts, callStmt(line, wordSet, ident(line, "(object"+n+")"), ident(line, "(key"+n+")"), ident(line, values[i])))
			continue
		}
		a := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{ident(line, values[i])}}
		setLine(a, line)
		stmts = append(stmts, a)
	}
	block := &ast.DoBlockStmt{Stmts: stmts}
	setLine(block, line)
	return block
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

func (c *checker) table(e *ast.TableExpr) ast.Expr {
	for _, field := range e.Fields {
		if field.Key != nil {
			field.Key = c.expr(field.Key)
			if isComputed(field.Key) {
				field.Key = call(e.Line(), wordKey, single(field.Key))
			}
		}
		field.Value = c.expr(field.Value)
	}
	if c.declared > 0 {
		return e // nothing keeps these
	}
	return call(e.Line(), wordTable, e)
}

// word returns the word that a call calls, "" if it calls something else.
func (c *checker) word(e *ast.FuncCallExpr) string {
	name, ok := e.Func.(*ast.IdentExpr)
	if !ok || c.local(name.Value) || !c.known.words[name.Value] {
		return ""
	}
	return name.Value
}

func (c *checker) call(e *ast.FuncCallExpr) {
	word := c.word(e)
	c.checkCall(e, word)
	if e.Func != nil {
		e.Func = c.expr(e.Func)
	} else {
		e.Receiver = c.expr(e.Receiver)
	}
	if c.inner == 0 && (word == "journey" || word == "stage") {
		c.declared++
		defer func() { c.declared-- }()
	}
	for i, arg := range e.Args {
		if fn, ok := arg.(*ast.FunctionExpr); ok && word == "leave" {
			c.leave++
			c.function(fn, false)
			c.leave--
			continue
		}
		e.Args[i] = c.expr(arg)
	}
}

func (c *checker) checkCall(e *ast.FuncCallExpr, word string) {
	line := e.Line()
	var literal string
	var isText bool
	if len(e.Args) > 0 {
		if text, ok := e.Args[0].(*ast.StringExpr); ok {
			literal, isText = text.Value, true
		}
	}
	switch word {
	case "send", "wait", "move", "log":
		if c.inner == 0 {
			c.report(line, "put it into enter, leave, on or idle", "%s is called at the top level of the file", word)
		}
		if c.leave > 0 && (word == "wait" || word == "move") {
			c.report(line, "", "leave cannot %s: the customer is already on the way out", word)
		}
		if len(e.Args) == 0 {
			c.report(line, "", "%s needs an argument", word)
		}
	case "journey", "stage", "enter", "leave", "on", "idle":
		if c.inner > 0 {
			c.report(line, "move it to the top level of the file", "%s is called inside a function", word)
		}
		if c.lib {
			c.report(line, "helpers define functions that stages call", "%s is called in a helper", word)
		}
	}
	switch {
	case word == "send" && isText:
		c.sends = append(c.sends, mention{literal, line})
	case word == "move" && isText:
		c.moves = append(c.moves, mention{literal, line})
	case word == "wait" && isText:
		if d, err := lifecycle.ParseDuration(literal); err != nil {
			c.report(line, "", "%s", cut(err.Error(), 300))
		} else if d <= 0 {
			c.report(line, "", "wait needs a duration longer than nothing")
		}
	case word == "use" && isText:
		c.uses = append(c.uses, mention{literal, line})
	case word == "use":
		c.report(line, `as in use "lib/offers"`, "use needs the name of a helper as plain text")
	case (word == "send" || word == "move" || word == "wait") && len(e.Args) > 0:
		switch e.Args[0].(type) {
		case *ast.NumberExpr, *ast.TableExpr, *ast.FunctionExpr, *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr:
			want := map[string]string{"send": `send "thank-you"`, "move": `move "active"`, "wait": `wait "30 days"`}
			c.report(line, "as in "+want[word], "%s needs a text", word)
		}
	}
}

// libraryField checks string.x, table.x and math.x.
func (c *checker) libraryField(e *ast.AttrGetExpr) {
	object, ok := e.Object.(*ast.IdentExpr)
	key, isText := e.Key.(*ast.StringExpr)
	if !ok || !isText || c.local(object.Value) {
		return
	}
	fields := c.known.fields[object.Value]
	if fields == nil || slices.Contains(fields, key.Value) {
		return
	}
	c.report(e.Line(), didYouMean(key.Value, fields, "there are: "+strings.Join(fields, ", ")), "there is no %s.%s", object.Value, cut(key.Value, 80))
}

// frozenField refuses string.x = … when it is compiled already.
func (c *checker) frozenField(e *ast.AttrGetExpr) {
	if object, ok := e.Object.(*ast.IdentExpr); ok && !c.local(object.Value) && c.known.fields[object.Value] != nil {
		c.report(e.Line(), "put it into a table or a local of your own", "%s belongs to the language and cannot be changed", object.Value)
	}
}

// unknown reports the globals that nobody defines.
func (c *checker) unknown(defined map[string]bool) {
	words := slices.Sorted(maps.Keys(c.known.words))
	names := append(words, slices.Sorted(maps.Keys(defined))...)
	names = names[:min(len(names), 500)]
	reported := map[mention]bool{}
	for _, read := range c.reads {
		if c.full() {
			return
		}
		if defined[read.name] || c.known.words[read.name] || reported[read] {
			continue
		}
		reported[read] = true
		hint := didYouMean(read.name, names, "define it with local first, or check the spelling")
		if coming[read.name] {
			hint = "it is planned, but this version does not have it yet"
		} else if instead, ok := absent[read.name]; ok {
			hint = instead
		}
		c.report(read.line, hint, "unknown word %q", cut(read.name, 80))
	}
}
