package web

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Pages of lists.
const (
	customersPage    = 50
	maxCustomersPage = 500
)

// routeCustomers serves the customers: who there is, one of them as a whole, and their life.
func (s *Server) routeCustomers() {
	s.fiber.Get("/v1/customers", s.guardConsole, s.listCustomers)
	s.fiber.Get("/v1/customers/:customer", s.guardConsole, s.oneCustomer)
	s.fiber.Get("/v1/customers/:customer/timeline", s.guardConsole, s.lifeOf)
}

// listedCustomer is a customer in a list.
type listedCustomer struct {
	ID          lifecycle.ID    `json:"id"`
	UserID      string          `json:"userId,omitempty"`
	AnonymousID string          `json:"anonymousId,omitempty"`
	Name        json.RawMessage `json:"name,omitempty"`
	Email       json.RawMessage `json:"email,omitempty"`
	Phone       json.RawMessage `json:"phone,omitempty"`
	Created     time.Time       `json:"created"`
	Seen        time.Time       `json:"seen"` // when their last event was
	Test        bool            `json:"test,omitempty"`
	Stages      []standsIn      `json:"stages"`
	// Of a search: the identity that was asked for. Claimed: it leads to somebody else, but they have it as well.
	By      *lifecycle.Identity `json:"by,omitempty"`
	Claimed bool                `json:"claimed,omitempty"`
}

// standsIn is where a customer is in a journey.
type standsIn struct {
	Journey string    `json:"journey"`
	Stage   string    `json:"stage"`
	Entered time.Time `json:"entered"`
}

func listedOf(c *lifecycle.Customer) listedCustomer {
	name := c.Traits["name"]
	if full := c.FullName(); full != "" {
		name, _ = json.Marshal(full) // of a text it does not fail
	}
	return listedCustomer{ID: c.ID, UserID: c.UserID(), AnonymousID: c.AnonymousID(), Name: name, Email: c.Traits["email"],
		Phone: c.Traits["phone"], Created: c.Real(c.Created).UTC(), Seen: c.Real(c.LastSeen()).UTC(), Test: c.Test(), Stages: stagesOf(c)}
}

func stagesOf(c *lifecycle.Customer) []standsIn {
	list := []standsIn{}
	for i := range c.Visits {
		if visit := &c.Visits[i]; visit.Stage != "" && !lifecycle.IsBroadcast(visit.Journey) {
			list = append(list, standsIn{visit.Journey, visit.Stage, c.Real(visit.Entered).UTC()})
		}
	}
	return list
}

// listCustomers lists customers: ?search= those who have this identity; ?newest=true the newest; both come in one page of at
// most 50. Else everybody, in an order without meaning: ?limit= at most 500 and ?cursor= page through these.
func (s *Server) listCustomers(c *fiber.Ctx) error {
	ctx := c.UserContext()
	newest, err := strconv.ParseBool(c.Query("newest", "false"))
	if err != nil {
		return fieldError("newest", "newest is true or false")
	}
	search, most := strings.TrimSpace(strings.Clone(c.Query("search"))), maxCustomersPage
	if search != "" {
		most = engine.MaxMatches
	} else if newest {
		most = engine.MaxNewcomers
	}
	limit, err := limitOf(c, customersPage, most)
	if err != nil {
		return err
	}
	if (newest || search != "") && c.Query("cursor") != "" {
		return fieldError("cursor", "who is searched for, and the newest, come in one page; leave the cursor out")
	}
	list, next, more := []listedCustomer{}, "", false
	switch {
	case len(search) > maxDeviceQuery:
		return fieldError("search", "what is searched for must have at most %d bytes", maxDeviceQuery)
	case search != "":
		found, err := s.Engine.SearchCustomers(ctx, search, limit+1)
		if err != nil {
			return err
		}
		more = len(found) > limit
		for _, match := range found[:min(limit, len(found))] {
			one := listedOf(match.Customer)
			if one.Claimed = !match.Leads; match.By.Kind != "" {
				one.By = &match.By
			}
			list = append(list, one)
		}
	case newest:
		found, err := s.Engine.NewestCustomers(ctx, limit)
		if err != nil {
			return err
		}
		for _, one := range found {
			list = append(list, listedOf(one))
		}
	default:
		from, err := customersFrom(c, "customers")
		if err != nil {
			return err
		}
		page, to, err := s.Engine.Customers(ctx, from, limit)
		if err != nil {
			return err
		}
		for _, one := range page {
			list = append(list, listedOf(one))
		}
		next = customersNext("customers", to)
	}
	return c.JSON(struct {
		Customers []listedCustomer `json:"customers"`
		Next      string           `json:"next,omitempty"`
		More      bool             `json:"more,omitempty"` // of a search: others have the identity too
	}{list, next, more})
}

// maxDeviceQuery is as long as the longest identity, the endpoint of a browser that takes push messages.
const maxDeviceQuery = 600

