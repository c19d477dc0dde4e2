package channels

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// supervise starts the connector again and again until the channel is stopped.
func (c *Channel) supervise() {
	defer close(c.done)
	o := &c.host.options
	refused := "" // why it was not even started, once that is logged
	for failures := 0; ; {
		c.set(Starting, nil)
		var ran time.Duration
		process, description, err := c.launch()
		if err == nil {
			began := o.Clock.Now()
			c.set(Running, func() { c.process, c.description = process, description })
			err = c.watch(process)
			ran = o.Clock.Now().Sub(began)
		}
		if c.ctx.Err() != nil {
			break
		}
		if ran >= o.HealthyAfter {
			failures = 0
		}
		failures++
		said := c.covered(err.Error())
		wait := backoff(failures, o.MinBackoff, o.MaxBackoff)
		c.set(Backoff, func() {
			c.process, c.pid, c.next = nil, 0, o.Clock.Now().Add(wait)
			c.lastError = said
		})
		if words := refusal(err); words == "" {
			refused = ""
			o.Log.Warn("connector failed and is started again", "channel", c.spec.Channel, "connector", c.spec.Name, "error", said, "in", wait)
		} else if said != refused {
			refused = said
			o.Log.Warn(words, "channel", c.spec.Channel, "connector", c.spec.Name, "error", said)
		}
		if o.Clock.Wait(c.ctx, o.Clock.Now().Add(wait)) != nil {
			break
		}
		c.mu.Lock()
		c.restarts++
		c.mu.Unlock()
	}
	c.set(Stopped, func() { c.process, c.pid = nil, 0 })
}

// refusal says in words that a connector is not started because of its file or its approval, see Plugins.Executable; "" if it was.
func refusal(err error) string {
	switch lifecycle.CodeOf(err) {
	case lifecycle.Conflict:
		return "connector waits for approval"
	case lifecycle.NotFound:
		return "connector's file is not there"
	case lifecycle.Invalid:
		return "connector is not started"
	}
	return ""
}

// backoff is how long to wait after the given number of failures in a row: doubling, less up to half by chance so that
// connectors that failed together do not start together.
func backoff(failures int, least, most time.Duration) time.Duration {
	wait := most
	if shift := failures - 1; shift < 30 {
		wait = min(least<<shift, most)
	}
	return wait/2 + rand.N(wait/2+1)
}

// launch starts a process, asks what it is and gives it its settings. When it fails, no process is left.
func (c *Channel) launch() (*channel.Process, channel.Description, error) {
	var none channel.Description
	o := &c.host.options
	ctx, cancel := context.WithTimeout(c.ctx, o.StartTimeout)
	defer cancel()
	command, err := c.spec.command()
	if err != nil {
		return nil, none, err
	}
	process, err := channel.Start(ctx, channel.Launch{
		Command: command, SocketDir: c.host.sockets, Stderr: c.log.writer(), Grace: o.CloseTimeout,
		Started: func(pid int) error {
			c.mu.Lock()
			c.pid = pid
			c.mu.Unlock()
			return recordProcess(o.Dir, c.spec.Channel, pid, c.host.sockets)
		},
	})
	if err != nil {
		forgetProcess(o.Dir, c.spec.Channel)
		return nil, none, err
	}
	fail := func(err error) (*channel.Process, channel.Description, error) {
		process.Kill()
		forgetProcess(o.Dir, c.spec.Channel)
		return nil, none, err
	}
	description, err := process.Describe(ctx)
	if err != nil {
		return fail(fmt.Errorf("connector %s did not say what it is: %w", c.spec.Name, err))
	}
	if !slices.Contains(description.Protocols, channel.ProtocolVersion) {
		return fail(fmt.Errorf("connector %s does not speak protocol version %d but %v; install one made for this version", c.spec.Name, channel.ProtocolVersion, description.Protocols))
	}
	if !serves(description, c.spec.Channel) {
		return fail(fmt.Errorf("connector %s serves %v, not channel %s", c.spec.Name, description.Channels, c.spec.Channel))
	}
	// It knows no secret before this.
	hide := newVeil(description.Schema, c.spec.Settings)
	c.mu.Lock()
	c.hide = hide
	c.mu.Unlock()
	c.log.cover(hide)
	if err := process.Configure(ctx, c.spec.Settings); err != nil {
		if errors.Is(err, channel.ErrRefused) {
			return fail(fmt.Errorf("connector %s refused its settings: %w", c.spec.Name, err))
		}
		return fail(fmt.Errorf("connector %s did not take its settings: %w", c.spec.Name, err))
	}
	return process, description, nil
}

// watch returns when the process has ended, with the reason; nil when the channel was stopped.
func (c *Channel) watch(process *channel.Process) error {
	defer forgetProcess(c.host.options.Dir, c.spec.Channel)
	o := &c.host.options
	running, cancel := context.WithCancel(c.ctx)
	reporting := make(chan struct{})
	go func() {
		defer close(reporting)
		c.report(running, process)
	}()
	defer func() {
		cancel()
		<-reporting
	}()
	ticker := time.NewTicker(o.PingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			c.end(process)
			return nil
		case <-process.Done():
			process.Kill() // lets go of what belongs to it
			return fmt.Errorf("connector %s: %s%s", c.spec.Name, c.because(process), c.log.last())
		case <-ticker.C:
			if err := c.ping(process); err != nil && c.ctx.Err() == nil {
				process.Kill()
				if ended := process.Ended(); !strings.Contains(ended, "killed") { // it had ended by itself
					return fmt.Errorf("connector %s: %s%s", c.spec.Name, ended, c.log.last())
				}
				return err
			}
		}
	}
}

// because prefers the watchdog's reason to what the system says about the end.
func (c *Channel) because(process *channel.Process) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason, ok := c.killed(process); ok {
		return reason
	}
	return process.Ended()
}

// ping asks the connector how it is. Not answering is what it is killed for; saying that it is unwell is only noted.
func (c *Channel) ping(process *channel.Process) error {
	ctx, cancel := context.WithTimeout(c.ctx, c.host.options.PingTimeout)
	defer cancel()
	health, err := process.Health(ctx)
	if err != nil {
		return fmt.Errorf("connector %s did not answer a health check within %s and was killed: %w", c.spec.Name, c.host.options.PingTimeout, err)
	}
	if !health.OK {
		c.note(health.Detail)
	}
	return nil
}

// end stops the process in good order: what is being sent may come to its end first.
func (c *Channel) end(process *channel.Process) {
	c.mu.Lock()
	by := c.stopBy
	c.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		c.calls.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		process.Close(by)
	case <-by.Done():
		process.Kill()
		<-idle
	case <-process.Done():
		process.Kill()
		<-idle
	}
}
