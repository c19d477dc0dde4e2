package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// CustomersListCommand lists customers.
type CustomersListCommand struct {
	Search string `name:"search" placeholder:"IDENTITY" help:"Only who has this identity: a user ID, an anonymous ID, a mail address, a telephone number, an ID of another system as shopify:123."`
	Newest bool   `name:"newest" help:"The newest ones first, at most 50."`
	Limit  int    `name:"limit" default:"50" help:"How many, at most 500 in one call; of --search and --newest 50."`
	Cursor string `name:"cursor" help:"Go on where an earlier call ended, which said so."`
	JSON   bool   `name:"json" help:"Print what the server answers, as JSON."`
	Remote
}

// Run asks and prints.
func (c *CustomersListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{"search": c.Search, "cursor": c.Cursor} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if c.Newest {
		query.Set("newest", "true")
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/v1/customers?"+query.Encode(), &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var answer struct {
		Customers []struct {
			ID                  lifecycle.ID
			UserID, AnonymousID string
			Name, Email         any
			Created             time.Time
			Stages              []struct{ Journey, Stage string }
			Claimed             bool
		}
		Next string
		More bool
	}
	if err = json.Unmarshal(raw, &answer); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	if len(answer.Customers) == 0 {
		_, err = fmt.Fprintln(w.stdout, "nobody")
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CUSTOMER\tNAME\tEMAIL\tSINCE\tSTAGES")
	for _, one := range answer.Customers {
		stages := make([]string, len(one.Stages))
		for i, stage := range one.Stages {
			stages[i] = stage.Journey + "/" + stage.Stage
		}
		who := cmp.Or(one.UserID, one.AnonymousID, one.ID.String())
		if one.Claimed {
			who += " (has it too)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", who, plainText(one.Name), plainText(one.Email), one.Created.Format(time.DateOnly), strings.Join(stages, ", "))
	}
	if err = table.Flush(); err == nil && answer.More {
		_, err = fmt.Fprintln(w.stdout, "There are more who have it.")
	}
	if err != nil || answer.Next == "" {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "There are more: --cursor %s\n", answer.Next)
	return err
}

// plainText returns a trait that is a text; of anything else nothing.
func plainText(trait any) string {
	text, _ := trait.(string)
	return text
}

// CustomersShowCommand shows one customer with all that is kept of them.
type CustomersShowCommand struct {
	Who      string `arg:"" help:"A user ID, an anonymous ID, a mail address, a telephone number, an ID of another system as shopify:123, or the customer's own ID."`
	Timeline int    `name:"timeline" placeholder:"N" help:"Also what happened to them, this many entries, newest first."`
	JSON     bool   `name:"json" help:"Print JSON; with --timeline in the field timeline."`
	Remote
}

// shownCustomer is what is printed of a customer.
type shownCustomer struct {
	ID         lifecycle.ID
	Seen       time.Time
	Identities []lifecycle.Identity
	Traits     []struct {
		Name   string
		Value  json.RawMessage
		Source string
		At     time.Time
		Wrong  string
	}
	Tags         []string
	Acquired     *lifecycle.Acquisition
	Consents     []lifecycle.Consent
	Suppressions []lifecycle.Suppression
	Stages       []struct {
		Journey, Stage string
		Entered        time.Time
		Waits          []struct {
			Due         time.Time
			Event, File string
			Line        int
		}
	}
	Segments []struct{ Name string }
	Scores   []struct {
		Name   string
		Points float64
	}
	Revenue *lifecycle.Revenue
	RFM     *lifecycle.RFM
}

// Run asks and prints.
func (c *CustomersShowCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	path := "/v1/customers/" + url.PathEscape(c.Who)
	var raw, life json.RawMessage
	if _, err = client.Get(w.ctx, path, &raw); err != nil {
		return err
	}
	if c.Timeline > 0 {
		if _, err = client.Get(w.ctx, path+"/timeline?limit="+strconv.Itoa(c.Timeline), &life); err != nil {
			return err
		}
	}
	if c.JSON {
		if life != nil {
			var all, timeline map[string]json.RawMessage
			if err = json.Unmarshal(raw, &all); err == nil {
				err = json.Unmarshal(life, &timeline)
			}
			if err != nil {
				return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
			}
			all["timeline"] = timeline["entries"]
			if raw, err = json.Marshal(all); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var shown shownCustomer
	if err = json.Unmarshal(raw, &shown); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	shown.print(table)
	if err = table.Flush(); err != nil || life == nil {
		return err
	}
	return printLife(w.stdout, life)
}

func (c *shownCustomer) print(table io.Writer) {
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	row := func(cells ...string) { fmt.Fprintln(table, strings.Join(cells, "\t")) }
	row("id", c.ID.String(), "seen "+at(c.Seen))
	for _, identity := range c.Identities {
		row(string(identity.Kind), identity.Value)
	}
	for _, stage := range c.Stages {
		if stage.Stage == "" {
			row("out of "+stage.Journey, "", "")
			continue
		}
		row("in "+stage.Journey, stage.Stage, "since "+at(stage.Entered))
		for _, wait := range stage.Waits {
			what := "silence"
			if wait.File != "" {
				what = wait.File + ":" + strconv.Itoa(wait.Line)
			}
			row("", cmp.Or(wait.Event, "waits"), "until "+at(wait.Due), what)
		}
	}
	for _, segment := range c.Segments {
		row("segment", segment.Name)
	}
	for _, score := range c.Scores {
		row(strings.TrimSpace("score "+score.Name), strconv.FormatFloat(score.Points, 'f', -1, 64))
	}
	if c.Revenue != nil {
		row("revenue", strconv.FormatFloat(c.Revenue.Total, 'f', -1, 64), plural(int(c.Revenue.Orders), "order", "orders")+", the last "+at(c.Revenue.Last))
	}
	if c.RFM != nil {
		row("rfm", fmt.Sprintf("%d %d %d", c.RFM.Recency, c.RFM.Frequency, c.RFM.Monetary), "recency, frequency, monetary value: ranks 1 to 5")
	}
	for _, trait := range c.Traits {
		said := ""
		if trait.Source != "" {
			said = trait.Source + ", " + at(trait.At)
		}
		if trait.Wrong != "" {
			said = strings.TrimPrefix(said+"; "+trait.Wrong, "; ")
		}
		row(trait.Name, string(trait.Value), said)
	}
	for _, tag := range c.Tags {
		row("tag", tag)
	}
	if a := c.Acquired; a != nil {
		row("came by", cmp.Or(a.Source, a.Referrer, a.Landing), at(a.At))
	}
	for _, word := range c.Consents {
		said := "no"
		if word.Granted {
			said = "yes"
		}
		row("consent", said+" to "+cmp.Or(word.Topic, "everything")+" by "+cmp.Or(word.Channel, "any channel"), word.Source+", "+at(word.At))
	}
	for _, one := range c.Suppressions {
		row("suppressed", one.Channel+" "+one.Address, one.Reason+", "+at(one.At))
	}
}

type lifeFact struct {
	Text, Journey, File string
	Line                int
}

// printLife prints entries of a timeline.
func printLife(out io.Writer, raw json.RawMessage) error {
	var life struct {
		Entries []struct {
			At    time.Time
			Event *struct{ Type, Event string }
			Facts []lifeFact
		}
	}
	if err := json.Unmarshal(raw, &life); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	for _, entry := range life.Entries {
		cause := "by itself"
		if entry.Event != nil {
			cause = cmp.Or(entry.Event.Event, entry.Event.Type)
		} else if slices.ContainsFunc(entry.Facts, func(f lifeFact) bool { return strings.Contains(f.Text, ", asked for by ") }) {
			cause = "by request"
		}
		if _, err := fmt.Fprintf(out, "\n%s  %s\n", entry.At.UTC().Format(time.RFC3339), cause); err != nil {
			return err
		}
		for _, fact := range entry.Facts {
			text := fact.Text
			if fact.Journey != "" {
				text = fact.Journey + ": " + text
			}
			if fact.File != "" {
				text += fmt.Sprintf(" (%s:%d)", fact.File, fact.Line)
			}
			if _, err := fmt.Fprintf(out, "    %s\n", text); err != nil {
				return err
			}
		}
	}
	return nil
}

// sourceInWords names the source of what came in; that without a name came with the write key.
func sourceInWords(source string) string { return cmp.Or(source, lifecycle.ByKey) }
