package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// BroadcastCommand is about broadcasts: one message to many.
type BroadcastCommand struct {
	List   BroadcastListCommand   `cmd:"" default:"withargs" help:"List the broadcasts (the default)."`
	Show   BroadcastShowCommand   `cmd:"" help:"Show one, with its figures."`
	Save   BroadcastSaveCommand   `cmd:"" help:"Keep a draft, as a JSON file has it (see docs/broadcasts.md); a draft of the same name is replaced."`
	Add    BroadcastAddCommand    `cmd:"" help:"Put customers on the list of a draft, from CSV, NDJSON or JSON."`
	Ahead  BroadcastAheadCommand  `cmd:"" help:"Say whom it would reach now, and whom policy would keep back, and why."`
	Test   BroadcastTestCommand   `cmd:"" help:"Send it to addresses, marked as a test, as a customer would get it."`
	Start  BroadcastStartCommand  `cmd:"" help:"Start a draft, at its time or at once."`
	Pause  BroadcastPauseCommand  `cmd:"" help:"Let nobody in any more, and hold what is queued."`
	Resume BroadcastResumeCommand `cmd:"" help:"Go on with one that is paused."`
	Stop   BroadcastStopCommand   `cmd:"" help:"End it for good, and cancel what is queued."`
	Remove BroadcastRemoveCommand `cmd:"" help:"Forget a draft, or one that is over; its messages stay in the ledger."`
}

// broadcastAnswer is what the verbs show of a broadcast.
type broadcastAnswer struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Status   string         `json:"status"`
	Begins   *time.Time     `json:"begins"`
	Local    string         `json:"local"`
	On       string         `json:"on"`
	Who      string         `json:"who"`
	Listed   int64          `json:"listed"`
	Let      int64          `json:"let"`
	Gone     int64          `json:"gone"`
	Had      int64          `json:"had"`
	Merged   int64          `json:"merged"`
	Waiting  int64          `json:"waiting"`
	Heldout  int64          `json:"heldout"`
	Errors   int64          `json:"errors"`
	Journey  string         `json:"journey"`
	Pauses   []messageOrder `json:"pauses"`
	Warnings []struct {
		Message, Hint, File string
		Line                int
		Stops               bool
	} `json:"warnings"`
	Figures []struct {
		Name                                                                               string
		Decided, Queued, Sent, Held, Failed, Suppressed, Opened, Clicked, Bounced, Expired int64
	} `json:"figures"`
	Reasons []struct {
		Part, State, Reason string
		Count               int64
	} `json:"reasons"`
}

func broadcastPath(name, what string) string { return "/api/broadcasts/" + url.PathEscape(name) + what }

// beginning is when a scheduled broadcast begins. A day that it names begins with the clocks that are ahead of all others, of which
// the moment would say nothing.
func (b *broadcastAnswer) beginning() string {
	if b.Local != "" && b.On != "" {
		return b.Local + " of " + b.On + " by each customer's clock"
	}
	return b.Begins.Local().Format("2006-01-02 15:04 MST")
}

func (b *broadcastAnswer) print(w *world) error {
	fmt.Fprintf(w.stdout, "%s  %s  to %s\n", b.Name, b.Status, b.Who)
	if b.Begins != nil && b.Status == "scheduled" {
		fmt.Fprintf(w.stdout, "begins at %s\n", b.beginning())
	}
	fmt.Fprintf(w.stdout, "%d let in", b.Let)
	for _, more := range []struct {
		n    int64
		what string
	}{{b.Listed, "on the list"}, {b.Had, "had it with somebody who became part of them"},
		{b.Merged, "of the list part of somebody else by now"}, {b.Gone, "of the list not there any more"}, {b.Waiting, "waiting for their hour"}, {b.Heldout, "held out"}, {b.Errors, "failed in the script"}} {
		if more.n > 0 {
			fmt.Fprintf(w.stdout, ", %d %s", more.n, more.what)
		}
	}
	fmt.Fprintln(w.stdout)
	for _, one := range b.Pauses {
		fmt.Fprintln(w.stdout, b.pausedBy(one))
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "message\tdecided\tqueued\tsent\theld\tfailed\tbounced\texpired\tsuppressed\topened\tclicked")
	for _, f := range b.Figures {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", f.Name, f.Decided, f.Queued, f.Sent, f.Held, f.Failed, f.Bounced, f.Expired, f.Suppressed, f.Opened, f.Clicked)
	}
	for _, one := range b.Warnings {
		fmt.Fprintf(w.stdout, "  %s:%d: %s (%s)%s\n", one.File, one.Line, one.Message, one.Hint, map[bool]string{true: "; it cannot be started like this"}[one.Stops])
	}
	for _, r := range b.Reasons {
		fmt.Fprintf(table, "%s\t%d %s: %s\n", r.Part, r.Count, r.State, r.Reason)
	}
	return table.Flush()
}

