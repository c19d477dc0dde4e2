package script

import (
	"errors"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"

	"stagecraft/app/lifecycle"
)

// TopicsFile says how topics are called, beside the journeys. A topic has one title, or one by language:
//
//	news: { en: News, vi: Tin tức }
//	offers: Offers
const TopicsFile = "topics.yaml"

// Bounds of titles.
const (
	maxTopics     = 200
	maxTopicTitle = 100 // bytes
)

// Topics are the titles of topics, by name.
type Topics map[string]lifecycle.Texts

// Title returns how a topic is called in a language; in none of its own, in English, or as it is called everywhere. "": it has no title.
func (t Topics) Title(topic, language string) string {
	titles := t[topic]
	if title := titles.In(language); title != "" {
		return title
	}
	return titles["en"]
}

// ReadTopics reads the titles of topics in a scripts folder; none if there is no such file. The error is Errors: all that is wrong.
func ReadTopics(fsys fs.FS) (Topics, error) {
	if _, err := fs.Stat(fsys, TopicsFile); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	text, err := fs.ReadFile(fsys, TopicsFile)
	if err != nil {
		return nil, Errors{lifecycle.Wrap(lifecycle.ScriptFailed, err, "%s cannot be read", TopicsFile)}
	}
	return ParseTopics(text)
}

// ParseTopics reads the text of such a file, of at most 64 KB.
func ParseTopics(text []byte) (Topics, error) {
	var errs Errors
	report := func(line int, hint, format string, args ...any) {
		errs = append(errs, problem(TopicsFile, max(line, 1), hint, format, args...))
	}
	const form = "as in news: { en: News, vi: Tin tức }"
	var document yaml.Node
	switch {
	case len(text) > MaxLuaBytes:
		report(1, "", "it has %d bytes; the limit is %d", len(text), MaxLuaBytes)
		return nil, errs
	default:
		if err := unmarshal(text, &document); err != nil {
			report(max(yamlLine(err)-1, 1), form, "it is not YAML: %s", cut(yamlText(err), 200))
			return nil, errs
		}
	}
	if document.Kind == 0 || len(document.Content) == 0 || document.Content[0].Tag == "!!null" {
		return nil, nil
	}
	mapping := document.Content[0]
	if mapping.Kind != yaml.MappingNode {
		report(mapping.Line, form, "it must be lines of the form topic: title")
		return nil, errs
	}
	topics := Topics{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], mapping.Content[i+1]
		switch _, twice := topics[name.Value]; {
		case !validName(name.Value):
			report(name.Line, nameRule, "%q cannot name a topic", cut(name.Value, 80))
			continue
		case twice:
			report(name.Line, "", "topic %s is there twice", name.Value)
			continue
		case len(topics) == maxTopics:
			report(name.Line, "", "there may be %d topics", maxTopics)
			return nil, errs
		}
		titles := lifecycle.Texts{}
		add := func(language string, title *yaml.Node) {
			line := strings.TrimSpace(title.Value)
			if title.Kind != yaml.ScalarNode || line == "" || len(line) > maxTopicTitle || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' }) {
				report(title.Line, form, "the title of topic %s must be one line of at most %d bytes", name.Value, maxTopicTitle)
				return
			}
			titles[language] = line
		}
		if topics[name.Value] = titles; value.Kind != yaml.MappingNode {
			add("", value)
			continue
		}
		for i := 0; i+1 < len(value.Content); i += 2 {
			language := value.Content[i]
			if len(language.Value) < 2 || len(language.Value) > 3 || strings.Trim(language.Value, "abcdefghijklmnopqrstuvwxyz") != "" {
				report(language.Line, form, "%q is no language; write it like en or vi", cut(language.Value, 80))
				continue
			}
			add(language.Value, value.Content[i+1])
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return topics, nil
}

// CheckTopics says what is wrong with the titles of a scripts folder.
func CheckTopics(fsys fs.FS) []Problem {
	_, err := ReadTopics(fsys)
	errs, _ := err.(Errors)
	text, _ := fs.ReadFile(fsys, TopicsFile)
	problems := make([]Problem, len(errs))
	for i, e := range errs {
		problems[i] = Problem{File: e.File, Line: e.Line, Severity: Bad, Message: e.Message, Hint: e.Hint, SourceLine: sourceLine(text, e.Line)}
	}
	return problems
}
