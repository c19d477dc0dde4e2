package script

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// ReadSegments reads the segments of a scripts folder, with the helpers that they use. A folder without any is an empty
// source. The error is an Errors.
func ReadSegments(fsys fs.FS) (Source, error) { return ReadSegmentsWith(fsys, "", nil) }

// ReadSegmentsWith reads the segments of a folder with the text of one of them replaced or added; nil leaves it out.
func ReadSegmentsWith(fsys fs.FS, draft string, text []byte) (Source, error) {
	r := &reader{fsys: fsys}
	source := Source{Name: SegmentsFolder, Files: map[string][]byte{}}
	if text != nil {
		source.Files[draft+".lua"] = text
	}
	if info, err := fs.Stat(fsys, SegmentsFolder); err == nil && info.IsDir() {
		for _, entry := range r.list(SegmentsFolder) {
			if name := entry.Name(); isScript(name) && name != draft+".lua" && !r.isDir(SegmentsFolder+"/"+name, entry) {
				if text, ok := r.read(SegmentsFolder+"/"+name, MaxLuaBytes); ok {
					source.Files[name] = text
				}
			}
		}
	}
	addLib(source, r.lib())
	if len(r.errs) > 0 {
		return source, r.errs
	}
	return source, nil
}

// CompileSegments checks segments and makes predicates of them. The error is an Errors with everything that is wrong, by
// file and line.
func (h *Host) CompileSegments(src Source) (*Segments, error) {
	c := &segmentCompiler{
		Segments: &Segments{places: map[string]int{}, program: &Program{host: h, src: src, chunks: map[string]*lua.FunctionProto{}, handlers: map[string]handlerRef{}, lines: map[string]int{}}},
		checkers: map[string]*checker{}, asks: map[string][]mention{},
	}
	c.Version = src.Version()
	c.program.Journey.Version = c.Version
	c.compile()
	if len(c.errs) > 0 {
		return nil, c.errs.sorted()
	}
	return c.Segments, nil
}

type segmentCompiler struct {
	*Segments
	errs     Errors
	checkers map[string]*checker
	asks     map[string][]mention // the segments that a file asks for, by path
}

func (c *segmentCompiler) report(path string, line int, hint, format string, args ...any) {
	c.errs = append(c.errs, problem(c.program.src.full(path), line, hint, format, args...))
}

func (c *segmentCompiler) compile() {
	src := c.program.src
	for _, path := range src.Paths() {
		c.program.files = append(c.program.files, src.full(path))
		if strings.HasSuffix(path, ".lua") {
			c.parse(path)
		}
	}
	slices.SortStableFunc(c.program.files, func(a, b string) int { return len(b) - len(a) })
	c.names()
	for _, path := range sortedKeys(c.checkers) {
		c.errs = append(c.errs, c.checkers[path].errs...)
	}
	for _, path := range src.Paths() {
		if name, ok := strings.CutSuffix(path, ".lua"); ok && !strings.Contains(path, "/") {
			c.load(path, name)
		}
	}
	if len(c.List) > MaxSegments {
		c.report(c.List[MaxSegments].path, 1, "join some of them", "there may be %d segments", MaxSegments)
	}
	c.order()
}

func (c *segmentCompiler) parse(path string) {
	full, lib := c.program.src.full(path), strings.HasPrefix(path, "lib/")
	if name := strings.TrimSuffix(strings.TrimPrefix(path, "lib/"), ".lua"); !validName(name) {
		c.report(path, 1, nameRule, "%q cannot name a Lua file", cut(name, 80))
	}
	tree, err := parseLua(full, c.program.src.Files[path])
	if err != nil {
		c.errs = append(c.errs, err)
		return
	}
	check := newChecker(full, lib, c.program.host.predicates)
	c.asks[path] = c.asked(path, tree)
	check.run(tree)
	c.checkers[path] = check
	for text := range check.texts {
		c.program.longest = max(c.program.longest, len(text))
	}
	if len(check.errs) > 0 {
		return
	}
	proto, err := compileLua(full, tree)
	if err != nil {
		c.errs = append(c.errs, err)
		return
	}
	c.program.chunks[path] = proto
}

