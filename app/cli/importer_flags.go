package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
)

// ImportFlags are the flags of `stagecraft import`, for kong.
type ImportFlags struct {
	File   string   `arg:"" optional:"" name:"file" help:"CSV or NDJSON, plain or gzipped; - reads standard input."`
	Events string   `name:"events" placeholder:"FILE" help:"The same as the argument."`
	Map    []string `name:"map" sep:"none" placeholder:"TARGET=COLUMN" help:"What a column means, or 'TARGET:=CONSTANT'; give it for each. Targets: userId, anonymousId, event, type, timestamp, messageId, externalId.SYSTEM, properties.NAME, traits.NAME, context.NAME, and properties, traits, context of JSON objects. Without any, NDJSON holds events of the Segment API, and what export wrote is taken as it is."`
	Source string   `name:"source" placeholder:"NAME" help:"Name of the import; rows are counted once under one name. Without --map the one is used that was saved for it. Default: the file's name."`
	Save   string   `name:"save" placeholder:"NAME" help:"Keep the mapping at the server under this name, for further files with --source NAME."`
	DryRun bool     `name:"dry-run" short:"n" help:"Only say what would be done, and show the first errors."`

	Customers bool     `name:"customers" help:"The rows are customers, not events: traits, tags, consent and stages are taken over, and nothing is sent. Targets of --map: userId, anonymousId, externalId.SYSTEM, email, phone, created, timestamp, tags, traits, traits.NAME, consent, unsubscribed, bounced, complained, status, consentAt, stage.JOURNEY, since.JOURNEY; without any, what export wrote is taken as it is, and other columns are guessed by their names."`
	Place     string   `name:"place" placeholder:"COLUMN" help:"Put customers in the stage that this column names, without a message; needs --journey."`
	Journey   string   `name:"journey" placeholder:"NAME" help:"With --place: whose stages they are."`
	Since     string   `name:"since" placeholder:"COLUMN" help:"With --place: since when customers are there."`
	Stage     []string `name:"stage" sep:"none" placeholder:"THEIRS=OURS" help:"What a stage of the source is called here; give it for each that differs."`

	History bool   `name:"history" help:"The rows are the past: scripts run in the time of each row, and nothing is sent."`
	Until   string `name:"until" placeholder:"TIME" help:"With --history: leave out rows of a later time. Whatever is due by the end of the import happens as history in any case."`
	Strict  bool   `name:"strict" help:"Stop at the first bad row. Default: write it to the rejects and go on."`
	Rejects string `name:"rejects" placeholder:"FILE" help:"Where bad rows go. Default: SOURCE.rejects.csv or SOURCE.rejects.ndjson."`
	Workers int    `name:"workers" default:"4" placeholder:"N" help:"Requests in flight, 1 to 64. Default: ${default}."`
	Server  string `name:"server" env:"STAGECRAFT_SERVER" placeholder:"URL" help:"The running server. Default: the one that works in the data folder."`
	Key     string `name:"key" env:"STAGECRAFT_WRITE_KEY" placeholder:"KEY" help:"Its write key. Default: from keys.json in the data folder."`
	Data    string `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"The server's data folder, where its key and address are. Default: ${default}."`
	JSON    bool   `name:"json" help:"Print the result as JSON."`
}

// Exit is an error with the exit code that the program should end with. Its sentence may be empty: then everything
// was said already.
type Exit struct {
	Code int
	Err  error
}

// Error returns the sentence.
func (e *Exit) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Exit) Unwrap() error { return e.Err }

// ExitCode returns the code; kong asks for it too.
func (e *Exit) ExitCode() int { return e.Code }

// shownRejects is how many bad rows are shown while an import runs.
const shownRejects = 5

