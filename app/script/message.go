package script

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"stagecraft/app/lifecycle"
)

// channels are those that a message can be written for.
var channels = []string{"email", "sms", "push", "inapp", "letter", "call", "social", "webhook"}

// frontKeys are what front matter may say.
var frontKeys = []string{"subject", "preheader", "topic", "kind", "purpose", "expires", "in_doubt"}

// readMessage reads messages/NAME.CHANNEL[.LOCALE].liquid. The body is Liquid, which is not looked at here.
func readMessage(full, path string, text []byte) (*lifecycle.Template, Errors) {
	t := &lifecycle.Template{File: full, Front: map[string]string{}, Line: 1}
	var errs Errors
	report := func(line int, hint, format string, args ...any) {
		errs = append(errs, problem(full, line, hint, format, args...))
	}
	const form = "name it like thank-you.email.liquid, or thank-you.email.vi.liquid"
	parts := strings.Split(strings.TrimPrefix(path, "messages/"), ".")
	if parts[len(parts)-1] != "liquid" || len(parts) < 3 || len(parts) > 4 {
		report(1, form, "the file's name does not say which message and channel it is")
		return t, errs
	}
	t.Name, t.Channel = parts[0], parts[1]
	if !validName(t.Name) {
		report(1, nameRule, "%q cannot name a message", cut(t.Name, 80))
	}
	if !slices.Contains(channels, t.Channel) {
		report(1, didYouMean(t.Channel, channels, "there are: "+oneOf(channels)), "there is no channel %q", cut(t.Channel, 80))
	}
	if len(parts) == 4 {
		if t.Locale = parts[2]; !validLocale(t.Locale) {
			report(1, "write it like vi, pt-BR or zh-Hant", "%q is not a locale", cut(t.Locale, 80))
		}
	}
	if len(text) > MaxMessageBytes {
		report(1, "", "a message may have %d KB, this one has %d bytes", MaxMessageBytes>>10, len(text))
		return t, errs
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		report(1+bytes.Count(text[:firstInvalid(text)], []byte{'\n'}), "save the file as UTF-8", "the message is not UTF-8 text")
		return t, errs
	}
	front, body, bodyLine, err := splitFront(text)
	if err != nil {
		report(1, "end the front matter with a line ---", "%s", err.Error())
		return t, errs
	}
	t.Body, t.Line = string(body), bodyLine
	readFront(t, front, report)
	if len(errs) == 0 && t.Channel == "email" && strings.TrimSpace(t.Front["subject"]) == "" {
		report(1, `begin the file with lines ---, subject: …, ---`, "an email needs a subject")
	}
	return t, errs
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(text)
}

func validLocale(text string) bool {
	for i, part := range strings.Split(text, "-") {
		if len(part) < 2 || len(part) > 8 || i > 3 || i == 0 && len(part) > 3 {
			return false
		}
		for _, c := range []byte(part) {
			if !isAlpha(c) && (i == 0 || !isDigit(c)) {
				return false
			}
		}
	}
	return true
}

// splitFront separates what stands between a first line --- and the next one. Without a first line --- all is body.
func splitFront(text []byte) (front, body []byte, bodyLine int, err error) {
	first, rest, _ := bytes.Cut(text, []byte{'\n'})
	if string(bytes.TrimRight(first, " \t\r")) != "---" {
		return nil, text, 1, nil
	}
	front = rest
	for line := 2; len(rest) > 0; line++ {
		var this []byte
		at := len(front) - len(rest)
		this, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if string(bytes.TrimRight(this, " \t\r")) == "---" {
			if at > maxFrontBytes {
				break
			}
			return front[:at], rest, line + 1, nil
		}
	}
	if len(front) > maxFrontBytes {
		return nil, nil, 0, fmt.Errorf("the front matter does not end within %d KB", maxFrontBytes>>10)
	}
	return nil, nil, 0, fmt.Errorf("the front matter does not end")
}

// readFront reads front matter: one flat YAML mapping. It begins on the file's second line.
func readFront(t *lifecycle.Template, front []byte, report func(line int, hint, format string, args ...any)) {
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
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		line := key.Line + 1
		switch {
		case !slices.Contains(frontKeys, key.Value):
			report(line, didYouMean(key.Value, frontKeys, "there are: "+strings.Join(frontKeys, ", ")), "front matter has no %q", cut(key.Value, 80))
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
			t.Front[key.Value] = value.Value
		}
	}
}

func checkFront(key, value string, report func(hint, format string, args ...any)) {
	choice := map[string][]string{"kind": {"transactional", "marketing"}, "purpose": {"value", "offer"}, "in_doubt": {"retry", "hold"}}
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
