package script

import (
	"path"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// Layouts and partials are what messages share. They lie in the journey's messages/layouts and messages/partials, or for
// all journeys in lib/layouts and lib/partials, where a journey's own come first.
const (
	layoutFolder  = "layouts/"
	partialFolder = "partials/"
	maxLayouts    = 4 // around each other
)

// isShared reports whether a file is a layout or a partial.
func isShared(file string) (folder string, is bool) {
	dir, _ := path.Split(file)
	switch dir {
	case "messages/" + layoutFolder, "lib/" + layoutFolder:
		return layoutFolder, true
	case "messages/" + partialFolder, "lib/" + partialFolder:
		return partialFolder, true
	}
	return "", false
}

// shared are the layouts and partials of a journey.
type shared struct {
	layouts  map[string]map[string]*lifecycle.Template // by name.channel and locale
	partials map[string]*lifecycle.Template            // by the name that messages render, such as partials/footer
	used     map[*lifecycle.Template]bool              // layouts that a message names
}

// readShared reads the layouts and partials. Those of the journey come after those of lib, and take their places.
func (c *compiler) readShared() {
	c.shared = shared{layouts: map[string]map[string]*lifecycle.Template{}, partials: map[string]*lifecycle.Template{}, used: map[*lifecycle.Template]bool{}}
	for _, file := range c.src.Paths() {
		folder, is := isShared(file)
		if !is {
			continue
		}
		t := newTemplate(c.src.full(file))
		report := func(line int, hint, format string, args ...any) { c.report(file, line, hint, format, args...) }
		text := c.src.Files[file]
		if folder == layoutFolder {
			if readNames(t, path.Base(file), "layout", report) {
				c.readLayout(t, text, report)
			}
			continue
		}
		name, isLiquid := strings.CutSuffix(path.Base(file), ".liquid")
		if !isLiquid || !validName(name) {
			report(1, "name it like footer.liquid: "+nameRule, "the file's name does not say which partial it is")
		}
		t.Name = partialFolder + name
		if readText(t, text, report) {
			c.shared.partials[t.Name] = t
		}
	}
}

// readLayout reads a layout. Of front matter it may have one line, which names the layout around it.
func (c *compiler) readLayout(t *lifecycle.Template, text []byte, report reporter) {
	if !readText(t, text, report) {
		return
	}
	front, body, line, err := splitFront([]byte(t.Body))
	if err != nil {
		report(1, "end the front matter with a line ---", "%s", err.Error())
		return
	}
	t.Body, t.Line = string(body), line
	readFront(t, front, report)
	for key := range t.Lines {
		if key != "layout" {
			report(t.Lines[key], "say it in the messages", "the front matter of a layout names only the layout around it, not %s", key)
		}
	}
	key, locale := t.Name+"."+t.Channel, strings.ToLower(t.Locale)
	if c.shared.layouts[key] == nil {
		c.shared.layouts[key] = map[string]*lifecycle.Template{}
	}
	c.shared.layouts[key][locale] = t
}

// dress finds the layouts that a message, or a layout, names: in its locale, else in its language, else the default one.
func (c *compiler) dress(t *lifecycle.Template) {
	t.Partials = c.shared.partials
	for at := t; at.Front["layout"] != "" && at.Front["layout"] != "none"; {
		name := at.Front["layout"]
		layouts := c.shared.layouts[name+"."+t.Channel]
		if layouts == nil {
			layouts = c.shared.layouts[name+"."+lifecycle.KindOf(t.Channel)]
		}
		layout, _ := inLocale(layouts, t.Locale)
		problemAt := func(hint, format string, args ...any) {
			c.errs = append(c.errs, problem(at.File, max(at.Lines["layout"], 1), hint, format, args...))
		}
		switch {
		case layout == nil:
			problemAt(didYouMean(name, c.layoutNames(t.Channel), "add messages/"+layoutFolder+cut(name, 40)+"."+t.Channel+".liquid"),
				"there is no layout %q for %s without a language", cut(name, 80), t.Channel)
			return
		case slices.Contains(t.Layouts, layout):
			problemAt("take this line away", "the layout %q lies around itself", name)
			return
		case len(t.Layouts) == maxLayouts:
			problemAt("make one of them", "more than %d layouts lie around each other", maxLayouts)
			return
		}
		c.shared.used[layout] = true
		t.Layouts = append(t.Layouts, layout)
		at = layout
	}
}

func (c *compiler) layoutNames(channel string) []string {
	var names []string
	for key := range c.shared.layouts {
		name, of, _ := strings.Cut(key, ".")
		if of == channel || of == lifecycle.KindOf(channel) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// inLocale returns the text for a locale: "vi-VN", else "vi", else the one without a language.
func inLocale(locales map[string]*lifecycle.Template, locale string) (*lifecycle.Template, bool) {
	for locale != "" {
		if t, ok := locales[strings.ToLower(strings.ReplaceAll(locale, "_", "-"))]; ok {
			return t, true
		}
		locale = locale[:max(strings.LastIndexAny(locale, "-_"), 0)]
	}
	t, ok := locales[""]
	return t, ok
}
