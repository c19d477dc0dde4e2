package web

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func (s *Server) routeSend() {
	s.fiber.Post("/v1/send", s.need(maySend), s.send)
	s.fiber.Get("/v1/messages/:ref", s.need(maySend|mayRead), s.sent)
	s.fiber.Post("/v1/consent", s.need(mayIngest), s.consent)
}

// wireSend asks for one transactional message to one customer.
type wireSend struct {
	wirePerson
	Message    string          `json:"message"` // "journey/name", or the name where journey is given
	Journey    string          `json:"journey,omitempty"`
	Channel    string          `json:"channel,omitempty"`
	Expires    string          `json:"expires,omitempty"` // a duration, as in "10 minutes"
	Properties json.RawMessage `json:"properties,omitempty"`
}

// read returns what is asked for. The error names the field.
func (w *wireSend) read(key string) (d engine.Direct, err error) {
	if len(key) > lifecycle.MaxNameBytes || strings.ContainsFunc(key, unreadable) {
		return d, fieldError(idempotencyKey, "%s must have at most %d bytes of readable text", idempotencyKey, lifecycle.MaxNameBytes)
	}
	if d.Event, err = w.event(); err != nil {
		return d, err
	}
	d.Event.MessageID = key
	d.Journey, d.Message, d.Channel = w.Journey, w.Message, w.Channel
	if journey, name, both := strings.Cut(w.Message, "/"); both {
		if w.Journey != "" && w.Journey != journey {
			return d, fieldError("journey", "journey is %.80q, but message names %.80q", w.Journey, journey)
		}
		d.Journey, d.Message = journey, name
	}
	if d.Journey == "" || d.Message == "" {
		return d, fieldError("message", `message must name a journey and one of its messages, as in "shop/receipt"`)
	}
	if w.Expires != "" {
		if d.Expires, err = lifecycle.ParseDuration(w.Expires); err != nil || d.Expires <= 0 {
			return d, fieldError("expires", `expires %.80q is not a time like "10 minutes"`, w.Expires)
		}
	}
	if d.Event.Properties = object(w.Properties); len(d.Event.Properties) > 0 && d.Event.Properties[0] != '{' {
		return d, fieldError("properties", "properties must be a JSON object")
	}
	if size := len(d.Event.Properties) + len(d.Event.Traits); size > lifecycle.MaxEventBytes {
		return d, fieldError("properties", "the request has %d bytes of properties and traits; the limit is %d", size, lifecycle.MaxEventBytes)
	}
	for _, sum := range []*lifecycle.ID{&d.Former, &d.Checksum} {
		same, err := json.Marshal(w)
		if err != nil {
			return d, err
		}
		*sum = lifecycle.HashID("send", string(same))
		w.UserID, w.AnonymousID = "", "" // whoever asks again may know the customer by another name
	}
	return d, nil
}

// send takes a message and answers 202 when it is on disk and on its way.
func (s *Server) send(c *fiber.Ctx) error {
	var request wireSend
	err := decodeStrictBody(c, maxSingle, &request)
	if err != nil {
		return err
	}
	asked, err := request.read(strings.Clone(c.Get(idempotencyKey)))
	if err != nil {
		return err
	}
	if h, _ := s.holder(c); h != nil {
		h.signs(&asked.Event)
	}
	answer, err := s.Engine.Send(c.UserContext(), asked)
	if err != nil {
		return err
	}
	if answer.Repeated {
		c.Set("Idempotent-Replayed", "true")
	}
	ref := delivery.RefOf(answer.Message)
	c.Set(fiber.HeaderLocation, "/v1/messages/"+ref)
	return c.Status(fiber.StatusAccepted).JSON(struct {
		Ref     string                 `json:"ref"`
		Channel string                 `json:"channel"`
		State   lifecycle.MessageState `json:"state"`
		Reason  string                 `json:"reason,omitempty"`
	}{ref, answer.Channel, answer.State, answer.Reason})
}

// wireSent is a message's life in short. What was said in it is for the console.
type wireSent struct {
	Ref      string                 `json:"ref"`
	Message  string                 `json:"message"`
	UserID   string                 `json:"userId,omitempty"`
	Channel  string                 `json:"channel"`
	Kind     lifecycle.MessageKind  `json:"kind"`
	State    lifecycle.MessageState `json:"state"`
	Reason   string                 `json:"reason,omitempty"`
	Decided  time.Time              `json:"decided"`
	Due      time.Time              `json:"due,omitzero"` // while it is queued or held: when something is done next
	Expires  time.Time              `json:"expires,omitzero"`
	Settled  time.Time              `json:"settled,omitzero"`
	Attempts int                    `json:"attempts"`
	InDoubt  int                    `json:"inDoubt,omitempty"`
}

func (s *Server) sent(c *fiber.Ctx) error {
	ref, err := param(c, "ref")
	if err != nil {
		return err
	}
	partition, err := delivery.RefPartition(ref)
	if err != nil {
		return err
	}
	answer, err := s.Store.Ask(c.UserContext(), partition, delivery.OneMessage{Ref: ref})
	if err != nil {
		return err
	}
	m := answer.(delivery.FullMessage)
	short := wireSent{Ref: ref, Message: m.Journey + "/" + m.Name, UserID: m.User, Channel: m.Channel, Kind: m.Kind, State: m.State, Reason: m.Reason,
		Decided: m.Decided.UTC(), Expires: m.Expires, Settled: m.Settled, Attempts: m.Attempts, InDoubt: m.InDoubt}
	if m.State == lifecycle.Queued || m.State == lifecycle.Held {
		short.Due = m.Due.UTC()
	}
	return c.JSON(short)
}
