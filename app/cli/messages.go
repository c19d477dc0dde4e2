package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// MessagesCommand is about the messages of a running server: the list of them, one message's life, and what holds or
// cancels those that are queued.
type MessagesCommand struct {
	List   MessagesListCommand   `cmd:"" default:"withargs" help:"List messages, newest first."`
	Show   MessagesShowCommand   `cmd:"" help:"Show one message and all that happened to it."`
	Orders MessagesOrdersCommand `cmd:"" help:"List the pauses in force, and the cancellations of the last seven days."`
	Pause  MessagesPauseCommand  `cmd:"" help:"Keep messages from leaving, until they are resumed; they stay queued, over restarts too."`
	Resume MessagesResumeCommand `cmd:"" help:"Let paused messages leave again."`
	Cancel MessagesCancelCommand `cmd:"" help:"Settle queued messages as cancelled, or the one with the given reference."`
	Send   MessagesSendCommand   `cmd:"" help:"Send a message anyway that is held because it may have left already; the customer may get it twice."`
}

// listedMessage is a message as the server lists it.
type listedMessage struct {
	Ref      string    `json:"ref"`
	Decided  time.Time `json:"decided"`
	User     string    `json:"user"`
	Customer string    `json:"customer"`
	Journey  string    `json:"journey"`
	Stage    string    `json:"stage"`
	Name     string    `json:"name"`
	Channel  string    `json:"channel"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"`
	Reason   string    `json:"reason"`
	InDoubt  int       `json:"inDoubt,omitempty"`
	Answers  []string  `json:"answers,omitempty"` // what came back of it
}

// stands is what became of the message, as far as is known.
func (m *listedMessage) stands() string {
	text := inState(m.State, m.Reason)
	if m.InDoubt > 0 && m.State != "held" {
		text += ", in doubt"
	}
	for _, answer := range m.Answers {
		text += ", " + answer
	}
	return text
}

// MessagesListCommand lists.
type MessagesListCommand struct {
	Channel  string `name:"channel" placeholder:"NAME" help:"Only those of a channel."`
	Journey  string `name:"journey" placeholder:"NAME" help:"Only those of a journey."`
	Name     string `name:"name" placeholder:"NAME" help:"Only those of this name."`
	State    string `name:"state" placeholder:"STATE" help:"Only those that are queued, accepted, failed, suppressed, expired, held or cancelled; or what came back of them: delivered, opened, clicked, replied, bounced, complained or dismissed; or 'in doubt'."`
	Kind     string `name:"kind" placeholder:"KIND" help:"Only transactional or marketing ones."`
	Customer string `name:"customer" placeholder:"USER" help:"Only those to a customer: a user ID, an anonymous ID, or the customer's own ID."`
	From     string `name:"from" placeholder:"TIME" help:"Only those decided then or later, as in 2026-03-01T09:00:00Z."`
	Until    string `name:"until" placeholder:"TIME" help:"Only those decided before."`
	Limit    int    `name:"limit" default:"50" placeholder:"N" help:"How many at most; 0 lists all. Default: ${default}."`
	JSON     bool   `name:"json" help:"Print a JSON object a line, as the server answers it."`
	Remote
}

// maxLedgerPage is how many messages the server gives at once.
const maxLedgerPage = 200

// Run lists, page by page, until there are enough.
func (c *MessagesListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"channel": c.Channel, "journey": c.Journey, "name": c.Name, "state": c.State, "kind": c.Kind,
		"customer": c.Customer, "from": c.From, "until": c.Until} {
		if value != "" {
			query.Set(name, value)
		}
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	defer table.Flush()
	list, listed := pages{path: "/api/messages", name: "messages", query: query, most: maxLedgerPage}, 0
	err = list.each(w, client, c.Limit, func(raw json.RawMessage) error {
		listed++
		var m listedMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
		}
		if c.JSON {
			return writeLine(w.stdout, raw)
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%s/%s\t%s\t%s\t%s\n", m.Decided.Local().Format(time.DateTime), cmp.Or(m.User, m.Customer), m.Journey, m.Name, m.Channel,
			m.stands(), m.Ref)
		return err
	})
	if err == nil && listed == 0 {
		_, err = fmt.Fprintf(w.stderr, "No message is like that; %s.\n", plural(list.looked, "message was looked at", "messages were looked at"))
	}
	return err
}

