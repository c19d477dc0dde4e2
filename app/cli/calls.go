package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// CallsCommand holds the verbs of the call centre.
type CallsCommand struct {
	List    CallsListCommand    `cmd:"" default:"withargs" help:"List calls: those that wait for an agent, first the one that is to be made first."`
	Show    CallsShowCommand    `cmd:"" help:"Show a call: whom, why, and what to say."`
	Next    CallsNextCommand    `cmd:"" help:"Claim the call that is to be made first, and show it."`
	Claim   CallsClaimCommand   `cmd:"" help:"Claim a call, for 15 minutes; claim it again to have it longer."`
	Release CallsReleaseCommand `cmd:"" help:"Give a call back to the queue."`
	Close   CallsCloseCommand   `cmd:"" help:"Say how a call ended, or until when it is put off."`
}

// Caller is who makes calls.
type Caller struct {
	Agent string `name:"agent" env:"STAGECRAFT_AGENT" placeholder:"NAME" help:"Who makes the call. Default: your name on this machine."`
}

func (c Caller) name() string {
	if c.Agent != "" {
		return c.Agent
	}
	if who, err := user.Current(); err == nil {
		return who.Username
	}
	return os.Getenv("USER")
}

// calledCustomer is a call as the server shows it.
type calledCustomer struct {
	Ref         string    `json:"ref"`
	User        string    `json:"user"`
	Journey     string    `json:"journey"`
	Name        string    `json:"name"`
	Number      string    `json:"number"`
	Reason      string    `json:"reason"`
	Text        string    `json:"text"`
	Priority    string    `json:"priority"`
	State       string    `json:"state"`
	Because     string    `json:"because"`
	Opened      time.Time `json:"opened"`
	Due         time.Time `json:"due"`
	Agent       string    `json:"agent"`
	Closed      time.Time `json:"closed"`
	Disposition string    `json:"disposition"`
	Note        string    `json:"note"`
	Log         []struct {
		At    time.Time `json:"at"`
		Agent string    `json:"agent"`
		What  string    `json:"what"`
		Note  string    `json:"note"`
	} `json:"log"`
}

// localTime is a moment as somebody at this machine reads it.
func localTime(at time.Time) string { return at.Local().Format("2006-01-02 15:04") }

// status says where a call stands, and since or until when.
func (c *calledCustomer) status() string {
	switch {
	case c.State == "closed":
		return c.Disposition + " by " + c.Agent + " at " + localTime(c.Closed)
	case c.State == "dropped":
		return "dropped: " + c.Because
	case c.State == "claimed":
		return "claimed by " + c.Agent + " until " + localTime(c.Due)
	case c.Because != "":
		return "from " + localTime(c.Due) + ": " + c.Because
	case c.Due.After(time.Now()):
		return "from " + localTime(c.Due)
	}
	return "open since " + localTime(c.Due)
}

// CallsListCommand lists calls.
type CallsListCommand struct {
	State string `name:"state" enum:"open,held,later,claimed,closed" default:"open" help:"open (they can be claimed now), held (their journey is braked, or something is paused), later (their time is to come), claimed or closed. Default: ${default}."`
	Agent string `name:"agent" placeholder:"NAME" help:"Only this agent's, of those that are claimed or closed."`
	Limit int    `name:"limit" default:"50" placeholder:"N" help:"How many at most; 0 lists all. Default: ${default}."`
	AsJSON
	Remote
}

// maxCallsPage is how many calls the server gives at once.
const maxCallsPage = 200

// Run lists.
func (c *CallsListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	list, calls := pages{path: "/v1/calls", name: "calls", query: url.Values{"state": {c.State}, "agent": {c.Agent}}, most: maxCallsPage}, []json.RawMessage{}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	err = list.each(w, client, c.Limit, func(raw json.RawMessage) error {
		var call calledCustomer
		if err := json.Unmarshal(raw, &call); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
		}
		calls = append(calls, raw)
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", call.Ref, call.Priority, call.User, call.Number, call.Reason, call.status())
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(w, list.joined(calls))
	}
	if err = table.Flush(); err != nil {
		return err
	}
	var waiting int
	var more bool
	if json.Unmarshal(list.last["waiting"], &waiting) != nil || json.Unmarshal(list.last["more"], &more) != nil {
		return lifecycle.Errorf(lifecycle.Internal, "the server does not say how many calls wait")
	}
	least := map[bool]string{true: "at least "}[more]
	_, err = fmt.Fprintf(w.stderr, "%s%s waiting\n", least, plural(waiting, "call", "calls"))
	return err
}

