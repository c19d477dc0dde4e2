package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// WebhooksCommand is about the webhooks that a running server posts.
type WebhooksCommand struct {
	List   WebhooksListCommand   `cmd:"" default:"withargs" help:"List the endpoints that fail (the default)."`
	Replay WebhooksReplayCommand `cmd:"" help:"Post a webhook once more, or all that have failed since a time; receivers know them by their Webhook-Id."`
	Rotate WebhooksRotateCommand `cmd:"" help:"Draw a new signing secret; the former one signs too until --finish."`
}

// failingEndpoint is one as the server lists it.
type failingEndpoint struct {
	Endpoint string    `json:"endpoint"`
	Since    time.Time `json:"since"`
	Last     time.Time `json:"last"`
	Failures int       `json:"failures"`
	Reason   string    `json:"reason"`
	Paused   time.Time `json:"paused"`
}

type webhooksAnswer struct {
	Endpoints []failingEndpoint `json:"endpoints"`
	Changing  bool              `json:"changing"`
}

// WebhooksListCommand lists.
type WebhooksListCommand struct {
	AsJSON
	Remote
}

// Run lists.
func (c *WebhooksListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var answer webhooksAnswer
	if done, err := c.get(w, client, "/api/webhooks", &answer); done || err != nil {
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, e := range answer.Endpoints {
		state := "fails since " + e.Since.Local().Format(time.DateTime)
		if !e.Paused.IsZero() {
			state = "paused at " + e.Paused.Local().Format(time.DateTime) + ", " + state
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", e.Endpoint, state, e.Reason)
	}
	if len(answer.Endpoints) == 0 {
		fmt.Fprintln(table, "No endpoint fails.")
	}
	if answer.Changing {
		fmt.Fprintln(table, "Two secrets sign: when all receivers know the new one, run stagecraft webhooks rotate --finish")
	}
	return table.Flush()
}

// WebhooksReplayCommand replays.
type WebhooksReplayCommand struct {
	Ref      string `arg:"" optional:"" help:"The reference of one message, as stagecraft messages lists it; whatever has become of it."`
	Since    string `name:"since" placeholder:"TIME" help:"All that were decided then or later and have failed: a time as in 2026-03-01T09:00:00Z, or how long ago, as in 36h."`
	Until    string `name:"until" placeholder:"TIME" help:"Only those decided before."`
	Endpoint string `name:"endpoint" placeholder:"URL" help:"Only those to an address; its query does not count."`
	Journey  string `name:"journey" placeholder:"NAME" help:"Only those of a journey."`
	State    string `name:"state" default:"failed" placeholder:"STATE" help:"Those that are failed, held, expired or cancelled. Default: ${default}."`
	AsJSON
	Remote
}

// Run replays, part by part.
func (c *WebhooksReplayCommand) Run(w *world) error {
	if (c.Ref == "") == (c.Since == "") {
		return lifecycle.Errorf(lifecycle.Invalid, "name one message by its reference, or all that have failed since a time by --since")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.Ref != "" {
		_, err = c.post(w, client, "/api/messages/"+url.PathEscape(c.Ref)+"/replay", map[string]string{"by": operator()}, nil)
		return err
	}
	since := c.Since
	if ago, wrong := time.ParseDuration(since); wrong == nil {
		since = time.Now().Add(-ago).UTC().Format(time.RFC3339)
	}
	body := map[string]string{"since": since, "endpoint": c.Endpoint, "journey": c.Journey, "state": c.State, "by": operator()}
	if c.Until != "" {
		body["until"] = c.Until
	}
	for count, looked := 0, 0; ; {
		var done struct {
			Replayed int    `json:"replayed"`
			Looked   int    `json:"looked"`
			Next     string `json:"next"`
		}
		if _, err = client.Post(w.ctx, "/api/webhooks/replay", body, &done); err != nil {
			return err
		}
		looked += done.Looked
		if count += done.Replayed; done.Next == "" && c.JSON {
			return c.print(w, map[string]int{"replayed": count, "looked": looked})
		}
		if done.Next == "" {
			_, err = fmt.Fprintf(w.stdout, "%s posted once more.\n", plural(count, "webhook is", "webhooks are"))
			return err
		}
		body["cursor"] = done.Next
	}
}

// WebhooksRotateCommand changes the secret.
type WebhooksRotateCommand struct {
	Finish bool `name:"finish" help:"End the use of the former secret: all receivers know the new one."`
	AsJSON
	Remote
}

// Run changes it.
func (c *WebhooksRotateCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.Finish {
		done, err := c.call(w, client, http.MethodDelete, "/api/webhooks/secret", nil, nil)
		if !done && err == nil {
			_, err = fmt.Fprintln(w.stdout, "Webhooks are signed with the new secret only.")
		}
		return err
	}
	client.Patience = 0 // a repetition would not be answered with the secret
	var answer struct {
		Secret string `json:"secret"`
	}
	if done, err := c.post(w, client, "/api/webhooks/secret", map[string]string{}, &answer); done || err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s\n\nWebhooks are signed with it and with the former one from now on. Give it to the receivers, and then run\nstagecraft webhooks rotate --finish\n",
		answer.Secret)
	return err
}
