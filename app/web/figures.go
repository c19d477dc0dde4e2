package web

import (
	"bytes"
	"context"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// scriptFile answers a file of the version that runs, with its flow.
func (s *Server) scriptFile(c *fiber.Ctx) error {
	name, program, err := s.running(c)
	if err != nil {
		return err
	}
	file, err := param(c, "*")
	if err != nil {
		return err
	}
	source, ok := program.Source(file)
	if !ok {
		return lifecycle.Errorf(lifecycle.NotFound, "journey %s has no file %q", name, file)
	}
	return c.JSON(fiber.Map{"file": file, "version": program.Journey.Version, "source": string(source), "flow": flowOf(program, file)})
}

// running returns the journey that the path names, as it runs.
func (s *Server) running(c *fiber.Ctx) (string, *script.Program, error) {
	name, err := param(c, "name")
	if err != nil {
		return "", nil, err
	}
	state, err := s.stateOf(c, name)
	if err != nil {
		return "", nil, err
	}
	program, ok := s.Engine.Program(state.Version)
	if !ok {
		return "", nil, lifecycle.Errorf(lifecycle.Unavailable, "version %s of %s is not there yet", state.Version, name)
	}
	return name, program, nil
}

// flowOf draws a file; a file that is no script has no flow.
func flowOf(program *script.Program, file string) []script.FlowNode {
	if flow, err := program.Flow(file); err == nil {
		return flow.Roots
	}
	return []script.FlowNode{}
}

type wireFigures struct {
	Versions []wireVersion `json:"versions"`
	Lines    []wireLine    `json:"lines"`
	Changed  []wireChanged `json:"changed"`
}

// wireVersion is how many runs wait in a version of the journey, and how many of them at a line that the newest version
// changed.
type wireVersion struct {
	Version string `json:"version"`
	Runs    int64  `json:"runs"`
	Changed int64  `json:"changed"`
}

type wireLine struct {
	Line       int   `json:"line"`
	Waiting    int64 `json:"waiting"`
	Sent       int64 `json:"sent"`
	Opened     int64 `json:"opened"`
	Clicked    int64 `json:"clicked"`
	Converted  int64 `json:"converted"`
	Failed     int64 `json:"failed"`
	Suppressed int64 `json:"suppressed"`
}

type wireChanged struct {
	Version string `json:"version"`
	Line    int    `json:"line"`
	Text    string `json:"text"`
	Waiting int64  `json:"waiting"`
}

// lineFigures answers what happened at the lines of a file. What older versions counted stands at the line that the newest one
// has instead; who waits at a line that is no more is told apart.
func (s *Server) lineFigures(c *fiber.Ctx) error {
	name, program, err := s.running(c)
	if err != nil {
		return err
	}
	file, err := param(c, "*")
	if err != nil {
		return err
	}
	figures, err := s.Insight.Journey(c.UserContext(), name)
	if err != nil {
		return err
	}
	full := file
	if !strings.HasPrefix(file, "lib/") {
		full = name + "/" + file
	}
	answer := wireFigures{Versions: []wireVersion{{Version: program.Journey.Version}}, Lines: []wireLine{}, Changed: []wireChanged{}}
	lines, versions := map[int]*wireLine{}, map[string]*wireVersion{program.Journey.Version: &answer.Versions[0]}
	for place, counts := range figures.Lines {
		carried, err := s.lines.carry(c.UserContext(), s.Engine.SourceOf, program.Sources(), &program.Journey, place)
		if err != nil {
			return err
		}
		if counts.Waiting > 0 {
			version := versions[place.Version]
			if version == nil {
				version = &wireVersion{Version: place.Version}
				versions[place.Version] = version
			}
			version.Runs += counts.Waiting
			if carried.line == 0 {
				version.Changed += counts.Waiting
			}
		}
		if nowIn(&program.Journey, place.File) != full {
			continue
		}
		if carried.line == 0 {
			if counts.Waiting > 0 {
				answer.Changed = append(answer.Changed, wireChanged{place.Version, place.Line, carried.text, counts.Waiting})
			}
			continue
		}
		line := lines[carried.line]
		if line == nil {
			line = &wireLine{Line: carried.line}
			lines[carried.line] = line
		}
		line.add(counts)
	}
	newest := versions[program.Journey.Version]
	answer.Versions[0] = *newest
	delete(versions, newest.Version)
	for _, version := range versions {
		answer.Versions = append(answer.Versions, *version)
	}
	sort.Slice(answer.Versions[1:], func(i, j int) bool {
		a, b := answer.Versions[1+i], answer.Versions[1+j]
		return a.Runs > b.Runs || a.Runs == b.Runs && a.Version < b.Version
	})
	for _, line := range lines {
		answer.Lines = append(answer.Lines, *line)
	}
	slices.SortFunc(answer.Lines, func(a, b wireLine) int { return a.Line - b.Line })
	slices.SortFunc(answer.Changed, func(a, b wireChanged) int {
		if c := strings.Compare(a.Version, b.Version); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return c.JSON(answer)
}

func (w *wireLine) add(counts insight.LineCounts) {
	w.Waiting += counts.Waiting
	w.Sent += counts.Sent[string(lifecycle.Accepted)]
	w.Opened += counts.Sent["opened"]
	w.Clicked += counts.Sent["clicked"]
	w.Converted += counts.Sent["converted"]
	w.Failed += counts.Sent[string(lifecycle.Failed)]
	w.Suppressed += counts.Sent[string(lifecycle.Suppressed)] + counts.Sent[string(lifecycle.Expired)]
}

// carrier knows where lines of older versions stand in a newer one. What it found out it keeps: versions never change.
type carrier struct {
	mu    sync.Mutex
	files map[string][]string // by both versions and file, the lines of the older one
	lines map[string][]int    // likewise, where they stand in the newer one; 0: nowhere
}

// carried is a line in the newer version, or 0 and what it said if it was changed or dropped.
type carried struct {
	line int
	text string
}

// maxCarried bounds what is kept, in files.
const maxCarried = 4096

// nowIn returns the file in which the lines of a file stand in a plan: that of a stage that was renamed is called like it. Of no
// plan it is the file itself.
func nowIn(plan *lifecycle.Journey, file string) string {
	folder, base := path.Split(file)
	if stage, is := strings.CutSuffix(base, ".lua"); is && plan != nil && folder == plan.Name+"/" {
		return folder + plan.Present(stage) + ".lua"
	}
	return file
}

// carry finds where a line stands in a newer version; plan is that version's, nil if it has none that can be read.
func (k *carrier) carry(ctx context.Context, sourceOf func(context.Context, string) (script.Source, error), newer script.Source, plan *lifecycle.Journey, place insight.Line) (carried, error) {
	version := newer.Version()
	if place.Version == version {
		return carried{line: place.Line}, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := version + " " + place.Version + " " + place.File
	if _, known := k.lines[key]; !known {
		older, err := sourceOf(ctx, place.Version)
		if err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
			return carried{}, err
		}
		if len(k.lines) >= maxCarried || k.lines == nil {
			k.files, k.lines = map[string][]string{}, map[string][]int{}
		}
		in := func(file string) string { return strings.TrimPrefix(file, newer.Name+"/") }
		k.files[key] = splitLines(older.Files[in(place.File)])
		k.lines[key] = carryLines(k.files[key], splitLines(newer.Files[in(nowIn(plan, place.File))]))
	}
	if place.Line < 1 || place.Line > len(k.lines[key]) {
		return carried{}, nil
	}
	return carried{k.lines[key][place.Line-1], k.files[key][place.Line-1]}, nil
}

// splitLines cuts a text into its lines, without their ends.
func splitLines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	text = bytes.TrimSuffix(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"))
	return strings.Split(string(text), "\n")
}

// reference answers every word of the language, for the editor.
func (s *Server) reference(c *fiber.Ctx) error { return c.JSON(fiber.Map{"words": script.Reference()}) }
