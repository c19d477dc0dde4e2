package web

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// broadcastSample asks for the message of a broadcast as one customer would get it.
type broadcastSample struct {
	User    string          `json:"user"`
	Part    string          `json:"part"`    // empty: the one that the customer would get
	Channel string          `json:"channel"` // empty: the one that the customer prefers
	Locale  *string         `json:"locale"`
	Row     json.RawMessage `json:"row"` // what the list would say of the customer
	To      []string        `json:"to"`  // of a test
}

func (s *Server) previewBroadcast(c *fiber.Ctx, broadcasts *jobs[engine.Broadcast]) error {
	_, wire, _, err := s.sampleOfBroadcast(c, broadcasts)
	if err != nil {
		return err
	}
	return c.JSON(wire)
}

func (s *Server) sampleOfBroadcast(c *fiber.Ctx, broadcasts *jobs[engine.Broadcast]) (asked broadcastSample, wire *wirePreview, sample *delivery.Sample, err error) {
	b, err := broadcasts.named(c)
	if err != nil {
		return
	}
	data, err := body(c, maxSingle)
	if err != nil {
		return
	}
	if err = decodeJSON(data, &asked); err != nil {
		return
	}
	customer, err := s.customer(c, asked.User)
	if err != nil {
		return
	}
	done, err := s.turn()
	if err != nil {
		return
	}
	defer done()
	program, err := s.Engine.BroadcastProgram(c.UserContext(), &b)
	if err != nil {
		return
	}
	part := slices.IndexFunc(b.Parts, func(p engine.BroadcastPart) bool { return p.Name == cmp.Or(asked.Part, b.PartOf(customer.ID)) })
	if part < 0 {
		err = fieldError("part", "the broadcast has no message %.80q", asked.Part)
		return
	}
	name := b.Parts[part].Name
	wire = &wirePreview{Channels: program.Channels(name), User: asked.User}
	template, err := wire.choose(program, &previewRequest{Message: name, Channel: asked.Channel, Locale: asked.Locale}, customer)
	if err != nil {
		return
	}
	now := s.Clock.Now()
	sample = &delivery.Sample{Template: template, Customer: customer, Journey: b.Journey(), Stage: "send", At: now,
		Event: lifecycle.Event{Type: lifecycle.Track, Name: engine.BroadcastEvent, Timestamp: now, Received: now, Properties: object(asked.Row)}}
	if subject := b.Parts[part].Subject; subject != "" {
		sample.Options = map[string]string{"subject": subject}
	}
	err = s.render(wire, sample)
	return
}

// testBroadcast sends it to some addresses, marked as a test.
func (s *Server) testBroadcast(c *fiber.Ctx, broadcasts *jobs[engine.Broadcast]) error {
	asked, wire, sample, err := s.sampleOfBroadcast(c, broadcasts)
	if err != nil {
		return err
	}
	if len(asked.To) == 0 || len(asked.To) > 20 {
		return fieldError("to", "name 1 to 20 addresses, not %d", len(asked.To))
	}
	for i, to := range asked.To {
		if asked.To[i], err = testAddress(wire.Channel, strings.TrimSpace(to)); err != nil {
			return err
		}
	}
	refs, err := s.sendTests(c.UserContext(), wire, sample, asked.To...)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"refs": refs})
}
