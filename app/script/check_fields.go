package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// usualTraits are those that most customers have; a name that nearly is one of them is probably it.
var usualTraits = []string{"email", "phone", "name", "first_name", "last_name", "timezone", "locale", "language", "birthday", "gender", "age", "title",
	"company", "address", "city", "country", "created_at", "plan", "referrer", "website", "avatar"}

// fields finds fields of the event that there are not, and fields of the customer that nearly are a usual one.
func (r *review) fields(u *unit) {
	set := r.traitsSet()
	visit := func(e ast.Expr) {
		get, ok := e.(*ast.AttrGetExpr)
		if !ok {
			return
		}
		key, ok := get.Key.(*ast.StringExpr)
		if !ok {
			return
		}
		switch r.what(u, get.Object) {
		case "event":
			if !slices.Contains(fieldNames(eventFields), key.Value) {
				r.bad(u, key.Line(), key.Value, didYouMean(key.Value, fieldNames(eventFields), fmt.Sprintf("its own data is in event.properties.%s", cut(key.Value, 40))), fmt.Sprintf("an event has no field %q", cut(key.Value, 80)))
			}
		case "customer":
			r.nearly(u, key, append(slices.Clone(fieldNames(customerFields)), usualTraits...), set)
		case "traits":
			r.nearly(u, key, usualTraits, set)
		}
	}
	everyBlock(u.tree, func(stmts []ast.Stmt) {
		for _, stmt := range stmts {
			for _, head := range heads(stmt) {
				everyExpr(head, visit)
			}
		}
	})
}

func (r *review) nearly(u *unit, key *ast.StringExpr, usual []string, set map[string]bool) {
	name := key.Value
	if len(name) < 4 || set[name] || slices.Contains(usual, name) || slices.Contains(usual, name+"s") {
		return
	}
	near := closest(name, usual)
	if len(near) == 0 || distance(name, near[0]) > 2 || len(name) < 6 && distance(name, near[0]) > 1 {
		return
	}
	r.warn(u, key.Line(), name, fmt.Sprintf("did you mean %q?", near[0]), fmt.Sprintf("customer.%s looks like a misspelt %s", cut(name, 80), near[0]))
}

// what tells whether an expression is the customer, its traits or the event: by the place among the parameters of a
// handler, else by name. What a helper calls so may be a table that a script made.
func (r *review) what(u *unit, e ast.Expr) string {
	if get, ok := e.(*ast.AttrGetExpr); ok {
		if key, ok := get.Key.(*ast.StringExpr); ok && key.Value == "traits" && r.what(u, get.Object) == "customer" {
			return "traits"
		}
		return ""
	}
	b := u.variable(e)
	if b == nil || b.owner == nil || b.writes > 0 {
		return ""
	}
	for _, s := range r.started[u.functions[b.owner]] {
		if r.files.function(s.unit, s.run) == u.functions[b.owner] && b.index < 2 {
			return []string{"customer", "event"}[b.index]
		}
	}
	if (b.name == "customer" || b.name == "event") && !strings.HasPrefix(u.path, "lib/") {
		return b.name
	}
	return ""
}

// traitsSet returns the traits that the scripts themselves set.
func (r *review) traitsSet() map[string]bool {
	set := map[string]bool{}
	for _, u := range r.order {
		for _, f := range u.order {
			for _, call := range f.said("set") {
				if name, ok := literal(call, 0); ok {
					set[name] = true
				}
			}
		}
	}
	return set
}