// Import runs the import. It ends with nil (exit 0), or an *Exit: 1 where rows were rejected or something failed, 130
// where ctx ended. The result goes to stdout, what happens meanwhile to stderr.
func (f *ImportFlags) Import(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := *f // what is saved for the source is added to them
	f = &flags
	importer, path, err := f.prepare()
	if err == nil {
		err = f.recall(ctx, importer.Client, importer.Source)
	}
	if err != nil {
		return &Exit{1, err}
	}
	importer.History, importer.Persons = f.History, f.Customers
	events, err := f.open(path, stdin, importer.Source)
	if err != nil {
		return &Exit{1, err}
	}
	if path != "-" {
		defer events.Close()
	}
	if f.Save != "" {
		if err = f.keep(ctx, importer.Client, f.Save); err != nil {
			return &Exit{1, err}
		}
	}
	if f.DryRun {
		return f.look(ctx, importer, events, stdout, stderr)
	}
	to, err := f.rejectsPath(importer.Source, events.Rows.Format, path)
	if err != nil {
		return &Exit{1, err}
	}
	rejects := NewRejects(to, events.Rows)
	progress := NewProgress(stderr)
	importer.Rows, importer.CatchUp = progress.Rows, progress.CatchUp
	importer.Busy = func(answer error) {
		progress.Print("the server answers 429: %s; the import goes on trying", answer)
	}
	if len(events.Guessed) > 0 {
		progress.Print("%s", guessedColumns(events.Guessed))
	}
	if len(events.Left) > 0 {
		progress.Print("%s", leftColumns(events.Left))
	}
	shown := 0
	var rejectsErr error
	importer.Rejected = func(record Record, reason error) {
		if shown++; shown <= shownRejects {
			progress.Print("%s", reason)
		} else if shown == shownRejects+1 {
			progress.Print("more bad rows go to %s", rejects.Path)
		}
		if err := rejects.Add(record.Row, sentence(reason)); err != nil && rejectsErr == nil {
			rejectsErr = err
			progress.Print("%s", err)
		}
	}
	result, err := importer.Run(ctx, events)
	progress.Clear()
	if closing := rejects.Close(); rejectsErr == nil {
		rejectsErr = closing
	}
	if printErr := f.print(stdout, result); printErr != nil && err == nil {
		err = printErr
	}
	if err == nil && len(events.Unseen()) > 0 {
		progress.Print("no row had a value for: %s; look at --map", strings.Join(events.Unseen(), ", "))
	}
	switch {
	case errors.Is(err, ErrInterrupted):
		return &Exit{130, errors.New("interrupted; the import stays open, and the same command goes on where it stopped")}
	case errors.Is(err, ErrStrict):
		return &Exit{1, fmt.Errorf("stopped at the first bad row because of --strict; the import stays open, and the same command goes on when the row is mended")}
	case err != nil:
		return &Exit{1, err}
	case rejectsErr != nil:
		return &Exit{1, rejectsErr}
	case result.Rejected > 0:
		return &Exit{1, fmt.Errorf("%s rejected; see %s for the reasons", plural(result.Rejected, "row was", "rows were"), rejects.Path)}
	}
	return nil
}

// open opens the source as the flags say that it is to be read.
func (f *ImportFlags) open(path string, stdin io.Reader, source string) (*Events, error) {
	if !f.Customers {
		return OpenEvents(path, stdin, source, f.Map, f.History)
	}
	if f.History {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "--history is for events; customers are taken quietly in any case")
	}
	stages, err := f.stages()
	if err != nil {
		return nil, err
	}
	return OpenCustomers(path, stdin, source, f.Map, stages)
}

// look makes a dry run.
func (f *ImportFlags) look(ctx context.Context, importer *Importer, events *Events, stdout, stderr io.Writer) error {
	progress := NewProgress(stderr)
	importer.Rows = progress.Rows
	outlook, err := importer.Look(ctx, events)
	progress.Clear()
	switch {
	case errors.Is(err, ErrInterrupted):
		return &Exit{130, errors.New("interrupted")}
	case err != nil:
		return &Exit{1, err}
	case f.JSON:
		err = json.NewEncoder(stdout).Encode(outlook)
	default:
		err = outlook.print(stdout)
	}
	if err == nil && outlook.Rejected > 0 {
		return &Exit{1, fmt.Errorf("%s would be rejected", plural(outlook.Rejected, "row", "rows"))}
	}
	return err
}

