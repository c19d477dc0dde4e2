package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

//go:embed unsubscribe.html
var unsubscribePage string

// unsubscribeWords are the page's words, by language.
var unsubscribeWords = map[string]map[string]string{
	"en": {"title": "Unsubscribe", "ask": "Do you want to receive no more of these messages?", "button": "Unsubscribe",
		"note": "Messages that you are owed, such as receipts, still come.", "done": "You are unsubscribed.",
		"doneNote": "No more of these messages will be sent to you.", "broken": "This link does not work.",
		"brokenNote": "Not all of it may have come. Open it from the message once more."},
	"vi": {"title": "Ngừng nhận thư", "ask": "Bạn không muốn nhận những tin nhắn này nữa?", "button": "Ngừng nhận",
		"note": "Những tin cần thiết, như biên nhận, vẫn được gửi.", "done": "Bạn đã ngừng nhận.",
		"doneNote": "Những tin nhắn này sẽ không được gửi cho bạn nữa.", "broken": "Liên kết này không hoạt động.",
		"brokenNote": "Có thể liên kết chưa đầy đủ. Hãy mở lại từ tin nhắn."},
}

// unsubscribed is what the page shows.
type unsubscribed struct {
	Language, State string // State is ask, done or broken
	Words           map[string]string
}

// routeUnsubscribe serves the link of messages. Looking at it changes nothing: programs that scan mail follow every link.
// A POST unsubscribes, from the page's button and from the one of mail programs (RFC 8058) alike.
func (s *Server) routeUnsubscribe() {
	page := template.Must(template.New("unsubscribe").Parse(unsubscribePage))
	show := func(c *fiber.Ctx, status int, state string) error {
		language := "en"
		if strings.HasPrefix(strings.ToLower(c.Get(fiber.HeaderAcceptLanguage)), "vi") {
			language = "vi"
		}
		var out bytes.Buffer
		if err := page.Execute(&out, unsubscribed{language, state, unsubscribeWords[language]}); err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		c.Set(fiber.HeaderCacheControl, "no-store")
		c.Set("Referrer-Policy", "no-referrer")
		c.Set("X-Robots-Tag", "noindex")
		c.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		return c.Status(status).Send(out.Bytes())
	}
	read := func(c *fiber.Ctx) (lifecycle.Link, bool) {
		link, err := s.Links.Read(c.Path())
		return link, err == nil && link.Purpose == lifecycle.ToUnsubscribe
	}
	s.fiber.Get("/u/:token", func(c *fiber.Ctx) error {
		if _, ok := read(c); !ok {
			return show(c, fiber.StatusNotFound, "broken")
		}
		return show(c, fiber.StatusOK, "ask")
	})
	s.fiber.Post("/u/:token", func(c *fiber.Ctx) error {
		link, ok := read(c)
		if !ok {
			return show(c, fiber.StatusNotFound, "broken")
		}
		word := lifecycle.Consent{Channel: strings.Clone(link.Channel), Topic: strings.Clone(link.Topic), Source: "unsubscribe link"}
		if err := s.Engine.Say(c.UserContext(), link.Customer, word, link.Message); err != nil {
			return err
		}
		return show(c, fiber.StatusOK, "done")
	})
}
