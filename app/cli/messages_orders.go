package cli

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// MessageTarget says which messages an order is about.
type MessageTarget struct {
	Channel  string `name:"channel" placeholder:"NAME" help:"Those of a channel."`
	Journey  string `name:"journey" placeholder:"NAME" help:"Those of a journey."`
	Name     string `name:"name" placeholder:"NAME" help:"Those of this name."`
	Endpoint string `name:"endpoint" placeholder:"URL" help:"Webhooks to an address, without its query."`
	Kind     string `name:"kind" placeholder:"KIND" help:"Of those only the transactional or the marketing ones."`
}

func (t MessageTarget) body(why string) map[string]string {
	return map[string]string{"channel": t.Channel, "journey": t.Journey, "name": t.Name, "endpoint": t.Endpoint, "kind": t.Kind, "why": why, "by": operator()}
}

// MessagesPauseCommand pauses.
type MessagesPauseCommand struct {
	MessageTarget
	Why string `name:"why" placeholder:"TEXT" help:"What others are told when they ask."`
	AsJSON
	Remote
}

// Run pauses.
func (c *MessagesPauseCommand) Run(w *world) error {
	return order(w, c.Remote, c.AsJSON, "pause", c.body(c.Why))
}

// MessagesResumeCommand resumes.
type MessagesResumeCommand struct {
	MessageTarget
	AsJSON
	Remote
}

// Run resumes.
func (c *MessagesResumeCommand) Run(w *world) error {
	return order(w, c.Remote, c.AsJSON, "resume", c.body(""))
}

// MessagesCancelCommand cancels.
type MessagesCancelCommand struct {
	Ref string `arg:"" optional:"" help:"The reference of one message."`
	MessageTarget
	Why string `name:"why" placeholder:"TEXT" help:"What others are told when they ask."`
	AsJSON
	Remote
}

// Run cancels.
func (c *MessagesCancelCommand) Run(w *world) error {
	if c.Ref == "" {
		return order(w, c.Remote, c.AsJSON, "cancel", c.body(c.Why))
	}
	if c.MessageTarget != (MessageTarget{}) {
		return oneOrSeveral()
	}
	client, err := c.client()
	if err == nil {
		_, err = c.post(w, client, "/api/messages/"+url.PathEscape(c.Ref)+"/cancel", c.body(c.Why), nil)
	}
	return err
}

// MessagesSendCommand sends anyway what is held.
type MessagesSendCommand struct {
	Ref string `arg:"" optional:"" help:"The reference of one message."`
	MessageTarget
	Why string `name:"why" placeholder:"TEXT" help:"What others are told when they ask."`
	AsJSON
	Remote
}

// Run sends it.
func (c *MessagesSendCommand) Run(w *world) error {
	if c.Ref != "" && c.MessageTarget != (MessageTarget{}) {
		return oneOrSeveral()
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.Ref != "" {
		_, err = c.post(w, client, "/api/messages/"+url.PathEscape(c.Ref)+"/send", map[string]string{"why": c.Why, "by": operator()}, nil)
		return err
	}
	var answer struct {
		Sent int `json:"sent"`
	}
	if done, err := c.post(w, client, "/api/orders/send", c.body(c.Why), &answer); done || err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%s held before, queued again.\n", plural(answer.Sent, "message", "messages"))
	return nil
}

func oneOrSeveral() error {
	return lifecycle.Errorf(lifecycle.Invalid, "name one message by its reference, or several by --channel, --journey, --name and --endpoint")
}

// MessagesOrdersCommand lists orders.
type MessagesOrdersCommand struct {
	AsJSON
	Remote
}

// Run lists them.
func (c *MessagesOrdersCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var orders messageOrders
	if done, err := c.get(w, client, "/api/orders", &orders); done || err != nil {
		return err
	}
	return orders.print(w)
}

type messageOrder struct {
	Channel  string    `json:"channel"`
	Journey  string    `json:"journey"`
	Name     string    `json:"name"`
	Endpoint string    `json:"endpoint"`
	Kind     string    `json:"kind"`
	By       string    `json:"by"`
	Why      string    `json:"why"`
	At       time.Time `json:"at"`
	Done     bool      `json:"done"`
	Count    int       `json:"count"`
}

// target says in words what it is about.
func (o messageOrder) target() string {
	var of []string
	for _, part := range [][2]string{{"channel", o.Channel}, {"journey", o.Journey}, {"message", o.Name}, {"endpoint", o.Endpoint}, {"kind", o.Kind}} {
		if part[1] != "" {
			of = append(of, part[0]+" "+part[1])
		}
	}
	return strings.Join(of, ", ")
}

// flags are those that name the same messages.
func (o messageOrder) flags() (flags string) {
	for _, part := range [][2]string{{"channel", o.Channel}, {"journey", o.Journey}, {"name", o.Name}, {"endpoint", o.Endpoint}, {"kind", o.Kind}} {
		if part[1] != "" {
			flags += " --" + part[0] + " " + part[1]
		}
	}
	return flags
}

type messageOrders struct {
	Pauses  []messageOrder `json:"pauses"`
	Cancels []messageOrder `json:"cancels"`
	Note    string         `json:"note"` // what may be wrong with an order just given
}

func (o messageOrders) print(w *world) error {
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	line := func(what string, one messageOrder, more string) {
		at := ""
		if !one.At.IsZero() {
			at = one.At.Local().Format(time.DateTime)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\tby %s\t%s%s\n", what, one.target(), at, one.By, one.Why, more)
	}
	for _, one := range o.Pauses {
		line("paused", one, "")
	}
	for _, one := range o.Cancels {
		more := fmt.Sprintf(" (%s", plural(one.Count, "message", "messages"))
		if !one.Done {
			more += " so far"
		}
		line("cancelled", one, more+")")
	}
	if len(o.Pauses)+len(o.Cancels) == 0 {
		fmt.Fprintln(table, "Nothing is paused, and nothing was cancelled lately.")
	}
	return table.Flush()
}

// order gives one and prints what is in force then.
func order(w *world, from Remote, as AsJSON, what string, body map[string]string) error {
	client, err := from.client()
	if err != nil {
		return err
	}
	var orders messageOrders
	if done, err := as.post(w, client, "/api/orders/"+what, body, &orders); done || err != nil {
		return err
	}
	if orders.Note != "" {
		fmt.Fprintf(w.stderr, "Note: %s.\n", orders.Note)
	}
	return orders.print(w)
}

// operator names who gives an order from the command line.
func operator() string {
	for _, name := range []string{"SUDO_USER", "USER", "USERNAME"} {
		if user := os.Getenv(name); user != "" {
			return user
		}
	}
	return "the command line"
}
