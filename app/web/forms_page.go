package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

//go:embed forms.html
var formsPage string

// formPages shows forms, and what is said after one was sent.
type formPages struct {
	*Server
	page *template.Template
}

func newFormPages(s *Server) *formPages {
	return &formPages{s, template.Must(template.New("form").Parse(formsPage))}
}

// shownForm is what the page shows.
type shownForm struct {
	Language, Title, Intro, Notice string
	State                          string // "form", "check", "done", "ask", "broken"
	Words                          map[string]string
	Hidden                         [][2]string
	Fields                         []shownField
	Consents                       []shownField
	Button                         string
	Switch, SwitchTo               string // the page in the other language
	Text                           string // of all states but the form
	Reward, RewardUntil            string
}

type shownField struct {
	ID, Name, Label, Help, Kind, Input, Complete, Value, Problem string
	Required, Ticked                                             bool
	Options                                                      []shownOption
}

type shownOption struct {
	ID, Value, Label string
	Chosen           bool
}

// completions tell browsers what they may fill in.
var completions = map[string]string{"email": "email", "phone": "tel", "name": "name", "first_name": "given-name", "last_name": "family-name",
	"company": "organization", "birthday": "bday", "city": "address-level2", "country": "country-name", "website": "url"}

var inputs = map[lifecycle.FieldKind]string{lifecycle.FieldEmail: "email", lifecycle.FieldPhone: "tel", lifecycle.FieldDate: "date"}

// show is GET /f/NAME. What stands in its address fills in fields of the same names.
func (p *formPages) show(c *fiber.Ctx) error {
	form, _, ok := p.Forms.Form(strings.Clone(c.Params("name")))
	if !ok {
		return p.say(c, fiber.StatusNotFound, "gone", &lifecycle.Form{}, pageLanguage(c.Query("lang"), c), "", time.Time{})
	}
	language := pageLanguage(c.Query("lang"), c)
	query, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		query = url.Values{}
	}
	page := strings.Clone(p.PublicURL + string(c.Request().RequestURI()))
	return p.write(c, fiber.StatusOK, p.formOf(&form, p.Links.Shown(form.Name, p.Clock.Now()), language, func(name string) []string { return query[name] }, nil, page, strings.Clone(c.Get(fiber.HeaderReferer))))
}

// formOf is a form as the page shows it since a moment that a signed word says, with answers that were given already and what is
// wrong with them.
func (p *formPages) formOf(form *lifecycle.Form, since, language string, given func(string) []string, problems map[string]string, page, referrer string) *shownForm {
	words := formWords[language]
	shown := &shownForm{State: "form", Language: language, Words: words, Title: form.Title.In(language), Intro: form.Intro.In(language), Button: form.Button.In(language)}
	if shown.Button == "" {
		shown.Button = words["send"]
	}
	cut := func(text string) string { return text[:min(len(text), lifecycle.MaxLinkURL)] }
	shown.Hidden = [][2]string{{fieldShown, since}, {fieldLanguage, language}, {fieldPage, cut(page)}, {fieldReferrer, cut(referrer)}}
	first := func(name string) string {
		if values := given(name); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	for i := range form.Fields {
		f := &form.Fields[i]
		if f.Kind == lifecycle.FieldHidden {
			shown.Hidden = append(shown.Hidden, [2]string{f.Name, first(f.Name)})
			continue
		}
		one := shownField{ID: "q" + strconv.Itoa(i), Name: f.Name, Label: f.Label.In(language), Help: f.Help.In(language), Kind: string(f.Kind), Input: inputs[f.Kind],
			Complete: completions[f.Name], Value: first(f.Name), Required: f.Required, Problem: words[problems[f.Name]], Ticked: first(f.Name) != ""}
		if one.Input == "" {
			one.Input = "text"
		}
		for k, option := range f.Options {
			one.Options = append(one.Options, shownOption{one.ID + "-" + strconv.Itoa(k), option.Value, option.Label.In(language), slices.Contains(given(f.Name), option.Value)})
		}
		shown.Fields = append(shown.Fields, one)
	}
	for i, box := range form.Consents {
		one := shownField{ID: "c" + strconv.Itoa(i), Name: box.Name, Label: box.Label.In(language), Required: box.Required}
		if problems != nil { // only what the visitor has ticked is ticked, never what stands in an address
			one.Ticked = first(box.Name) != ""
		}
		if problems[box.Name] != "" {
			one.Problem = words["missingBox"]
		}
		shown.Consents = append(shown.Consents, one)
	}
	other := map[string]string{"en": "vi", "vi": "en"}[language]
	if at, err := url.Parse(page); err == nil {
		query := at.Query()
		query.Set("lang", other)
		shown.Switch, shown.SwitchTo = "?"+query.Encode(), other
	}
	if len(problems) > 0 {
		shown.Notice = words["wrong"]
	}
	return shown
}

// take is POST /f/NAME.
func (p *formPages) take(c *fiber.Ctx) error {
	f, err := p.readForm(c)
	if lifecycle.CodeOf(err) == lifecycle.NotFound && strings.Contains(c.Get(fiber.HeaderAccept), "text/html") {
		return p.say(c, fiber.StatusNotFound, "gone", &lifecycle.Form{}, pageLanguage("", c), "", time.Time{})
	}
	if err != nil {
		return err
	}
	refused := p.formGate.refusals(f.form.Name)
	if ok, again := p.formGate.pass(f.form.Name, f.ip); !ok {
		refused.tooMany.Add(1)
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(again/time.Second)))
		return p.again(c, f, fiber.StatusTooManyRequests, "many", nil)
	}
	if f.value(fieldTrap) != "" { // a machine is told what people are told
		refused.machines.Add(1)
		return p.thank(c, f, taken{waits: f.form.Double})
	}
	switch since := p.Clock.Now().Sub(f.shown); {
	case f.shown.IsZero() && !f.open, f.shown.IsZero() && f.word != "":
		return p.again(c, f, fiber.StatusBadRequest, "stale", nil)
	case !f.shown.IsZero() && since < leastFilling:
		refused.machines.Add(1)
		return p.again(c, f, fiber.StatusBadRequest, "quick", nil)
	}
	answers := f.form.Answers(f.values)
	f.misshapen(answers.Problems)
	if len(answers.Problems) > 0 {
		return p.again(c, f, fiber.StatusUnprocessableEntity, "wrong", answers.Problems)
	}
	done, err := p.takeForm(c, f, answers)
	if err != nil {
		return err
	}
	return p.thank(c, f, done)
}