func inState(state, reason string) string {
	if reason = strings.TrimPrefix(reason, state+": "); reason == "" || reason == state {
		return state
	}
	return state + " (" + reason + ")"
}

// MessagesShowCommand shows one.
type MessagesShowCommand struct {
	Ref  string `arg:"" help:"The message's reference, as the list gives it."`
	JSON bool   `name:"json" help:"Print JSON, with the message as it was rendered."`
	Remote
}

// Run shows it.
func (c *MessagesShowCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/api/messages/"+url.PathEscape(c.Ref), &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var m struct {
		listedMessage
		SMS  *smsSize   `json:"sms"`
		Life []lifeStep `json:"life"`
	}
	if err = json.Unmarshal(raw, &m); err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the server's answer cannot be read")
	}
	fmt.Fprintf(w.stdout, "%s/%s by %s to %s: %s\n", m.Journey, m.Name, m.Channel, m.User, m.stands())
	if m.SMS != nil {
		fmt.Fprintf(w.stdout, "  %s in %s: %d units\n", plural(m.SMS.Parts, "part", "parts"), m.SMS.Encoding, m.SMS.Units)
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, s := range m.Life {
		fmt.Fprintf(table, "  %s\t%s\n", s.At.Local().Format(time.DateTime), s)
	}
	return table.Flush()
}

// smsSize is what a text message takes on the way.
type smsSize struct {
	Encoding string `json:"encoding"`
	Units    int    `json:"units"`
	Parts    int    `json:"parts"`
}

// lifeStep is one thing that happened to a message.
type lifeStep struct {
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
	Until   time.Time `json:"until"`
	Attempt int       `json:"attempt"`
	State   string    `json:"state"`
	Ref     string    `json:"ref"`
	Channel string    `json:"channel"`
	Name    string    `json:"name"`
	File    string    `json:"file"`
	Line    int       `json:"line"`
	Version string    `json:"version"`
	To      string    `json:"to"`
	Machine bool      `json:"machine"`
	Reply   *struct {
		Status int    `json:"status"`
		TookMS int    `json:"tookMs"`
		Text   string `json:"text"`
	} `json:"reply"`
}

func (s lifeStep) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch s.Kind {
	case "decided":
		add("decided for %s", s.Channel)
		if s.File != "" {
			add("at %s:%d, version %.8s", s.File, s.Line, s.Version)
		}
	case "policy":
		add("policy let it pass")
	case "ordered":
		add("sent anyway")
	case "attempt":
		add("attempt %d", s.Attempt)
		if s.To != "" {
			add("to %s", s.To)
		}
	case "temporary", "in doubt":
		add("attempt %d: %s", s.Attempt, s.Kind)
	case "answer":
		add("attempt %d: answered", s.Attempt)
	case "replayed":
		add("posted once more")
	case "settled":
		add("%s", s.State)
	case "fallback":
		add("tried by %s instead: %s", s.Channel, s.Ref)
	case "instead":
		add("sent instead of %s, which could not be sent by %s", s.Ref, s.Channel)
	case "event":
		add("%s", s.Name)
		if s.Machine {
			add("by a program")
		}
	default:
		add("%s", s.Kind)
	}
	if s.Reason != "" {
		add("%s", s.Reason)
	}
	if s.Reply != nil {
		if s.Reply.Status != 0 {
			add("status %d", s.Reply.Status)
		}
		add("after %d ms", s.Reply.TookMS)
		if s.Reply.Text != "" {
			add("%q", s.Reply.Text)
		}
	}
	if !s.Until.IsZero() && s.Until.After(s.At) {
		add("until %s", s.Until.Local().Format(time.DateTime))
	}
	return strings.Join(parts, ", ")
}
