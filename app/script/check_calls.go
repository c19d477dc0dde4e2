package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// wordOptions says which argument of a word holds its options, and what they are.
var wordOptions = map[string]struct {
	at    int
	known []field
}{"send": {1, sendOptions}, "score": {1, scoreOptions}, "choose": {2, chooseOptions}, "track": {2, trackOptions}}

// arguments looks at what a word is given, where it is written out. What cannot be published is told already.
func (r *review) arguments(u *unit, f *function, call *ast.FuncCallExpr, word string) {
	if options, ok := wordOptions[word]; ok && options.at < len(call.Args) {
		r.options(u, call.Args[options.at], word, fieldNames(options.known))
	}
	r.types(u, call, word)
	switch word {
	case "send":
		r.channel(u, call)
		r.caps(u, call)
	case "wait_for":
		r.waitFor(u, call)
	case "split":
		values := len(call.Args) - 1
		if n := len(call.Args); n > 1 {
			if table, ok := call.Args[n-1].(*ast.TableExpr); ok {
				values--
				r.options(u, table, word, fieldNames(splitOptions))
			}
		}
		if values < 2 && !open(call.Args) {
			r.bad(u, call.Line(), word, "as in "+handlerWords[word].form, "split needs a name and two values at least")
		} else if !open(call.Args) {
			r.shares(u, call, values)
		}
	case "choose":
		if len(call.Args) < 2 {
			r.bad(u, call.Line(), word, "as in "+handlerWords[word].form, "choose needs a list to choose from")
		} else if isText(call.Args[1]) || neverText(call.Args[1]) && !isTable(call.Args[1]) {
			r.bad(u, call.Args[1].Line(), word, "as in "+handlerWords[word].form, "choose needs a list to choose from, in { … }")
		}
	case "score":
		if len(call.Args) > 0 && (isText(call.Args[0]) || isTable(call.Args[0])) {
			r.bad(u, call.Args[0].Line(), word, "as in "+handlerWords[word].form, "score needs a number of points")
		}
	case "track":
		r.chain(u, f, call)
	case "sum":
		if len(call.Args) == 1 && !open(call.Args) {
			r.bad(u, call.Line(), word, "as in "+handlerWords[word].form, "sum needs the property to add up")
		}
	case "webhook":
		if address, ok := literal(call, 0); ok && badAddress(address) != "" {
			r.bad(u, call.Args[0].Line(), address, "as in "+handlerWords[word].form, fmt.Sprintf("%q is no address to post to: %s", cut(address, 80), badAddress(address)))
		}
	}
}

// caps looks at what a send says about frequency caps.
func (r *review) caps(u *unit, call *ast.FuncCallExpr) {
	if len(call.Args) < 2 {
		return
	}
	if says, ok := option(call.Args[1], "caps").(*ast.StringExpr); ok && says.Value != "wait" && says.Value != "drop" {
		r.bad(u, says.Line(), says.Value, `write "wait" or "drop"`, fmt.Sprintf("caps of send is %q", cut(says.Value, 80)))
	}
}

// chain finds an event that is made to happen at that same event.
func (r *review) chain(u *unit, f *function, call *ast.FuncCallExpr) {
	name, ok := literal(call, 0)
	if !ok {
		return
	}
	for _, s := range r.started[f] {
		if s.kind == "on" && s.event == name {
			r.warn(u, call.Args[0].Line(), name, "give what follows a name of its own", fmt.Sprintf("this makes %q happen at every %q, so again and again, until the engine ends the chain", name, name))
			return
		}
	}
}

func isText(e ast.Expr) bool {
	_, ok := e.(*ast.StringExpr)
	return ok
}

func isTable(e ast.Expr) bool {
	_, ok := e.(*ast.TableExpr)
	return ok
}

// open tells whether a list of arguments ends in something that may be several.
func open(args []ast.Expr) bool {
	if len(args) == 0 {
		return false
	}
	switch last := args[len(args)-1].(type) {
	case *ast.FuncCallExpr:
		return !last.AdjustRet
	case *ast.Comma3Expr:
		return true
	}
	return false
}

// options finds names in a table that the word does not know.
func (r *review) options(u *unit, e ast.Expr, word string, known []string) {
	table, ok := e.(*ast.TableExpr)
	if !ok {
		return
	}
	for _, field := range table.Fields {
		key, ok := field.Key.(*ast.StringExpr)
		if field.Key == nil || !ok || slices.Contains(known, key.Value) {
			continue
		}
		r.bad(u, key.Line(), key.Value, didYouMean(key.Value, known, word+" knows: "+strings.Join(known, ", ")), fmt.Sprintf("%s has no option %q", word, cut(key.Value, 80)))
	}
}

// channel looks at send("name", { by = "sms" }).
func (r *review) channel(u *unit, call *ast.FuncCallExpr) {
	if len(call.Args) < 2 {
		return
	}
	by, ok := option(call.Args[1], "by").(*ast.StringExpr)
	if !ok {
		return
	}
	name, plain := literal(call, 0)
	written := r.c.messages[name]
	problem, hint := channelProblem(by.Value)
	switch {
	case problem != "":
		r.bad(u, by.Line(), by.Value, hint, problem)
	case plain && written != nil && written[by.Value] == nil:
		have := slices.Sorted(maps.Keys(written))
		r.bad(u, by.Line(), by.Value, fmt.Sprintf("it has: %s; or add messages/%s.%s.liquid", oneOf(have), name, by.Value), fmt.Sprintf("message %q has no text for channel %q", name, by.Value))
	}
}

func (r *review) waitFor(u *unit, call *ast.FuncCallExpr) {
	const forms = `write wait_for("Order Completed", "2 days"), or wait_for(handle, "clicked", "2 days")`
	if _, event := literal(call, 0); event {
		if text, ok := literal(call, 1); ok && slices.Contains(became, text) {
			r.bad(u, call.Line(), text, `keep what send returns: local message = send "…", then wait_for(message, "`+text+`", "2 days")`, "what became of a message is asked of its handle, not of a name")
		}
		return
	}
	if what, ok := literal(call, 1); ok && !slices.Contains(became, what) {
		if _, err := lifecycle.ParseDuration(what); err == nil {
			r.bad(u, call.Line(), what, forms, "wait_for a message needs to know what is waited for, before how long")
			return
		}
		r.bad(u, call.Line(), what, didYouMean(what, became, "there are: "+strings.Join(became, ", ")), fmt.Sprintf("a message is never %q", cut(what, 80)))
	}
}

// inPlace refuses words that the function's start forbids, also where the function has a name or is a helper. What is
// written directly in leave or goal is told already.
func (r *review) inPlace(f *function, call *ast.FuncCallExpr, word string) {
	for _, s := range r.started[f] {
		refused := refusedIn(s.kind, word)
		if refused == "" || s.run == ast.Expr(f.node) {
			continue
		}
		place := ""
		if f.unit != s.unit || f.line != s.call.Line() {
			place = fmt.Sprintf(" (%s of %s:%d)", s.kind, s.unit.full, s.call.Line())
		}
		r.bad(f.unit, call.Line(), word, refusedHint(s.kind, word), refused+place)
		return
	}
}