// again shows the form once more, with what was answered.
func (p *formPages) again(c *fiber.Ctx, f *sentForm, status int, why string, problems map[string]string) error {
	if problems == nil {
		problems = map[string]string{}
	}
	if f.json {
		text := formWords["en"][why]
		if why == "stale" {
			text = "send _shown as GET /f/" + f.form.Name + ".json gives it, within a day, or name your page in the form's origins"
		}
		return c.Status(status).JSON(fiber.Map{"ok": false, "error": fiber.Map{"code": why, "message": text}, "fields": problems})
	}
	since := f.word
	if f.shown.IsZero() {
		since = p.Links.Shown(f.form.Name, p.Clock.Now())
	}
	shown := p.formOf(&f.form, since, f.language, f.values, problems, f.value(fieldPage), f.value(fieldReferrer))
	shown.Notice = formWords[f.language][why]
	return p.write(c, status, shown)
}

// thank says that a form has come.
func (p *formPages) thank(c *fiber.Ctx, f *sentForm, done taken) error {
	if f.json {
		answer := fiber.Map{"ok": true, "state": "done"}
		if done.waits {
			answer["state"] = "check"
		}
		if done.reward != "" {
			answer["reward"] = done.reward
		}
		if f.form.After != "" && !done.waits {
			answer["after"] = f.form.After
		}
		return c.JSON(answer)
	}
	if done.waits {
		return p.say(c, fiber.StatusOK, "check", &f.form, f.language, "", time.Time{})
	}
	return p.finish(c, &f.form, f.language, done.reward, p.Clock.Now())
}

// finish sends the visitor on, or says thanks.
func (p *formPages) finish(c *fiber.Ctx, form *lifecycle.Form, language, reward string, from time.Time) error {
	if form.After != "" && reward == "" {
		private(c)
		c.Set(fiber.HeaderLocation, asciiURL(form.After))
		return c.SendStatus(fiber.StatusSeeOther)
	}
	return p.say(c, fiber.StatusOK, "done", form, language, reward, from.Add(form.Keeps))
}

// say shows a page that says one thing.
func (p *formPages) say(c *fiber.Ctx, status int, state string, form *lifecycle.Form, language, reward string, until time.Time) error {
	words := formWords[language]
	shown := &shownForm{State: state, Language: language, Words: words, Title: words[state+"Title"], Text: words[state], Reward: reward}
	for at, own := range map[string]lifecycle.Texts{"check": form.Check, "done": form.Thanks} {
		if text := own.In(language); at == state && text != "" {
			shown.Text = text
		}
	}
	if reward != "" {
		shown.RewardUntil = until.UTC().Format("2006-01-02 15:04 MST")
	}
	return p.write(c, status, shown)
}

func (p *formPages) write(c *fiber.Ctx, status int, shown *shownForm) error {
	var out bytes.Buffer
	if err := p.page.Execute(&out, shown); err != nil {
		return err
	}
	customerPage(c)
	c.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action *; frame-ancestors 'none'; base-uri 'none'") // the answer may lead on
	c.Set(fiber.HeaderContentLanguage, shown.Language)
	c.Vary(fiber.HeaderAcceptLanguage)
	return c.Status(status).Send(out.Bytes())
}
