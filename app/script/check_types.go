package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// What is written out shows its type, and the reference says which ones a word takes: what would fail at the first customer,
// or do nothing, is told before. Variables and what functions return are not looked at, but for the words that give numbers.

// optionsOf are the fields of the tables that words take, by the type that the reference gives them.
var optionsOf = func() map[string][]field {
	all := map[string][]field{}
	for _, c := range classes {
		all[c.name] = c.fields
	}
	return all
}()

// signature returns how a word is written in this call: it has two forms if the first argument may be a handle.
func signature(word string, call *ast.FuncCallExpr) (params []field, ok bool) {
	for _, w := range words {
		if w.name != word {
			continue
		}
		what, _ := literal(call, 1)
		switch handle := slices.Contains(became, what); {
		case len(w.more) > 0 && handle == isText(call.Args[0]):
			return nil, false // either of them, or a mixture
		case len(w.more) > 0 && handle:
			return waitForHandle, true
		}
		return w.params, true
	}
	return nil, false
}

// waitForHandle are the parameters of wait_for(handle, "clicked", "2 days").
var waitForHandle = []field{{"handle", "stagecraft.Handle", "what send returned"}, {"what", "stagecraft.Became", "what becomes of it"},
	{"duration", "stagecraft.Duration", "how long at most"}, {"properties?", "table<string, string|number|boolean>", "what the event must have"}}

// formOf is the hint that shows how a word with these parameters is written with an argument at a place, from 0.
func formOf(word string, at int, params []field) string {
	handle := len(params) > 0 && params[0].kind == "stagecraft.Handle"
	for _, w := range words {
		if w.name != word {
			continue
		}
		for _, form := range w.forms {
			depth, n := 0, 0
			for _, c := range form {
				switch {
				case c == '{':
					depth++
				case c == '}':
					depth--
				case c == ',' && depth == 0:
					n++
				}
			}
			if n >= at && handle == strings.Contains(form, "(handle") {
				return "as in " + form
			}
		}
	}
	return "as in " + handlerWords[word].form
}

// types compares the arguments of a call with what the word takes.
func (r *review) types(u *unit, call *ast.FuncCallExpr, word string) {
	known, ok := handlerWords[word]
	if !ok || len(call.Args) == 0 {
		return // which is told already
	}
	params, ok := signature(word, call)
	if !ok {
		if len(call.Args) == 1 && !open(call.Args) {
			r.bad(u, call.Line(), word, formOf(word, 1, nil), word+" needs to know how long to wait")
		} else if is := typeOf(call.Args[min(1, len(call.Args)-1)]); is != "" && is != "a text" {
			r.bad(u, call.Args[1].Line(), word, formOf(word, 1, nil), "duration of "+word+` must be a duration such as "2 days", not `+is)
		}
		return
	}
	for i, arg := range call.Args {
		if i >= len(params) || params[i].name == "..." {
			break
		}
		if i == 0 && (known.text || word == "score") || i == 1 && word == "choose" {
			continue // which is told already
		}
		r.argument(u, arg, params[i], word, formOf(word, i, params))
	}
	if len(params) > 0 && params[len(params)-1].name == "..." {
		return
	}
	n := len(call.Args)
	switch {
	case n > len(params):
		r.bad(u, call.Args[len(params)].Line(), word, formOf(word, len(params)-1, params), fmt.Sprintf("%s takes %s; what stands behind does nothing", word, takes(len(params))))
	case open(call.Args), n == len(params), params[n].optional(), word == "sum", word == "choose":
	default:
		r.bad(u, call.Line(), word, formOf(word, n, params), fmt.Sprintf("%s needs one more: %s", word, params[n].doc))
	}
}

func takes(n int) string {
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// argument tells of one argument that is of another type, and of the fields of a table of options.
func (r *review) argument(u *unit, arg ast.Expr, param field, word, hint string) {
	if _, none := arg.(*ast.NilExpr); none && param.optional() {
		return
	}
	if want := wants(param.kind, arg); want != "" {
		r.bad(u, arg.Line(), word, hint, fmt.Sprintf("%s of %s must be %s, not %s", param.bare(), word, want, typeOf(arg)))
		return
	}
	table, ok := arg.(*ast.TableExpr)
	if !ok {
		return
	}
	for _, option := range optionsOf[param.kind] {
		value := optionOf(table, option.bare())
		if value == nil {
			continue
		}
		if want := wants(option.kind, value); want != "" {
			r.bad(u, value.Line(), option.bare(), hint, fmt.Sprintf("%s of %s must be %s, not %s", option.bare(), word, want, typeOf(value)))
		}
	}
}

func optionOf(table *ast.TableExpr, name string) ast.Expr {
	if value := option(table, name); value != nil {
		if _, none := value.(*ast.NilExpr); !none {
			return value
		}
	}
	return nil
}

// typeOf names the type of what is written out, as a sentence has it; "" if it is not known.
func typeOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StringExpr:
		return "a text"
	case *ast.NumberExpr:
		return "a number"
	case *ast.UnaryMinusOpExpr:
		return typeOf(e.Expr)
	case *ast.TrueExpr, *ast.FalseExpr:
		return "true or false"
	case *ast.TableExpr:
		return "a table"
	case *ast.FunctionExpr:
		return "a function"
	case *ast.NilExpr:
		return "nil"
	}
	return ""
}