// pausedBy says in a sentence what keeps messages from leaving, and how they leave again.
func (b *broadcastAnswer) pausedBy(o messageOrder) string {
	said := o.target() + " is paused by " + o.By
	if !o.At.IsZero() {
		said += " since " + localTime(o.At)
	}
	if o.Why != "" {
		said += ": " + o.Why
	}
	if b.Status == "paused" && o.target() == "journey "+b.Journey {
		return said + "; it goes on with stagecraft broadcast resume " + b.Name
	}
	return said + "; what it holds leaves after stagecraft messages resume" + o.flags()
}

// BroadcastListCommand lists broadcasts.
type BroadcastListCommand struct {
	JobsList
	Remote
}

// Run lists.
func (c *BroadcastListCommand) Run(w *world) error {
	return c.list(w, c.Remote, "broadcasts", func(table io.Writer, raw json.RawMessage) error {
		var b broadcastAnswer
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		sent := int64(0)
		for _, f := range b.Figures {
			sent += f.Sent
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%d let in\t%d sent\t%s\n", b.Name, b.Status, b.Let, sent, b.Title)
		return err
	})
}

// BroadcastName names a broadcast.
type BroadcastName struct {
	Name string `arg:"" help:"The broadcast's name."`
}

// BroadcastShowCommand shows one.
type BroadcastShowCommand struct {
	BroadcastName
	AsJSON
	Remote
}

// Run shows it.
func (c *BroadcastShowCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var b broadcastAnswer
	if done, err := c.get(w, client, broadcastPath(c.Name, ""), &b); done || err != nil {
		return err
	}
	return b.print(w)
}

// BroadcastSaveCommand keeps a draft.
type BroadcastSaveCommand struct {
	BroadcastName
	File string `arg:"" help:"The JSON file; - is standard input."`
	AsJSON
	Remote
}

// Run keeps it.
func (c *BroadcastSaveCommand) Run(w *world) error {
	data, err := contentOf(w, c.File)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var b broadcastAnswer
	if done, err := c.call(w, client, http.MethodPut, broadcastPath(c.Name, ""), data, &b); done || err != nil {
		return err
	}
	return b.print(w)
}

func contentOf(w *world, file string) ([]byte, error) {
	data, err := io.ReadAll(w.stdin)
	if file != "-" {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.NotFound, err, "the file cannot be read")
	}
	return data, nil
}

// BroadcastAddCommand puts customers on a list.
type BroadcastAddCommand struct {
	BroadcastName
	File string `arg:"" help:"CSV with a header line, or NDJSON; packed with gzip or not; - is standard input. userId or email names the customer; other columns are event.properties of the message."`
	AsJSON
	Remote
}

// Run sends the list.
func (c *BroadcastAddCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return addRows(w, client, c.AsJSON, c.File, broadcastPath(c.Name, "/list"))
}

// BroadcastAheadCommand looks ahead.
type BroadcastAheadCommand struct {
	BroadcastName
	AsJSON
	Remote
}

