package script

import (
	"maps"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// library is all Lua files of a journey, so that a name can be followed from one into another.
type library map[string]*unit // by path

// function returns the function that an expression is or names, in its own file or in a helper:
// greet, offers.best where offers is use "lib/offers", or a global that a helper defines. nil if that is not plain.
func (l library) function(u *unit, e ast.Expr) *function {
	if f := u.function(e); f != nil {
		return f
	}
	switch e := e.(type) {
	case *ast.IdentExpr:
		if b := u.bound[e]; b != nil {
			if helper := l.helper(u, b.value); helper != nil {
				return helper.exported("")
			}
			return nil
		}
		for _, path := range slices.Sorted(maps.Keys(l)) {
			if other := l[path]; strings.HasPrefix(path, "lib/") {
				if b := other.globals[e.Value]; b != nil && b.fn != nil {
					return other.functions[b.fn]
				}
			}
		}
	case *ast.AttrGetExpr:
		key, ok := e.Key.(*ast.StringExpr)
		if !ok {
			return nil
		}
		object := e.Object
		if b := u.variable(object); b != nil && b.value != nil {
			if f := u.member(b, key.Value); f != nil {
				return f
			}
			object = b.value
		}
		if helper := l.helper(u, object); helper != nil {
			return helper.exported(key.Value)
		}
	}
	return nil
}

// helper returns the file that a call of use loads.
func (l library) helper(u *unit, e ast.Expr) *unit {
	if call, ok := e.(*ast.FuncCallExpr); ok && u.word(call) == "use" {
		if name, ok := literal(call, 0); ok {
			return l[name+".lua"]
		}
	}
	return nil
}

// exported returns what a helper hands out under a name; with "" what it hands out itself.
func (u *unit) exported(name string) *function {
	if len(u.tree) == 0 {
		return nil
	}
	last, ok := u.tree[len(u.tree)-1].(*ast.ReturnStmt)
	if !ok || len(last.Exprs) != 1 {
		return nil
	}
	given := last.Exprs[0]
	if name == "" {
		return u.function(given)
	}
	if owner := u.variable(given); owner != nil {
		return u.member(owner, name)
	}
	return u.function(option(given, name))
}

// member returns the function that a table has under a name: owner = { name = … }, owner.name = … or function
// owner.name() at the top level of the file.
func (u *unit) member(owner *binding, name string) *function {
	if value := option(owner.value, name); value != nil {
		return u.function(value)
	}
	for _, stmt := range u.tree {
		switch s := stmt.(type) {
		case *ast.FuncDefStmt:
			if s.Name.Func != nil && u.isField(s.Name.Func, owner, name) {
				return u.functions[s.Func]
			}
		case *ast.AssignStmt:
			if len(s.Lhs) == 1 && len(s.Rhs) == 1 && u.isField(s.Lhs[0], owner, name) {
				return u.function(s.Rhs[0])
			}
		}
	}
	return nil
}

// isField tells whether an expression is owner.name.
func (u *unit) isField(e ast.Expr, owner *binding, name string) bool {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok || owner == nil || u.variable(get.Object) != owner {
		return false
	}
	key, ok := get.Key.(*ast.StringExpr)
	return ok && key.Value == name
}

// start is one registration: what starts a function.
type start struct {
	kind  string // enter, leave, on, idle, goal, exit
	event string // of on and idle, if it is plain text
	unit  *unit  // where it is registered
	call  *ast.FuncCallExpr
	run   ast.Expr // the function; of goal and exit perhaps the events
}

// starts returns what a file registers, in its order.
func (u *unit) starts() []start {
	var all []start
	note := func(e ast.Expr) {
		call, ok := e.(*ast.FuncCallExpr)
		if !ok {
			return
		}
		word := u.word(call)
		at := map[string]int{"enter": 0, "leave": 0, "on": 1, "idle": 2}
		if n, ok := at[word]; ok && n < len(call.Args) {
			s := start{kind: word, unit: u, call: call, run: call.Args[n]}
			if n > 0 {
				s.event, _ = literal(call, 0)
			}
			all = append(all, s)
		}
		if word == "stage" && len(call.Args) == 1 {
			if goal := option(call.Args[0], "goal"); goal != nil {
				all = append(all, start{kind: "goal", unit: u, call: call, run: goal})
			}
		}
		if (word == "stage" || word == "journey") && len(call.Args) == 1 {
			if exit := option(call.Args[0], "exit"); exit != nil {
				all = append(all, start{kind: "exit", unit: u, call: call, run: exit})
			}
		}
	}
	everyStmt(u.tree, func(stmt ast.Stmt) {
		for _, head := range heads(stmt) {
			everyExpr(head, note)
		}
	})
	return all
}

// acts returns the first word by which a function acts or looks, itself or through another; "" if it only works
// something out.
func (l library) acts(f *function, seen map[*function]bool) string {
	if f == nil || seen[f] {
		return ""
	}
	seen[f] = true
	for _, call := range f.calls {
		if word := f.unit.word(call); handlerWords[word].form != "" {
			return word
		}
		if word := l.acts(l.function(f.unit, call.Func), seen); word != "" {
			return word
		}
	}
	for _, inner := range f.inner {
		if inner.name == "" {
			if word := l.acts(inner, seen); word != "" {
				return word
			}
		}
	}
	return ""
}
