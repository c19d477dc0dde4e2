package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// EventsCommand holds the verbs that look at events.
type EventsCommand struct {
	List EventsListCommand `cmd:"" help:"List events of all customers, those that came in last first."`
	Of   EventsOfCommand   `cmd:"" default:"withargs" help:"What happened to one customer, newest first."`
}

// maxEventsPage is how many entries the server gives at once.
const maxEventsPage = 500

// EventsListCommand lists events of everybody.
type EventsListCommand struct {
	Event    string `name:"event" placeholder:"NAME" help:"Only events of this name."`
	Type     string `name:"type" enum:"track,identify,page,screen,group,alias," default:"" placeholder:"TYPE" help:"Only track, identify, page, screen, group or alias."`
	Customer string `name:"customer" placeholder:"WHO" help:"Only of this customer, by any identity."`
	Source   string `name:"source" placeholder:"NAME" help:"Only what came from this source, key or import."`
	From     string `name:"from" placeholder:"TIME" help:"Only what came in then or later."`
	Until    string `name:"until" placeholder:"TIME" help:"Only what came in before."`
	Test     string `name:"test" enum:"true,false," default:"" placeholder:"true|false" help:"Only of test persons, or of nobody who is one."`
	History  string `name:"history" enum:"true,false," default:"" placeholder:"true|false" help:"Only what was imported as history, or nothing of it."`
	Limit    int    `name:"limit" default:"50" placeholder:"N" help:"How many at most; 0 lists all. Default: ${default}."`
	JSON     bool   `name:"json" help:"Print a JSON object a line, as the server answers it."`
	Remote
}

// Run lists, page by page.
func (c *EventsListCommand) Run(w *world) error {
	query := url.Values{}
	for name, text := range map[string]string{"event": c.Event, "type": c.Type, "customer": c.Customer, "source": c.Source, "test": c.Test, "history": c.History} {
		if text != "" {
			query.Set(name, text)
		}
	}
	for name, text := range map[string]string{"from": c.From, "until": c.Until} {
		if text == "" {
			continue
		}
		at, ok := ParseTime(text)
		if !ok {
			return lifecycle.Errorf(lifecycle.Invalid, "--%s %q is not a date between 1900 and 2200; write it like 2024-05-01 or 2024-05-01T10:30:00Z", name, text)
		}
		query.Set(name, at.Format(time.RFC3339Nano))
	}
	return listEvents(w, c.Remote, pages{path: "/api/events", name: "events", query: query}, c.Limit, func(table io.Writer, raw json.RawMessage) error {
		return printEvent(w.stdout, table, raw, c.JSON, true, "")
	})
}

// EventsOfCommand lists what happened to one customer of a running server.
type EventsOfCommand struct {
	Who   string `arg:"" help:"A user ID, an anonymous ID, a mail address, a telephone number, an ID of another system as shopify:123, or the customer's own ID."`
	Event string `name:"event" placeholder:"NAME" help:"Only events of this name."`
	Limit int    `name:"limit" default:"50" help:"How many entries of the customer's life are looked at; 0 looks at all. Default: ${default}."`
	JSON  bool   `name:"json" help:"Print a JSON object a line, as the server answers it."`
	Remote
}

// Run lists, newest first, page by page.
func (c *EventsOfCommand) Run(w *world) error {
	return listEvents(w, c.Remote, pages{path: "/v1/customers/" + url.PathEscape(c.Who) + "/timeline", name: "entries"}, c.Limit, func(table io.Writer, raw json.RawMessage) error {
		return printEvent(w.stdout, table, raw, c.JSON, false, c.Event)
	})
}

// listEvents prints events of a list.
func listEvents(w *world, server Remote, list pages, limit int, show func(table io.Writer, raw json.RawMessage) error) error {
	client, err := server.client()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	defer table.Flush()
	list.most = maxEventsPage
	return list.each(w, client, limit, func(raw json.RawMessage) error { return show(table, raw) })
}

// printEvent prints an entry if it is an event, of one name if so asked; with whose it is, if it is one of everybody's.
func printEvent(out, table io.Writer, raw json.RawMessage, asJSON, whose bool, name string) error {
	var entry struct {
		At          time.Time `json:"at"`
		Customer    string    `json:"customer"`
		UserID      string    `json:"userId"`
		AnonymousID string    `json:"anonymousId"`
		Event       *struct {
			Type       string          `json:"type"`
			Name       string          `json:"event"`
			Properties json.RawMessage `json:"properties"`
			Source     string          `json:"source"`
			Public     bool            `json:"public"`
			Received   time.Time       `json:"receivedAt"`
		} `json:"event"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	if entry.Event == nil || name != "" && name != entry.Event.Name {
		return nil
	}
	if asJSON {
		_, err := fmt.Fprintf(out, "%s\n", raw)
		return err
	}
	at, who := entry.At, ""
	if entry.Event.Source == "" && entry.Event.Public {
		entry.Event.Source = lifecycle.BySite
	}
	if whose {
		at = entry.Event.Received
		who = cmp.Or(entry.UserID, entry.AnonymousID, entry.Customer) + "\t"
	}
	_, err := fmt.Fprintf(table, "%s\t%s%s\t%s\t%s\t%s\n", at.Local().Format(time.DateTime), who, entry.Event.Type, entry.Event.Name,
		sourceInWords(entry.Event.Source), shorten(string(entry.Event.Properties)))
	return err
}
