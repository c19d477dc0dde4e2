package web

import (
	"crypto/rand"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Forms knows the forms of the scripts folder.
type Forms interface {
	All() ([]lifecycle.Form, []*lifecycle.Error) // and what is wrong with files
	Form(name string) (form lifecycle.Form, messages *script.Program, ok bool)
}

// Fields of a form's page that are not questions. Those of questions begin with a letter.
const (
	fieldShown    = "_shown"    // signed: when the page was shown
	fieldTrap     = "_website"  // nobody sees it; what fills it in is a machine
	fieldLanguage = "_lang"     // of the page
	fieldPage     = "_page"     // its address, with where the visitor comes from
	fieldReferrer = "_referrer" // the page before it
	fieldVisitor  = "_anonymousId"
)

const (
	leastFilling = 2 * time.Second // no person is faster
	shownLife    = 24 * time.Hour
	visitCookie  = "sc_visit"
	visitLife    = 7 * 24 * time.Hour
)

// routeForms serves forms: the page, what others need to build one of their own, the links of double opt-ins and rewards,
// and the links for friends. All of it works without a script.
func (s *Server) routeForms() {
	pages := newFormPages(s)
	s.formGate = newFormGate(s.Clock, s.FormSettings)
	s.fiber.Options("/f/:name", formPreflight)
	s.fiber.Get("/f/:name.json", s.describeForm)
	s.fiber.Get("/f/:name", pages.show)
	s.fiber.Post("/f/:name", forPages, pages.take)
	s.fiber.Get("/y/:token", pages.ask)
	s.fiber.Post("/y/:token", pages.confirm)
	s.fiber.Get("/d/:token", pages.download)
	s.fiber.Get("/r/:token", s.refer)
}

func formPreflight(c *fiber.Ctx) error {
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
	c.Set(fiber.HeaderAccessControlAllowHeaders, "content-type")
	c.Set(fiber.HeaderAccessControlMaxAge, "86400")
	return c.SendStatus(fiber.StatusNoContent)
}

// sentForm is a form as it was sent, by a page or as JSON.
type sentForm struct {
	form     lifecycle.Form
	messages *script.Program
	values   func(name string) []string
	object   map[string]any // as it was sent; nil: as a page's form
	json     bool
	language string
	shown    time.Time // zero: the word of the page is missing or wrong
	word     string    // of the page
	open     bool      // it came from one of the form's origins, which need not ask for it first
	cookie   string    // of the browser; "" where there is none and none can be set
	ip       string
}

func (f *sentForm) value(name string) string {
	if values := f.values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// readForm reads what was sent. Questions are checked later.
func (s *Server) readForm(c *fiber.Ctx) (*sentForm, error) {
	form, messages, ok := s.Forms.Form(strings.Clone(c.Params("name")))
	if !ok {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no such form")
	}
	f := &sentForm{form: form, messages: messages, ip: s.formGate.clientIP(c)}
	origin := strings.ToLower(c.Get(fiber.HeaderOrigin))
	f.open = slices.Contains(form.Origins, origin)
	if err := f.decode(c); err != nil {
		return nil, err
	}
	f.language = pageLanguage(f.value(fieldLanguage), c)
	f.word = f.value(fieldShown)
	f.shown, _ = s.Links.ReadShown(form.Name, f.word)
	if now := s.Clock.Now(); f.shown.After(now.Add(time.Minute)) || now.Sub(f.shown) > shownLife {
		f.shown = time.Time{}
	}
	f.cookie = visitOf(c)
	if f.cookie == "" && !f.json {
		f.cookie = rand.Text()
		c.Cookie(&fiber.Cookie{Name: visitCookie, Value: f.cookie, Path: "/", HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
			Secure: strings.HasPrefix(s.PublicURL, "https:"), MaxAge: int(visitLife / time.Second)})
	}
	return f, nil
}

// visitOf returns the random name of the browser, if it has one.
func visitOf(c *fiber.Ctx) string {
	value := c.Cookies(visitCookie)
	if len(value) < 16 || len(value) > 64 {
		return ""
	}
	return strings.Clone(value)
}

func browserOf(cookie string) lifecycle.ID {
	if cookie == "" {
		return lifecycle.ID{}
	}
	return lifecycle.HashID("browser", cookie)
}

// decode reads the body: what a page's form sends, or a JSON object.
func (f *sentForm) decode(c *fiber.Ctx) error {
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	kind := strings.ToLower(c.Get(fiber.HeaderContentType))
	switch {
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		values, err := url.ParseQuery(string(data))
		if err != nil {
			return lifecycle.Errorf(lifecycle.Invalid, "the form cannot be read")
		}
		f.values = func(name string) []string { return values[name] }
		f.json = strings.Contains(c.Get(fiber.HeaderAccept), "application/json")
	case strings.HasPrefix(kind, "application/json"), strings.HasPrefix(kind, "text/plain"):
		if err := decodeJSON(data, &f.object); err != nil {
			return err
		}
		f.values = func(name string) []string { return textsOf(f.object[name]) }
		f.json = true
	default:
		return lifecycle.Errorf(lifecycle.Invalid, "send the form as application/x-www-form-urlencoded or as JSON")
	}
	return nil
}

// textsOf is a JSON value as a page's form would have sent it.
func textsOf(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, textsOf(one)...)
		}
		return all
	case map[string]any:
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return []string{string(data)}
}

