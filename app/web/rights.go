package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Rights does what people may ask for of what is kept of them, where it takes more than one part of the program.
type Rights interface {
	// Erase forgets a customer for good. It returns how many letters of theirs were given out for printing, of which there
	// may be paper, and copies of batches.
	Erase(ctx context.Context, customer lifecycle.ID) (letters int, err error)
	// StartRewrite begins to make the store's files anew without what was removed, in the background; a Conflict if that is
	// under way.
	StartRewrite() error
	// Standing says what is kept for how long, and what is still in files.
	Standing(ctx context.Context) (RightsStanding, error)
}

// RightsStanding says what is kept for how long, and what is still in files.
type RightsStanding struct {
	KeepEvents    int              `json:"keepEvents"` // days; 0: for ever
	KeepAnonymous int              `json:"keepAnonymous"`
	KeepBodies    int              `json:"keepBodies"`
	RewriteAfter  int              `json:"rewriteAfter"` // hours; 0: only when told
	Erased        int              `json:"erased"`       // identities of which a keyed hash stays
	Waiting       bool             `json:"waiting"`      // files still have what was removed
	Since         time.Time        `json:"since,omitzero"`
	Rewriting     bool             `json:"rewriting"`
	Rewritten     time.Time        `json:"rewritten,omitzero"`
	Last          *store.Rewritten `json:"last,omitempty"` // since the program started
	Problem       string           `json:"problem,omitempty"`
}

// eraseTime is how long an answer waits for the last of a person to be removed; the rest goes on without it.
const eraseTime = 20 * time.Second

// routeRights serves what people may ask for.
func (s *Server) routeRights() {
	s.fiber.Get("/v1/customers/:customer/export", s.guardConsole, s.exportPerson)
	s.fiber.Get("/v1/customers/:customer/consents", s.guardConsole, s.consentHistory)
	s.fiber.Post("/v1/customers/:customer/erase", s.guardConsole, s.erase)
	s.fiber.Get("/v1/privacy", s.guardConsole, func(c *fiber.Ctx) error {
		standing, err := s.Rights.Standing(c.UserContext())
		if err != nil {
			return err
		}
		return c.JSON(standing)
	})
	s.fiber.Post("/v1/privacy/rewrite", s.guardConsole, func(c *fiber.Ctx) error {
		if err := takesNothing(c); err != nil {
			return err
		}
		if err := s.Rights.StartRewrite(); err != nil {
			return err
		}
		return c.Status(fiber.StatusAccepted).JSON(fiber.Map{"rewriting": true})
	})
}

// erase forgets a customer. Somebody else with the same name later is somebody new.
func (s *Server) erase(c *fiber.Ctx) error {
	if err := takesNothing(c); err != nil {
		return err
	}
	found, err := s.oneOf(c)
	if lifecycle.CodeOf(err) == lifecycle.NotFound {
		found, err = s.applicantOf(c, err)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), eraseTime)
	defer cancel()
	letters, err := s.Rights.Erase(ctx, found.ID)
	if err != nil {
		return err
	}
	s.Log.Info("a customer was erased", "customer", found.ID, "by", s.operator(c, ""))
	return c.JSON(struct {
		Erased  lifecycle.ID `json:"erased"`
		Letters int          `json:"letters,omitempty"`
	}{found.ID, letters})
}

// oneOf finds the customer that the path names, and no other: ?kind= says what the name is where it leads to several.
func (s *Server) oneOf(c *fiber.Ctx) (*lifecycle.Customer, error) {
	who, err := param(c, "customer")
	if err != nil {
		return nil, err
	}
	return s.Engine.OneCustomer(c.UserContext(), who, strings.Clone(c.Query("kind")))
}

// applicantOf finds whoever has sent a form with the mail address that the path names and has not confirmed it; there is
// nobody else of that name.
func (s *Server) applicantOf(c *fiber.Ctx, none error) (*lifecycle.Customer, error) {
	who, err := param(c, "customer")
	kind := c.Query("kind")
	if identity, ok := lifecycle.AddressIdentity("email", who); err == nil && ok && (kind == "" || kind == string(lifecycle.EmailIdentity)) {
		return s.Engine.OneCustomer(c.UserContext(), s.Links.Applicant(identity.Value), string(lifecycle.AnonymousID))
	}
	return nil, none
}

// consentHistory answers every word that a customer said about being written to, oldest first, with its proof.
func (s *Server) consentHistory(c *fiber.Ctx) error {
	found, err := s.oneOf(c)
	if err != nil {
		return err
	}
	said, err := s.Engine.ConsentHistory(c.UserContext(), found.ID)
	if err != nil {
		return err
	}
	if said == nil {
		said = []engine.Said{}
	}
	return c.JSON(fiber.Map{"consents": said})
}

