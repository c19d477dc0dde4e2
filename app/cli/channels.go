package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// maxSettingsBytes bounds a file of settings.
const maxSettingsBytes = 512 << 10

// ChannelsCommand is about the channels of a running server: by which connectors they are served, and with what settings.
type ChannelsCommand struct {
	List   ChannelsListCommand   `cmd:"" default:"withargs" help:"List the channels and how they are (the default)."`
	Set    ChannelsSetCommand    `cmd:"" help:"Have a channel served with the settings in a file, from now on, or limit it; settings that the connector refuses change nothing."`
	Remove ChannelsRemoveCommand `cmd:"" help:"Forget a channel's settings and stop its connector; what is queued waits, and leaves when the channel is set again."`
}

// channelsAnswer is what the verbs show of what the server answers.
type channelsAnswer struct {
	Channels []channelSeen `json:"channels"`
}

// channelSeen is one of them.
type channelSeen struct {
	Channel   string `json:"channel"`
	Connector string `json:"connector"`
	State     string `json:"state"`
	From      string `json:"from"`
	Fixed     string `json:"fixed"`
	LastError string `json:"lastError"`
	Callback  string `json:"callback"`
	Restarts  int    `json:"restarts"`

	Rate        float64        `json:"rate"`
	Concurrency int            `json:"concurrency"`
	Queued      int            `json:"queued"`
	Held        int            `json:"held"`
	Pauses      []messageOrder `json:"pauses"`
}

// show prints the channels, or the one of a name; those that are not set only in a list of all.
func (a *channelsAnswer) show(w *world, name string) error {
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	if name == "" {
		fmt.Fprintln(table, "channel\tstate\tconnector\tsettings")
	}
	for _, c := range a.Channels {
		if name != "" && c.Channel != name {
			continue
		}
		connector, from := "via "+c.Connector, "set by "+c.From
		switch c.From {
		case "none":
			connector, from = "", "not set"
		case "flags":
			from = "set by " + c.Fixed
		case "default":
			from = "nothing is set"
		case "built-in":
			from = "always there"
		}
		if limits := limitsText(c.Rate, c.Concurrency); limits != "" {
			from += ", " + limits
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Channel, c.State, connector, from)
		for _, pause := range c.Pauses {
			fmt.Fprintf(table, "  paused%s by %s: %s\n", spaced(pause.Kind), pause.By, cmp.Or(pause.Why, "no reason is given"))
		}
		if c.Queued > 0 && c.State == "none" {
			for _, text := range waitingTexts(c.Queued, c.Held, c.From) {
				fmt.Fprintf(table, "  %s\n", text)
			}
		}
		if c.LastError != "" {
			fmt.Fprintf(table, "  last error: %s\n", c.LastError)
		}
		if c.Callback != "" && name != "" {
			fmt.Fprintf(table, "  callbacks to: %s\n", c.Callback)
		}
	}
	return table.Flush()
}

// waitingTexts says what becomes of the messages of a channel that does not run: those in doubt wait for a person.
func waitingTexts(queued, held int, from string) (texts []string) {
	if waiting := queued - held; waiting > 0 {
		if queued >= delivery.MaxQueued {
			waiting = queued // which were not all counted
		}
		texts = append(texts, waitingText(waiting, from))
	}
	switch {
	case held == 1:
		texts = append(texts, "1 message is held in doubt, for somebody to decide about: stagecraft messages list --state held")
	case held > 0:
		texts = append(texts, fmt.Sprintf("%d messages are held in doubt, for somebody to decide about: stagecraft messages list --state held", held))
	}
	return texts
}

// waitingText says how many messages wait for a channel that does not run, and for what.
func waitingText(n int, from string) string {
	until := "it runs"
	if from == "none" {
		until = "it is set"
	}
	switch {
	case n == 1:
		return "1 message waits, and leaves when " + until
	case n >= delivery.MaxQueued:
		return fmt.Sprintf("%d or more messages wait, and leave when %s", n, until)
	}
	return fmt.Sprintf("%d messages wait, and leave when %s", n, until)
}