// misshapen adds to problems what JSON gave for questions and boxes and no page's form can: an object, or a list where there is
// one answer.
func (f *sentForm) misshapen(problems map[string]string) {
	look := func(name string, several bool) {
		answers, list := f.object[name].([]any)
		if !list {
			answers = []any{f.object[name]}
		}
		wrong := len(answers) > 1 && !several
		for _, one := range answers {
			switch one.(type) {
			case map[string]any, []any:
				wrong = true
			}
		}
		if wrong {
			problems[name] = lifecycle.AnswerText
		}
	}
	for i := range f.form.Fields {
		look(f.form.Fields[i].Name, f.form.Fields[i].Kind == lifecycle.FieldChoices)
	}
	for _, box := range f.form.Consents {
		look(box.Name, false)
	}
}

// taken is what became of a form.
type taken struct {
	waits  bool   // for the address to be confirmed
	reward string // the link to it
}

// take lets a form that was filled in without mistakes take effect, or asks the owner of its address.
func (s *Server) takeForm(c *fiber.Ctx, f *sentForm, answers lifecycle.FormAnswers) (taken, error) {
	now := s.Clock.Now()
	traits, err := json.Marshal(answers.Traits)
	if err != nil {
		return taken{}, err
	}
	visitor := ""
	if v := f.value(fieldVisitor); f.open && v != "" && len(v) <= lifecycle.MaxNameBytes && !strings.ContainsFunc(v, unreadable) && !strings.Contains(v, ":") {
		visitor = v
	}
	// Whoever presses the button twice has sent it once.
	id := lifecycle.HashID("form", f.form.Name, f.word, f.cookie, visitor, string(traits))
	if f.word == "" {
		id = lifecycle.HashID("form", rand.Text())
	}
	if visitor == "" && f.cookie != "" {
		visitor = "visit-" + browserOf(f.cookie).String()
	}
	event := lifecycle.Event{MessageID: id.String(), AnonymousID: visitor, Traits: traits, Context: f.context(c)}
	words := f.form.Agreed(answers.Consents, now)
	if f.form.Double {
		email := ""
		_ = json.Unmarshal(answers.Traits[f.form.Email()], &email) // a text, or nothing
		applicant := s.Links.Applicant(email)
		event.AnonymousID = s.Links.Subscriber(email)
		if event.Properties, err = f.properties(answers, now, ""); err != nil {
			return taken{}, err
		}
		a := engine.Application{ID: id, Form: f.form.Name, Event: event, Words: words, Visitor: visitor, Browser: browserOf(f.cookie)}
		q := engine.Question{Messages: f.messages, Name: f.form.Mail, Title: f.form.Title.In(f.language),
			URL: s.Links.Confirm((lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: applicant}).Hash(), id)}
		return taken{waits: true}, s.Engine.TakeApplication(c.UserContext(), a, applicant, email, f.language, q)
	}
	if event.AnonymousID == "" {
		event.AnonymousID = "form-" + id.String()
	}
	reward := s.rewardURL(&f.form, id, event.AnonymousID, now)
	if event.Properties, err = f.properties(answers, now, reward); err != nil {
		return taken{}, err
	}
	return taken{reward: reward}, s.Engine.Submit(c.UserContext(), f.form.Name, event, words)
}

// rewardURL returns the link to what a form gives; "" if that is nothing.
func (s *Server) rewardURL(form *lifecycle.Form, id lifecycle.ID, who string, from time.Time) string {
	if form.Reward == "" {
		return ""
	}
	return s.Links.Download(lifecycle.Reward{Form: form.Name, For: id, Who: who, Ends: from.Add(form.Keeps)})
}

// properties are those of "Form Submitted": with what was agreed to, word for word, they are the proof of consent.
func (f *sentForm) properties(answers lifecycle.FormAnswers, at time.Time, reward string) (json.RawMessage, error) {
	type agreed struct {
		Name    string `json:"name"`
		Text    string `json:"text"`
		Channel string `json:"channel,omitempty"`
		Topic   string `json:"topic,omitempty"`
	}
	consents := make([]agreed, len(answers.Consents))
	for i, box := range answers.Consents {
		consents[i] = agreed{box.Name, box.Label.In(f.language), box.Channel, box.Topic}
	}
	all := map[string]any{"form": f.form.Name, "form_version": f.form.Version, "title": f.form.Title.In(f.language), "language": f.language,
		"consents": consents, "submitted_at": at.UTC(), "submitted_ip": f.ip}
	if reward != "" {
		all["reward_url"] = reward
	}
	return json.Marshal(all)
}

// context says where the visitor comes from, as the libraries of pages do.
func (f *sentForm) context(c *fiber.Ctx) json.RawMessage {
	cut := func(text string) string { return text[:min(len(text), lifecycle.MaxLinkURL)] }
	page := map[string]string{}
	for name, value := range map[string]string{"url": cut(f.value(fieldPage)), "referrer": cut(f.value(fieldReferrer))} {
		if value != "" {
			page[name] = value
		}
	}
	data, err := json.Marshal(map[string]any{"page": page, "form": f.form.Name, "locale": f.language, "userAgent": cut(c.Get(fiber.HeaderUserAgent))})
	if err != nil {
		return nil
	}
	return data
}
