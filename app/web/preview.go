package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

func (s *Server) routePreview(api fiber.Router) {
	api.Post("/journeys/:name/messages/preview", s.previewMessage)
	api.Post("/journeys/:name/messages/test", s.sendTest)
}

// wantedText says whose message is wanted, and in which form.
type wantedText struct {
	User    string  `json:"user"`
	Channel string  `json:"channel"` // empty: the one that the customer prefers
	Locale  *string `json:"locale"`  // absent: the customer's; empty: the text without a language
}

// previewRequest asks for a message as one customer would get it.
type previewRequest struct {
	wantedText
	Files   draftFiles `json:"files"`   // a draft over the scripts folder
	Version string     `json:"version"` // instead: one that was published
	Message string     `json:"message"`
	Event   *struct {  // absent: the customer's newest
		Name       string          `json:"name"`
		Properties json.RawMessage `json:"properties"`
	} `json:"event"`
	To string `json:"to"` // of a test
}

// wirePreview is a message as it would leave now.
type wirePreview struct {
	File     string                `json:"file"`
	Channel  string                `json:"channel"`
	Channels []string              `json:"channels"` // that the message has
	Locale   string                `json:"locale"`   // of the text that was chosen
	Locales  []string              `json:"locales"`  // that there are on the channel; empty: the one without a language
	Kind     lifecycle.MessageKind `json:"kind"`
	User     string                `json:"user"`
	Event    string                `json:"event"`   // behind it
	Problem  string                `json:"problem"` // why there is no address
	Rendered lifecycle.Rendered    `json:"rendered"`
	SMS      *SMSSize              `json:"sms,omitempty"` // of a text message
}

// SMSSize is what a text message takes on its way.
type SMSSize struct {
	Encoding string `json:"encoding"`          // GSM-7 or UCS-2
	Units    int    `json:"units"`             // septets, or UTF-16 units
	Parts    int    `json:"parts"`             // messages that are sent and charged
	Problem  string `json:"problem,omitempty"` // why it would be refused
}

// smsSize measures a text that goes by a channel; nil if that is none of text messages.
func (s *Server) smsSize(channel, text string) *SMSSize {
	if lifecycle.KindOf(channel) != "sms" || s.SMSSize == nil {
		return nil
	}
	size := s.SMSSize(channel, text)
	return &size
}

func (s *Server) previewMessage(c *fiber.Ctx) error {
	_, wire, _, err := s.previewed(c)
	if err != nil {
		return err
	}
	return c.JSON(wire)
}

// sendTest sends a preview to an address, through the connector that customers' messages go through.
func (s *Server) sendTest(c *fiber.Ctx) error {
	request, wire, sample, err := s.previewed(c)
	if err != nil {
		return err
	}
	to, err := testAddress(wire.Channel, strings.TrimSpace(request.To))
	if err != nil {
		return err
	}
	refs, err := s.sendTests(c.UserContext(), wire, sample, to)
	if err != nil {
		return err
	}
	return c.JSON(struct {
		Ref string   `json:"ref"`
		SMS *SMSSize `json:"sms,omitempty"`
	}{refs[0], s.smsSize(wire.Channel, delivery.SampleMark+wire.Rendered.Text)})
}

// sendTests sends a rendered sample to addresses and returns the references of the messages. All of them go, or none if there
// were too many lately, or one is suppressed.
func (s *Server) sendTests(ctx context.Context, wire *wirePreview, sample *delivery.Sample, addresses ...string) ([]string, error) {
	id, now := sample.Customer.ID, s.Clock.Now()
	for _, to := range addresses {
		if barred, err := s.Engine.Barred(ctx, wire.Channel, to); err != nil {
			return nil, err
		} else if barred != nil {
			return nil, delivery.ErrBarred(barred)
		}
	}
	if !s.tests.take(now, len(addresses)) {
		return nil, lifecycle.Errorf(lifecycle.Busy, "at most %d tests are sent within a minute; wait a little", maxTests)
	}
	refs := make([]string, 0, len(addresses))
	for _, to := range addresses {
		rendered := wire.Rendered
		rendered.To = to
		ref, err := s.Store.Do(ctx, id.Partition(), delivery.TestSend{
			ID: lifecycle.HashID("test", uuid.NewString()), Customer: id, User: wire.User, Journey: sample.Journey, Name: sample.Template.Name,
			File: wire.File, Channel: wire.Channel, Rendered: rendered, At: now,
		})
		if err != nil {
			return nil, err
		}
		refs = append(refs, fmt.Sprint(ref))
	}
	s.Log.Info("a test was sent", "journey", sample.Journey, "message", sample.Template.Name, "channel", wire.Channel, "addresses", len(refs))
	s.Insight.Touch()
	return refs, nil
}