// print shows a call as an agent needs it.
func (c *calledCustomer) print(w *world) error {
	fmt.Fprintf(w.stdout, "%s\n%s  %s\n", c.Ref, c.Number, c.User)
	if c.Reason != "" {
		fmt.Fprintf(w.stdout, "%s\n", c.Reason)
	}
	fmt.Fprintf(w.stdout, "%s/%s, %s\n", c.Journey, c.Name, c.status())
	for _, entry := range c.Log {
		line := entry.What
		if entry.Agent != "" {
			line = entry.Agent + ": " + line
		}
		if entry.Note != "" {
			line += ", " + entry.Note
		}
		fmt.Fprintf(w.stdout, "  %s  %s\n", localTime(entry.At), line)
	}
	_, err := fmt.Fprintf(w.stdout, "\n%s", c.Text)
	return err
}

func callPath(ref, what string) string { return "/v1/calls/" + url.PathEscape(ref) + what }

// CallsShowCommand shows a call.
type CallsShowCommand struct {
	Ref string `arg:"" help:"The call, as list shows it."`
	AsJSON
	Remote
}

// Run shows it.
func (c *CallsShowCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var call calledCustomer
	if done, err := c.get(w, client, callPath(c.Ref, ""), &call); done || err != nil {
		return err
	}
	return call.print(w)
}

// CallsNextCommand claims the next call.
type CallsNextCommand struct {
	Caller
	AsJSON
	Remote
}

// Run claims and shows.
func (c *CallsNextCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	client.Patience = 0 // a repeat would claim another one
	var next struct{ Call *calledCustomer }
	if done, err := c.post(w, client, "/v1/calls/next", map[string]string{"agent": c.name()}, &next); done || err != nil {
		return err
	}
	if next.Call == nil {
		_, err = fmt.Fprintln(w.stderr, "no call waits")
		return err
	}
	return next.Call.print(w)
}

// CallsClaimCommand claims a call.
type CallsClaimCommand struct {
	Ref string `arg:"" help:"The call, as list shows it."`
	Caller
	AsJSON
	Remote
}

// Run claims.
func (c *CallsClaimCommand) Run(w *world) error {
	return changeCall(w, c.Remote, c.AsJSON, callPath(c.Ref, "/claim"), map[string]string{"agent": c.name()}, (*calledCustomer).print)
}

// CallsReleaseCommand gives a call back.
type CallsReleaseCommand struct {
	Ref string `arg:"" help:"The call, as list shows it."`
	Caller
	AsJSON
	Remote
}

// Run gives it back.
func (c *CallsReleaseCommand) Run(w *world) error {
	return changeCall(w, c.Remote, c.AsJSON, callPath(c.Ref, "/release"), map[string]string{"agent": c.name()}, (*calledCustomer).printStatus)
}

// CallsCloseCommand closes a call.
type CallsCloseCommand struct {
	Ref         string    `arg:"" help:"The call, as list shows it."`
	Disposition string    `arg:"" help:"How it ended: reached, no-answer, busy, wrong-number, refused, call-back, or one of --call-dispositions of the server."`
	Note        string    `name:"note" placeholder:"TEXT" help:"For the next one who looks; it is in the event as well."`
	Until       time.Time `name:"until" format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"Of a call back: the time that was agreed, such as 2026-01-31T15:00:00+07:00."`
	Caller
	AsJSON
	Remote
}

// Run closes it.
func (c *CallsCloseCommand) Run(w *world) error {
	request := map[string]string{"agent": c.name(), "disposition": c.Disposition, "note": c.Note}
	if !c.Until.IsZero() {
		request["until"] = c.Until.Format(time.RFC3339)
	}
	return changeCall(w, c.Remote, c.AsJSON, callPath(c.Ref, "/close"), request, (*calledCustomer).printStatus)
}

func (c *calledCustomer) printStatus(w *world) error {
	_, err := fmt.Fprintf(w.stdout, "%s  %s  %s\n", c.Number, c.User, c.status())
	return err
}

func changeCall(w *world, server Remote, as AsJSON, path string, request map[string]string, show func(*calledCustomer, *world) error) error {
	client, err := server.client()
	if err != nil {
		return err
	}
	var call calledCustomer
	if done, err := as.post(w, client, path, request, &call); done || err != nil {
		return err
	}
	return show(&call, w)
}
