// Package cli holds the verbs of the program. Each one runs a server, talks to a running one over HTTP, or works on
// files alone.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"stagecraft/app/script"
	"stagecraft/plugins/channel"
)

// program is the command line as kong reads it.
type program struct {
	Serve     ServeCommand     `cmd:"" default:"withargs" help:"Run the server (the default)."`
	Import    ImportCommand    `cmd:"" help:"Import events or customers from CSV or NDJSON into a running server."`
	Export    ExportCommand    `cmd:"" help:"Write customers, events, messages or decisions of a running server to a file."`
	New       NewCommand       `cmd:"" help:"Make a journey from a built-in one, or add a stage to a journey."`
	Check     CheckCommand     `cmd:"" help:"Look for mistakes in journeys, without running them."`
	Test      TestCommand      `cmd:"" help:"Run the tests that stand beside the scripts (*_test.lua), in virtual time, without a server."`
	Simulate  SimulateCommand  `cmd:"" help:"Run a journey, or two versions of it, over a history of events in their own time."`
	Journeys  JourneysCommand  `cmd:"" help:"List the journeys of a running server, or switch one: off, shadow, live or braked."`
	Customers CustomersCommand `cmd:"" help:"Find customers of a running server, make test people of them, or tokens for their inboxes."`
	Events    EventsCommand    `cmd:"" help:"What happened: to one customer of a running server, or to all of them."`
	Keys      KeysCommand      `cmd:"" help:"The keys with which programs use the API of a running server: make, list and revoke them."`
	Calls     CallsCommand     `cmd:"" help:"The call centre's queue of a running server: list, claim and close calls."`
	Channels  ChannelsCommand  `cmd:"" help:"List the channels of a running server, set one up, or remove its settings."`
	Messages  MessagesCommand  `cmd:"" help:"List the messages of a running server, show what became of one, pause, resume and cancel."`
	Send      SendCommand      `cmd:"" help:"Send one transactional message to one customer of a running server, now."`
	Move      MoveCommand      `cmd:"" help:"Move one customer to another stage of a journey, as its moves allow."`
	Enrol     EnrolCommand     `cmd:"" help:"Enrol one customer into a journey."`
	Exit      ExitCommand      `cmd:"" help:"Take one customer out of a journey."`
	Place     PlaceCommand     `cmd:"" help:"Say in which stage one customer is already: no move, no handler, no message."`
	Privacy   PrivacyCommand   `cmd:"" help:"What a running server keeps for how long, and writing its files anew without what was erased."`
	Bulk      BulkCommand      `cmd:"" help:"One act on many customers: keep drafts, look ahead, start, pause and stop them on a running server."`
	Plan      PlanCommand      `cmd:"" help:"Say what publishing a journey would do to the customers in it."`
	Broadcast BroadcastCommand `cmd:"" help:"One message to many: keep drafts, look ahead, start, pause and stop them on a running server."`
	Segments  SegmentsCommand  `cmd:"" help:"The segments of a running server: how many are in each, and who."`
	Forms     FormsCommand     `cmd:"" help:"List the forms of a running server, with their figures."`
	Webhooks  WebhooksCommand  `cmd:"" help:"The webhooks of a running server: list endpoints that fail, post once more what has failed, change the secret."`
	Sources   SourcesCommand   `cmd:"" help:"The sources of a running server: list them, set their secrets, try a payload, fetch, and look at what was not taken."`
	Push      PushCommand      `cmd:"" help:"Draw keys for notifications in browsers."`
	Why       WhyCommand       `cmd:"" help:"Why a customer of a running server is where they are, or did or did not get a message."`
	Replay    ReplayCommand    `cmd:"" help:"Live a customer's events again, and say where what comes of them differs from what is stored."`
	Plugin    PluginCommand    `cmd:"" help:"List the connectors of others in the data folder, and approve or remove them."`
	Version   VersionCommand   `cmd:"" help:"Print the version."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// world is what a verb gets from outside.
type world struct {
	ctx     context.Context
	version string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	then    func() error // what a verb goes on with when the command line, megabytes of it, is let go
}

// Main runs one verb and returns the exit code: 0 for success, 1 for a failure that was told on stderr, 2 for words
// that were not understood, 130 where the operator interrupted it.
func Main(version string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// A connector's process does nothing but its job, and starts fast.
	if len(args) == 2 && args[0] == "plugin" {
		if connector := builtIn(args[1]); connector != nil {
			giveBackProgram()
			channel.Serve(connector)
			return 0
		}
	}
	hideFiles()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	w := &world{ctx: ctx, version: version, stdin: stdin, stdout: harmless(stdout), stderr: stderr}
	code := -1
	parser, err := kong.New(&program{}, kong.Name("stagecraft"),
		kong.Description("Takes every customer through the stages of a lifecycle: events in, Lua stage scripts, messages out."),
		kong.Writers(stdout, stderr), kong.Exit(func(c int) { code = c }), kong.Bind(w), kong.UsageOnError(),
		kong.Vars{"version": "stagecraft " + version, "presets": strings.Join(presets(), ", "),
			"segmentSamples": strings.Join(samples("segments"), ", "), "formSamples": strings.Join(samples("forms"), ", ")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		return exitCode(err, false, stderr)
	}
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
		// The settings of the default verb belong to the first page of help.
		for _, page := range [][]string{{"--help"}, {"serve", "--help"}} {
			_, _ = parser.Parse(page)
			fmt.Fprintln(stdout)
		}
		return 0
	}
	command, err := parser.Parse(args)
	if code >= 0 { // help was asked for and printed
		return code
	}
	if err != nil {
		text := err.Error()
		if !strings.Contains(text, "did you mean") {
			text += meantVerb(parser.Model.Node, args)
		}
		fmt.Fprintf(stderr, "stagecraft: %s\n%s --help says how it is used\n", text, verbOf(err))
		return 2
	}
	if err = command.Run(); err == nil && w.then != nil {
		err = w.then()
	}
	return exitCode(err, wantsJSON(command), stderr)
}

// verbOf names the verb that a command line, which was not understood, begins with.
func verbOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		if verb := wrong.Context.Selected(); verb != nil && slices.Contains(wrong.Context.Args, verb.Name) {
			return "stagecraft " + verb.Path()
		}
	}
	return "stagecraft"
}

// meantVerb says which verb somebody may have meant who wrote another word in its place; "" if that is not clear.
func meantVerb(at *kong.Node, args []string) string {
	for _, arg := range args {
		var names []string
		var next *kong.Node
		for _, child := range at.Children {
			if child.Name == arg {
				next = child
			} else if !child.Hidden {
				names = append(names, child.Name)
			}
		}
		if next == nil {
			if hint := script.DidYouMean(arg, names, ""); hint != "" {
				return "; " + hint
			}
			return ""
		}
		at = next
	}
	return ""
}

// exitCode is where errors become exit codes, and nowhere else.
func exitCode(err error, asJSON bool, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	code := 1
	var exit *Exit
	if errors.As(err, &exit) {
		code = exit.Code
	}
	tell(err, asJSON, stderr)
	return code
}

// ImportCommand imports events.
type ImportCommand struct{ ImportFlags }

// Run imports.
func (c *ImportCommand) Run(w *world) error { return c.Import(w.ctx, w.stdin, w.stdout, w.stderr) }

// VersionCommand prints the version.
type VersionCommand struct{}

// Run prints it.
func (VersionCommand) Run(w *world) error {
	_, err := fmt.Fprintln(w.stdout, "stagecraft", w.version)
	return err
}
