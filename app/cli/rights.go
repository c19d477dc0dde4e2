package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// CustomersExportCommand writes everything that is kept of one person.
type CustomersExportCommand struct {
	Who  string `arg:"" help:"A user ID, an anonymous ID, a mail address, a telephone number, an ID of another system as shopify:123, or the customer's own ID."`
	Kind string `name:"kind" placeholder:"KIND" help:"What WHO is, where it may be several: id, user, anonymous, email, phone, device or external:NAME."`
	Out  string `name:"out" short:"o" placeholder:"FILE" help:"Where to. Default: standard output."`
	Remote
}

// Run exports.
func (c *CustomersExportCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var document page
	if _, err = client.Get(w.ctx, personPath(c.Who, "/export", c.Kind), &document); err != nil {
		return err
	}
	var text bytes.Buffer
	if err = json.Indent(&text, document.text, "", "  "); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer is no JSON")
	}
	text.WriteByte('\n')
	if c.Out == "" || c.Out == "-" {
		_, err = w.stdout.Write(text.Bytes())
		return err
	}
	if err = os.WriteFile(c.Out, text.Bytes(), 0o600); err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be written", c.Out)
	}
	_, err = fmt.Fprintf(w.stdout, "everything that is kept of %s is in %s\n", c.Who, c.Out)
	return err
}

// CustomersEraseCommand forgets a person.
type CustomersEraseCommand struct {
	Who  string `arg:"" help:"Likewise."`
	Kind string `name:"kind" placeholder:"KIND" help:"What WHO is, where it may be several: id, user, anonymous, email, phone, device or external:NAME."`
	Yes  bool   `name:"yes" help:"Do it. Nobody can take it back."`
	JSON bool   `name:"json" help:"Print the server's answer as JSON."`
	Remote
}

// Run erases, if it is meant so.
func (c *CustomersEraseCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if !c.Yes {
		var known struct {
			Customer struct {
				ID lifecycle.ID `json:"id"`
			} `json:"customer"`
		}
		if _, err = client.Get(w.ctx, personPath(c.Who, "/export", c.Kind), &known); err != nil {
			return err
		}
		return &lifecycle.Error{Code: lifecycle.Invalid, Message: fmt.Sprintf("customer %s would be erased: nobody can take that back", known.Customer.ID), Hint: "add --yes to do it"}
	}
	var answer json.RawMessage
	if _, err = client.Post(w.ctx, personPath(c.Who, "/erase", c.Kind), nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", answer)
		return err
	}
	fmt.Fprintf(w.stdout, "%s is erased; from the store's files with its next rewrite (stagecraft privacy rewrite does it now)\n", c.Who)
	var told struct{ Letters int }
	if json.Unmarshal(answer, &told) == nil && told.Letters > 0 {
		fmt.Fprintf(w.stdout, "letters to them were given out for printing (%d): their pages are cut out of the batches in the channel's folder; paper, and copies that were taken elsewhere, are there still\n", told.Letters)
	}
	return nil
}

// personPath is where one person is asked about, by a name of a kind.
func personPath(who, what, kind string) string {
	path := "/v1/customers/" + url.PathEscape(who) + what
	if kind != "" {
		path += "?kind=" + url.QueryEscape(kind)
	}
	return path
}

// CustomersConsentsCommand shows what somebody said about being written to.
type CustomersConsentsCommand struct {
	Who  string `arg:"" help:"Likewise."`
	Kind string `name:"kind" placeholder:"KIND" help:"What WHO is, where it may be several: id, user, anonymous, email, phone, device or external:NAME."`
	JSON bool   `name:"json" help:"Print the server's answer as JSON."`
	Remote
}

