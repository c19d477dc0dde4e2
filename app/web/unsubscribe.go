package web

import (
	"bytes"
	_ "embed"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

//go:embed unsubscribe.html
var unsubscribePage string

// unsubscribeWords are the page's words, by language.
var unsubscribeWords = map[string]map[string]string{
	"en": {"title": "Unsubscribe", "ask": "Unsubscribe from these messages?", "button": "Unsubscribe",
		"note": "You still get what you need, such as receipts.", "done": "You are unsubscribed.", "preferences": "Choose what you receive",
		"doneNote": "These messages will not be sent to you any more.", "broken": "This link does not work.",
		"brokenNote": "Not all of it may have come. Open it from the message once more."},
	"vi": {"title": "Ngừng nhận thư", "ask": "Bạn không muốn nhận những tin nhắn này nữa?", "button": "Ngừng nhận",
		"note": "Những tin cần thiết, như biên nhận, vẫn được gửi.", "done": "Bạn đã ngừng nhận.", "preferences": "Chọn những tin bạn muốn nhận",
		"doneNote": "Những tin nhắn này sẽ không được gửi cho bạn nữa.", "broken": "Liên kết này không hoạt động.",
		"brokenNote": "Có thể liên kết chưa đầy đủ. Hãy mở lại từ tin nhắn."},
}

// unsubscribed is what the page shows.
type unsubscribed struct {
	Language, State string // State is ask, done or broken
	Words           map[string]string
	Topic           string // what the messages are about, if they say so
	Preferences     string // the customer's page; empty where it is not known whose
}

// routeUnsubscribe serves the link of messages. Looking at it changes nothing: programs that scan mail follow every link.
// A POST unsubscribes, from the page's button and from the one of mail programs (RFC 8058) alike.
func (s *Server) routeUnsubscribe() {
	read := func(c *fiber.Ctx) (lifecycle.Link, bool) {
		link, err := s.Links.Read(c.Path())
		return link, err == nil && link.Purpose == lifecycle.ToUnsubscribe
	}
	show := func(c *fiber.Ctx, state string, link lifecycle.Link) error {
		language := languageOf(c)
		if found, err := s.Engine.Preferences(c.UserContext(), link.Customer); err == nil {
			language = languageFor(c, found.Customer)
		}
		return s.showUnsubscribe(c, fiber.StatusOK, state, language, topicFor(s.topics(), link.Topic, language), s.Links.Preferences(link.Customer))
	}
	s.fiber.Get("/u/:token", func(c *fiber.Ctx) error {
		link, ok := read(c)
		if !ok {
			return s.brokenLink(c)
		}
		return show(c, "ask", link)
	})
	s.fiber.Post("/u/:token", func(c *fiber.Ctx) error {
		link, ok := read(c)
		if !ok {
			return s.brokenLink(c)
		}
		word := lifecycle.Consent{Channel: strings.Clone(link.Channel), Topic: strings.Clone(link.Topic), Source: "unsubscribe link"}
		if err := s.Engine.Say(c.UserContext(), link.Customer, link.Message, s.proofOf(c), word); err != nil {
			return err
		}
		return show(c, "done", link)
	})
}

// proofOf is what a request tells of who sent it, to be kept with the word about consent that it brings.
func (s *Server) proofOf(c *fiber.Ctx) engine.Proof {
	agent := c.Get(fiber.HeaderUserAgent)
	return engine.Proof{IP: s.formGate.clientIP(c), UserAgent: strings.ToValidUTF8(strings.Clone(agent[:min(len(agent), maxAgent)]), "")}
}

// maxAgent is how much is kept of what a browser calls itself, in bytes.
const maxAgent = 400

// brokenLink answers whoever comes with a link that is none of ours, or not all of one.
func (s *Server) brokenLink(c *fiber.Ctx) error {
	return s.showUnsubscribe(c, fiber.StatusNotFound, "broken", languageOf(c), "", "")
}

func (s *Server) showUnsubscribe(c *fiber.Ctx, status int, state, language, topic, preferences string) error {
	var out bytes.Buffer
	if err := s.unsubscribePage.Execute(&out, unsubscribed{language, state, unsubscribeWords[language], topic, preferences}); err != nil {
		return err
	}
	customerPage(c)
	return c.Status(status).Send(out.Bytes())
}
