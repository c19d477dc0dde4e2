package script

import (
	"fmt"
	"slices"
	"strings"
)

// Annotations returns stagecraft.d.lua: the words for editors that run the Lua language server (LuaLS), with their types
// and docs.
func Annotations() []byte {
	var b strings.Builder
	b.WriteString("---@meta\n-- The words of Stagecraft's stage scripts, for editors with the Lua language server. Generated; do not edit.\n\n")
	b.WriteString("--- How long: as people write it (\"90 minutes\", \"2 weeks 3 days\") or as ISO 8601 does (\"PT36H\"). A day is 24 hours.\n---@alias stagecraft.Duration string\n\n")
	b.WriteString("--- A time of day (\"09:00\"), perhaps on some days of the week (\"mon-fri 09:00\", \"mon,wed 08:00\"), or of one day (\"2026-06-01 09:00\").\n---@alias stagecraft.Moment string\n\n")
	b.WriteString("--- What can become of a message.\n---@alias stagecraft.Became\n")
	for _, what := range became {
		fmt.Fprintf(&b, "---| %q\n", what)
	}
	for _, c := range slices.Concat(classes, testClasses) {
		fmt.Fprintf(&b, "\n--- Of `%s`.\n---@class %s\n", c.title, c.name)
		for _, f := range c.fields {
			fmt.Fprintf(&b, "---@field %s %s %s\n", f.name, f.kind, f.doc)
		}
		if c.any != "" {
			fmt.Fprintf(&b, "---@field [string] %s\n", c.any)
		}
	}
	for _, word := range expectChain {
		fmt.Fprintf(&b, "---@field %s stagecraft.Expectation\n", word)
	}
	for _, w := range slices.Concat(words, testWords) {
		b.WriteString("\n")
		w.annotate(&b)
	}
	return []byte(b.String())
}

func (w word) annotate(b *strings.Builder) {
	fmt.Fprintf(b, "--- %s\n---\n", sentence(w.doc))
	b.WriteString("--- ```lua\n")
	for _, form := range w.forms {
		fmt.Fprintf(b, "--- %s\n", form)
	}
	b.WriteString("--- ```\n")
	names := make([]string, len(w.params))
	for i, p := range w.params {
		fmt.Fprintf(b, "---@param %s %s %s\n", p.name, p.kind, p.doc)
		names[i] = p.bare()
	}
	for _, r := range w.returns {
		fmt.Fprintf(b, "---@return %s %s %s\n", r.kind, r.name, r.doc)
	}
	for _, more := range w.more {
		fmt.Fprintf(b, "---@overload %s\n", more)
	}
	fmt.Fprintf(b, "function %s(%s) end\n", w.name, strings.Join(names, ", "))
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// ReferenceMarkdown returns the tables of words, options and fields of docs/scripting.md.
func ReferenceMarkdown() []byte {
	var b strings.Builder
	printWords(&b, words)
	printFields(&b, classes)
	known := newVocabulary()
	fmt.Fprintf(&b, "\nWhat can become of a message, for `wait_for(handle, …)`: %s.\n", strings.Join(became, ", "))
	fmt.Fprintf(&b, "\nOf Lua itself there are %s; in `string`: %s; in `table`: %s; in `math`: %s.\n", strings.Join(known.base, ", "),
		strings.Join(known.fields["string"], ", "), strings.Join(known.fields["table"], ", "), strings.Join(known.fields["math"], ", "))
	b.WriteString("\n### In tests\n\n")
	printWords(&b, testWords)
	printFields(&b, testClasses)
	fmt.Fprintf(&b, "\nBetween `expect(…)` and what should hold may stand %s; `never` and `to_not` ask for the opposite.\n", strings.Join(expectChain, ", "))
	return []byte(b.String())
}

func printWords(b *strings.Builder, words []word) {
	b.WriteString("| word | where | what |\n|---|---|---|\n")
	for _, w := range words {
		forms := make([]string, len(w.forms))
		for i, form := range w.forms {
			forms[i] = "`" + form + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", strings.Join(forms, "<br>"), w.where, w.doc)
	}
}

func printFields(b *strings.Builder, classes []class) {
	b.WriteString("\n| of | field | what |\n|---|---|---|\n")
	for _, c := range classes {
		title := "`" + c.title + "`"
		for _, f := range c.fields {
			fmt.Fprintf(b, "| %s | `%s` | %s |\n", title, f.bare(), f.doc)
			title = ""
		}
		if c.any != "" {
			b.WriteString("| | any other | the trait of that name |\n")
		}
	}
}
