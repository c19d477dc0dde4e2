package delivery

import (
	"errors"
	"fmt"
	"time"

	"github.com/osteele/liquid/expressions"
)

// templateRun is one rendering of one part.
type templateRun struct {
	scope      *Scope
	vars       map[string]any
	context    expressions.Context
	html       bool          // outputs are escaped
	letter     bool          // outputs are escaped for the Markdown of letters
	last       letterLine    // of out, in letters
	link       bool          // outputs become parts of an address for the connector
	hosts      []string      // that links may lead to; none: all
	place      placeMode     // of the outputs, in HTML
	placeFrom  int           // where the address begins in out
	part       *templatePart // that runs
	content    any           // of a layout: what it lies around
	subject    string        // of a layout: the message's
	out        []byte
	marking    bool   // outputs are noted in holes
	holes      []hole // outputs of the part that runs, and of what it lies around; all of them, while marking
	inner      []hole // in content
	line       int    // of the output or tag that runs
	steps      int
	rounds     int
	fault      error
	properties *templateValue // event.properties, split once
	roots      [13]templateValue
	cycles     map[string]int // by group: how often it was asked
}

// templateLoop is what forloop tells.
type templateLoop struct{ index, length int }

func (l *templateLoop) property(name string) any {
	switch name {
	case "first":
		return l.index == 0
	case "last":
		return l.index == l.length-1
	case "index":
		return l.index + 1
	case "index0":
		return l.index
	case "rindex":
		return l.length - l.index
	case "rindex0":
		return l.length - l.index - 1
	case "length":
		return l.length
	}
	return nil
}

// newTemplateRun prepares the rendering of a template's parts, one after the other.
func newTemplateRun() *templateRun {
	r := &templateRun{vars: make(map[string]any, 16)}
	r.context = templateContext{expressions.NewContext(r.vars, expressions.Config{}), r}
	return r
}

// forget makes the run ready for another message. It reports false if the run has grown too large to be kept.
func (r *templateRun) forget() bool {
	clear(r.vars)
	*r = templateRun{vars: r.vars, context: r.context, out: r.out[:0], holes: r.holes[:0], inner: r.inner[:0]}
	return cap(r.out) <= 64<<10
}

// start binds the variables that a part begins with. What the part before assigned is gone.
func (r *templateRun) start(part *templatePart, html bool) {
	clear(r.vars)
	r.html, r.line, r.cycles, r.fault, r.holes, r.place = html, 0, nil, nil, r.holes[:0], anyPlace
	r.last = letterLine{}
	if r.out = r.out[:0]; cap(r.out) < part.size {
		r.out = make([]byte, 0, part.size+part.size/4+64)
	}
	if r.roots[0].run == nil {
		r.roots = [...]templateValue{
			{name: "customer", kind: customerKind}, {name: "event", kind: eventKind}, {name: "forloop"},
			{name: "blank", kind: blankKind}, {name: "empty", kind: blankKind},
			{name: "journey", kind: plainKind, plain: r.scope.Journey}, {name: "stage", kind: plainKind, plain: r.scope.Stage},
			{name: "title", kind: plainKind, plain: r.scope.Title}, {name: "public_url", kind: plainKind, plain: r.scope.PublicURL},
			{name: "unsubscribe_url", kind: plainKind, plain: r.scope.Unsubscribe},
			{name: "preferences_url", kind: plainKind, plain: r.scope.Preferences},
			{name: "referral_url", kind: madeKind, plain: r.scope.Referral}, {name: "start_code", kind: madeKind, plain: r.scope.Start},
		}
		for i := range r.roots {
			root := &r.roots[i]
			root.run = r
			make, made := root.plain.(func() string)
			if root.plain == "" || made && make == nil || root.kind == customerKind && r.scope.Customer == nil || root.kind == eventKind && r.scope.Event == nil {
				root.kind = missingKind
			}
		}
	}
	r.part = part
	r.bindRoots()
	r.bindMissing(part)
	if part.kind == layoutPart {
		r.bind("content", r.content)
		r.bind("subject", r.subject)
	}
}

// bindRoots binds what every part sees.
func (r *templateRun) bindRoots() {
	for i := range r.roots {
		r.vars[r.roots[i].name] = &r.roots[i]
	}
}

// bindMissing binds what a part assigns and what it may be given: it is missing until then.
func (r *templateRun) bindMissing(part *templatePart) {
	for _, name := range part.locals {
		if _, taken := r.vars[name]; !taken {
			r.vars[name] = &templateValue{run: r, name: name}
		}
	}
	for _, param := range part.params {
		r.vars[param.path] = &templateValue{run: r, name: param.path}
	}
}

// bind gives a name a value.
func (r *templateRun) bind(name string, value any) {
	switch value := value.(type) {
	case nil:
		r.vars[name] = &templateValue{run: r, name: name}
	case *templateValue:
		r.vars[name] = value
	case templateDrop:
		if value.value.kind == plainKind && value.value.parent == nil {
			r.bind(name, value.value.plain) // a filter's result goes by its new name
			return
		}
		r.vars[name] = value.value
	default:
		r.vars[name] = &templateValue{run: r, name: name, kind: plainKind, plain: value}
	}
}

var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

type templateNode interface {
	render(r *templateRun) error
}

func (r *templateRun) all(nodes []templateNode) error {
	for _, node := range nodes {
		if err := r.spend(1); err != nil {
			return err
		}
		if err := node.render(r); err != nil {
			return err
		}
	}
	return nil
}

