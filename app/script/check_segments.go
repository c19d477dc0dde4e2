package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

// CheckSegments says what keeps segments from being published.
func (h *Host) CheckSegments(src Source) []Problem {
	_, err := h.CompileSegments(src)
	errs, _ := err.(Errors)
	problems := make([]Problem, len(errs))
	for i, e := range errs {
		problems[i] = Problem{File: e.File, Line: max(e.Line, 1), Severity: Bad, Message: e.Message, Hint: e.Hint}
		if text, ok := src.Files[strings.TrimPrefix(e.File, src.Name+"/")]; ok {
			problems[i].SourceLine = sourceLine(text, e.Line)
		}
	}
	return problems
}

// SegmentNames warns of names in segments that no journey has: a segment that compares a stage with a name which it lost, or
// never had, would just be empty. all says that the journeys are all there are; otherwise only what is said of these is
// looked at.
func SegmentNames(src Source, journeys []*Program, all bool) (problems []Problem) {
	for _, path := range src.Paths() {
		if tree, err := parseLua(src.full(path), src.Files[path]); err == nil {
			n := &segmentNames{file: src.full(path), text: src.Files[path], journeys: journeys, all: all}
			n.look(tree)
			problems = append(problems, n.found...)
		}
	}
	return problems
}

// segmentNames compares the names in the file of a segment with what the journeys have.
type segmentNames struct {
	file     string
	text     []byte
	journeys []*Program
	all      bool

	locals map[string]string // variables that hold somebody's stage: in which journey; "" if they hold something else as well
	tokens []token
	found  []Problem
}

func (n *segmentNames) look(tree []ast.Stmt) {
	n.locals = map[string]string{}
	everyBlock(tree, func(stmts []ast.Stmt) {
		for _, stmt := range stmts {
			n.assigned(stmt)
		}
	})
	everyBlock(tree, func(stmts []ast.Stmt) {
		for _, stmt := range stmts {
			for _, head := range heads(stmt) {
				everyExpr(head, n.expr)
			}
		}
	})
}

// assigned notes the variables that a statement gives a stage: local now = stage "customer-lifecycle".
func (n *segmentNames) assigned(stmt ast.Stmt) {
	var names []string
	var values []ast.Expr
	switch s := stmt.(type) {
	case *ast.LocalAssignStmt:
		names, values = s.Names, s.Exprs
	case *ast.AssignStmt:
		for _, target := range s.Lhs {
			name, _ := target.(*ast.IdentExpr)
			if name == nil {
				name = &ast.IdentExpr{}
			}
			names = append(names, name.Value)
		}
		values = s.Rhs
	}
	for i, name := range names {
		journey := ""
		if i < len(values) {
			journey, _ = stageAsked(values[i])
		}
		if before, known := n.locals[name]; known && before != journey {
			journey = ""
		}
		n.locals[name] = journey
	}
}

// stageAsked returns the journey of stage "customer-lifecycle".
func stageAsked(e ast.Expr) (journey string, is bool) {
	call, is := e.(*ast.FuncCallExpr)
	if !is {
		return "", false
	}
	if word, plain := call.Func.(*ast.IdentExpr); !plain || word.Value != string(AskStage) {
		return "", false
	}
	return literal(call, 0)
}

func (n *segmentNames) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		n.call(e)
	case *ast.RelationalOpExpr:
		if e.Operator == "==" || e.Operator == "~=" {
			n.compared(e.Lhs, e.Rhs)
			n.compared(e.Rhs, e.Lhs)
		}
	}
}

func (n *segmentNames) call(call *ast.FuncCallExpr) {
	word, plain := call.Func.(*ast.IdentExpr)
	if !plain {
		return
	}
	name, ok := literal(call, 0)
	if !ok {
		return
	}
	switch AskOp(word.Value) {
	case AskStage, AskStayed:
		n.journey(call.Line(), name)
		if stage, ok := literal(call, 2); ok && word.Value == string(AskStayed) {
			if j := n.find(name); j == nil || j.Present(stage) == stage { // it follows a stage that was renamed; a comparison cannot
				n.stage(call.Line(), name, stage)
			}
		}
	case AskSent, AskOpened, AskClicked:
		n.message(call.Line(), name)
	}
}

// compared looks at asked == "active".
func (n *segmentNames) compared(asked, with ast.Expr) {
	text, ok := with.(*ast.StringExpr)
	if !ok {
		return
	}
	journey, is := stageAsked(asked)
	if variable, plain := asked.(*ast.IdentExpr); plain {
		journey = n.locals[variable.Value]
		is = journey != ""
	}
	if is {
		n.stage(text.Line(), journey, text.Value)
	}
}

func (n *segmentNames) find(journey string) *lifecycle.Journey {
	for _, p := range n.journeys {
		if p.Journey.Name == journey {
			return &p.Journey
		}
	}
	return nil
}

func (n *segmentNames) journey(line int, name string) {
	if !n.all || n.find(name) != nil {
		return
	}
	names := make([]string, len(n.journeys))
	for i, p := range n.journeys {
		names[i] = p.Journey.Name
	}
	n.warn(line, name, didYouMean(name, names, "there are: "+oneOf(names)), fmt.Sprintf("there is no journey %q; nobody is in a stage of it", cut(name, 80)))
}

// stage looks at the name of a stage.
func (n *segmentNames) stage(line int, journey, name string) {
	j := n.find(journey)
	if j == nil || j.Stage(name) != nil {
		return
	}
	heir, said := j.Heir(name)
	switch {
	case said && heir == "":
		n.warn(line, name, "leave it out, or name another stage", fmt.Sprintf("the stage %q of %s is retired; nobody is in it", cut(name, 80), journey))
	case said:
		n.warn(line, name, fmt.Sprintf("write %q", heir), fmt.Sprintf("the customers of stage %q of %s are in %q by now; nobody is in it", cut(name, 80), journey, heir))
	default:
		names := make([]string, len(j.Stages))
		for i := range j.Stages {
			names[i] = j.Stages[i].Name
		}
		n.warn(line, name, didYouMean(name, names, "there are: "+oneOf(names)), fmt.Sprintf("%s has no stage %q; nobody is in it", journey, cut(name, 80)))
	}
}

// message looks at the name of a message. Broadcasts and POST /v1/send have messages of their own, so only one that is
// nearly that of a journey is told.
func (n *segmentNames) message(line int, name string) {
	var names []string
	for _, p := range n.journeys {
		for _, template := range p.Templates {
			names = append(names, template.Name)
		}
	}
	if slices.Contains(names, name) {
		return
	}
	slices.Sort(names)
	if hint := didYouMean(name, slices.Compact(names), ""); n.all && hint != "" {
		n.warn(line, name, hint, fmt.Sprintf("no journey has a message %q", cut(name, 80)))
	}
}

func (n *segmentNames) warn(line int, about, hint, message string) {
	if len(n.found) >= maxErrors {
		return
	}
	if n.tokens == nil {
		n.tokens = tokens(n.text)
	}
	p := Problem{File: n.file, Line: line, Severity: Warning, Message: message, Hint: hint, SourceLine: sourceLine(n.text, line)}
	p.Column, p.EndColumn = place(n.tokens, line, about)
	if !slices.Contains(n.found, p) {
		n.found = append(n.found, p)
	}
}
