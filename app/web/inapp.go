package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// How long the tokens are good for that are made here.
const (
	tokenLife    = time.Hour
	maxTokenLife = 30 * 24 * time.Hour
)

// routeInApp serves customers' inboxes to their own pages and apps, which prove whose they are by a token.
func (s *Server) routeInApp() error {
	script, err := packScript("inapp.js", inAppScript)
	if err != nil {
		return err
	}
	s.fiber.Get("/inapp.js", func(c *fiber.Ctx) error { return sendScript(c, script) })
	s.fiber.Post("/v1/inapp/token", s.need(maySend), s.makeToken)
	s.fiber.Use("/v1/inapp", s.allowOrigin)
	s.fiber.Get("/v1/inapp", s.customers(s.showInbox))
	s.fiber.Get("/v1/inapp/stream", s.customers(s.streamInbox))
	s.fiber.Post("/v1/inapp/:message/:deed", s.customers(s.markInbox))
	return nil
}

// allowOrigin lets the pages of the business ask, as CORS wants it. What is no page of a browser names no origin.
func (s *Server) allowOrigin(c *fiber.Ctx) error {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return c.Next()
	}
	c.Vary(fiber.HeaderOrigin)
	if !slices.Contains(s.InAppOrigins, strings.ToLower(origin)) && !s.ownOrigin(origin, string(c.Request().Host())) {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		return lifecycle.Errorf(lifecycle.Unauthorized, "pages of %.200q may not ask here; name them in --inapp-origins", origin)
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, strings.Clone(origin))
	c.Set(fiber.HeaderAccessControlExposeHeaders, fiber.HeaderRetryAfter)
	if c.Method() != fiber.MethodOptions {
		return c.Next()
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
	c.Set(fiber.HeaderAccessControlAllowHeaders, "authorization, content-type")
	c.Set(fiber.HeaderAccessControlMaxAge, "7200")
	return c.SendStatus(fiber.StatusNoContent)
}

// viewer is a customer who looks at their own inbox.
type viewer struct {
	user string
	ends time.Time // the token's
}

// customers lets customers in, by the token of theirs that they send.
func (s *Server) customers(handle func(c *fiber.Ctx, v viewer) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-store")
		scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
		err := error(lifecycle.Errorf(lifecycle.Unauthorized, "send the customer's token as Authorization: Bearer TOKEN"))
		var v viewer
		if strings.EqualFold(scheme, "bearer") {
			v.user, v.ends, err = s.Tokens.Read(strings.TrimSpace(token), s.Clock.Now())
		}
		if err != nil {
			c.Set(fiber.HeaderWWWAuthenticate, "Bearer") // else a browser would ask the customer for a password
			return err
		}
		return handle(c, v)
	}
}

// makeToken makes a token for a customer: {"userId", "seconds"}. The customer need not be known yet.
func (s *Server) makeToken(c *fiber.Ctx) error {
	c.Locals(secretAnswer, true)
	var in struct {
		UserID  string `json:"userId"`
		Seconds int    `json:"seconds"`
	}
	err := decodeStrictBody(c, maxSingle, &in)
	if err != nil {
		return err
	}
	in.UserID = strings.TrimSpace(in.UserID)
	if in.UserID == "" || len(in.UserID) > lifecycle.MaxNameBytes || strings.ContainsFunc(in.UserID, unreadable) {
		return fieldError("userId", "userId must be a user ID of 1 to %d bytes", lifecycle.MaxNameBytes)
	}
	life := tokenLife
	if in.Seconds != 0 {
		life = time.Duration(min(max(in.Seconds, 0), int(maxTokenLife/time.Second)+1)) * time.Second // so many do not fit into a duration
	}
	if life <= 0 || life > maxTokenLife {
		return fieldError("seconds", "seconds must be between 1 and %d", int(maxTokenLife/time.Second))
	}
	ends := s.Clock.Now().Add(life).Truncate(time.Second)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{"token": s.Tokens.Sign(in.UserID, ends), "expires": ends.UTC()})
}

// wireInbox is an inbox as pages get it, the newest message first.
type wireInbox struct {
	Messages []wireInboxMessage `json:"messages"`
	Unread   int                `json:"unread"`
}

