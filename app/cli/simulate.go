package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"stagecraft/app"
	"stagecraft/app/config"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/scripts"
)

// SimulateCommand runs a journey over a history, or compares two versions of it.
type SimulateCommand struct {
	Journeys []string `arg:"" name:"journey" help:"Name of the journey, such as customer-lifecycle; with --diff OLD and NEW: each the folder of a journey, or the name of a built-in one."`
	Diff     bool     `name:"diff" help:"Run the versions OLD and NEW over the same history, and say what changes."`
	Events   string   `name:"events" placeholder:"FILE" help:"CSV or NDJSON, plain or gzipped; - reads standard input."`
	Map      []string `name:"map" sep:"none" placeholder:"TARGET=COLUMN" help:"As for import: TARGET=COLUMN or 'TARGET:=CONSTANT'."`
	Stored   bool     `name:"stored" help:"Take the events that the running server has stored, instead of a file."`
	Until    string   `name:"until" placeholder:"TIME" help:"The moment at which the simulation ends; later events are left out. Default: now."`
	Scripts  string   `name:"scripts" placeholder:"FOLDER" help:"A folder of journeys, with its segments and scores. Default: the built-in journeys, without any."`
	Policy   string   `name:"policy" default:"opt-out" placeholder:"PRESET" help:"Count what the frequency caps of a preset would hold back: opt-out, gdpr, vietnam or none. Default: ${default}."`
	Caps     []string `name:"caps" sep:";" placeholder:"RULES" help:"Count what these caps would hold back, written as for serve: 'sms=3/24h; *=5/7d'."`
	Examples int      `name:"examples" default:"3" placeholder:"N" help:"With --diff: how many customers to show of whom something else would have become. Default: ${default}."`
	JSON     bool     `name:"json" help:"Print the result as JSON."`
	Remote
}

// simulationFeeders is how many batches are under way at once; the events of a customer stay in one line.
const simulationFeeders = 8

// taker is what is fed: one simulation, or two that are compared.
type taker interface {
	Take(ctx context.Context, lines []engine.Line) error
}

// Run simulates.
func (c *SimulateCommand) Run(w *world) error {
	until := time.Now()
	if c.Until != "" {
		var ok bool
		if until, ok = ParseTime(c.Until); !ok {
			return lifecycle.Errorf(lifecycle.Invalid, "--until %q is not a date between 1900 and 2200; write it like 2024-05-01 or 2024-05-01T10:30:00Z", c.Until)
		}
	}
	if c.Stored == (c.Events != "") {
		return lifecycle.Errorf(lifecycle.Invalid, "say where the history is: --events FILE, or --stored for what the running server has")
	}
	if c.Diff {
		return c.diff(w, until)
	}
	if len(c.Journeys) != 1 {
		return lifecycle.Errorf(lifecycle.Invalid, "name one journey, or two versions with --diff")
	}
	version, err := c.named(c.Journeys[0])
	if err != nil {
		return err
	}
	policy, err := c.policy()
	if err != nil {
		return err
	}
	history, err := c.history(w)
	if err != nil {
		return err
	}
	defer history.Close()
	simulation, err := app.NewSimulation(w.ctx, version, until)
	if err != nil {
		return err
	}
	defer simulation.Close()
	simulation.Caps(app.PolicyOf(policy))
	progress := NewProgress(w.stderr)
	count, rejected, err := c.feed(w.ctx, simulation, history, progress)
	if err != nil {
		return err
	}
	result, err := simulation.Finish(w.ctx, count)
	progress.Clear()
	if err != nil {
		return err
	}
	return c.leftOut(c.print(w.stdout, result), rejected)
}

// named reads a journey of the folder, with the segments and scores beside it, or a built-in one: beside those stands nothing
// that works by itself.
func (c *SimulateCommand) named(journey string) (app.Version, error) {
	if c.Scripts == "" {
		source, err := app.FindSource(scripts.Files, journey)
		return app.Version{Journey: source}, c.mine(err)
	}
	if info, err := os.Stat(c.Scripts); err != nil || !info.IsDir() {
		return app.Version{}, lifecycle.Errorf(lifecycle.Invalid, "--scripts %s is not a folder", c.Scripts)
	}
	return app.FindVersion(os.DirFS(c.Scripts), journey)
}

// policy returns the caps to count by.
func (c *SimulateCommand) policy() (config.Policy, error) {
	policy := config.Policy{Preset: c.Policy, Caps: c.Caps}
	return policy, policy.Check()
}

