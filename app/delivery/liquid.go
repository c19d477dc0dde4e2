package delivery

import (
	"container/list"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
)

// maxCachedTemplates is how many compiled templates a Renderer keeps.
const maxCachedTemplates = 1000

// Renderer turns templates into messages. It is safe for concurrent use and keeps the templates it compiled, the
// least recently used go first.
type Renderer struct {
	filters map[string]templateFilter // never changed

	mu      sync.Mutex
	entries map[string]*list.Element
	recent  list.List // of *cachedTemplate, the most recent in front

	runs sync.Pool // of *templateRun, whose room is used again
}

// Scope is what the variables of a template stand for. Customer and Event are read only; either may be nil, and what
// a template then asks of it is missing.
type Scope struct {
	Customer    *lifecycle.Customer
	Event       *lifecycle.Event
	Journey     string
	Stage       string
	Title       string            // of the journey
	Unsubscribe string            // the customer's link; only marketing has one
	Preferences string            // the customer's link to their own page
	Referral    func() string     // makes the customer's link for friends when it is asked for; nil: there is none
	Start       func() string     // makes the customer's code to begin a chat with, likewise
	PublicURL   string            // where customers reach this server, without a slash at its end
	Now         time.Time         // what {{ "now" | date: … }} prints; zero makes that an error
	Options     map[string]string // what the send says itself: a subject and a preheader stand in for the front matter's
}

type cachedTemplate struct {
	key      string
	compiled *compiledTemplate
	problems []*lifecycle.Error
}

// NewRenderer returns a Renderer with nothing in its cache.
func NewRenderer() *Renderer {
	return &Renderer{filters: templateFilters(), entries: map[string]*list.Element{}}
}

// CheckTemplate finds what is wrong with a template before anyone gets it: broken Liquid in the body, the front matter, its
// layouts and partials, marks that are never closed, unknown tags, filters and variables, ranges that are too big, and a
// transactional message that prints the link to unsubscribe, which it does not have. It returns at most 20 problems of each
// part, with the line in the file (front matter counts as line 1) and what to write instead; nil if there are none.
func CheckTemplate(t lifecycle.Template) []*lifecycle.Error {
	compiled, problems := compileTemplate(&t, templateFilters())
	if len(problems) > 0 {
		return problems
	}
	return checkUnsubscribe(&t, compiled)
}

// Render makes a message of a template. The key names the template's text for the cache, such as version and file;
// with an empty one nothing is cached. Subject, Text and, for an email, HTML are set; the address, headers and date
// are the caller's. The error is a *lifecycle.Error with file and line: a broken template, a missing variable without
// a default, or one of the limits. It depends on the template and the scope only, so repeating it will not help.
func (r *Renderer) Render(t *lifecycle.Template, key string, s Scope) (lifecycle.Rendered, error) {
	rendered, err := r.RenderParts(t, key, s)
	return Whole(rendered), err
}

// RenderParts is Render without the document around a mail's body: what is worth storing. Whole puts it around.
func (r *Renderer) RenderParts(t *lifecycle.Template, key string, s Scope) (lifecycle.Rendered, error) {
	compiled, problems := r.compiled(t, key)
	if len(problems) > 0 {
		return lifecycle.Rendered{}, problems[0]
	}
	if compiled, problems = r.withOptions(t, compiled, s.Options); len(problems) > 0 {
		return lifecycle.Rendered{}, problems[0]
	}
	run, _ := r.runs.Get().(*templateRun)
	if run == nil {
		run = newTemplateRun()
	}
	run.scope, run.hosts = &s, compiled.hosts
	var rendered lifecycle.Rendered
	fail := func(err error) (lifecycle.Rendered, error) {
		return lifecycle.Rendered{}, renderError(run.part, run.line, err) // a run that failed is not used again
	}
	if compiled.subject != nil {
		text, err := run.render(compiled.subject, false)
		if err != nil {
			return fail(err)
		}
		rendered.Subject = oneLine(text, maxSubjectBytes)
	}
	preheader := ""
	if compiled.preheader != nil {
		text, err := run.render(compiled.preheader, false)
		if err != nil {
			return fail(err)
		}
		preheader = oneLine(text, maxPreheaderBytes)
	}
	body, markup, err := run.renderBody(t, compiled, rendered.Subject)
	if err != nil {
		return fail(err)
	}
	if rendered.Data, err = run.renderData(compiled); err != nil {
		return fail(err)
	}
	switch {
	case lifecycle.KindOf(t.Channel) != "email":
		rendered.Text = tidyText(body)
	case markup:
		if run.marking {
			rendered.Text = compiled.texts.text(body, run.holes)
		} else {
			rendered.Text = htmlToText(body)
		}
		rendered.HTML = body
	default:
		rendered.Text = tidyText(body)
		rendered.HTML = textToHTML(rendered.Text)
	}
	if lifecycle.KindOf(t.Channel) == "email" {
		rendered.Layout, rendered.Preheader, rendered.Locale = mailLayout, preheader, t.Locale
		if markup {
			rendered.Layout = markupLayout
		}
	}
	if len(rendered.HTML) > 2*MaxTemplateOutput || len(rendered.Text) > 2*MaxTemplateOutput {
		return lifecycle.Rendered{}, renderError(compiled.body, 0, errOutputTooLarge())
	}
	if run.forget() {
		r.runs.Put(run)
	}
	return rendered, nil
}

// compiled returns the template from the cache, or compiles it. Two at once may both compile; one result stays.
func (r *Renderer) compiled(t *lifecycle.Template, key string) (*compiledTemplate, []*lifecycle.Error) {
	if key == "" {
		return compileTemplate(t, r.filters)
	}
	r.mu.Lock()
	if element, ok := r.entries[key]; ok {
		r.recent.MoveToFront(element)
		cached := element.Value.(*cachedTemplate)
		r.mu.Unlock()
		return cached.compiled, cached.problems
	}
	r.mu.Unlock()
	compiled, problems := compileTemplate(t, r.filters)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.entries[key]; !ok {
		r.entries[key] = r.recent.PushFront(&cachedTemplate{key, compiled, problems})
		if r.recent.Len() > maxCachedTemplates {
			oldest := r.recent.Back()
			delete(r.entries, oldest.Value.(*cachedTemplate).key)
			r.recent.Remove(oldest)
		}
	}
	return compiled, problems
}
