package web

import (
	"encoding/json"
	"errors"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// maxDownload is how long fetching a reward may take.
const maxDownload = 30 * time.Minute

// application finds what a link confirms, and its form as it is now.
func (p *formPages) application(c *fiber.Ctx) (applicant lifecycle.ID, a engine.Application, form lifecycle.Form, err error) {
	applicant, id, err := p.Links.ReadConfirm(c.Path())
	if err != nil {
		return applicant, a, form, err
	}
	if a, err = p.Engine.Application(c.UserContext(), applicant, id); err != nil {
		return applicant, a, form, err
	}
	form, _, ok := p.Forms.Form(a.Form)
	if !ok { // it was taken away since, and what was sent counts all the same
		form = lifecycle.Form{Name: a.Form, Title: lifecycle.Texts{"": a.Form}}
	}
	return applicant, a, form, nil
}

// languageOfForm is the language in which the form was sent.
func languageOfForm(a *engine.Application, c *fiber.Ctx) string {
	var said struct {
		Language string `json:"language"`
	}
	_ = json.Unmarshal(a.Event.Properties, &said) // else as the browser says
	return pageLanguage(said.Language, c)
}

// ask is GET /y/TOKEN. Looking at it changes nothing: mail scanners follow links, too.
func (p *formPages) ask(c *fiber.Ctx) error {
	_, a, form, err := p.application(c)
	if lifecycle.CodeOf(err) == lifecycle.NotFound {
		return p.say(c, fiber.StatusNotFound, "broken", &form, pageLanguage("", c), "", time.Time{})
	}
	if err != nil {
		return err
	}
	language := languageOfForm(&a, c)
	if !a.Confirmed.IsZero() {
		return p.finish(c, &form, language, p.rewardURL(&form, a.ID, a.Event.AnonymousID, a.Confirmed), a.Confirmed)
	}
	words := formWords[language]
	shown := &shownForm{State: "ask", Language: language, Words: words, Title: words["askTitle"], Text: words["ask"], Intro: form.Title.In(language)}
	var said struct {
		Consents []struct {
			Text string `json:"text"`
		} `json:"consents"`
	}
	if json.Unmarshal(a.Event.Properties, &said) == nil {
		for _, consent := range said.Consents {
			shown.Consents = append(shown.Consents, shownField{Label: consent.Text})
		}
	}
	return p.write(c, fiber.StatusOK, shown)
}

// confirm is POST /y/TOKEN.
func (p *formPages) confirm(c *fiber.Ctx) error {
	applicant, a, form, err := p.application(c)
	browser := browserOf(visitOf(c))
	if err == nil {
		add := map[string]any{"confirmed_ip": p.formGate.clientIP(c)}
		if reward := p.rewardURL(&form, a.ID, a.Who(browser), p.Clock.Now()); reward != "" {
			add["reward_url"] = reward
		}
		a, err = p.Engine.Confirm(c.UserContext(), applicant, a.ID, browser, add)
	}
	if lifecycle.CodeOf(err) == lifecycle.NotFound {
		return p.say(c, fiber.StatusNotFound, "broken", &form, pageLanguage("", c), "", time.Time{})
	}
	if err != nil {
		return err
	}
	return p.finish(c, &form, languageOfForm(&a, c), p.rewardURL(&form, a.ID, a.Event.AnonymousID, a.Confirmed), a.Confirmed)
}

// download is GET /d/TOKEN: the file, or the way to where it is. Downloads within a minute are one.
func (p *formPages) download(c *fiber.Ctx) error {
	gone := func() error {
		return p.say(c, fiber.StatusNotFound, "gone", &lifecycle.Form{}, pageLanguage("", c), "", time.Time{})
	}
	reward, err := p.Links.ReadDownload(c.Path())
	now := p.Clock.Now()
	form, _, ok := p.Forms.Form(reward.Form)
	if err != nil || !ok || form.Reward == "" || !now.Before(reward.Ends) {
		return gone()
	}
	away := strings.Contains(form.Reward, "://")
	var file *os.File
	var size int64
	if !away {
		if file, size, err = p.openReward(form.Reward); err != nil {
			p.Log.Error("a reward cannot be read", "form", form.Name, "file", form.Reward, "error", err)
			return gone()
		}
	}
	if c.Method() == fiber.MethodGet {
		properties, err := json.Marshal(map[string]string{"form": form.Name, "reward": form.Reward})
		if err == nil {
			once := lifecycle.HashID("download", reward.For.Part(), now.UTC().Truncate(time.Minute).Format(time.RFC3339)).String()
			err = p.Engine.Downloaded(c.UserContext(), form.Name, reward.Who, once, properties)
		}
		if err != nil { // the visitor is owed the file all the same
			p.Log.Warn("a download could not be noted", "form", form.Name, "error", err)
		}
	}
	private(c)
	if away {
		c.Set(fiber.HeaderLocation, asciiURL(form.Reward))
		return c.SendStatus(fiber.StatusFound)
	}
	kind := mime.TypeByExtension(path.Ext(form.Reward))
	if kind == "" {
		kind = fiber.MIMEOctetStream
	}
	c.Set(fiber.HeaderContentType, kind)
	c.Set(fiber.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(form.Reward)}))
	c.Set("Content-Security-Policy", "sandbox")
	_ = c.Context().Conn().SetWriteDeadline(time.Now().Add(maxDownload))
	c.Context().SetBodyStream(file, int(size)) // closes it
	return nil
}

// openReward opens a file of the folder downloads; nothing outside of it can be reached, links or not.
func (p *formPages) openReward(name string) (*os.File, int64, error) {
	root, err := os.OpenRoot(p.Downloads)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	file, err := root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// refer is GET /r/CODE: it leads a friend to the page of the business, which tells by ref=CODE who sent them. Parameters that
// statistics read are passed on.
func (s *Server) refer(c *fiber.Ctx) error {
	code := strings.Clone(c.Params("token"))
	_, ok := s.Links.ReadReferral(code)
	target, err := url.Parse(s.FormSettings.ReferralURL)
	if !ok || err != nil || target.Host == "" {
		return s.brokenLink(c)
	}
	query := target.Query()
	for name, value := range c.Queries() {
		if strings.HasPrefix(name, "utm_") {
			query.Set(strings.Clone(name), strings.Clone(value))
		}
	}
	query.Set("ref", code)
	target.RawQuery = query.Encode()
	private(c)
	c.Set(fiber.HeaderLocation, asciiURL(target.String()))
	return c.SendStatus(fiber.StatusFound)
}
