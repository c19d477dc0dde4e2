package web

import (
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// describedForm is a form for somebody who builds a page of their own.
type describedForm struct {
	Name     string           `json:"name"`
	URL      string           `json:"url"` // of the page, and where answers are posted to
	Title    lifecycle.Texts  `json:"title"`
	Intro    lifecycle.Texts  `json:"intro,omitempty"`
	Button   lifecycle.Texts  `json:"button,omitempty"`
	Fields   []describedField `json:"fields"`
	Consents []describedBox   `json:"consents"`
	OptIn    string           `json:"optIn"`
	Shown    string           `json:"_shown,omitempty"` // goes back with the answers, within a day
}

type describedField struct {
	Name     string              `json:"name"`
	Label    lifecycle.Texts     `json:"label,omitempty"`
	Help     lifecycle.Texts     `json:"help,omitempty"`
	Type     lifecycle.FieldKind `json:"type"`
	Required bool                `json:"required"`
	Options  []describedOption   `json:"options,omitempty"`
}

type describedOption struct {
	Value string          `json:"value"`
	Label lifecycle.Texts `json:"label"`
}

type describedBox struct {
	Name     string          `json:"name"`
	Label    lifecycle.Texts `json:"label"`
	Channel  string          `json:"channel,omitempty"`
	Topic    string          `json:"topic,omitempty"`
	Required bool            `json:"required"`
}

func (s *Server) described(form *lifecycle.Form) describedForm {
	d := describedForm{Name: form.Name, URL: s.PublicURL + "/f/" + form.Name, Title: named(form.Title), Intro: named(form.Intro), Button: named(form.Button),
		OptIn: "single", Fields: []describedField{}, Consents: []describedBox{}}
	if form.Double {
		d.OptIn = "double"
	}
	for _, f := range form.Fields {
		field := describedField{Name: f.Name, Label: named(f.Label), Help: named(f.Help), Type: f.Kind, Required: f.Required}
		for _, option := range f.Options {
			field.Options = append(field.Options, describedOption{option.Value, named(option.Label)})
		}
		d.Fields = append(d.Fields, field)
	}
	for _, box := range form.Consents {
		d.Consents = append(d.Consents, describedBox{box.Name, named(box.Label), box.Channel, box.Topic, box.Required})
	}
	return d
}

// named names the text for everybody else by its language, English.
func named(t lifecycle.Texts) lifecycle.Texts {
	if len(t) == 0 {
		return nil
	}
	all := lifecycle.Texts{"en": t.In("en")}
	if text, ok := t["vi"]; ok {
		all["vi"] = text
	}
	return all
}

// describeForm is GET /f/NAME.json, for every page.
func (s *Server) describeForm(c *fiber.Ctx) error {
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	form, _, ok := s.Forms.Form(strings.Clone(c.Params("name")))
	if !ok {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no such form")
	}
	d := s.described(&form)
	d.Shown = s.Links.Shown(form.Name, s.Clock.Now())
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(d)
}

// listedForm is a form with its figures, for the console.
type listedForm struct {
	describedForm
	File     string            `json:"file"`
	Reward   string            `json:"reward,omitempty"`
	After    string            `json:"after,omitempty"`
	Origins  []string          `json:"origins,omitempty"`
	Gone     bool              `json:"gone,omitempty"` // its file is not there any more
	Figures  engine.FormCounts `json:"figures"`
	Machines int64             `json:"machines"` // were turned away since the server started
	TooMany  int64             `json:"tooMany"`  // came too often since then
	Warning  string            `json:"warning,omitempty"`
}

// listForms is GET /api/forms.
func (s *Server) listForms(c *fiber.Ctx) error {
	figures, err := s.Engine.FormFigures(c.UserContext())
	if err != nil {
		return err
	}
	forms, problems := s.Forms.All()
	list := []listedForm{}
	for i := range forms {
		form := &forms[i]
		one := listedForm{describedForm: s.described(form), File: form.File, Reward: form.Reward, After: form.After, Origins: form.Origins, Figures: figures[form.Name]}
		refused := s.formGate.refusals(form.Name)
		one.Machines, one.TooMany = refused.machines.Load(), refused.tooMany.Load()
		if form.Reward != "" && !strings.Contains(form.Reward, "://") {
			file, _, err := (&formPages{Server: s}).openReward(form.Reward)
			if err != nil {
				one.Warning = "the reward is not there: put " + form.Reward + " into " + s.Downloads
			} else if err = file.Close(); err != nil {
				return err
			}
		}
		if form.Behind {
			one.Warning = strings.TrimPrefix(one.Warning+"; what was saved last has a mistake, and the last good version goes on", "; ")
		}
		list = append(list, one)
		delete(figures, form.Name)
	}
	for name, counts := range figures {
		list = append(list, listedForm{describedForm: describedForm{Name: name, Title: lifecycle.Texts{"en": name}, Fields: []describedField{}, Consents: []describedBox{}}, Gone: true, Figures: counts})
	}
	slices.SortFunc(list, func(a, b listedForm) int { return strings.Compare(a.Name, b.Name) })
	wrong := []wireError{}
	for _, problem := range problems {
		wrong = append(wrong, wireError{problem.Code, problem.Message, problem.Field, problem.Hint, problem.File, problem.Line})
	}
	return c.JSON(fiber.Map{"at": s.Clock.Now().Round(time.Millisecond), "forms": list, "problems": wrong, "referralUrl": s.FormSettings.ReferralURL, "referralEvent": s.FormSettings.ReferralEvent})
}