// mine says where journeys of one's own are, if one that is not built in was asked for.
func (c *SimulateCommand) mine(err error) error {
	var missing *lifecycle.Error
	if c.Scripts == "" && errors.As(err, &missing) && missing.Code == lifecycle.NotFound && missing.Hint == "" {
		missing.Message = strings.Replace(missing.Message, " in the scripts folder; it has: ", " among the built-in ones: ", 1)
		missing.Hint = "for your own, name their folder: --scripts stagecraft-data/scripts"
	}
	return err
}

// leftOut adds to a result that rows were left out.
func (c *SimulateCommand) leftOut(err error, rejected int) error {
	if err == nil && rejected > 0 {
		err = &Exit{1, fmt.Errorf("%s left out", plural(rejected, "bad row was", "bad rows were"))}
	}
	return err
}

// history is where the events come from.
type history interface {
	Next() (Record, error) // io.EOF at the end
	Position() (done, total int64)
	Close() error
}

func (c *SimulateCommand) history(w *world) (history, error) {
	if !c.Stored {
		return OpenEvents(c.Events, w.stdin, filepath.Base(c.Events), c.Map, true)
	}
	if len(c.Map) > 0 {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "--map is for files; what the server has stored are events already")
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	return newStoredHistory(w.ctx, client), nil
}

// feed reads all events and shares them out so that each customer's stay in order.
func (c *SimulateCommand) feed(ctx context.Context, simulation taker, events history, progress *Progress) (count, rejected int, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	feeders := make([]chan []engine.Line, simulationFeeders)
	batches := make([][]engine.Line, simulationFeeders)
	var working sync.WaitGroup
	for i := range feeders {
		feeders[i] = make(chan []engine.Line, 2)
		working.Go(func() {
			for batch := range feeders[i] {
				if ctx.Err() == nil {
					if err := simulation.Take(ctx, batch); err != nil {
						stop(err)
					}
				}
			}
		})
	}
	rows := 0
	for ctx.Err() == nil {
		record, e := events.Next()
		if errors.Is(e, io.EOF) {
			break
		}
		if e != nil {
			stop(e)
			break
		}
		if rows++; rows%1000 == 0 {
			done, total := events.Position()
			progress.Rows(done, total, rows)
		}
		if record.Err != nil {
			if rejected++; rejected <= shownRejects {
				progress.Print("%s", record.Err)
			}
			continue
		}
		count++
		at := laneOf(record.Event.Identity(), simulationFeeders)
		if !record.customer.IsZero() {
			at = int(record.customer[0]) % simulationFeeders
		}
		batches[at] = append(batches[at], engine.Line{ID: record.ID.String(), Event: record.Event})
		if len(batches[at]) == 256 {
			feeders[at] <- batches[at]
			batches[at] = nil
		}
	}
	for i := range feeders {
		if len(batches[i]) > 0 {
			feeders[i] <- batches[i]
		}
		close(feeders[i])
	}
	working.Wait()
	return count, rejected, context.Cause(ctx)
}

func (c *SimulateCommand) print(out io.Writer, result *app.SimulationResult) error {
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false) // "a>b" stays readable
		return encoder.Encode(result)
	}
	var text strings.Builder
	scripts := "the built-in scripts; --scripts FOLDER takes yours"
	if c.Scripts != "" {
		scripts = "the scripts in " + c.Scripts
	}
	fmt.Fprintf(&text, "%s, version %.8s of %s\nuntil %s: %s of %s\n", result.Journey, result.Version, scripts, result.Until.Format(time.RFC3339),
		plural(result.Events, "event", "events"), plural(int(result.Customers), "customer", "customers"))
	for _, part := range []struct {
		title  string
		counts map[string]int64
	}{{"in stage", result.Stages}, {"entered", result.Entered}, {"moves", result.Moves}, {"refused", result.Refused},
		{"goal reached", result.Converted}, {"exited", result.Exited}, {"messages", result.Messages}, {"caps hit", result.Capped}, {"failed", result.Failed}} {
		if len(part.counts) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n%s\n", part.title)
		names := make([]string, 0, len(part.counts))
		for name := range part.counts {
			names = append(names, name)
		}
		sort.Slice(names, func(i, j int) bool {
			a, b := slices.Index(result.Order, names[i]), slices.Index(result.Order, names[j])
			return a < b || a == b && names[i] < names[j]
		})
		for _, name := range names {
			fmt.Fprintf(&text, "  %-40s %12d\n", name, part.counts[name])
		}
	}
	text.WriteString(besides(result))
	for _, failure := range result.Errors {
		fmt.Fprintf(&text, "\n%s\n", failure)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