// Run looks.
func (c *BroadcastAheadCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var ahead struct {
		Looked, Matched, Heldout, Reached int64
		Waiting, Kept, Parts, Channels    map[string]int64
		Tried                             int64
		Failing                           map[string]int64
		Complete                          bool
	}
	if done, err := c.post(w, client, broadcastPath(c.Name, "/ahead"), map[string]string{}, &ahead); done || err != nil {
		return err
	}
	now := ahead.Reached
	for _, n := range ahead.Waiting {
		now -= n
	}
	fmt.Fprintf(w.stdout, "%d of %d are meant, %d would get it", ahead.Matched, ahead.Looked, ahead.Reached)
	if now < ahead.Reached {
		fmt.Fprintf(w.stdout, " (%d of them now)", now)
	}
	fmt.Fprintf(w.stdout, ", %d held out\n", ahead.Heldout)
	for _, list := range []struct {
		what   string
		counts map[string]int64
	}{{"by", ahead.Channels}, {"message", ahead.Parts}, {"would wait:", ahead.Waiting}, {"kept back:", ahead.Kept}} {
		for _, name := range slices.Sorted(maps.Keys(list.counts)) {
			fmt.Fprintf(w.stdout, "  %d %s %s\n", list.counts[name], list.what, name)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(ahead.Failing)) {
		fmt.Fprintf(w.stdout, "  %d of %d that were tried would fail: %s\n", ahead.Failing[reason], ahead.Tried, reason)
	}
	if !ahead.Complete {
		fmt.Fprintln(w.stderr, "there are more customers than were looked at")
	}
	return nil
}

// BroadcastTestCommand sends a test.
type BroadcastTestCommand struct {
	BroadcastName
	To      []string `arg:"" help:"Where it goes to."`
	User    string   `name:"user" required:"" placeholder:"ID" help:"The customer as whom it is written."`
	Part    string   `name:"part" placeholder:"NAME" help:"Of an A/B test, which message. Default: the one that the customer would get."`
	Channel string   `name:"channel" placeholder:"NAME" help:"By which channel. Default: the one that the customer prefers."`
	AsJSON
	Remote
}

// Run sends.
func (c *BroadcastTestCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	client.Patience = 0 // a repeat would send another one
	var answer struct{ Refs []string }
	request := map[string]any{"user": c.User, "part": c.Part, "channel": c.Channel, "to": c.To}
	if done, err := c.post(w, client, broadcastPath(c.Name, "/test"), request, &answer); done || err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.stdout, strings.Join(answer.Refs, "\n"))
	return err
}

// actOnBroadcast starts, pauses, resumes or stops one and shows it.
func actOnBroadcast(w *world, from Remote, as AsJSON, name, act, why string) error {
	client, err := from.client()
	if err != nil {
		return err
	}
	var b broadcastAnswer
	if done, err := as.post(w, client, broadcastPath(name, "/"+act), map[string]string{"by": operator(), "why": why}, &b); done || err != nil {
		return err
	}
	return b.print(w)
}

// BroadcastStartCommand starts.
type BroadcastStartCommand struct {
	BroadcastName
	AsJSON
	Remote
}

// Run starts it.
func (c *BroadcastStartCommand) Run(w *world) error {
	return actOnBroadcast(w, c.Remote, c.AsJSON, c.Name, "start", "")
}

// BroadcastWhy says why.
type BroadcastWhy struct {
	Why string `name:"why" placeholder:"TEXT" help:"What others are told when they ask."`
}

// BroadcastPauseCommand pauses.
type BroadcastPauseCommand struct {
	BroadcastName
	BroadcastWhy
	AsJSON
	Remote
}

// Run pauses it.
func (c *BroadcastPauseCommand) Run(w *world) error {
	return actOnBroadcast(w, c.Remote, c.AsJSON, c.Name, "pause", c.Why)
}

// BroadcastResumeCommand resumes.
type BroadcastResumeCommand struct {
	BroadcastName
	AsJSON
	Remote
}

// Run resumes it.
func (c *BroadcastResumeCommand) Run(w *world) error {
	return actOnBroadcast(w, c.Remote, c.AsJSON, c.Name, "resume", "")
}

// BroadcastStopCommand stops.
type BroadcastStopCommand struct {
	BroadcastName
	BroadcastWhy
	AsJSON
	Remote
}

// Run stops it.
func (c *BroadcastStopCommand) Run(w *world) error {
	return actOnBroadcast(w, c.Remote, c.AsJSON, c.Name, "stop", c.Why)
}

// BroadcastRemoveCommand forgets one.
type BroadcastRemoveCommand struct {
	BroadcastName
	AsJSON
	Remote
}

// Run forgets it.
func (c *BroadcastRemoveCommand) Run(w *world) error {
	client, err := c.client()
	if err == nil {
		_, err = c.call(w, client, http.MethodDelete, broadcastPath(c.Name, ""), nil, nil)
	}
	return err
}
