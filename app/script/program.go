package script

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// Program is a compiled journey. It never changes and is safe for concurrent use.
type Program struct {
	Journey   lifecycle.Journey
	Templates []lifecycle.Template // in the order of their files

	host     *Host
	src      Source
	chunks   map[string]*lua.FunctionProto // by path in the source
	handlers map[string]handlerRef         // by Handler.ID
	lines    map[string]int                // of the handlers
	messages map[string]map[string]map[string]*lifecycle.Template
	files    []string // full names, the longest first
	longest  int      // bytes of the longest text written out in the files
	mentions uint32   // which events of our own the files name
}

// handlerRef says how to find a handler's function: it is the n-th that its file registers.
type handlerRef struct {
	file string
	n    int
	kind lifecycle.HandlerKind
}

// Source returns the text of a file, named as in errors ("customer-lifecycle/lost.lua") or relative to the journey's
// folder ("lost.lua").
func (p *Program) Source(file string) ([]byte, bool) {
	if text, ok := p.src.Files[strings.TrimPrefix(file, p.src.Name+"/")]; ok {
		return text, true
	}
	text, ok := p.src.Files[file]
	return text, ok
}

// Sources returns the whole source, as it was compiled.
func (p *Program) Sources() Source { return p.src }

// Template returns how a message is said on a channel: in the locale if there is such a text, else in its language
// ("vi-VN" -> "vi"), else in the default one.
func (p *Program) Template(name, channel, locale string) (*lifecycle.Template, bool) {
	return inLocale(p.messages[name][channel], locale)
}

// Channels returns the channels for which a message is written, in alphabetical order.
func (p *Program) Channels(name string) []string {
	return slices.Sorted(maps.Keys(p.messages[name]))
}

func (p *Program) stageNames() []string {
	names := make([]string, len(p.Journey.Stages))
	for i := range p.Journey.Stages {
		names[i] = p.Journey.Stages[i].Name
	}
	return names
}

func (p *Program) helpers() []string {
	var names []string
	for file := range p.src.Files {
		if strings.HasPrefix(file, "lib/") && strings.HasSuffix(file, ".lua") {
			names = append(names, strings.TrimSuffix(file, ".lua"))
		}
	}
	slices.Sort(names)
	return names
}

// position splits "customer-lifecycle/lost.lua:12: message" if it begins with one of the program's files.
func (p *Program) position(text string) (file string, line int, message string) {
	for _, name := range p.files {
		rest, ok := strings.CutPrefix(text, name+":")
		if !ok {
			continue
		}
		number, message, ok := strings.Cut(rest, ":")
		if n, err := strconv.Atoi(number); ok && err == nil {
			return name, n, strings.TrimSpace(message)
		}
	}
	return "", 0, text
}
