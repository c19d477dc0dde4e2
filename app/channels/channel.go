package channels

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// State says where a connector stands.
type State string

const (
	Starting State = "starting" // launched, or about to be
	Running  State = "running"  // takes messages
	Backoff  State = "backoff"  // failed; waits for its next start
	Stopped  State = "stopped"  // ended for good
	Idle     State = "idle"     // is started by the first message that needs it
)

// Status is a channel's state, for people.
type Status struct {
	Channel   string    `json:"channel"`
	Connector string    `json:"connector"`
	Version   string    `json:"version,omitempty"` // of the connector, once it has run
	State     State     `json:"state"`
	PID       int       `json:"pid,omitempty"`
	Restarts  int       `json:"restarts"`            // starts after the first
	Broken    bool      `json:"broken,omitempty"`    // it runs, but fails one call after the other, and has a pause
	LastError string    `json:"lastError,omitempty"` // stays when the connector runs again
	Since     time.Time `json:"since"`               // of State
	Log       []string  `json:"log,omitempty"`       // the connector's last lines
}

// Channel is a supervised connector. It is safe for concurrent use.
type Channel struct {
	host *Host
	spec Spec
	log  *ring

	ctx    context.Context // ends when the channel is to stop
	cancel context.CancelFunc
	done   chan struct{} // closed when it has stopped
	calls  sync.WaitGroup

	callbacks *turns
	breaker   *breaker
	gate      *Gate
	hearing   hearing

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced with every change of state
	state       State
	since       time.Time
	next        time.Time // of Backoff: when it is started again
	restarts    int
	lastError   string
	hide        veil             // over what the connector says
	process     *channel.Process // while Running
	pid         int
	description channel.Description
	stopBy      context.Context  // of Stop: how long the connector may take
	condemned   *channel.Process // killed by the watchdog …
	reason      string           // … for this reason
}

func newChannel(ctx context.Context, h *Host, spec Spec) *Channel {
	c := &Channel{
		host: h, spec: spec, log: newRing(), done: make(chan struct{}), changed: make(chan struct{}),
		callbacks: newTurns(), gate: NewGate(spec.Limits),
		breaker: &breaker{least: h.options.MinBackoff, most: h.options.MaxBackoff},
		state:   Starting, since: h.options.Clock.Now(),
	}
	// The channel lives until Stop, not until the end of the request that started it.
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return c
}

// Idempotent reports whether the connector takes a repeated message ID without sending it again. It is false until the
// connector has run for the first time.
func (c *Channel) Idempotent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.description.Idempotent
}

// Ready reports whether the connector takes messages now: it runs, and has not failed so often that it gets a pause.
func (c *Channel) Ready() bool {
	c.mu.Lock()
	running := c.state == Running
	c.mu.Unlock()
	_, ok := c.breaker.passes(c.host.options.Clock.Now())
	return running && ok
}

// WaitReady returns when the connector takes messages, or with an error when ctx ends or the channel has stopped.
func (c *Channel) WaitReady(ctx context.Context) error {
	for {
		c.mu.Lock()
		state, changed, lastError := c.state, c.changed, c.lastError
		c.mu.Unlock()
		switch state {
		case Running:
			return nil
		case Stopped:
			return lifecycle.Errorf(lifecycle.Unavailable, "channel %s has stopped", c.spec.Channel)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if lastError == "" {
				lastError = "it is still starting"
			}
			return lifecycle.Wrap(lifecycle.Unavailable, ctx.Err(), "connector %s is not ready: %s", c.spec.Name, lastError)
		}
	}
}

// Description returns what the connector said about itself when it ran last; zero before that.
func (c *Channel) Description() channel.Description {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.description
}

// Status returns the channel's state.
func (c *Channel) Status() Status {
	_, whole := c.breaker.passes(c.host.options.Clock.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	return Status{
		Channel: c.spec.Channel, Connector: c.spec.Name, Version: c.description.Version, State: c.state, PID: c.pid,
		Restarts: c.restarts, Broken: !whole, LastError: c.lastError, Since: c.since, Log: c.log.lines(),
	}
}

// Stop ends the connector: calls under way may finish until ctx ends. No process is left when it returns. The channel
// cannot be started again; Host.Start makes a new one, with new settings for example.
func (c *Channel) Stop(ctx context.Context) {
	c.mu.Lock()
	if c.stopBy == nil {
		c.stopBy = ctx
	}
	c.cancel() // under the lock, so that no call is counted in any more
	c.mu.Unlock()
	<-c.done
	c.host.forget(c)
}

// set changes the state.
func (c *Channel) set(state State, change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.since = state, c.host.options.Clock.Now()
	if change != nil {
		change()
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// note records an error that does not change the state.
func (c *Channel) note(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastError = c.hide.over(text)
}

// unheard writes down what a connector reported in vain, in its log too. What it goes on saying stands there once.
func (c *Channel) unheard(text string) {
	c.mu.Lock()
	again := c.lastError == c.hide.over(text)
	c.mu.Unlock()
	if !again {
		c.log.say(text)
		c.note(text)
	}
}

// Distrust writes down what the connector reported and was not believed, in its log and as the last error.
func (c *Channel) Distrust(text string) {
	text = "connector " + c.spec.Name + " was not believed: " + text
	c.log.say(text)
	c.note(text)
}

// noteOf records an error of a process, unless it is known already how that has ended: a call that broke off says less.
func (c *Channel) noteOf(process *channel.Process, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == process {
		c.lastError = c.hide.over(text)
	}
}

// covered returns what a connector said without the secrets of its settings.
func (c *Channel) covered(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hide.over(text)
}