// Run shows.
func (c *CustomersConsentsCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, personPath(c.Who, "/consents", c.Kind), &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var answer struct {
		Consents []struct {
			lifecycle.Consent
			Event string `json:"event"`
			IP    string `json:"ip"`
		} `json:"consents"`
	}
	if err = json.Unmarshal(raw, &answer); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, said := range answer.Consents {
		word, channel, topic := "no", said.Channel, said.Topic
		if said.Granted {
			word = "yes"
		}
		if channel == "" {
			channel = "every channel"
		}
		if topic == "" {
			topic = "every topic"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", said.At.UTC().Format(time.RFC3339), word, channel, topic, said.Source, said.Event, said.IP)
	}
	return table.Flush()
}

// PrivacyCommand is about what is kept, and for how long.
type PrivacyCommand struct {
	Show    PrivacyShowCommand    `cmd:"" default:"withargs" help:"Show what is kept for how long, and what is still in files (the default)."`
	Rewrite PrivacyRewriteCommand `cmd:"" help:"Write the store's files anew now, without what was erased, and wait for it."`
}

// privacyAnswer is how the server stands.
type privacyAnswer struct {
	KeepEvents    int       `json:"keepEvents"`
	KeepAnonymous int       `json:"keepAnonymous"`
	KeepBodies    int       `json:"keepBodies"`
	RewriteAfter  int       `json:"rewriteAfter"`
	Erased        int       `json:"erased"`
	Waiting       bool      `json:"waiting"`
	Since         time.Time `json:"since"`
	Rewriting     bool      `json:"rewriting"`
	Rewritten     time.Time `json:"rewritten"`
	Problem       string    `json:"problem"`
	Last          *struct {
		Before int64         `json:"before"`
		After  int64         `json:"after"`
		Took   time.Duration `json:"took"`
		Paused time.Duration `json:"paused"`
	} `json:"last"`
}

// PrivacyShowCommand shows it.
type PrivacyShowCommand struct {
	JSON bool `name:"json" help:"Print the server's answer as JSON."`
	Remote
}

// Run shows.
func (c *PrivacyShowCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/v1/privacy", &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var a privacyAnswer
	if err = json.Unmarshal(raw, &a); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	days := func(n int) string {
		if n == 0 {
			return "for ever"
		}
		return fmt.Sprintf("%d days", n)
	}
	fmt.Fprintf(w.stdout, "events are kept %s, anonymous customers %s, texts of messages %s\n", days(a.KeepEvents), days(a.KeepAnonymous), days(a.KeepBodies))
	fmt.Fprintf(w.stdout, "%d identities are erased\n", a.Erased)
	switch {
	case a.Rewriting:
		fmt.Fprintln(w.stdout, "the store's files are being written anew")
	case a.Waiting && a.RewriteAfter > 0:
		fmt.Fprintf(w.stdout, "the store's files still have what was erased; they are written anew within %d hours of it\n", a.RewriteAfter)
	case a.Waiting:
		fmt.Fprintln(w.stdout, "the store's files still have what was erased; stagecraft privacy rewrite writes them anew")
	}
	if a.Problem != "" {
		fmt.Fprintf(w.stdout, "the last rewrite failed: %s\n", a.Problem)
	}
	return nil
}

// PrivacyRewriteCommand rewrites the store.
type PrivacyRewriteCommand struct {
	AsJSON
	Remote
}

// Run starts a rewrite and waits for its end.
func (c *PrivacyRewriteCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	status, err := client.Post(w.ctx, "/v1/privacy/rewrite", nil, nil)
	if err != nil {
		return err
	}
	for status == http.StatusAccepted {
		var raw json.RawMessage
		if _, err = client.Get(w.ctx, "/v1/privacy", &raw); err != nil {
			return err
		}
		var a privacyAnswer
		if err = json.Unmarshal(raw, &a); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
		}
		switch {
		case a.Rewriting:
			if err = (lifecycle.WallClock{}).Wait(w.ctx, time.Now().Add(200*time.Millisecond)); err != nil {
				return err
			}
			continue
		case a.Problem != "":
			return lifecycle.Errorf(lifecycle.Unavailable, "the store was not rewritten: %s", a.Problem)
		case c.JSON:
			err = c.print(w, raw)
		case a.Last != nil:
			_, err = fmt.Fprintf(w.stdout, "the store's files were written anew in %s: %d MB became %d MB; nothing was read or written for %s\n",
				a.Last.Took.Round(time.Millisecond), a.Last.Before>>20, a.Last.After>>20, a.Last.Paused.Round(time.Millisecond))
		}
		return err
	}
	return nil
}
