package script

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// handlerWord is what the checks know of a word that is said inside a handler.
type handlerWord struct {
	form string // how it is written, for hints
	text bool   // its first argument is a text
	bare bool   // it may stand without arguments
	acts bool   // it does something, so a goal cannot say it
}

// acting are the words that do something.
var acting = map[string]bool{
	"send": true, "wait": true, "wait_until": true, "wait_for": true, "move": true, "choose": true, "score": true,
	"set": true, "tag": true, "untag": true, "track": true, "webhook": true,
}

// handlerWords are the words of the reference that are said inside handlers.
var handlerWords = func() map[string]handlerWord {
	known := map[string]handlerWord{}
	for _, w := range words {
		if w.where != inHandlers {
			continue
		}
		h := handlerWord{form: w.forms[0], bare: len(w.params) == 0 || w.params[0].optional(), acts: acting[w.name]}
		if len(w.params) > 0 && len(w.more) == 0 {
			kind := w.params[0].kind
			h.text = kind == "string" || kind == "stagecraft.Duration" || kind == "stagecraft.Moment"
		}
		known[w.name] = h
	}
	return known
}()

func isRegistration(word string) bool {
	switch word {
	case "journey", "stage", "enter", "leave", "on", "idle":
		return true
	}
	return false
}

func isWait(word string) bool { return word == "wait" || word == "wait_until" || word == "wait_for" }

// refusedIn says why a word cannot be said in leave or in a goal; "" if it can.
func refusedIn(role, word string) string {
	switch {
	case role == "leave" && (isWait(word) || word == "move"):
		return "leave cannot " + word + ": the customer is already on the way out"
	case role == "goal" && handlerWords[word].acts:
		return "a goal function only looks; it cannot " + word
	}
	return ""
}

func refusedHint(role, word string) string {
	switch {
	case role == "goal":
		return "return whether the goal is reached, and act in enter, leave, on or idle"
	case isWait(word):
		return "send what has to be said at once, or wait in the next stage's enter"
	}
	return ""
}

// literal returns an argument that is written out as a text.
func literal(e *ast.FuncCallExpr, n int) (string, bool) {
	if n >= len(e.Args) {
		return "", false
	}
	text, ok := e.Args[n].(*ast.StringExpr)
	if !ok {
		return "", false
	}
	return text.Value, true
}

// neverText tells literals that cannot be a text.
func neverText(e ast.Expr) bool {
	switch e.(type) {
	case *ast.NumberExpr, *ast.TableExpr, *ast.FunctionExpr, *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr:
		return true
	}
	return false
}

// isKey tells whether a field of a table is written name = ….
func isKey(field *ast.Field, name string) bool {
	key, ok := field.Key.(*ast.StringExpr)
	return ok && key.Value == name
}

// option returns what a table that is written out says under a name.
func option(e ast.Expr, name string) ast.Expr {
	table, ok := e.(*ast.TableExpr)
	if !ok {
		return nil
	}
	for _, field := range table.Fields {
		if isKey(field, name) {
			return field.Value
		}
	}
	return nil
}

// literalDuration returns the duration that a word is given as plain text.
func literalDuration(e *ast.FuncCallExpr, word string) (ast.Expr, string, bool) {
	var at ast.Expr
	place := func(n int) {
		if n < len(e.Args) {
			at = e.Args[n]
		}
	}
	switch word {
	case "wait":
		place(0)
	case "count":
		place(1)
	case "sum":
		place(2)
	case "idle":
		place(1)
	case "wait_for":
		if _, event := literal(e, 0); event {
			place(1)
		} else {
			place(2)
		}
	case "score":
		if len(e.Args) > 1 {
			at = option(e.Args[1], "half_life")
		}
	case "send":
		if len(e.Args) > 1 {
			at = option(e.Args[1], "expires")
		}
	}
	if text, ok := at.(*ast.StringExpr); ok {
		return at, text.Value, true
	}
	return nil, "", false
}

// durationMeant guesses what somebody meant who wrote something that is no duration; "" if that is not clear.
func durationMeant(text string) string {
	digits := strings.TrimSpace(strings.TrimRight(text, " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	unit := strings.TrimSpace(text[min(len(digits), len(text)):])
	if digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return ""
	}
	if unit == "" {
		return fmt.Sprintf("did you mean %q?", digits+" days")
	}
	if near := closest(unit, []string{"minutes", "hours", "days", "weeks"}); len(near) > 0 {
		return fmt.Sprintf("did you mean %q?", digits+" "+near[0])
	}
	if unit := strings.ToLower(unit); unit == "month" || unit == "months" {
		return `a month has no fixed length: write "30 days"`
	}
	return ""
}