// asked finds the segments that a file asks for. They are to be written out, so that it is known before who comes first.
func (c *segmentCompiler) asked(path string, tree []ast.Stmt) (names []mention) {
	everyBlock(tree, func(stmts []ast.Stmt) {
		for _, stmt := range stmts {
			for _, head := range heads(stmt) {
				everyExpr(head, func(e ast.Expr) {
					call, ok := e.(*ast.FuncCallExpr)
					if !ok {
						return
					}
					if word, ok := call.Func.(*ast.IdentExpr); !ok || word.Value != string(AskMember) {
						return
					}
					if name, ok := literal(call, 0); ok {
						names = append(names, mention{name, call.Line()})
					} else {
						c.report(path, call.Line(), `as in in_segment "big-spenders"`, "in_segment needs the name of a segment as plain text")
					}
				})
			}
		}
	})
	return names
}

// names compares the names in all files with what there is.
func (c *segmentCompiler) names() {
	shared, helpers := map[string]bool{}, c.program.helpers()
	for path, check := range c.checkers {
		if strings.HasPrefix(path, "lib/") {
			maps.Copy(shared, check.globals)
		}
	}
	for _, check := range c.checkers {
		defined := maps.Clone(shared)
		maps.Copy(defined, check.globals)
		if !check.lib { // a helper may also be one of journeys, and say there what no segment knows
			check.unknown(defined)
		}
		for _, use := range check.uses {
			if !check.full() && !slices.Contains(helpers, use.name) {
				check.report(use.line, didYouMean(use.name, helpers, "put it into the folder lib, beside the journeys"), "there is no helper %q", cut(use.name, 80))
			}
		}
	}
}

// load runs the top level of a file, which says who the segment is.
func (c *segmentCompiler) load(path, name string) {
	if c.program.chunks[path] == nil {
		return
	}
	l := &loader{}
	m := c.program.host.take()
	m.beginSegment(c.program, c.program.host.limits)
	m.file, m.toplevel, m.load = path, true, l
	failed := m.exec(m.chunk(c.program.chunks[path]))
	if failed != nil && !m.broken {
		l.errs = append(l.errs, m.failure(failed))
	}
	registered := m.count
	c.program.host.give(m, failed == nil)
	c.errs = append(c.errs, l.errs[:min(len(l.errs), maxErrors)]...)
	if registered == 0 && failed == nil {
		c.report(path, 1, "write member(function(customer) return … end)", "the file does not say who is a member")
	}
	s := &Segment{Name: name, Title: name, File: c.program.src.full(path), set: c.Segments, path: path}
	if l.segment != nil && l.segment.title != "" {
		s.Title = l.segment.title
	}
	if l.segment != nil {
		s.Note = l.segment.note
	}
	own := Source{Name: name, Files: map[string][]byte{path: c.program.src.Files[path]}}
	addLib(own, c.program.src.libs())
	s.Version = own.Version()
	s.names = c.texts(own)
	for _, file := range own.Paths() {
		for _, asked := range c.asks[file] {
			if !slices.Contains(s.Needs, asked.name) {
				s.Needs = append(s.Needs, asked.name)
			}
		}
	}
	c.places[name] = len(c.List)
	c.List = append(c.List, s)
}

// texts gives every text that is written out in a segment and its helpers a bit, as long as there are bits.
func (c *segmentCompiler) texts(own Source) map[string]uint8 {
	bits := map[string]uint8{}
	for _, path := range own.Paths() {
		check := c.checkers[path]
		if check == nil {
			continue
		}
		for _, text := range sortedKeys(check.texts) {
			if _, known := bits[text]; known || len(bits) >= maxNamed || len(text) > lifecycle.MaxNameBytes {
				continue
			}
			if _, err := lifecycle.ParseDuration(text); err != nil { // it is a window
				bits[text] = uint8(len(bits))
			}
		}
	}
	return bits
}

// libs returns the helpers that were copied in.
func (s Source) libs() map[string][]byte {
	libs := map[string][]byte{}
	for file, text := range s.Files {
		if path.Dir(file) == "lib" {
			libs[file] = text
		}
	}
	return libs
}

