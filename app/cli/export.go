package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// ExportCommand writes what a running server has to a file or to standard output.
type ExportCommand struct {
	What    string `arg:"" enum:"customers,events,messages,decisions" help:"customers, events, messages or decisions."`
	Out     string `name:"out" short:"o" placeholder:"FILE" help:"Where to; packed if it ends with .gz. The same command goes on where it was interrupted. Default: standard output."`
	Format  string `name:"format" enum:"csv,ndjson," default:"" placeholder:"csv|ndjson" help:"Default: by the file's name, else ndjson."`
	Columns string `name:"columns" placeholder:"A,B" help:"Which columns, in which order; also traits.NAME, scores.NAME, stages.JOURNEY, properties.NAME and context.NAME. Default: all."`
	Raw     bool   `name:"raw" help:"Leave cells of CSV as they are, for programs. Otherwise what a spreadsheet would take for a formula gets an apostrophe before it."`
	From    string `name:"from" placeholder:"TIME" help:"Leave out what was before; not of customers."`
	Until   string `name:"until" placeholder:"TIME" help:"Leave out what was then or later; not of customers."`
	Event   string `name:"event" placeholder:"NAME" help:"Of events: those of this name only."`
	Journey string `name:"journey" placeholder:"NAME" help:"Of messages and decisions: those of this journey only."`
	Remote
}

// nextCursor is the header of a page behind which there is another one.
const nextCursor = "X-Next-Cursor"

// exported is how far an export has come; it lies beside its file until that is whole.
type exported struct {
	Query  string `json:"query"`  // what was asked for
	Cursor string `json:"cursor"` // of the next page
	Bytes  int64  `json:"bytes"`  // of the file, up to there
	Rows   int    `json:"rows"`
}

// Run exports.
func (c *ExportCommand) Run(w *world) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	path := "/v1/export/" + c.What + "?" + query
	if c.Out == "" || c.Out == "-" {
		_, err = export(w.ctx, client, path, exported{}, func(page []byte, _ exported) error {
			_, err := w.stdout.Write(page)
			return err
		})
		return c.interrupted(w.ctx, err)
	}
	progress := NewProgress(w.stderr)
	state, err := c.toFile(w.ctx, client, path, progress)
	progress.Clear()
	if err == nil {
		fmt.Fprintf(w.stderr, "%s: %s\n", c.Out, plural(state.Rows, "row", "rows"))
	}
	return c.interrupted(w.ctx, err)
}

func (c *ExportCommand) interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if c.Out == "" || c.Out == "-" {
		return &Exit{130, errors.New("interrupted")}
	}
	return &Exit{130, errors.New("interrupted; the same command goes on where it stopped")}
}

// check refuses what an export of this kind cannot leave out, before the file is opened: every row would come.
func (c *ExportCommand) check() error {
	for _, flag := range []struct{ name, text, of, instead string }{
		{"from", c.From, "events messages decisions", "customers are exported as they are now"},
		{"until", c.Until, "events messages decisions", "customers are exported as they are now"},
		{"event", c.Event, "events", "it is for events alone"},
		{"journey", c.Journey, "messages decisions", "it is for messages and decisions alone"},
	} {
		if flag.text != "" && !slices.Contains(strings.Fields(flag.of), c.What) {
			return lifecycle.Errorf(lifecycle.Invalid, "--%s: %s", flag.name, flag.instead)
		}
	}
	return nil
}

func (c *ExportCommand) query() (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	values := url.Values{}
	format := c.Format
	if format == "" {
		format = "ndjson"
		if strings.HasSuffix(strings.TrimSuffix(c.Out, ".gz"), ".csv") {
			format = "csv"
		}
	}
	values.Set("format", format)
	for name, text := range map[string]string{"columns": c.Columns, "event": c.Event, "journey": c.Journey} {
		if text != "" {
			values.Set(name, text)
		}
	}
	if c.Raw {
		values.Set("raw", "1")
	}
	for name, text := range map[string]string{"from": c.From, "until": c.Until} {
		if text == "" {
			continue
		}
		at, ok := ParseTime(text)
		if !ok {
			return "", lifecycle.Errorf(lifecycle.Invalid, "--%s %q is not a date between 1900 and 2200; write it like 2024-05-01 or 2024-05-01T10:30:00Z", name, text)
		}
		values.Set(name, at.Format("2006-01-02T15:04:05.999999999Z"))
	}
	return values.Encode(), nil
}

// export reads page after page and hands each over with the state behind it. Requests that fail are repeated as Client
// does it.
func export(ctx context.Context, client *Client, path string, state exported, take func(page []byte, after exported) error) (exported, error) {
	for {
		at := path
		if state.Cursor != "" {
			at += "&cursor=" + url.QueryEscape(state.Cursor)
		}
		var page page
		if _, err := client.Get(ctx, at, &page); err != nil {
			return state, err
		}
		state.Cursor, state.Rows = page.next, state.Rows+bytes.Count(page.text, []byte{'\n'})
		if err := take(page.text, state); err != nil {
			return state, lifecycle.Wrap(lifecycle.Invalid, err, "the export cannot be written")
		}
		if state.Cursor == "" {
			return state, nil
		}
	}
}

// page is an answer that is no JSON; see Client.once.
type page struct {
	text []byte
	next string
}

// toFile exports to the file, or goes on with an export that was interrupted.
func (c *ExportCommand) toFile(ctx context.Context, client *Client, path string, progress *Progress) (state exported, err error) {
	beside := c.Out + ".part"
	if text, err := os.ReadFile(beside); err == nil && json.Unmarshal(text, &state) == nil && state.Query != path {
		return state, lifecycle.Errorf(lifecycle.Conflict, "%s belongs to another export that was interrupted; repeat that one, or delete %s", c.Out, beside)
	}
	file, err := os.OpenFile(c.Out, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return state, lifecycle.Wrap(lifecycle.Invalid, err, "the file cannot be written")
	}
	defer file.Close()
	if err = file.Truncate(state.Bytes); err == nil {
		_, err = file.Seek(state.Bytes, io.SeekStart)
	}
	if err != nil {
		return state, lifecycle.Wrap(lifecycle.Invalid, err, "the file cannot be written")
	}
	size := state.Bytes
	state.Query = path
	state, err = export(ctx, client, path, state, func(text []byte, after exported) error {
		written, err := c.write(file, text)
		if err != nil {
			return err
		}
		size += int64(written)
		after.Bytes = size
		progress.Rows(size, 0, after.Rows)
		if after.Cursor == "" {
			return nil
		}
		kept, err := json.Marshal(after)
		if err != nil {
			return err
		}
		return os.WriteFile(beside, kept, 0o600)
	})
	if err != nil {
		return state, err
	}
	if err = file.Close(); err != nil {
		return state, lifecycle.Wrap(lifecycle.Invalid, err, "the file could not be written to its end")
	}
	if err = os.Remove(beside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return state, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be removed", beside)
	}
	if c.Format == "csv" || strings.Contains(path, "format=csv") {
		state.Rows-- // its header
	}
	return state, nil
}

// write appends a page; a packed file is a chain of packed pages.
func (c *ExportCommand) write(file *os.File, text []byte) (int, error) {
	if !strings.HasSuffix(c.Out, ".gz") || len(text) == 0 {
		return file.Write(text)
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(text); err != nil {
		return 0, err
	}
	if err := writer.Close(); err != nil {
		return 0, err
	}
	return file.Write(packed.Bytes())
}
