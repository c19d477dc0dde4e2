package script

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// ScoresFile is where scores are declared, beside the journeys: score { … } for each. What it says holds for all points of
// that score, in every journey. A score that is not declared works as its points say; nothing happens at its thresholds.
const ScoresFile = "scores.lua"

// Bounds of declared scores.
const (
	maxScores     = 50
	maxThresholds = 20 // of one score
)

// ReadScores reads the scores of a scripts folder; without the file there are none. The error is an Errors.
func (h *Host) ReadScores(fsys fs.FS) (lifecycle.ScoreRules, error) {
	if _, err := fs.Stat(fsys, ScoresFile); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	r := &reader{fsys: fsys}
	text, ok := r.read(ScoresFile, MaxLuaBytes)
	if !ok {
		return nil, r.errs
	}
	rules, errs := h.Scores(text)
	if len(errs) > 0 {
		return nil, errs
	}
	return rules, nil
}

// Scores reads what a scores.lua says.
func (h *Host) Scores(text []byte) (lifecycle.ScoreRules, Errors) {
	tree, failed := parseLua(ScoresFile, text)
	if failed != nil {
		return nil, Errors{failed}
	}
	proto, failed := compileLua(ScoresFile, tree)
	if failed != nil {
		return nil, Errors{failed}
	}
	program := &Program{host: h, src: Source{Files: map[string][]byte{ScoresFile: text}}, files: []string{ScoresFile}, longest: len(text)}
	m := h.take()
	m.begin(program, h.limits)
	m.file, m.toplevel = ScoresFile, true
	b := &scoresBuilder{}
	m.env.RawSetString("score", m.L.NewFunction(func(L *lua.LState) int {
		_, b.line = m.where(L)
		switch said := m.fromLua(L, L.Get(1), "a score").(type) {
		case map[string]any:
			b.add(said)
		default:
			m.fail(L, `as in score { name = "fit", half_life = "14 days", cap = 100, thresholds = { 20, 50 } }`, "score needs a table here")
		}
		return 0
	}))
	stopped := m.exec(m.chunk(proto))
	if stopped != nil {
		b.errs = append(b.errs, m.failure(stopped))
	}
	h.give(m, stopped == nil)
	if len(b.errs) > 0 {
		return nil, b.errs.sorted()
	}
	slices.SortFunc(b.rules, func(a, b lifecycle.ScoreRule) int { return strings.Compare(a.Name, b.Name) })
	return b.rules, nil
}

// scoresBuilder makes rules of what the file says.
type scoresBuilder struct {
	rules lifecycle.ScoreRules
	line  int
	errs  Errors
}

// declaredFields are what score { … } knows.
var declaredFields = []string{"name", "title", "half_life", "cap", "floor", "thresholds"}

func (b *scoresBuilder) report(hint, format string, args ...any) {
	if len(b.errs) < maxErrors {
		b.errs = append(b.errs, problem(ScoresFile, b.line, hint, format, args...))
	}
}

func (b *scoresBuilder) add(said map[string]any) {
	rule := lifecycle.ScoreRule{Thresholds: []float64{}}
	for _, field := range sortedKeys(said) {
		value := said[field]
		text, isText := value.(string)
		switch {
		case field == "name" || field == "title":
			if !isText || strings.TrimSpace(text) == "" || len(text) > lifecycle.MaxNameBytes {
				b.report(`as in name = "fit"`, "%s of a score must be a text of at most %d bytes", field, lifecycle.MaxNameBytes)
			} else if field == "name" {
				rule.Name = text
			} else {
				rule.Title = text
			}
		case field == "half_life":
			half, err := lifecycle.ParseDuration(text)
			switch {
			case !isText || err == nil && half <= 0:
				b.report(`as in half_life = "14 days"`, "half_life of a score must be a duration longer than nothing")
			case err != nil:
				b.report(durationMeant(text), "%s", cut(err.Error(), 300))
			}
			rule.HalfLife = half
		case field == "cap":
			rule.Cap = b.limit(field, value, 1)
		case field == "floor":
			rule.Floor = b.limit(field, value, -1)
		case field == "thresholds":
			rule.Thresholds = b.thresholds(value)
		default:
			b.report(didYouMean(field, declaredFields, "a score knows: "+oneOf(declaredFields)), "a score has no %q", cut(field, 80))
		}
	}
	for _, threshold := range rule.Thresholds {
		if rule.Cap != nil && threshold > *rule.Cap || rule.Floor != nil && threshold <= *rule.Floor {
			b.report("let the threshold lie between the floor and the cap", "the score never gets across %s", formatNumber(threshold))
		}
	}
	switch {
	case slices.ContainsFunc(b.rules, func(known lifecycle.ScoreRule) bool { return known.Name == rule.Name }):
		b.report("join the two", "%s is declared twice", scoreInWords(rule.Name))
	case len(b.rules) == maxScores:
		b.report("do with fewer", "at most %d scores can be declared", maxScores)
	default:
		b.rules = append(b.rules, rule)
	}
}

// limit reads a cap, which is not below 0, or a floor, which is not above it: a score begins with 0, and fades to it.
func (b *scoresBuilder) limit(field string, value any, sign float64) *float64 {
	n, ok := value.(float64)
	switch {
	case !ok || math.IsNaN(n) || math.Abs(n) > maxPoints:
		b.report("as in "+field+" = "+formatNumber(sign*100), "%s of a score must be a number", field)
	case n*sign < 0:
		b.report("points begin with 0 and fade to it", "the %s of a score cannot be %s", field, formatNumber(n))
	default:
		return &n
	}
	return nil
}

func (b *scoresBuilder) thresholds(value any) []float64 {
	list, _ := value.([]any)
	rising := []float64{}
	for _, one := range list {
		n, ok := one.(float64)
		if !ok || math.IsNaN(n) || math.Abs(n) > maxPoints {
			list = nil
			break
		}
		rising = append(rising, n)
	}
	slices.Sort(rising)
	if len(list) == 0 || len(list) > maxThresholds || len(slices.Compact(slices.Clone(rising))) != len(list) {
		b.report("as in thresholds = { 20, 50 }", "thresholds of a score must be a list of at most %d different numbers", maxThresholds)
		return []float64{}
	}
	return rising
}

// scoreInWords is a score as people read of it.
func scoreInWords(name string) string {
	if name == "" {
		return "the score without a name"
	}
	return fmt.Sprintf("the score %q", cut(name, 80))
}

// CheckScores says what keeps the scores of a folder from being published.
func (h *Host) CheckScores(fsys fs.FS) []Problem {
	_, err := h.ReadScores(fsys)
	var errs Errors
	if !errors.As(err, &errs) {
		return nil
	}
	text, _ := fs.ReadFile(fsys, ScoresFile)
	problems := make([]Problem, len(errs))
	for i, e := range errs {
		problems[i] = Problem{File: e.File, Line: max(e.Line, 1), Severity: Bad, Message: e.Message, Hint: e.Hint, SourceLine: sourceLine(text, e.Line)}
	}
	return problems
}
