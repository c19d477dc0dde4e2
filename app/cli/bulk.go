package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// BulkCommand is about bulks: one act on many customers.
type BulkCommand struct {
	List   BulkListCommand   `cmd:"" default:"withargs" help:"List the bulks (the default)."`
	Show   BulkShowCommand   `cmd:"" help:"Show one, and how far it has come."`
	Save   BulkSaveCommand   `cmd:"" help:"Keep a draft, as a JSON file has it (see docs/stages.md); a draft of the same name is replaced."`
	Add    BulkAddCommand    `cmd:"" help:"Put customers on the list of a draft, from CSV, NDJSON or JSON."`
	Ahead  BulkAheadCommand  `cmd:"" help:"Say whom it would change now, and who would be refused, and why."`
	Start  BulkStartCommand  `cmd:"" help:"Start a draft."`
	Pause  BulkPauseCommand  `cmd:"" help:"Change nobody else for now."`
	Resume BulkResumeCommand `cmd:"" help:"Go on with one that is paused."`
	Stop   BulkStopCommand   `cmd:"" help:"End it for good; what was done stays."`
	Remove BulkRemoveCommand `cmd:"" help:"Forget a draft, or one that is over."`
}

// bulkAnswer is what the verbs show of a bulk.
type bulkAnswer struct {
	Name     string  `json:"name"`
	Title    string  `json:"title"`
	Status   string  `json:"status"`
	Text     string  `json:"text"`
	Share    float64 `json:"share"`
	Progress struct {
		bulkCounts
		Listed int64 `json:"listed"`
	} `json:"progress"`
}

type bulkCounts struct {
	Done    int64 `json:"done"`
	Same    int64 `json:"same"`
	Refused int64 `json:"refused"`
	Gone    int64 `json:"gone"`
	Sent    int64 `json:"sent"`
	Reasons []struct {
		Reason string `json:"reason"`
		Count  int64  `json:"count"`
	} `json:"reasons"`
}

func bulkPath(name, what string) string { return "/api/bulks/" + url.PathEscape(name) + what }

func (b *bulkAnswer) print(w *world) error {
	fmt.Fprintf(w.stdout, "%s  %s  %s\n%d changed", b.Name, b.Status, b.Text, b.Progress.Done)
	if b.Status == "running" || b.Status == "paused" {
		fmt.Fprintf(w.stdout, " so far (%.0f %% looked at)", 100*b.Share)
	}
	if b.Progress.Listed > 0 {
		fmt.Fprintf(w.stdout, ", %d on the list", b.Progress.Listed)
	}
	b.Progress.print(w)
	return nil
}

// print says who else there was, and ends the line.
func (c *bulkCounts) print(w *world) {
	for _, more := range []struct {
		n    int64
		what string
	}{{c.Same, "there already"}, {c.Refused, "refused"}, {c.Gone, "of the list not there any more"}, {c.Sent, "merged with others, who are changed instead"}} {
		if more.n > 0 {
			fmt.Fprintf(w.stdout, ", %d %s", more.n, more.what)
		}
	}
	fmt.Fprintln(w.stdout)
	for _, r := range c.Reasons {
		fmt.Fprintf(w.stdout, "  %d refused: %s\n", r.Count, r.Reason)
	}
}

// BulkListCommand lists bulks.
type BulkListCommand struct {
	JobsList
	Remote
}

// Run lists.
func (c *BulkListCommand) Run(w *world) error {
	return c.list(w, c.Remote, "bulks", func(table io.Writer, raw json.RawMessage) error {
		var b bulkAnswer
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%d changed\t%d refused\t%s\n", b.Name, b.Status, b.Progress.Done, b.Progress.Refused, b.Text)
		return err
	})
}

// BulkOne names a bulk.
type BulkOne struct {
	Name string `arg:"" help:"The bulk's name."`
	AsJSON
	Remote
}

// ask asks about the bulk and prints the answer.
func (c *BulkOne) ask(w *world, method, what string, body []byte) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var b bulkAnswer
	if done, err := c.AsJSON.call(w, client, method, bulkPath(c.Name, what), body, &b); done || err != nil {
		return err
	}
	return b.print(w)
}

func (c *BulkOne) order(w *world, what string) error {
	body, err := json.Marshal(map[string]string{"by": operatorName()})
	if err != nil {
		return err
	}
	return c.ask(w, http.MethodPost, "/"+what, body)
}

// BulkShowCommand shows one.
type BulkShowCommand struct{ BulkOne }

// Run shows it.
func (c *BulkShowCommand) Run(w *world) error { return c.ask(w, http.MethodGet, "", nil) }

// BulkStartCommand starts a draft.
type BulkStartCommand struct{ BulkOne }

// Run starts it.
func (c *BulkStartCommand) Run(w *world) error { return c.order(w, "start") }

// BulkPauseCommand pauses.
type BulkPauseCommand struct{ BulkOne }

// Run pauses it.
func (c *BulkPauseCommand) Run(w *world) error { return c.order(w, "pause") }

// BulkResumeCommand goes on.
type BulkResumeCommand struct{ BulkOne }

// Run goes on.
func (c *BulkResumeCommand) Run(w *world) error { return c.order(w, "resume") }

// BulkStopCommand stops.
type BulkStopCommand struct{ BulkOne }

// Run stops it.
func (c *BulkStopCommand) Run(w *world) error { return c.order(w, "stop") }

// BulkSaveCommand keeps a draft.
type BulkSaveCommand struct {
	BulkOne
	File string `arg:"" help:"The JSON file; - is standard input."`
}

// Run keeps it.
func (c *BulkSaveCommand) Run(w *world) error {
	data, err := contentOf(w, c.File)
	if err != nil {
		return err
	}
	return c.ask(w, http.MethodPut, "", data)
}

// BulkAddCommand puts customers on a list.
type BulkAddCommand struct {
	Name string `arg:"" help:"The bulk's name."`
	File string `arg:"" help:"CSV with a header line, or NDJSON; packed with gzip or not; - is standard input. userId or email names the customer."`
	AsJSON
	Remote
}

// Run sends the list.
func (c *BulkAddCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return addRows(w, client, c.AsJSON, c.File, bulkPath(c.Name, "/list"))
}

// BulkAheadCommand looks ahead.
type BulkAheadCommand struct{ BulkOne }

// Run says whom it would change.
func (c *BulkAheadCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var ahead struct {
		bulkCounts
		Looked, Matched int64
		From            map[string]int64
		Complete        bool
	}
	if done, err := c.post(w, client, bulkPath(c.Name, "/ahead"), map[string]any{}, &ahead); done || err != nil {
		return err
	}
	least := map[bool]string{false: "at least "}[ahead.Complete]
	fmt.Fprintf(w.stdout, "%s%d of %d would be changed", least, ahead.Done, ahead.Matched)
	ahead.bulkCounts.print(w)
	return nil
}

// BulkRemoveCommand forgets one.
type BulkRemoveCommand struct{ BulkOne }

// Run forgets it.
func (c *BulkRemoveCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if done, err := c.AsJSON.call(w, client, http.MethodDelete, bulkPath(c.Name, ""), nil, nil); done || err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s is forgotten\n", c.Name)
	return err
}
