package web

import (
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// onePixel is a transparent picture of one pixel, as GIF 89a writes it.
var onePixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// routeTracking serves the links and pictures of messages. Where a link leads stands in the link itself and was signed with
// it, or is kept under a code that was made of it: there is no other way on from here.
func (s *Server) routeTracking() {
	s.fiber.Get("/c/:token", s.clicked) // and HEAD, which Fiber answers alike
	s.fiber.Get("/s/:code", s.short)
	s.fiber.Get("/o/:token", s.opened)
}

func (s *Server) clicked(c *fiber.Ctx) error {
	link, err := s.Links.Read(c.Path())
	if err != nil || link.Purpose != lifecycle.ToClick {
		return s.brokenLink(c)
	}
	return s.followed(c, &link)
}

// short leads on from a short link.
func (s *Server) short(c *fiber.Ctx) error {
	link, err := s.Delivery.ShortLink(c.UserContext(), c.Path())
	if err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
		return err
	}
	switch {
	case err == nil && link.Purpose == lifecycle.ToClick:
		return s.followed(c, &link)
	case err == nil && link.Purpose == lifecycle.ToUnsubscribe:
		return redirect(c, s.Links.Unsubscribe(link.Customer, link.Message, link.Channel, link.Topic))
	case err == nil && link.Purpose == lifecycle.ToPreferences:
		return redirect(c, s.Links.Preferences(link.Customer))
	}
	return s.brokenLink(c)
}

// followed tells that the reader of a message went where a link leads, and leads there.
func (s *Server) followed(c *fiber.Ctx, link *lifecycle.Link) error {
	s.Engine.Seen(engine.Report{Message: link.Message, Event: string(lifecycle.Clicked), Data: map[string]string{"url": link.URL},
		Machine: byMachine(c)})
	return redirect(c, link.URL)
}

func redirect(c *fiber.Ctx, address string) error {
	private(c)
	c.Set(fiber.HeaderLocation, asciiURL(address))
	return c.SendStatus(fiber.StatusFound)
}

func (s *Server) opened(c *fiber.Ctx) error {
	link, err := s.Links.Read(c.Path())
	if err != nil || link.Purpose != lifecycle.ToOpen {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no such picture")
	}
	s.Engine.Seen(engine.Report{Message: link.Message, Event: string(lifecycle.Opened), Machine: byMachine(c) || opensAhead(c)})
	private(c)
	c.Set(fiber.HeaderContentType, "image/gif")
	return c.Send(onePixel)
}

// private keeps an answer from caches, and its address from whoever is linked to next.
func private(c *fiber.Ctx) {
	c.Set(fiber.HeaderCacheControl, "no-store, private")
	c.Set("Referrer-Policy", "no-referrer")
	c.Set("X-Robots-Tag", "noindex")
	c.Set("X-Content-Type-Options", "nosniff")
}

// asciiURL writes an address as a header may hold it: what is beyond ASCII, and spaces, by percent signs.
func asciiURL(address string) string {
	var out strings.Builder
	for i := range len(address) {
		if b := address[i]; b <= ' ' || b >= 0x7f {
			fmt.Fprintf(&out, "%%%02X", b)
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}