// wants says what a type of the reference asks for, if something is written out that is none of it.
func wants(kind string, e ast.Expr) string {
	is := typeOf(e)
	want := ""
	switch {
	case is == "":
		return ""
	case kind == "stagecraft.Handle":
		want = "what send returned"
	case strings.HasPrefix(kind, "table<"), strings.HasSuffix(kind, "[]"), optionsOf[kind] != nil:
		want = "a table"
	case kind == "string", kind == "stagecraft.Became":
		want = "a text"
	case kind == "stagecraft.Duration":
		if want = `a duration such as "2 days"`; is == "a text" {
			return "" // which is read elsewhere
		}
	case kind == "stagecraft.Moment":
		if want = `a time such as "09:00"`; is == "a text" {
			return ""
		}
	case kind == "number":
		if text, ok := e.(*ast.StringExpr); ok {
			if _, is := parseNumber(text.Value); is {
				return ""
			}
		}
		want = "a number"
	case kind == "boolean":
		want = "true or false"
	}
	if want == is {
		return ""
	}
	return want
}

// shares looks at the values and weights of split("name", "a", "b", { weights = { 70, 30 } }).
func (r *review) shares(u *unit, call *ast.FuncCallExpr, values int) {
	const form = `as in split("greeting", "short", "long", { weights = { 70, 30 } })`
	for i, arg := range call.Args[1:] {
		if is := typeOf(arg); is == "a function" || is == "nil" || is == "a table" && i < len(call.Args)-2 {
			r.bad(u, arg.Line(), "split", form, "split gives texts, numbers, true or false, not "+is)
		}
	}
	list, ok := option(call.Args[len(call.Args)-1], "weights").(*ast.TableExpr)
	if !ok || open(fieldValues(list)) {
		return
	}
	if n := len(list.Fields); n != values {
		r.bad(u, list.Line(), "weights", form, fmt.Sprintf("split needs one weight for each of its %d values, not %d", values, n))
		return
	}
	for _, value := range fieldValues(list) {
		if is := typeOf(value); is != "" && is != "a number" {
			r.bad(u, value.Line(), "weights", form, "a weight of split is a number, not "+is)
		} else if _, negative := value.(*ast.UnaryMinusOpExpr); negative {
			r.bad(u, value.Line(), "weights", form, "a weight of split is a number from 0")
		}
	}
}

func fieldValues(table *ast.TableExpr) []ast.Expr {
	values := make([]ast.Expr, len(table.Fields))
	for i, f := range table.Fields {
		values[i] = f.Value
	}
	return values
}

// statements finds comparisons of numbers with texts, and fields of the customer and the event that are set like those of
// a table.
func (r *review) statements(u *unit) {
	everyBlock(u.tree, func(stmts []ast.Stmt) {
		for _, stmt := range stmts {
			if assign, ok := stmt.(*ast.AssignStmt); ok {
				for i, target := range assign.Lhs {
					r.assigned(u, target, assign.Rhs, i)
				}
			}
			for _, head := range heads(stmt) {
				everyExpr(head, func(e ast.Expr) {
					if compared, ok := e.(*ast.RelationalOpExpr); ok {
						r.compared(u, compared)
					}
				})
			}
		}
	})
}

// assigned refuses customer.plan = "pro": the customer and the event are read only.
func (r *review) assigned(u *unit, target ast.Expr, values []ast.Expr, n int) {
	get, ok := target.(*ast.AttrGetExpr)
	if !ok {
		return
	}
	what := r.what(u, get.Object)
	if within, is := get.Object.(*ast.AttrGetExpr); is && what == "" {
		if part, is := within.Key.(*ast.StringExpr); is {
			switch of := r.what(u, within.Object); {
			case of == "customer" && (part.Value == "tags" || part.Value == "scores"),
				of == "event" && (part.Value == "properties" || part.Value == "traits" || part.Value == "context"):
				what = of + "." + part.Value
			}
		}
	}
	if what == "" {
		return
	}
	name, value := "name", "value"
	if key, is := get.Key.(*ast.StringExpr); is {
		name = key.Value
	}
	if n < len(values) {
		value = written(values[n])
	}
	hint := "keep it in a local variable"
	switch what {
	case "customer", "traits":
		hint = fmt.Sprintf("a trait is set by set(%q, %s)", cut(name, 40), value)
	case "customer.tags":
		hint = fmt.Sprintf("write tag %q or untag %[1]q", cut(name, 40))
	case "customer.scores":
		hint = fmt.Sprintf("points are given by score(10, { name = %q })", cut(name, 40))
	}
	r.bad(u, target.Line(), name, hint, fmt.Sprintf("%s cannot be set", written(target)))
}

// compared finds a number that is compared with a text: it is never equal, and < and > fail.
func (r *review) compared(u *unit, e *ast.RelationalOpExpr) {
	for _, side := range [2][2]ast.Expr{{e.Lhs, e.Rhs}, {e.Rhs, e.Lhs}} {
		text, ok := side[1].(*ast.StringExpr)
		if !ok || !r.isNumber(u, side[0]) {
			continue
		}
		hint := "compare it with a number"
		if _, is := parseNumber(text.Value); is {
			hint = "write the number without quotes: " + strings.TrimSpace(text.Value)
		}
		r.bad(u, text.Line(), text.Value, hint, fmt.Sprintf("%s is a number and %q a text", written(side[0]), cut(text.Value, 40)))
		return
	}
}

// isNumber tells whether an expression is a number for certain.
func (r *review) isNumber(u *unit, e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.NumberExpr, *ast.UnaryMinusOpExpr, *ast.UnaryLenOpExpr, *ast.ArithmeticOpExpr:
		return true
	case *ast.FuncCallExpr:
		switch u.word(e) {
		case "count", "sum", "now", "random":
			return true
		}
	case *ast.AttrGetExpr:
		key, ok := e.Key.(*ast.StringExpr)
		if !ok || r.what(u, e.Object) != "customer" {
			return false
		}
		for _, f := range customerFields {
			if f.bare() == key.Value {
				return f.kind == "number"
			}
		}
	}
	return false
}
