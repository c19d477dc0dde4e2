package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/channels"
	"stagecraft/app/engine"
)

// routeCallbacks takes what providers tell connectors. There is no key: the connector checks who calls.
func (s *Server) routeCallbacks() {
	s.fiber.All("/callbacks/:channel", s.callback)
	s.fiber.All("/callbacks/:channel/*", s.callback)
}

// callback passes a request on to the connector of a channel, takes what it reports, and answers as it says.
func (s *Server) callback(c *fiber.Ctx) error {
	var data []byte
	if len(c.Request().Body()) > 0 { // some providers say it all in the address
		var err error
		if data, err = unpacked(c, channels.MaxCallbackBytes, channels.MaxCallbackBytes); err != nil {
			return err
		}
	}
	in := channels.Callback{Method: strings.Clone(c.Method()), URL: s.PublicURL + strings.Clone(c.OriginalURL()),
		Path: "/" + strings.Clone(c.Params("*")), Headers: map[string]string{}, Body: data}
	c.Request().Header.VisitAll(func(key, value []byte) { in.Headers[strings.ToLower(string(key))] = string(value) })
	reply, reports, err := s.Callback(c.UserContext(), strings.Clone(c.Params("channel")), network(s.formGate.clientIP(c)), in)
	if err != nil {
		return err
	}
	said := make([]engine.Report, len(reports))
	for i, r := range reports {
		said[i] = engine.Report{Channel: r.Channel, Message: r.Message, From: r.From, Event: r.Event, Reason: r.Reason, At: r.At, Data: r.Data, Reference: r.Reference}
	}
	s.Engine.Keep(c.UserContext(), said) // the provider does not say it twice
	if reply.ContentType != "" {
		c.Set(fiber.HeaderContentType, reply.ContentType)
	}
	c.Set("X-Content-Type-Options", "nosniff")
	// Programs read it. In a browser it would be a page of the console's origin, written by a connector.
	c.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	return c.Status(reply.Status).Send(reply.Body)
}