// maxTests is how many tests the console sends within a minute: enough for whoever looks at messages, and nobody's mailbox
// is flooded by it.
const maxTests = 30

// tests remembers when the last ones were sent.
type tests struct {
	mu   sync.Mutex
	sent []time.Time // at most maxTests, oldest first
}

// take reports whether n more may be sent, and counts them.
func (t *tests) take(now time.Time, n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = slices.DeleteFunc(t.sent, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if len(t.sent)+n > maxTests {
		return false
	}
	for range n {
		t.sent = append(t.sent, now)
	}
	return true
}

// testAddress reads where a test is to go.
func testAddress(channel, to string) (string, error) {
	wrong := func(message, hint string) error {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "to", Message: message, Hint: hint}
	}
	if to == "" || len(to) > 4096 || strings.ContainsAny(to, "\r\n") {
		return "", wrong("a test needs an address", "say where it is to go")
	}
	switch lifecycle.KindOf(channel) {
	case "email":
		if parsed, err := mail.ParseAddress(to); err != nil || parsed.Address != to {
			return "", wrong(fmt.Sprintf("%.200q is no mail address", to), "write it like you@example.com")
		}
	case "sms":
		var person lifecycle.Customer
		person.SetTrait("phone", json.RawMessage(fmt.Sprintf("%q", to)))
		number, problem := person.Address(channel)
		if problem != "" {
			return "", wrong(fmt.Sprintf("%.200q is no telephone number", to), "write it with its country, like +84 90 123 4567")
		}
		return number, nil
	case "push", "social":
	default:
		return "", wrong("a test goes by email, sms, push or social", "look at the preview")
	}
	return to, nil
}

// previewed renders the message of a journey that a request asks for.
func (s *Server) previewed(c *fiber.Ctx) (request previewRequest, wire *wirePreview, sample *delivery.Sample, err error) {
	journey, err := param(c, "name")
	if err != nil {
		return
	}
	if err = decodeStrictBody(c, maxDraft, &request); err != nil {
		return
	}
	source, err := s.sampleSource(c, journey, &request)
	if err != nil {
		return
	}
	wire, sample, err = s.sampled(c, &request.wantedText, func(*lifecycle.Customer) (*script.Program, string, error) {
		program, err := s.Compile(source)
		return program, request.Message, err
	}, func(sample *delivery.Sample) error {
		sample.Journey = journey
		if visit := sample.Customer.Visit(journey); visit != nil {
			sample.Stage = visit.Stage
		}
		return s.eventBehind(c, &request, sample)
	})
	return
}

// sampled renders a message as one customer would get it. open compiles what has it, and names it; fill says where it would
// be sent, and upon what.
func (s *Server) sampled(c *fiber.Ctx, want *wantedText, open func(*lifecycle.Customer) (*script.Program, string, error),
	fill func(*delivery.Sample) error) (wire *wirePreview, sample *delivery.Sample, err error) {
	customer, err := s.customer(c, want.User)
	if err != nil {
		return
	}
	done, err := s.turn()
	if err != nil {
		return
	}
	defer done()
	program, message, err := open(customer)
	if err != nil {
		return
	}
	wire = &wirePreview{Channels: program.Channels(message), User: want.User}
	template, err := wire.choose(program, message, want, customer)
	if err != nil {
		return
	}
	kind := lifecycle.Marketing
	if ruling, ok := program.Template(message, wire.Channel, ""); ok && ruling.Front["kind"] != "" {
		kind = lifecycle.MessageKind(ruling.Front["kind"])
	}
	sample = &delivery.Sample{Template: template, Kind: kind, Customer: customer, At: s.Clock.Now()}
	if err = fill(sample); err == nil {
		err = s.render(wire, sample)
	}
	return
}

