package script

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"stagecraft/app/lifecycle"
)

// frontKeys are what the front matter of every message may say about it.
var frontKeys = []string{"subject", "preheader", "topic", "kind", "purpose", "expires", "in_doubt", "layout", "track", "utm", "links", "api", "data"}

// dataKeys are what the front matter of messages for a kind of channel may say besides. It goes to the connector as Message.Data, and
// so does what stands under data.
var dataKeys = map[string][]string{
	"push":   {"title", "url", "icon", "image", "ttl", "urgency", "collapse"},
	"inapp":  {"title", "url", "button"},
	"call":   {"reason", "number", "priority"},
	"social": {"template", "language", "tag", "header", "body", "button"},
	"letter": {"reference"},
}

const maxData = 50 // entries

// readFront reads front matter: a YAML mapping, flat but for what connectors get. It begins on the file's second line.
func readFront(t *lifecycle.Template, front []byte, report reporter) {
	var document yaml.Node
	if err := unmarshal(front, &document); err != nil {
		report(yamlLine(err), "put values with special characters in quotes, as in subject: \"{{ … }}\"", "the front matter is not YAML: %s", cut(yamlText(err), 200))
		return
	}
	if document.Kind == 0 || len(document.Content) == 0 {
		return
	}
	mapping := document.Content[0]
	if mapping.Kind == yaml.ScalarNode && mapping.Tag == "!!null" {
		return
	}
	if mapping.Kind != yaml.MappingNode {
		report(mapping.Line+1, "as in subject: Thank you", "the front matter must be lines of the form key: value")
		return
	}
	t.Lines = map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		line := key.Line + 1
		own := dataKeys[lifecycle.KindOf(t.Channel)]
		part, _, _ := strings.Cut(key.Value, ".")
		switch {
		case key.Value == "data":
			readData(t, "", value, report)
		case slices.Contains(own, part):
			readData(t, key.Value, value, report)
		case !slices.Contains(frontKeys, key.Value):
			known := append(slices.Clone(frontKeys), own...)
			report(line, didYouMean(key.Value, known, "there are: "+strings.Join(known, ", ")), "front matter has no %q", cut(key.Value, 80))
		case key.Value == "utm" && value.Kind == yaml.MappingNode:
			t.Front["utm"], t.Lines["utm"] = readUTM(value, report), line
		case value.Kind != yaml.ScalarNode:
			report(line, "put it in quotes if it begins with { or [", "%s must be a plain text", key.Value)
		default:
			if _, twice := t.Front[key.Value]; twice {
				report(line, "", "%s is there twice", key.Value)
			}
			if value.Tag == "!!null" {
				value.Value = ""
			}
			checkFront(key.Value, value.Value, func(hint, format string, args ...any) { report(line, hint, format, args...) })
			t.Front[key.Value], t.Lines[key.Value] = value.Value, line
		}
	}
	if len(t.Data) > maxData {
		report(1, "say less", "a connector gets %d values with a message, this one has %d", maxData, len(t.Data))
	}
}

// readData takes what goes to the connector. Names inside each other are joined by dots, entries of a list are counted
// from 1: body: [Mai, "12"] is body.1 and body.2.
func readData(t *lifecycle.Template, name string, value *yaml.Node, report reporter) {
	line := value.Line + 1
	join := func(part string) string { return strings.TrimPrefix(name+"."+part, ".") }
	switch {
	case value.Kind == yaml.MappingNode && strings.Count(name, ".") < 2:
		for i := 0; i+1 < len(value.Content); i += 2 {
			readData(t, join(value.Content[i].Value), value.Content[i+1], report)
		}
	case value.Kind == yaml.SequenceNode && name != "" && strings.Count(name, ".") < 2:
		for i, entry := range value.Content {
			readData(t, join(strconv.Itoa(i+1)), entry, report)
		}
	case value.Kind != yaml.ScalarNode || name == "":
		report(line, "put it in quotes if it begins with { or [", "%s must be lines of the form key: value", cmp.Or(name, "data"))
	case !validData(name):
		report(line, "use letters, digits, -, _ and dots", "%q cannot name a value for the connector", cut(name, 80))
	default:
		if _, twice := t.Data[name]; twice {
			report(line, "", "%s is there twice", name)
		}
		if value.Tag == "!!null" {
			value.Value = ""
		}
		if t.Data == nil {
			t.Data = map[string]string{}
		}
		t.Data[name], t.Lines[name] = value.Value, line
	}
}

func validData(name string) bool {
	for _, c := range []byte(name) {
		if !isAlpha(c) && !isDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return len(name) <= 64 && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".")
}

// readUTM reads utm: { campaign: spring, medium: email }, which is kept as campaign=spring&medium=email.
func readUTM(value *yaml.Node, report reporter) string {
	query := url.Values{}
	for i := 0; i+1 < len(value.Content); i += 2 {
		key, entry := value.Content[i], value.Content[i+1]
		if entry.Kind != yaml.ScalarNode {
			report(key.Line+1, "", "utm: %s must be a plain text", cut(key.Value, 80))
			continue
		}
		query.Set(key.Value, entry.Value)
	}
	text := query.Encode()
	checkFront("utm", text, func(hint, format string, args ...any) { report(value.Line+1, hint, format, args...) })
	return text
}

func checkFront(key, value string, report func(hint, format string, args ...any)) {
	choice := map[string][]string{"kind": {"transactional", "marketing"}, "purpose": {"value", "offer"}, "in_doubt": {"retry", "hold"}, "api": {"true", "false"}}
	if allowed := choice[key]; allowed != nil && !slices.Contains(allowed, value) {
		report(didYouMean(value, allowed, ""), "%s is %s, not %q", key, strings.Join(allowed, " or "), cut(value, 80))
	}
	switch key {
	case "expires":
		if d, err := lifecycle.ParseDuration(value); err != nil {
			report("", "%s", cut(err.Error(), 300))
		} else if d <= 0 {
			report("", "expires must be longer than nothing")
		}
	case "subject", "preheader":
		if strings.ContainsAny(value, "\r\n") {
			report("", "%s must be one line", key)
		}
	case "layout":
		if value != "" && value != "none" && !validName(value) {
			report(nameRule, "%q cannot name a layout", cut(value, 80))
		}
	case "track":
		if _, _, err := lifecycle.ParseTracking(value); err != nil {
			report("", "%s", cut(err.Error(), 300))
		}
	case "utm":
		if _, err := lifecycle.ParseUTM(value); err != nil {
			report("", "%s", cut(err.Error(), 300))
		}
	case "links":
		for _, host := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' }) {
			if strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || !strings.Contains(host, ".") && host != "any" && host != "own" && host != "localhost" {
				report("as in links: shop.example, checkout.example", "%q is no name of a host", cut(host, 80))
			}
		}
	case "topic":
		if !validName(value) {
			report(nameRule, "%q cannot name a topic", cut(value, 80))
		}
	}
}

// unmarshal reads YAML into nodes; a panic of the reader is an error like others.
func unmarshal(text []byte, document *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return yaml.Unmarshal(text, document)
}

// yamlLine finds the line in an error such as "yaml: line 3: …", counted from the file's beginning.
func yamlLine(err error) int {
	line := 0
	if _, rest, ok := strings.Cut(err.Error(), "line "); ok {
		fmt.Sscanf(rest, "%d", &line)
	}
	return max(line, 1) + 1
}

func yamlText(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if _, after, ok := strings.Cut(rest, ": "); ok {
			return after
		}
	}
	return text
}
