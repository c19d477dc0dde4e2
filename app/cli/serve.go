package cli

import (
	"log/slog"
	"os"

	"stagecraft/app"
	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// ServeCommand runs the server.
type ServeCommand struct{ config.Config }

// Run has the server run until it is interrupted.
func (c *ServeCommand) Run(w *world) error {
	if err := c.Check(); err != nil {
		return err
	}
	settings := c.Config
	w.then = func() error { return serve(w, settings) }
	return nil
}

func serve(w *world, c config.Config) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return lifecycle.Wrap(lifecycle.Invalid, err, "--log-level")
	}
	var handler slog.Handler = slog.NewTextHandler(w.stderr, &slog.HandlerOptions{Level: level})
	if c.LogFormat == "json" {
		handler = slog.NewJSONHandler(w.stderr, &slog.HandlerOptions{Level: level})
	}
	self, err := os.Executable()
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the program does not know where its own file is")
	}
	server, err := app.New(w.ctx, c, app.Options{Version: w.version, Log: slog.New(handler), Out: w.stdout,
		Rows: sourceRows{}, Plugin: []string{self, "plugin"}})
	if err != nil {
		return err
	}
	giveBackProgram()
	return server.Run(w.ctx)
}