// customerOf finds the customer that the path names by whatever is known of them.
func (s *Server) customerOf(c *fiber.Ctx) (*lifecycle.Customer, error) {
	who, err := url.PathUnescape(strings.Clone(c.Params("customer")))
	if err != nil {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "the path names the customer in a way that cannot be read; escape it once, as in ada%%40example.com")
	}
	return s.customer(c, who)
}

// oneCustomer answers everything that is kept of a customer in one place.
func (s *Server) oneCustomer(c *fiber.Ctx) error {
	customer, err := s.customerOf(c)
	if err != nil {
		return err
	}
	answer, err := s.person(c.UserContext(), customer)
	if err != nil {
		return err
	}
	return c.JSON(answer)
}

// wireLived is one entry of a customer's timeline.
type wireLived struct {
	At    time.Time     `json:"at"`
	Seq   uint64        `json:"seq"`            // its number
	From  *lifecycle.ID `json:"from,omitempty"` // it happened to this customer, before a merge
	Late  bool          `json:"late,omitempty"` // it came when the customer's time was past it, and ran no handler
	Event *livedEvent   `json:"event,omitempty"`
	Facts []wireFact    `json:"facts"`
}

// livedEvent is an event as it came in.
type livedEvent struct {
	lifecycle.Event
	Made bool `json:"made,omitempty"` // a script of ours made it
}

// wireFact is what an entry caused, in words too.
type wireFact struct {
	Kind    lifecycle.FactKind `json:"kind"`
	Text    string             `json:"text"`
	Journey string             `json:"journey,omitempty"`
	From    string             `json:"from,omitempty"`
	To      string             `json:"to,omitempty"`
	Name    string             `json:"name,omitempty"`
	File    string             `json:"file,omitempty"`
	Line    int                `json:"line,omitempty"`
	Message *lifecycle.ID      `json:"message,omitempty"`
}

// lifeOf lists what happened to a customer, newest first: ?limit= (50, at most 500) and ?cursor=, which is that customer's.
func (s *Server) lifeOf(c *fiber.Ctx) error {
	customer, err := s.customerOf(c)
	if err != nil {
		return err
	}
	limit, err := limitOf(c, customersPage, maxCustomersPage)
	if err != nil {
		return err
	}
	at, err := cursor(c, "timeline", func(place []byte) bool { return len(place) == 32 && !store.KeyTime(place[16:]).IsZero() })
	if err != nil {
		return err
	}
	var place engine.LivedPlace
	if at != nil {
		if err = s.sameCustomer(c.UserContext(), lifecycle.ID(at[:16]), customer.ID); err != nil {
			return err
		}
		place = engine.LivedPlace{At: store.KeyTime(at[16:]), Seq: binary.BigEndian.Uint64(at[24:])}
	}
	page, err := s.Engine.Lived(c.UserContext(), customer.ID, place, limit)
	if err != nil {
		return err
	}
	entries, next := make([]wireLived, 0, len(page.Entries)), ""
	for i := range page.Entries {
		entries = append(entries, livedOf(&page.Entries[i]))
	}
	if n := len(page.Entries); page.More && n > 0 {
		last := &page.Entries[n-1]
		next = cursorOf("timeline", binary.BigEndian.AppendUint64(store.AppendTime(customer.ID[:], last.At), last.Seq))
	}
	return c.JSON(struct {
		Entries []wireLived `json:"entries"`
		Next    string      `json:"next,omitempty"`
	}{entries, next})
}

// sameCustomer refuses the cursor of another customer's timeline. Whoever has become part of the customer since is no other.
func (s *Server) sameCustomer(ctx context.Context, of, customer lifecycle.ID) error {
	if of == customer {
		return nil
	}
	now, err := s.Engine.Record(ctx, of)
	if err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
		return err
	}
	if err != nil || now.ID != customer {
		return fieldError("cursor", "the cursor is of another customer's timeline; leave it out to begin again")
	}
	return nil
}

func livedOf(entry *engine.LifeEntry) wireLived {
	wire := wireLived{At: entry.At.UTC(), Seq: entry.Seq, Facts: []wireFact{}}
	if !entry.From.IsZero() {
		wire.From = &entry.From
	}
	if entry.Event != nil {
		event := *entry.Event
		event.Timestamp, event.Received = event.Timestamp.UTC(), event.Received.UTC()
		event.Source = event.Teller()
		wire.Event = &livedEvent{event, event.Depth > 0}
	}
	for i := range entry.Facts {
		f := &entry.Facts[i]
		wire.Late = wire.Late || f.Kind == lifecycle.FactLate
		if text := factWords(f); text != "" {
			fact := wireFact{Kind: f.Kind, Text: text, Journey: f.Journey, From: f.From, To: f.To, Name: f.Name, File: f.File, Line: f.Line}
			if !f.Message.IsZero() {
				fact.Message = &f.Message
			}
			wire.Facts = append(wire.Facts, fact)
		}
	}
	return wire
}
