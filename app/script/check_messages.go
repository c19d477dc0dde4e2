package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// messages finds those that no script sends, and that are not said to be for other programs (api: true).
func (r *review) messages() {
	sent, texts, worked := map[string]bool{}, map[string]bool{}, false
	for _, u := range r.order {
		for _, f := range u.order {
			for _, call := range f.said("send") {
				if name, ok := literal(call, 0); ok {
					sent[name] = true
				} else {
					worked = true
				}
			}
		}
		for _, t := range tokens(u.text) {
			if t.quoted && len(t.text) > 2 {
				texts[t.text] = true
			}
		}
	}
	told := map[string]bool{}
	for _, t := range r.c.Templates { // one file of a message speaks for all of them
		told[t.Name] = told[t.Name] || t.Front["api"] == "true"
	}
	for _, t := range r.c.Templates {
		if sent[t.Name] || told[t.Name] || worked && mentioned(t.Name, texts) {
			continue
		}
		told[t.Name] = true
		r.say(t.File, 1, "", Warning, fmt.Sprintf("say send %q where it is wanted, write api: true if other programs send it, or delete the file", t.Name), fmt.Sprintf("no script sends the message %q", t.Name))
	}
}

// unusedShared finds the layouts and partials of the journey that nothing names.
func (r *review) unusedShared() {
	said := func(name string) bool {
		for _, t := range r.c.everyTemplate() {
			if strings.Contains(t.Body, name) {
				return true
			}
		}
		return false
	}
	tell := func(t *lifecycle.Template, what string) {
		if !strings.HasPrefix(t.File, "lib/") {
			r.say(t.File, 1, "", Warning, "name it where it is wanted, or delete the file", fmt.Sprintf("no message uses the %s %q", what, t.Name))
		}
	}
	for _, locales := range r.c.shared.layouts {
		for _, t := range locales {
			if !r.c.shared.used[t] {
				tell(t, "layout")
			}
		}
	}
	for name, t := range r.c.shared.partials {
		if !said(name) {
			tell(t, "partial")
		}
	}
}

// everyTemplate returns messages, layouts and partials.
func (c *compiler) everyTemplate() []*lifecycle.Template {
	var all []*lifecycle.Template
	for i := range c.Templates {
		all = append(all, &c.Templates[i])
	}
	for _, locales := range c.shared.layouts {
		all = slices.AppendSeq(all, maps.Values(locales))
	}
	return slices.AppendSeq(all, maps.Values(c.shared.partials))
}

// mentioned tells whether a name, or a part of it, is a text in the scripts.
func mentioned(name string, texts map[string]bool) bool {
	if texts[name] {
		return true
	}
	for text := range texts {
		if strings.Contains(name, text) {
			return true
		}
	}
	return false
}

// idleFunctions finds functions that are defined, and that nobody registers or calls.
func (r *review) idleFunctions(u *unit) {
	var unused []*binding
	for _, b := range u.locals {
		if b.reads == 0 {
			unused = append(unused, b)
		}
	}
	for _, b := range u.globals {
		if b.fn != nil && b.reads == 0 && !r.readElsewhere(u, b.name) {
			unused = append(unused, b)
		}
	}
	for _, b := range unused {
		f := u.functions[b.fn]
		if f == nil || strings.HasPrefix(b.name, "_") {
			continue
		}
		word := r.files.acts(f, map[*function]bool{})
		params := f.node.ParList.Names
		handler := len(params) > 0 && (params[0] == "customer" || params[0] == "event")
		if !handler && word == "" || strings.HasPrefix(u.path, "lib/") {
			r.warn(u, b.line, b.name, "use it, or take it away", fmt.Sprintf("function %s is never used", b.name))
			continue
		}
		kind := "enter"
		for _, k := range []string{"leave", "idle", "on", "enter"} {
			if strings.Contains(strings.ToLower(b.name), k) {
				kind = k
			}
		}
		form := map[string]string{"enter": "enter(%s)", "leave": "leave(%s)", "on": `on("Order Completed", %s)`, "idle": `idle("Order Completed", "30 days", %s)`}[kind]
		r.bad(u, b.line, b.name, "register it below: "+fmt.Sprintf(form, b.name), fmt.Sprintf("function %s is defined but never registered or called, so it never runs", b.name))
	}
}

func (r *review) readElsewhere(u *unit, name string) bool {
	for _, other := range r.order {
		if other == u {
			continue
		}
		if b := r.c.checkers[other.path]; b != nil {
			for _, read := range b.reads {
				if read.name == name {
					return true
				}
			}
		}
	}
	return false
}
