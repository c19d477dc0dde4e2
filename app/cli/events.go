package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"
)

// EventsCommand lists what happened to one customer of a running server.
type EventsCommand struct {
	Who   string `arg:"" help:"A user ID, an anonymous ID, a mail address, a telephone number, an ID of another system as shopify:123, or the customer's own ID."`
	Event string `name:"event" placeholder:"NAME" help:"Only events of this name."`
	Limit int    `name:"limit" default:"50" help:"How many entries of the customer's life are looked at; 0 looks at all. Default: ${default}."`
	JSON  bool   `name:"json" help:"Print a JSON object a line, as the server answers it."`
	Remote
}

// maxLifePage is how many entries the server gives at once.
const maxLifePage = 500

// Run lists, newest first, page by page.
func (c *EventsCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	defer table.Flush()
	query, left := url.Values{}, c.Limit
	for {
		size := maxLifePage
		if c.Limit > 0 {
			size = min(size, left)
		}
		query.Set("limit", strconv.Itoa(size))
		var page struct {
			Entries []json.RawMessage `json:"entries"`
			Next    string            `json:"next"`
		}
		if _, err = client.Get(w.ctx, "/v1/customers/"+url.PathEscape(c.Who)+"/timeline?"+query.Encode(), &page); err != nil {
			return err
		}
		for _, raw := range page.Entries {
			if err = c.print(w, table, raw); err != nil {
				return err
			}
		}
		left -= len(page.Entries)
		if page.Next == "" || c.Limit > 0 && left <= 0 {
			return nil
		}
		query.Set("cursor", page.Next)
	}
}

func (c *EventsCommand) print(w *world, table *tabwriter.Writer, raw json.RawMessage) error {
	var entry struct {
		At    time.Time `json:"at"`
		Event *struct {
			Type       string          `json:"type"`
			Name       string          `json:"event"`
			Properties json.RawMessage `json:"properties"`
			Source     string          `json:"source"`
		} `json:"event"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return err
	}
	if entry.Event == nil || c.Event != "" && c.Event != entry.Event.Name {
		return nil
	}
	if c.JSON {
		_, err := fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", entry.At.Local().Format(time.DateTime), entry.Event.Type, entry.Event.Name,
		sourceInWords(entry.Event.Source), shorten(string(entry.Event.Properties)))
	return err
}