type wireInboxMessage struct {
	ID      string    `json:"id"`
	Title   string    `json:"title,omitempty"`
	Text    string    `json:"text,omitempty"`
	URL     string    `json:"url,omitempty"`
	Button  string    `json:"button,omitempty"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Read    bool      `json:"read"`
	Clicked bool      `json:"clicked"`
}

// located is a message with the customer ID under which it lies.
type located struct {
	delivery.InboxMessage
	customer lifecycle.ID
}

// inboxes returns what lies in the inboxes of all IDs that a customer has had, the newest first.
func (s *Server) inboxes(ctx context.Context, ids []lifecycle.ID) ([]located, error) {
	var all []located
	for _, id := range ids {
		answer, err := s.Store.Ask(ctx, id.Partition(), delivery.Inbox{Customer: id, At: s.Clock.Now()})
		if err != nil {
			return nil, err
		}
		for _, m := range answer.([]delivery.InboxMessage) {
			all = append(all, located{m, id})
		}
	}
	slices.SortStableFunc(all, func(a, b located) int { return b.At.Compare(a.At) })
	return all[:min(len(all), delivery.MaxInbox)], nil
}

func wireInboxOf(messages []located) wireInbox {
	out := wireInbox{Messages: make([]wireInboxMessage, len(messages))}
	for i, m := range messages {
		out.Messages[i] = wireInboxMessage{ID: m.Ref.String(), Title: m.Title, Text: m.Text, URL: m.URL, Button: m.Button,
			At: m.At, Expires: m.Expires, Read: m.Opened, Clicked: m.Clicked}
		if !m.Opened {
			out.Unread++
		}
	}
	return out
}

func (s *Server) idsOf(ctx context.Context, user string) ([]lifecycle.ID, error) {
	return s.Engine.IDsOf(ctx, lifecycle.Identity{Kind: lifecycle.UserID, Value: user})
}

func (s *Server) showInbox(c *fiber.Ctx, v viewer) error {
	ids, err := s.idsOf(c.UserContext(), v.user)
	if err != nil {
		return err
	}
	messages, err := s.inboxes(c.UserContext(), ids)
	if err != nil {
		return err
	}
	return c.JSON(wireInboxOf(messages))
}

// deeds are what customers do with messages, as paths say it.
var deeds = map[string]lifecycle.Answer{"read": lifecycle.Opened, "click": lifecycle.Clicked, "dismiss": lifecycle.Dismissed}

// markInbox takes what a customer did with a message of their own inbox. It becomes an event first and shows in the inbox
// then: if anything ends in between, the page says it again.
func (s *Server) markInbox(c *fiber.Ctx, v viewer) error {
	deed, known := deeds[c.Params("deed")]
	ref, err := lifecycle.ParseRef(c.Params("message"))
	gone := lifecycle.Errorf(lifecycle.NotFound, "there is no such message in this inbox")
	if err != nil || !known {
		return gone
	}
	ids, err := s.idsOf(c.UserContext(), v.user)
	if err != nil {
		return err
	}
	messages, err := s.inboxes(c.UserContext(), ids)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(messages, func(m located) bool { return m.Ref == ref })
	if i < 0 { // it was dismissed, in another window too, or has expired
		sent, err := s.Delivery.AsDecided(c.UserContext(), ref.Partition, []lifecycle.Ref{ref})
		if err != nil {
			return err
		}
		theirs := slices.Contains(ids, sent[ref.ID].Customer)
		if theirs || deed == lifecycle.Dismissed && slices.ContainsFunc(ids, func(id lifecycle.ID) bool { return id.Partition() == ref.Partition }) {
			return sendOK(c)
		}
		return gone
	}
	m := &messages[i]
	if deed != lifecycle.Opened || !m.Opened {
		report := engine.Report{Channel: "inapp", Message: ref, Event: string(deed)}
		if deed == lifecycle.Clicked && m.URL != "" {
			report.Data = map[string]string{"url": m.URL}
		}
		s.Engine.Keep(c.UserContext(), []engine.Report{report})
		mark := delivery.InboxMark{Customer: m.customer, Message: ref.ID, Deed: deed, At: s.Clock.Now()}
		if _, err = s.Store.Do(c.UserContext(), ref.Partition, mark); err != nil {
			return err
		}
	}
	return sendOK(c)
}
