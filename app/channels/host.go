// Package channels launches the connectors that carry messages out and keeps them running. Each is a subprocess: one
// that hangs, crashes, floods its log or lies hurts only its own channel, and none outlives its host.
package channels

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// Options say how a Host works. Only Dir is required.
type Options struct {
	Dir   string          // a folder of our own; sockets and process IDs go there, 0700
	Log   *slog.Logger    // nil discards
	Clock lifecycle.Clock // restarts and rates wait by it; nil is the machine's. Deadlines of calls use the machine's time always

	StartTimeout time.Duration // until a connector has taken its settings; 0 means 10 s
	SendTimeout  time.Duration // for one call of at most Description.MaxBatch messages; 0 means 30 s
	PingInterval time.Duration // between health checks; 0 means 5 s
	PingTimeout  time.Duration // for the answer to one; 0 means 10 s
	CloseTimeout time.Duration // until a connector that was asked to end is killed; 0 means 3 s
	MinBackoff   time.Duration // before the first restart; 0 means 100 ms. It doubles with each failure …
	MaxBackoff   time.Duration // … up to this; 0 means 30 s
	HealthyAfter time.Duration // running that long starts the backoff anew; 0 means a minute

	// Reports takes what connectors learn after their receipts; nil means nobody wants to know. It must return soon.
	Reports func(Report)
	// References keeps what providers call the messages that they took; nil means that reports name none so. It returns when that is
	// on disk.
	References func(context.Context, []Reference)
}

// Spec says which connector serves a channel, and how it is started.
type Spec struct {
	Channel  string          // "email"
	Name     string          // of the connector: "email", "log" or a third party's
	Command  []string        // executable and arguments, for example the program itself with "plugin", "email"
	Settings json.RawMessage // a JSON object; it may hold secrets and travels over the private socket only
	Plugins  *Plugins        // instead of Command: the connector Name is found there, if it is approved at each start
	Limits                   // of its operator; Channel.Limit changes them
}

// Host supervises connectors. It is safe for concurrent use.
type Host struct {
	options Options
	sockets string // where sockets go
	failed  error  // why New could not prepare Dir; Start returns it

	mu       sync.Mutex
	channels map[string]*Channel
	closed   bool

	trying sync.Map // a *sync.Mutex for each channel and connector: one at a time is tried
}

// New prepares a host and kills the connectors that a host before it left behind in the same Dir; so it must not be
// called while another host uses Dir. What goes wrong is returned by Start.
func New(options Options) *Host {
	defaults := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	defaults(&options.StartTimeout, 10*time.Second)
	defaults(&options.SendTimeout, 30*time.Second)
	defaults(&options.PingInterval, 5*time.Second)
	defaults(&options.PingTimeout, 10*time.Second)
	defaults(&options.CloseTimeout, 3*time.Second)
	defaults(&options.MinBackoff, 100*time.Millisecond)
	defaults(&options.MaxBackoff, 30*time.Second)
	defaults(&options.HealthyAfter, time.Minute)
	if options.Clock == nil {
		options.Clock = lifecycle.WallClock{}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	h := &Host{options: options, channels: map[string]*Channel{}}
	if err := h.prepare(); err != nil {
		h.failed = lifecycle.Wrap(lifecycle.Internal, err, "the folder %s cannot be used for connectors; check who owns it", options.Dir)
	}
	return h
}

func (h *Host) prepare() error {
	if h.options.Dir == "" {
		return os.ErrInvalid
	}
	dir, err := filepath.Abs(h.options.Dir)
	if err != nil {
		return err
	}
	h.options.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if err := endLeftovers(dir, h.options.Log); err != nil {
		return err
	}
	h.sockets = filepath.Join(dir, "s")
	if len(h.sockets) > channel.MaxSocketDir {
		// A socket's path must be short; one below the system's folder for temporary files is.
		h.sockets, err = os.MkdirTemp("", "stagecraft-")
		return err
	}
	if err := os.RemoveAll(h.sockets); err != nil {
		return err
	}
	return os.Mkdir(h.sockets, 0o700)
}

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Start puts a channel under supervision and returns; the first launch is under way then. The error is about the spec
// or the host: a connector that does not start is tried again for as long as the host runs, see Channel.Status.
func (h *Host) Start(ctx context.Context, spec Spec) (*Channel, error) {
	if err := ctx.Err(); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "channel %s was not started", spec.Channel)
	}
	switch {
	case h.failed != nil:
		return nil, h.failed
	case !channelName.MatchString(spec.Channel) || !channelName.MatchString(spec.Name):
		return nil, lifecycle.Errorf(lifecycle.Invalid, "channel %q with connector %q: names are lower case letters, digits and dashes", spec.Channel, spec.Name)
	case spec.Plugins == nil && (len(spec.Command) == 0 || spec.Command[0] == ""):
		return nil, lifecycle.Errorf(lifecycle.Invalid, "connector %s has no command to start it with", spec.Name)
	}
	if len(spec.Settings) == 0 {
		spec.Settings = json.RawMessage("{}")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, lifecycle.Errorf(lifecycle.Unavailable, "channel %s cannot be started: the program is stopping", spec.Channel)
	}
	if _, ok := h.channels[spec.Channel]; ok {
		return nil, lifecycle.Errorf(lifecycle.Conflict, "channel %s runs already; stop it first", spec.Channel)
	}
	c := newChannel(ctx, h, spec)
	h.channels[spec.Channel] = c
	go c.supervise()
	return c, nil
}

func (h *Host) forget(c *Channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.channels[c.spec.Channel] == c {
		delete(h.channels, c.spec.Channel)
	}
}

// Close ends all connectors: each may finish the calls under way until ctx ends, and is killed if it does not end by
// itself then. No process is left when Close returns, and the host cannot be used again.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	var stopping sync.WaitGroup
	for _, c := range h.channels {
		stopping.Go(func() { c.Stop(ctx) })
	}
	h.mu.Unlock()
	stopping.Wait()
	if h.sockets == "" {
		return nil
	}
	if err := os.RemoveAll(h.sockets); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the socket folder %s could not be removed", h.sockets)
	}
	return nil
}
