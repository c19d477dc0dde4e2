package script

import (
	"io/fs"
	"strings"

	"stagecraft/app/lifecycle"
)

// ReadIntakes reads the sources of a scripts folder: sources/*.lua, each with the helpers of lib that it names. Files that
// end in _test.lua and hidden ones are left out. The error is an Errors.
func ReadIntakes(fsys fs.FS) ([]Source, error) {
	r := &reader{fsys: fsys}
	if info, err := fs.Stat(fsys, intakeFolder); err != nil || !info.IsDir() {
		return nil, nil
	}
	lib := map[string][]byte{}
	for file, text := range r.lib() {
		if strings.HasSuffix(file, ".lua") {
			lib[file] = text
		}
	}
	var sources []Source
	for _, entry := range r.list(intakeFolder) {
		file := entry.Name()
		if !isScript(file) || r.isDir(intakeFolder+"/"+file, entry) {
			continue
		}
		text, ok := r.read(intakeFolder+"/"+file, MaxLuaBytes)
		if !ok {
			continue
		}
		source := Source{Name: strings.TrimSuffix(file, ".lua"), Files: map[string][]byte{file: text}}
		addLib(source, lib)
		sources = append(sources, source)
	}
	if len(r.errs) > 0 {
		return sources, r.errs
	}
	return sources, nil
}

// CheckIntake says everything that keeps a source from working.
func (h *Intakes) CheckIntake(src Source) []Problem {
	_, err := h.Compile(src)
	errs, _ := err.(Errors)
	problems := make([]Problem, len(errs))
	for i, e := range errs {
		problems[i] = Problem{File: e.File, Line: max(e.Line, 1), Severity: Bad, Message: e.Message, Hint: e.Hint,
			SourceLine: lineIn(src, e)}
	}
	return problems
}

func lineIn(src Source, e *lifecycle.Error) string {
	text, ok := src.Files[strings.TrimPrefix(e.File, intakeFolder+"/")]
	if !ok {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	if e.Line < 1 || e.Line > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[e.Line-1], "\r")
}
