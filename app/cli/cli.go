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
	"syscall"

	"github.com/alecthomas/kong"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
	connlog "stagecraft/plugins/log"
)

// program is the command line as kong reads it.
type program struct {
	Serve    ServeCommand    `cmd:"" default:"withargs" help:"Run the server (the default)."`
	Import   ImportCommand   `cmd:"" help:"Import events from CSV or NDJSON into a running server."`
	Simulate SimulateCommand `cmd:"" help:"Run a journey over a file of events, in their own time, without a server."`
	Journeys JourneysCommand `cmd:"" help:"List the journeys of a running server, or switch one off, to shadow or live."`
	Plugin   PluginCommand   `cmd:"" hidden:"" help:"Run a built-in connector; the server does this by itself."`
	Version  VersionCommand  `cmd:"" help:"Print the version."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// world is what a verb gets from outside.
type world struct {
	ctx     context.Context
	version string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

// Main runs one verb and returns the exit code: 0 for success, 1 for a failure that was told on stderr, 2 for words
// that were not understood, 130 where the operator interrupted it.
func Main(version string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// A connector's process does nothing but its job, and starts fast.
	if len(args) == 2 && args[0] == "plugin" {
		return exitCode((&PluginCommand{Name: args[1]}).Run(), stderr)
	}
	hideFiles()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	w := &world{ctx, version, stdin, stdout, stderr}
	code := -1
	parser, err := kong.New(&program{}, kong.Name("stagecraft"),
		kong.Description("Takes every customer through the stages of a lifecycle: events in, Lua stage scripts, messages out."),
		kong.Writers(stdout, stderr), kong.Exit(func(c int) { code = c }), kong.Bind(w), kong.UsageOnError(),
		kong.Vars{"version": "stagecraft " + version},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		return exitCode(err, stderr)
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
		fmt.Fprintf(stderr, "stagecraft: %v\n", err)
		return 2
	}
	return exitCode(command.Run(), stderr)
}

// exitCode is where errors become exit codes, and nowhere else.
func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	code := 1
	var exit *Exit
	if errors.As(err, &exit) {
		code = exit.Code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(stderr, "stagecraft: %s\n", text)
	}
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

// PluginCommand is the process of a built-in connector.
type PluginCommand struct {
	Name string `arg:"" help:"email or log."`
}

// Run serves until the host goes.
func (c *PluginCommand) Run() error {
	switch c.Name {
	case "email":
		channel.Serve(email.New())
	case "log":
		channel.Serve(connlog.New())
	default:
		return lifecycle.Errorf(lifecycle.NotFound, "there is no built-in connector %q", c.Name)
	}
	return nil
}