// exportedPerson is everything that is kept of one person.
type exportedPerson struct {
	Format     int                 `json:"format"` // 1
	At         time.Time           `json:"at"`
	Customer   wireCustomer        `json:"customer"`
	Identities []engine.WhoHas     `json:"identities"` // and what else is known of each
	Consents   []engine.Said       `json:"consents"`
	Timeline   []exportedEntry     `json:"timeline"` // newest first
	Messages   []exportedMessage   `json:"messages"` // newest first
	Calls      []delivery.Call     `json:"calls"`
	Inbox      []exportedInboxItem `json:"inbox"`
	Forms      []exportedForm      `json:"forms"`
	SetAside   []exportedSetAside  `json:"setAside"` // what a script could not do
	Lists      []exportedListing   `json:"lists"`    // of broadcasts
}

type exportedEntry struct {
	At    time.Time        `json:"at"`
	Event *lifecycle.Event `json:"event,omitempty"`
	Facts []lifecycle.Fact `json:"facts,omitempty"`
	From  lifecycle.ID     `json:"from,omitzero"` // the merged customer to whom it happened
}

type exportedMessage struct {
	wireMessage
	Rendered *lifecycle.Rendered `json:"rendered,omitempty"`
	Steps    []delivery.Step     `json:"steps"`
}

type exportedInboxItem struct {
	At     time.Time `json:"at"`
	Title  string    `json:"title"`
	Text   string    `json:"text"`
	URL    string    `json:"url,omitempty"`
	Opened bool      `json:"opened"`
}

type exportedForm struct {
	Form      string              `json:"form"`
	At        time.Time           `json:"at"`
	Confirmed time.Time           `json:"confirmed,omitzero"`
	Answers   json.RawMessage     `json:"answers,omitempty"`
	Said      json.RawMessage     `json:"said,omitempty"`
	Consents  []lifecycle.Consent `json:"consents"`
}

type exportedSetAside struct {
	At      time.Time        `json:"at"`
	Journey string           `json:"journey"`
	Message string           `json:"message"`
	Event   *lifecycle.Event `json:"event,omitempty"`
}

type exportedListing struct {
	List string          `json:"list"`
	Row  json.RawMessage `json:"row,omitempty"`
}

// exportPerson answers everything that is kept of one person as one JSON document.
func (s *Server) exportPerson(c *fiber.Ctx) error {
	found, err := s.oneOf(c)
	if err != nil {
		return err
	}
	document, err := s.personOf(c.UserContext(), found.ID)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="customer-%s.json"`, found.ID))
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(document)
}

func (s *Server) personOf(ctx context.Context, id lifecycle.ID) (*exportedPerson, error) {
	person, err := s.Engine.Person(ctx, id)
	if err != nil {
		return nil, err
	}
	whole, err := s.person(ctx, person.Customer)
	if err != nil {
		return nil, err
	}
	d := &exportedPerson{Format: 1, At: s.Clock.Now().UTC(), Customer: *whole, Identities: person.Identities, Consents: append([]engine.Said{}, person.Said...),
		Timeline: []exportedEntry{}, Messages: []exportedMessage{}, Calls: []delivery.Call{}, Inbox: []exportedInboxItem{}, Forms: []exportedForm{},
		SetAside: []exportedSetAside{}, Lists: []exportedListing{}}
	for _, entry := range person.Timeline {
		d.Timeline = append(d.Timeline, exportedEntry{entry.At.UTC(), entry.Event, entry.Facts, entry.From})
	}
	for _, a := range person.Applications {
		d.Forms = append(d.Forms, exportedForm{a.Form, a.At.UTC(), a.Confirmed, a.Event.Traits, a.Event.Properties, a.Words})
	}
	for _, letter := range person.SetAside {
		d.SetAside = append(d.SetAside, exportedSetAside{letter.At.UTC(), letter.Journey, letter.Message, letter.Event})
	}
	for _, list := range person.Lists {
		d.Lists = append(d.Lists, exportedListing{list.List, list.Row})
	}
	var partitions []int
	for _, id := range person.IDs {
		if p := id.Partition(); !slices.Contains(partitions, p) {
			partitions = append(partitions, p)
		}
	}
	for _, p := range partitions {
		part, err := s.Delivery.PersonalOf(ctx, p, person.IDs)
		if err != nil {
			return nil, err
		}
		for _, m := range part.Messages {
			d.Messages = append(d.Messages, exportedMessage{messageOf(m.Listed), m.Rendered, m.Steps})
		}
		d.Calls = append(d.Calls, part.Calls...)
		for _, item := range part.Inbox {
			d.Inbox = append(d.Inbox, exportedInboxItem{item.At, item.Title, item.Text, item.URL, item.Opened})
		}
	}
	slices.SortStableFunc(d.Messages, func(a, b exportedMessage) int { return b.Decided.Compare(a.Decided) })
	return d, nil
}
