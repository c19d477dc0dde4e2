package script

import (
	"maps"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// What makes a journey unfit to be published: names that nobody defines, words in the wrong place, literals that cannot
// be read. Host.Check looks further.

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

// word returns the word that a call calls, "" if it calls something else.
func (c *checker) word(e *ast.FuncCallExpr) string {
	name, ok := e.Func.(*ast.IdentExpr)
	if !ok || c.local(name.Value) || !c.known.words[name.Value] {
		return ""
	}
	return name.Value
}

func (c *checker) inRole(role string, walk func()) {
	before := c.role
	c.role = role
	walk()
	c.role = before
}

func (c *checker) call(e *ast.FuncCallExpr) {
	word := c.word(e)
	c.checkPlace(e, word)
	c.checkLiterals(e, word)
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
			c.inRole("leave", func() { c.function(fn, false) })
			continue
		}
		e.Args[i] = c.expr(arg)
	}
}

// checkPlace refuses words where they cannot be said.
func (c *checker) checkPlace(e *ast.FuncCallExpr, word string) {
	if c.known.predicate {
		c.predicate(e, word)
		return
	}
	switch {
	case isRegistration(word):
		if c.inner > 0 {
			c.report(e.Line(), "move it to the top level of the file", "%s is called inside a function", word)
		}
		if c.lib {
			c.report(e.Line(), "helpers define functions that stages call", "%s is called in a helper", word)
		}
	case handlerWords[word].form != "":
		if c.inner == 0 {
			c.report(e.Line(), "put it into enter, leave, on or idle", "%s is called at the top level of the file", word)
		}
		if refused := refusedIn(c.role, word); refused != "" {
			c.report(e.Line(), refusedHint(c.role, word), "%s", refused)
		}
		if len(e.Args) == 0 && !handlerWords[word].bare {
			c.report(e.Line(), "as in "+handlerWords[word].form, "%s needs an argument", word)
		}
	}
}

// checkLiterals looks at arguments that are written out.
func (c *checker) checkLiterals(e *ast.FuncCallExpr, word string) {
	if c.known.predicate {
		return
	}
	if word == "use" {
		if name, ok := literal(e, 0); ok {
			c.uses = append(c.uses, mention{name, e.Line()})
		} else {
			c.report(e.Line(), `as in use "lib/offers"`, "use needs the name of a helper as plain text")
		}
		return
	}
	known, ok := handlerWords[word]
	if !ok || len(e.Args) == 0 {
		return
	}
	if known.text && neverText(e.Args[0]) {
		c.report(e.Line(), "as in "+known.form, "%s needs a text", word)
		return
	}
	name, isText := literal(e, 0)
	switch {
	case word == "send" && isText:
		c.sends = append(c.sends, mention{name, e.Line()})
	case word == "move" && isText:
		c.moves = append(c.moves, mention{name, e.Line()})
	case word == "wait_until" && isText:
		if _, err := ParseMoment(name); err != nil {
			c.report(e.Args[0].Line(), "", "%s", cut(err.Error(), 300))
		}
	}
	if at, text, ok := literalDuration(e, word); ok {
		if d, err := lifecycle.ParseDuration(text); err != nil {
			c.report(at.Line(), durationMeant(text), "%s", cut(err.Error(), 300))
		} else if d <= 0 {
			c.report(at.Line(), "", "%s needs a duration longer than nothing", word)
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

const spellingHint = "define it with local first, or check the spelling"

// elsewhere are names that other tools and languages have, and what is said here.
var elsewhere = map[string]string{
	"null": "nothing is nil", "none": "nothing is nil", "undefined": "nothing is nil",
	"sleep": `use wait "2 days"`, "delay": `use wait "2 days"`, "pause": `use wait "2 days"`,
	"email": `use send "name"`, "sms": `use send("name", { by = "sms" })`, "notify": `use send "name"`, "message": `use send "name"`,
	"transition": `use move "stage"`, "go": `use move "stage"`, "trigger": `use track("Event", { … })`, "emit": `use track("Event", { … })`,
	"on_enter": "use enter(function(customer) … end)", "on_leave": "use leave(function(customer) … end)", "on_event": `use on("Event", function(customer, event) … end)`,
	"exit": `use leave(function(customer) … end), or stage { exit = "Event" }`, "when": `use on("Event", function(customer, event) … end)`,
	"add_tag": `use tag "name"`, "remove_tag": `use untag "name"`, "console": "use log(…)",
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
		hint := didYouMean(read.name, names, spellingHint)
		if instead := notInSegments(read.name, c.known.stage); c.known.predicate && instead != "" {
			hint = instead
		} else if instead, ok := absent[read.name]; ok {
			hint = instead
		} else if instead, ok := elsewhere[strings.ToLower(read.name)]; ok {
			hint = instead
		}
		c.report(read.line, hint, "unknown word %q", cut(read.name, 80))
	}
}
