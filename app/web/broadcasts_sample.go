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
	"stagecraft/app/script"
)

// broadcastSample asks for the message of a broadcast as one customer would get it.
type broadcastSample struct {
	wantedText
	Part string          `json:"part"` // empty: the one that the customer would get
	Row  json.RawMessage `json:"row"`  // what the list would say of the customer
	To   []string        `json:"to"`   // of a test
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
	if err = decodeStrictBody(c, maxSingle, &asked); err != nil {
		return
	}
	var part engine.BroadcastPart
	wire, sample, err = s.sampled(c, &asked.wantedText, func(customer *lifecycle.Customer) (*script.Program, string, error) {
		program, err := s.Engine.BroadcastProgram(c.UserContext(), &b)
		if err != nil {
			return nil, "", err
		}
		name := cmp.Or(asked.Part, b.PartOf(customer.ID))
		i := slices.IndexFunc(b.Parts, func(p engine.BroadcastPart) bool { return p.Name == name })
		if i < 0 {
			return nil, "", fieldError("part", "the broadcast has no message %.80q", asked.Part)
		}
		part = b.Parts[i]
		return program, name, nil
	}, func(sample *delivery.Sample) error {
		sample.Journey, sample.Stage = b.Journey(), "send"
		sample.Event = lifecycle.Event{Type: lifecycle.Track, Name: engine.BroadcastEvent, Timestamp: sample.At, Received: sample.At, Properties: object(asked.Row)}
		if part.Subject != "" {
			sample.Options = map[string]string{"subject": part.Subject}
		}
		return nil
	})
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