// prepare checks the flags.
func (f *ImportFlags) prepare() (*Importer, string, error) {
	invalid := func(format string, args ...any) (*Importer, string, error) {
		return nil, "", lifecycle.Errorf(lifecycle.Invalid, format, args...)
	}
	path := f.File
	switch {
	case f.File != "" && f.Events != "":
		return invalid("name one file: as the argument or with --events, not both")
	case f.File == "" && f.Events == "":
		return invalid("name the file to import, or - for standard input")
	case f.File == "":
		path = f.Events
	}
	if err := f.placing(); err != nil {
		return nil, "", err
	}
	source := f.Source
	if source == "" {
		source = f.Save
	}
	if source == "" && path == "-" {
		return invalid("standard input has no name; give the import one with --source, the same when you repeat it")
	}
	if source == "" {
		source, _ = sourceOfRejects(filepath.Base(path))
	}
	if len(source) > 200 || source == "." || source == ".." || strings.ContainsFunc(source, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }) {
		return invalid("--source %q: a name has at most 200 bytes and no slashes", shorten(source))
	}
	var until time.Time
	if f.Until != "" {
		var ok bool
		if until, ok = ParseTime(f.Until); !ok {
			return invalid("--until %q is not a date between 1900 and 2200; write it like 2024-05-01 or 2024-05-01T10:30:00Z", f.Until)
		}
		if !f.History {
			return invalid("--until is for --history")
		}
	}
	if f.Workers < 1 || f.Workers > 64 {
		return invalid("--workers: %d is not between 1 and 64", f.Workers)
	}
	key, err := f.key()
	if err != nil {
		return nil, "", err
	}
	client, err := clientOf(f.Server, f.Data, key)
	if err != nil {
		return nil, "", err
	}
	client.Grace = 10 * time.Second
	importer := NewImporter(client, source)
	importer.Until, importer.Strict, importer.Workers = until, f.Strict, f.Workers
	return importer, path, nil
}

// defaultData is the data folder where none is named.
const defaultData = "stagecraft-data"

// clientOf returns a client of the server that is asked for, else of the one that works in the data folder, as it has left
// word. Where no folder was named and none is here, it is the one at the default address.
func clientOf(server, data, key string) (*Client, error) {
	if server != "" {
		return NewClient(server, key)
	}
	address, err := os.ReadFile(filepath.Join(data, app.AddressFile))
	switch {
	case err == nil:
		return NewClient("http://"+strings.TrimSpace(string(address)), key)
	case data != defaultData && data != "":
		failure := lifecycle.Wrap(lifecycle.Unavailable, err, "no server works in the data folder %s", data)
		failure.Hint = "start it with stagecraft serve --data " + data + ", or name one with --server"
		return nil, failure
	}
	return NewClient("http://127.0.0.1:8080", key)
}

// key returns the write key.
func (f *ImportFlags) key() (string, error) { return writeKey(f.Key, f.Data) }

// writeKey returns the write key that was given, or the one that the server keeps in its data folder.
func writeKey(given, data string) (string, error) {
	if given != "" {
		return given, nil
	}
	path := filepath.Join(data, "keys.json")
	text, err := os.ReadFile(path)
	if err != nil {
		failure := lifecycle.Wrap(lifecycle.Unauthorized, err, "there is no key")
		failure.Hint = writeKeyHint
		return "", failure
	}
	var keys struct{ Write string }
	if json.Unmarshal(text, &keys) != nil || keys.Write == "" {
		failure := lifecycle.Errorf(lifecycle.Unauthorized, "%s holds no write key", path)
		failure.Hint = writeKeyHint
		return "", failure
	}
	return keys.Write, nil
}

func (f *ImportFlags) print(out io.Writer, result Result) error {
	if f.JSON {
		return json.NewEncoder(out).Encode(result)
	}
	parts := []string{fmt.Sprintf("%d accepted", result.Accepted), plural(result.Duplicates, "duplicate", "duplicates")}
	if result.Late > 0 {
		parts = append(parts, fmt.Sprintf("%d late", result.Late))
	}
	if result.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d left out", result.Skipped))
	}
	if result.Rejected > 0 {
		parts = append(parts, fmt.Sprintf("%d rejected", result.Rejected))
	}
	_, err := fmt.Fprintf(out, "%s: %s in %s: %s\n", result.Source, plural(result.Rows, "row", "rows"),
		result.Elapsed.Round(time.Millisecond), strings.Join(parts, ", "))
	return err
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sentence is an error without its place, which the rejects have in a column of their own.
func sentence(err error) string {
	var known *lifecycle.Error
	if !errors.As(err, &known) {
		return err.Error()
	}
	placeless := *known
	placeless.File, placeless.Line = "", 0
	return placeless.Error()
}