// order puts whoever is asked for before who asks, and refuses circles.
func (c *segmentCompiler) order() {
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(c.List))
	var trail []string
	var visit func(at int)
	visit = func(at int) {
		s := c.List[at]
		state[at] = open
		trail = append(trail, s.Name)
		for _, need := range s.Needs {
			line := c.lineOf(s, need)
			_, other := c.Find(need)
			switch {
			case other < 0 && c.program.src.Files[need+".lua"] != nil: // it is there, and broken: that is what is to be mended
			case other < 0:
				others := slices.DeleteFunc(c.all(), func(name string) bool { return name == s.Name })
				hint := "there is no other one yet"
				if len(others) > 0 {
					hint = didYouMean(need, others, "there are: "+oneOf(others))
				}
				c.report(s.path, line, hint, "there is no segment %q", cut(need, 80))
			case state[other] == open:
				from := slices.Index(trail, need)
				c.report(s.path, line, "say in one of them what the other one means", "the segments ask for each other in a circle: %s",
					strings.Join(append(slices.Clone(trail[from:]), need), " -> "))
			case state[other] == unseen:
				visit(other)
			}
		}
		trail = trail[:len(trail)-1]
		state[at] = done
		c.Order = append(c.Order, at)
	}
	for at := range c.List {
		if state[at] == unseen {
			visit(at)
		}
	}
}

func (c *segmentCompiler) all() []string {
	names := make([]string, len(c.List))
	for i, s := range c.List {
		names[i] = s.Name
	}
	return names
}

// lineOf finds where a segment asks for another one; 1 if a helper does it.
func (c *segmentCompiler) lineOf(s *Segment, need string) int {
	for _, asked := range c.asks[s.path] {
		if asked.name == need {
			return asked.line
		}
	}
	return 1
}

// predicate refuses what no segment can say, in a call that is written out.
func (c *checker) predicate(e *ast.FuncCallExpr, word string) {
	switch word {
	case "segment", "member":
		if c.inner > 0 {
			c.report(e.Line(), "move it to the top level of the file", "%s is called inside a function", word)
		}
		return
	case "use":
		if name, ok := literal(e, 0); ok {
			c.uses = append(c.uses, mention{name, e.Line()})
		} else {
			c.report(e.Line(), `as in use "lib/offers"`, "use needs the name of a helper as plain text")
		}
		return
	}
	window, ok := segmentWindows[word]
	if !ok {
		return
	}
	if c.inner == 0 {
		c.report(e.Line(), "put it into member(function(customer) … end)", "%s is called at the top level of the file", word)
	}
	if len(e.Args) <= window {
		if !open(e.Args) {
			c.report(e.Line(), "as in "+segmentForms[word]+": nobody would know otherwise when the answer changes", "%s needs a duration", word)
		}
		return
	}
	text, isText := e.Args[window].(*ast.StringExpr)
	if !isText {
		return
	}
	if d, err := lifecycle.ParseDuration(text.Value); err != nil {
		c.report(text.Line(), durationMeant(text.Value), "%s", cut(err.Error(), 300))
	} else if d <= 0 {
		c.report(text.Line(), "", "%s needs a duration longer than nothing", word)
	}
}

// segmentWindows says which argument of a word is its window.
var segmentWindows = map[string]int{"count": 1, "sum": 2, "last": 1, "in_stage_for": 1, "sent": 1, "opened": 1, "clicked": 1}

// segmentForms are how they are written.
var segmentForms = map[string]string{
	"count": `count("Order Completed", "90 days")`, "sum": `sum("Order Completed", "total", "365 days")`, "last": `last("Order Completed", "90 days")`,
	"in_stage_for": `in_stage_for("customer-lifecycle", "30 days")`,
	"sent":         `sent("thank-you", "30 days")`, "opened": `opened("thank-you", "30 days")`, "clicked": `clicked(nil, "30 days")`,
}

// notInSegments says what stands in a segment for a word of stage scripts; "" if it is none.
func notInSegments(word string, stage []string) string {
	switch {
	case word == "now" || word == "random":
		return fmt.Sprintf("a segment knows no %s: its answer has to be the same until something happens or a window ends", word)
	case word == "score":
		return `use score_at_least("name", 50)`
	case slices.Contains(stage, word):
		return "a segment only looks; what is to happen stands in the scripts of a journey, at on(\"Segment Entered\", …)"
	}
	return ""
}