type textNode string

func (n textNode) render(r *templateRun) error { return r.write(string(n)) }

type outputNode struct {
	value   *templateExpr
	line    int
	own     bool // an address of this server
	raw     bool // it ends with | raw
	encoded bool // url_encode has been there
}

func (n *outputNode) render(r *templateRun) error {
	r.line = n.line
	value, err := r.evaluate(n.value)
	if err != nil {
		return err
	}
	if value == nil {
		return faultf("{{ "+shorten(n.value.source)+` }} has no value; give it a default: | default: "…"`, "")
	}
	if safe, ok := value.(templateSafe); ok {
		if r.place == anyPlace || n.raw || !r.html {
			r.markSafe(safe)
			return r.write(string(safe))
		}
		value = attributeText(string(safe)) // what was made for text is no address yet
	}
	text, ok := value.(string)
	if !ok {
		if text, err = textOf(value); err != nil {
			return err
		}
		if err := r.spend(len(text) / bytesPerStep); err != nil {
			return err
		}
	}
	switch {
	case r.html:
		if r.place != anyPlace {
			if text, err = r.placed(n, text); err != nil {
				return err
			}
			if r.place == barePlace {
				r.marking = false
				return r.writeBare(text)
			}
		}
		if r.marking = r.marking && isPlain(text); r.marking {
			r.holes = append(r.holes, hole{len(r.out), len(r.out) + len(text)})
		}
		return r.writeEscaped(text)
	case r.letter:
		return r.writeMarkdown(text)
	case r.link:
		if text, err = r.linked(n, text, r.out, false); err != nil {
			return err
		}
	}
	return r.write(text)
}

type ifNode struct {
	branches []ifBranch
	line     int
}

type ifBranch struct {
	condition *templateExpr // nil: else
	negate    bool
	nodes     []templateNode
}

func (n *ifNode) render(r *templateRun) error {
	for i := range n.branches {
		branch := &n.branches[i]
		if branch.condition != nil {
			r.line = n.line
			value, err := r.evaluate(branch.condition)
			if err != nil {
				return err
			}
			if truth(value) == branch.negate {
				continue
			}
		}
		return r.all(branch.nodes)
	}
	return nil
}

type caseNode struct {
	value    *templateExpr
	branches []caseBranch
	line     int
}

type caseBranch struct {
	values    []expressions.Expression
	otherwise bool
	nodes     []templateNode
}

func (n *caseNode) render(r *templateRun) error {
	r.line = n.line
	value, err := r.evaluate(n.value)
	if err != nil {
		return err
	}
	for i := range n.branches {
		branch := &n.branches[i]
		chosen := branch.otherwise
		for _, candidate := range branch.values {
			if err := r.spend(1 + sizeOf(value)/bytesPerStep); err != nil {
				return err
			}
			other, err := r.value(candidate)
			if err != nil {
				return err
			}
			if equalValues(value, other) {
				chosen = true
				break
			}
		}
		if chosen {
			return r.all(branch.nodes)
		}
	}
	return nil
}

type assignNode struct {
	name  string
	value *templateExpr
	line  int
}

func (n *assignNode) render(r *templateRun) error {
	r.line = n.line
	value, err := r.evaluate(n.value)
	if err == nil {
		r.bind(n.name, value)
	}
	return err
}

type captureNode struct {
	name  string
	nodes []templateNode
	link  bool // it begins with the beginning of an address
}

func (n *captureNode) render(r *templateRun) error {
	outer, last, place, from := r.out, r.last, r.place, r.placeFrom
	r.out, r.last, r.marking, r.place, r.placeFrom = nil, letterLine{before: ']'}, false, anyPlace, 0 // what comes may stand behind one
	if n.link {
		r.place = linkPlace
	}
	err := r.all(n.nodes)
	captured := string(r.out)
	r.out, r.last, r.place, r.placeFrom = outer, last, place, from
	if err != nil {
		return err
	}
	if r.html || r.letter { // its outputs are escaped already
		r.bind(n.name, templateSafe(captured))
	} else {
		r.bind(n.name, captured)
	}
	return r.spend(len(captured) / bytesPerStep)
}

type cycleNode struct {
	group string
	texts []string
}

func (n *cycleNode) render(r *templateRun) error {
	if r.cycles == nil {
		r.cycles = map[string]int{}
	}
	i := r.cycles[n.group]
	r.cycles[n.group] = i + 1
	return r.write(n.texts[i%len(n.texts)])
}

type jumpNode string

func (n jumpNode) render(*templateRun) error {
	if n == "break" {
		return errBreak
	}
	return errContinue
}

// render renders a part; with html its outputs are escaped. After an error part and line say where. Nothing that a
// template or its data does may panic beyond this.
func (r *templateRun) render(part *templatePart, html bool) (text string, err error) {
	r.start(part, html)
	defer func() {
		if failure := recover(); failure != nil {
			text, err = "", faultf(fmt.Sprintf("it cannot be rendered: %s", shorten(fmt.Sprint(failure))), "simplify this line")
			if r.fault != nil {
				err = r.fault
			}
		}
	}()
	if err := r.all(part.nodes); err != nil {
		return "", err
	}
	return string(r.out), nil
}

// clock returns the time of the rendering for the date filter's "now".
func (r *templateRun) clock() (time.Time, error) {
	if r.scope.Now.IsZero() {
		return time.Time{}, faultf("the present time is not known here", "use event.timestamp")
	}
	return r.scope.Now, nil
}
