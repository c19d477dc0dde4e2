package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// CheckCommand looks for mistakes in journeys without running them.
type CheckCommand struct {
	Dir    string `arg:"" optional:"" help:"A folder of journeys, or one journey's folder. Default: the one you are in; else those of the data folder, or of scripts; else the built-in journeys."`
	Strict bool   `name:"strict" help:"Warnings fail, too."`
	JSON   bool   `name:"json" help:"Print what was found as JSON."`
	scriptsFolder
}

// checked is what was found in a folder.
type checked struct {
	Journeys []string         `json:"journeys"`
	Errors   int              `json:"errors"`
	Warnings int              `json:"warnings"`
	Problems []script.Problem `json:"problems"`
}

// Run checks. What it finds goes to standard output; the exit code is 1 if there are errors.
func (c *CheckCommand) Run(w *world) error {
	folder, dir, only, err := c.find(c.Dir)
	if err != nil {
		return err
	}
	c.elsewhere(w, c.Dir, dir)
	sources, err := script.ReadSources(folder)
	result := checked{Journeys: []string{}, Problems: []script.Problem{}}
	var unread script.Errors
	if errors.As(err, &unread) {
		for _, e := range unread {
			if only == "" || strings.HasPrefix(e.File, only+"/") {
				result.Problems = append(result.Problems, unreadable(e))
			}
		}
	} else if err != nil {
		return err
	}
	host := script.New(script.Limits{})
	for _, source := range sources {
		if only == "" || source.Name == only {
			result.Journeys = append(result.Journeys, source.Name)
			result.Problems = append(result.Problems, host.Check(source, delivery.CheckTemplate, delivery.CheckVariables, delivery.CheckLinks)...)
		}
	}
	if only == "" {
		result.Problems = append(result.Problems, host.CheckScores(folder)...)
		result.Problems = append(result.Problems, checkSegments(host, folder, sources, unread == nil)...)
		result.Problems = append(result.Problems, script.CheckTopics(folder)...)
	}
	result.Problems = append(result.Problems, checkSources(folder, only)...)
	result.Problems = once(result.Problems)
	for _, p := range result.Problems {
		if p.Severity == script.Warning {
			result.Warnings++
		} else {
			result.Errors++
		}
	}
	if c.JSON {
		encoder := json.NewEncoder(w.stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(result)
	} else {
		_, err = io.WriteString(w.stdout, result.text(dir, colours(w.stdout)))
	}
	if err == nil && (result.Errors > 0 || c.Strict && result.Warnings > 0) {
		err = &Exit{1, nil}
	}
	return err
}

// unreadable is what was wrong before a file could be looked at.
func unreadable(e *lifecycle.Error) script.Problem {
	p := script.Problem{File: e.File, Line: max(e.Line, 1), Severity: script.Bad, Message: e.Message, Hint: e.Hint}
	if e.Cause != nil {
		p.Message += ": " + e.Cause.Error()
	}
	return p
}

// once leaves out what was found in a helper already when an earlier journey was checked.
func once(problems []script.Problem) []script.Problem {
	seen := map[script.Problem]bool{}
	return slices.DeleteFunc(problems, func(p script.Problem) bool {
		before := seen[p]
		seen[p] = true
		return before
	})
}

// text shows the problems with their lines, and the sum.
func (c *checked) text(dir string, coloured bool) string {
	var out strings.Builder
	for _, p := range c.Problems {
		if dir != "" {
			p.File = filepath.Join(shortest(dir), filepath.FromSlash(p.File))
		}
		out.WriteString(painted(p, coloured))
		out.WriteString("\n\n")
	}
	if dir == "" {
		fmt.Fprintf(&out, "%s: ", plural(len(c.Journeys), "built-in journey", "built-in journeys"))
	} else {
		fmt.Fprintf(&out, "%s in %s: ", plural(len(c.Journeys), "journey", "journeys"), shortest(dir))
	}
	if len(c.Problems) == 0 {
		out.WriteString("no mistakes\n")
	} else {
		fmt.Fprintf(&out, "%s, %s\n", plural(c.Errors, "error", "errors"), plural(c.Warnings, "warning", "warnings"))
	}
	return out.String()
}

// shortest returns a folder relative to the one we are in, if it lies inside it.
func shortest(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return filepath.Clean(dir)
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return filepath.Clean(dir)
	}
	if rel, err := filepath.Rel(here, full); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return filepath.Clean(dir)
}

// colours tells whether a stream is a terminal that shows them. NO_COLOR (no-color.org) says no.
func colours(out io.Writer) bool {
	if within, is := out.(*harmlessText); is {
		out = within.out
	}
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// The colours of a compiler's message, as ANSI escape codes.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	green  = "\x1b[1;32m"
	blue   = "\x1b[34m"
	faint  = "\x1b[2m"
	normal = "\x1b[0m"
)

// painted shows a problem in colours. Its parts are lines, which is how they are told apart.
func painted(p script.Problem, coloured bool) string {
	text := p.String()
	if !coloured {
		return text
	}
	kind := red
	if p.Severity == script.Warning {
		kind = yellow
	}
	lines := strings.Split(text, "\n")
	place, sentence, _ := strings.Cut(lines[0], ": "+string(p.Severity)+": ")
	lines[0] = bold + place + ": " + kind + string(p.Severity) + ": " + normal + bold + sentence + normal
	for i, line := range lines[1:] {
		begin, rest, bar := strings.Cut(line, " | ")
		switch {
		case bar && strings.TrimSpace(begin) == "":
			lines[i+1] = faint + begin + " | " + normal + green + rest + normal
		case bar:
			lines[i+1] = faint + begin + " | " + normal + rest
		default:
			lines[i+1] = blue + line + normal
		}
	}
	return strings.Join(lines, "\n")
}
