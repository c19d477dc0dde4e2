package channels

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// Description is what a connector says about itself; see the package plugins/channel.
type Description = channel.Description

// Describe starts a connector only to ask what it is: nothing is configured, nothing sent.
func (h *Host) Describe(ctx context.Context, spec Spec) (Description, error) {
	return h.once(ctx, spec, func(context.Context, *channel.Process, Description, *ring) error { return nil })
}

// serves reports whether a connector can carry a channel: it names it, or its kind.
func serves(d Description, name string) bool {
	return slices.Contains(d.Channels, name) || slices.Contains(d.Channels, lifecycle.KindOf(name))
}

// Try starts a connector beside the one that runs, and asks whether it would serve the channel with these settings. Where
// it would not, the error has the code Invalid, and Field names the setting if that is known. The connector's schema is asked first. What is asked of the
// connector is what it is asked at its start; it must not need other servers for that, so this takes well under a second.
func (h *Host) Try(ctx context.Context, spec Spec) (Description, error) {
	return h.once(ctx, spec, func(ctx context.Context, process *channel.Process, d Description, said *ring) error {
		if !serves(d, spec.Channel) {
			return lifecycle.Errorf(lifecycle.Invalid, "connector %s serves %s, not channel %s", spec.Name, strings.Join(d.Channels, ", "), spec.Channel)
		}
		if err := CheckSettings(d.Schema, spec.Settings); err != nil {
			return err
		}
		hide := newVeil(d.Schema, spec.Settings)
		said.cover(hide)
		err := process.Configure(ctx, spec.Settings)
		if err == nil {
			return nil
		}
		if !errors.Is(err, channel.ErrRefused) {
			return errors.New(hide.over(err.Error()))
		}
		words := hide.over(err.Error())
		refused := lifecycle.Errorf(lifecycle.Invalid, "connector %s refuses the settings: %s", spec.Name, words)
		refused.Field = settingNamed(d.Schema, words)
		return refused
	})
}

// lastBreath is how long a connector that broke off has to end, so that how it ended can be told.
const lastBreath = 300 * time.Millisecond

// once starts a process, asks what it is, does something with it and ends it. One that does not start or answer is Invalid, as
// trying again would not help, unless the caller has gone.
func (h *Host) once(ctx context.Context, spec Spec, do func(context.Context, *channel.Process, Description, *ring) error) (Description, error) {
	if h.failed != nil {
		return Description{}, h.failed
	}
	if !channelName.MatchString(spec.Name) {
		return Description{}, lifecycle.Errorf(lifecycle.Invalid, "connector %.80q: names are lower case letters, digits and dashes", spec.Name)
	}
	o := &h.options
	command, err := spec.command()
	if err != nil {
		return Description{}, err
	}
	// A file of its own: the connector that serves the channel has one as well.
	record := "try-" + spec.Channel + "-" + spec.Name
	mine, _ := h.trying.LoadOrStore(record, &sync.Mutex{})
	mine.(*sync.Mutex).Lock()
	defer mine.(*sync.Mutex).Unlock()
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	defer forgetProcess(o.Dir, record)
	said := newRing()
	useless := func(why, reason string) error {
		if err := caller.Err(); err != nil {
			return lifecycle.Wrap(lifecycle.Unavailable, err, "connector %s was not tried", spec.Name)
		}
		return lifecycle.Errorf(lifecycle.Invalid, "connector %s %s: %s%s", spec.Name, why, reason, said.last())
	}
	process, err := channel.Start(ctx, channel.Launch{
		Command: command, SocketDir: h.sockets, Stderr: said.writer(), Grace: o.CloseTimeout,
		Started: func(pid int) error { return recordProcess(o.Dir, record, pid, h.sockets) },
	})
	if err != nil {
		return Description{}, useless("does not start", err.Error())
	}
	defer process.Close(ctx)
	d, err := process.Describe(ctx)
	switch {
	case err != nil:
	case !slices.Contains(d.Protocols, channel.ProtocolVersion):
		err = lifecycle.Errorf(lifecycle.Invalid, "connector %s does not speak protocol version %d but %v; install one made for this version", spec.Name, channel.ProtocolVersion, d.Protocols)
	default:
		err = do(ctx, process, d, said)
	}
	var own *lifecycle.Error
	if err != nil && !errors.As(err, &own) {
		reason := err.Error()
		select {
		case <-process.Done():
			reason = process.Ended()
		case <-time.After(lastBreath):
		}
		process.Kill() // what it printed is there after that
		err = useless("does not answer as it should", reason)
	}
	return d, err
}

// command is what is executed, of a connector of others after a look at its approval.
func (s Spec) command() ([]string, error) {
	if s.Plugins == nil {
		return s.Command, nil
	}
	executable, err := s.Plugins.Executable(s.Name)
	return []string{executable}, err
}

// settingNamed returns the setting that a refusal is about: connectors begin with its name, or that of its group and a dot. "" if
// it is none that the schema knows.
func settingNamed(schema json.RawMessage, words string) string {
	at := shapeOf(schema)
	first, _, _ := strings.Cut(words, " ")
	first = strings.Trim(first, `:,"`)
	for i, name := range strings.Split(first, ".") {
		next, ok := at.named(name)
		if !ok || !at.lists(name) {
			return strings.Join(strings.Split(first, ".")[:i], ".")
		}
		at = next
	}
	return first
}