// render fills in the message as it would leave now.
func (s *Server) render(wire *wirePreview, sample *delivery.Sample) (err error) {
	wire.Event, wire.Kind = sample.Event.Name, sample.Kind
	_, wire.Problem = sample.Customer.Address(wire.Channel)
	wire.Rendered, err = s.Delivery.Preview(sample)
	wire.Rendered.Date = wire.Rendered.Date.UTC()
	wire.SMS = s.smsSize(wire.Channel, s.Delivery.ShortSized(sample.Template, wire.Rendered.Text))
	return err
}

func (s *Server) sampleSource(c *fiber.Ctx, journey string, request *previewRequest) (script.Source, error) {
	if request.Version != "" {
		source, err := s.Engine.SourceOf(c.UserContext(), request.Version)
		if err == nil && source.Name != journey {
			err = lifecycle.Errorf(lifecycle.NotFound, "journey %s has no version %s", journey, request.Version)
		}
		return source, err
	}
	files, err := request.Files.read()
	if err != nil {
		return script.Source{}, err
	}
	return s.Drafts.Folder(journey, files)
}

// choose finds the text that is meant.
func (w *wirePreview) choose(program *script.Program, message string, want *wantedText, customer *lifecycle.Customer) (*lifecycle.Template, error) {
	if len(w.Channels) == 0 {
		return nil, &lifecycle.Error{Code: lifecycle.NotFound, Field: "message", Message: fmt.Sprintf("the journey has no message %.100q", message)}
	}
	w.Channel = cmp.Or(want.Channel, customer.Preferred(w.Channels)[0])
	if !slices.Contains(w.Channels, w.Channel) {
		return nil, &lifecycle.Error{Code: lifecycle.NotFound, Field: "channel", Message: fmt.Sprintf("message %s has no text for the channel %.100q", message, w.Channel)}
	}
	w.Locales = []string{}
	for _, t := range program.Templates {
		if t.Name == message && t.Channel == w.Channel {
			w.Locales = append(w.Locales, t.Locale)
		}
	}
	slices.Sort(w.Locales)
	locale, _ := customer.Trait("locale").(string)
	if locale == "" {
		locale, _ = customer.Trait("language").(string)
	}
	if want.Locale != nil {
		locale = *want.Locale
	}
	template, ok := program.Template(message, w.Channel, locale)
	if !ok {
		return nil, &lifecycle.Error{Code: lifecycle.NotFound, Field: "locale", Message: fmt.Sprintf("message %s has no text without a language", message)}
	}
	w.File, w.Locale = template.File, template.Locale
	return template, nil
}

// maxBehind is how many entries of a customer's life are searched for the newest event.
const maxBehind = 50

// eventBehind sets the event that the message answers: the one of the request, else the customer's newest.
func (s *Server) eventBehind(c *fiber.Ctx, request *previewRequest, sample *delivery.Sample) error {
	if e := request.Event; e != nil {
		sample.Event = lifecycle.Event{Type: lifecycle.Track, Name: e.Name, Timestamp: sample.At, Received: sample.At, Properties: object(e.Properties)}
		return nil
	}
	entries, err := s.Engine.Timeline(c.UserContext(), sample.Customer.ID, maxBehind)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Event != nil && entry.Event.Type == lifecycle.Track {
			sample.Event = *entry.Event
			return nil
		}
	}
	sample.Event = lifecycle.Event{Type: lifecycle.Track, Timestamp: sample.At.Add(-time.Second), Received: sample.At}
	return nil
}