func spaced(word string) string {
	if word == "" {
		return ""
	}
	return ", " + word + " only,"
}

// limitsText says what a channel is allowed; "" if that is as much as its connector takes.
func limitsText(rate float64, concurrency int) string {
	var parts []string
	if rate > 0 {
		parts = append(parts, fmt.Sprintf("at most %g a second", rate))
	}
	if concurrency > 0 {
		parts = append(parts, fmt.Sprintf("at most %d at once", concurrency))
	}
	return strings.Join(parts, ", ")
}

// ChannelsListCommand lists.
type ChannelsListCommand struct {
	Remote
	JSON bool `name:"json" help:"Print JSON, with the settings (without secrets), schemas and logs."`
}

// Run lists.
func (c *ChannelsListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/api/channels", &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var answer channelsAnswer
	if err = json.Unmarshal(raw, &answer); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server answered something that is not Stagecraft's; is --server right?")
	}
	return answer.show(w, "")
}

// ChannelsSetCommand sets.
type ChannelsSetCommand struct {
	Remote
	AsJSON
	Connector   string   `name:"connector" placeholder:"NAME" help:"The connector, if it is not the built-in one of the channel's kind."`
	Name        string   `arg:"" help:"The channel, such as sms; or a further one of a kind, such as sms-vn or email-news."`
	Rate        *float64 `name:"rate" placeholder:"N" help:"Messages a second that the channel is given at most, such as 5 or 0.5; 0 lifts the limit."`
	Concurrency *int     `name:"concurrency" placeholder:"N" help:"Messages that are with the connector at the same time at most; 0 lifts the limit."`
	File        string   `arg:"" optional:"" help:"JSON file with the settings, such as {\"provider\": \"twilio\", ...}; - reads standard input. Where it says ******** for a secret, the secret stays as it is. With --rate or --concurrency alone the settings stay as they are."`
}

// Run sets.
func (c *ChannelsSetCommand) Run(w *world) error {
	body := map[string]any{}
	if c.Rate != nil {
		body["rate"] = *c.Rate
	}
	if c.Concurrency != nil {
		body["concurrency"] = *c.Concurrency
	}
	if c.File != "" || len(body) == 0 || c.Connector != "" {
		if c.File == "" {
			return lifecycle.Errorf(lifecycle.Invalid, "name a JSON file with the settings, - for standard input, or set --rate or --concurrency")
		}
		settings, err := c.settings(w)
		if err != nil {
			return err
		}
		body["connector"], body["settings"] = c.Connector, settings
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var answer channelsAnswer
	if done, err := c.call(w, client, http.MethodPut, "/api/channels/"+url.PathEscape(c.Name), body, &answer); done || err != nil {
		return err
	}
	return answer.show(w, c.Name)
}

// settings reads the file. Its words are not repeated in an error: they may be secrets.
func (c *ChannelsSetCommand) settings(w *world) (json.RawMessage, error) {
	in := w.stdin
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the settings cannot be read")
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSettingsBytes+1))
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be read", c.File)
	}
	var object map[string]json.RawMessage
	if len(text) > maxSettingsBytes || json.Unmarshal(text, &object) != nil || object == nil {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "%s must hold one JSON object, the settings of the connector, such as {\"provider\": \"twilio\", …}", c.File)
	}
	return json.RawMessage(strings.TrimSpace(string(text))), nil
}

// ChannelsRemoveCommand removes.
type ChannelsRemoveCommand struct {
	Remote
	AsJSON
	Name string `arg:"" help:"The channel."`
}

// Run removes.
func (c *ChannelsRemoveCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var answer channelsAnswer
	if done, err := c.call(w, client, http.MethodDelete, "/api/channels/"+url.PathEscape(c.Name), nil, &answer); done || err != nil {
		return err
	}
	if !slices.ContainsFunc(answer.Channels, func(one channelSeen) bool { return one.Channel == c.Name && (one.From != "none" || one.Queued > 0) }) {
		_, err = fmt.Fprintf(w.stdout, "%s is removed; no message waits for it\n", c.Name)
		return err
	}
	return answer.show(w, c.Name)
}
