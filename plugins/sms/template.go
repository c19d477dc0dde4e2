package sms

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// template is a text with places such as {{to}}, read once.
type template []piece

type piece struct {
	text  string // as it stands there; "" of a place
	place string // the name of what is filled in
}

// places are what a template may name.
var places = []string{"to", "digits", "national", "from", "text", "id", "kind", "parts", "unicode", "username", "secret", "callback"}

// parseTemplate reads a template; setting names it in errors. further are places beside those that there always are.
func parseTemplate(setting, text string, further map[string]string) (template, error) {
	var t template
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}}")
		name = strings.TrimSpace(name)
		if _, known := further[name]; !closed || !known && !slices.Contains(places, name) {
			return nil, fmt.Errorf("%s has a {{ without a name that is known; there are {{%s}}", setting, strings.Join(places, "}}, {{"))
		}
		t = append(t, piece{place: name})
		rest = behind
	}
	return t, nil
}

// fill fills in values, each escaped for where the text goes.
func (t template) fill(values map[string]string, escape func(string) string) string {
	var out strings.Builder
	for _, p := range t {
		if p.place == "" {
			out.WriteString(p.text)
		} else {
			out.WriteString(escape(values[p.place]))
		}
	}
	return out.String()
}

// escaping is how values are written in a body of a content type.
func escaping(contentType string) func(string) string {
	kind := strings.ToLower(contentType)
	switch {
	case strings.Contains(kind, "json"):
		return jsonText
	case strings.Contains(kind, "form-urlencoded"):
		return urlText
	case strings.Contains(kind, "xml"):
		return xmlText
	}
	return func(text string) string { return text }
}

// jsonText is a text as it stands between the quotes of a JSON string.
func jsonText(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

// urlText is a text as it stands in a path, a query or a form: a space as %20 means one in all of them.
func urlText(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func xmlText(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}

// headerText drops what a header may not hold.
func headerText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}
