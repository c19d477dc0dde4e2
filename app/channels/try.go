package channels

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// Description is what a connector says about itself; see the package plugins/channel.
type Description = channel.Description

// Describe starts a connector only to ask what it is: nothing is configured, nothing sent.
func (h *Host) Describe(ctx context.Context, spec Spec) (Description, error) {
	return h.once(ctx, spec, func(context.Context, *channel.Process, Description) error { return nil })
}

// serves reports whether a connector can carry a channel: it names it, or its kind.
func serves(d Description, name string) bool {
	return slices.Contains(d.Channels, name) || slices.Contains(d.Channels, lifecycle.KindOf(name))
}

// Try starts a connector beside the one that runs, and asks whether it would serve the channel with these settings. Where
// it would not, the error has the code Invalid, and Field names the setting if that is known. The connector's schema is asked first. What is asked of the
// connector is what it is asked at its start; it must not need other servers for that, so this takes well under a second.
func (h *Host) Try(ctx context.Context, spec Spec) (Description, error) {
	return h.once(ctx, spec, func(ctx context.Context, process *channel.Process, d Description) error {
		if !serves(d, spec.Channel) {
			return lifecycle.Errorf(lifecycle.Invalid, "connector %s serves %s, not channel %s", spec.Name, strings.Join(d.Channels, ", "), spec.Channel)
		}
		if err := CheckSettings(d.Schema, spec.Settings); err != nil {
			return err
		}
		err := process.Configure(ctx, spec.Settings)
		if !errors.Is(err, channel.ErrRefused) {
			return err
		}
		hide := newVeil(d.Schema, spec.Settings)
		words := hide.over(err.Error())
		refused := lifecycle.Errorf(lifecycle.Invalid, "connector %s refuses the settings: %s", spec.Name, words)
		refused.Field = settingNamed(d.Schema, words)
		return refused
	})
}

// once starts a process, asks what it is, does something with it and ends it.
func (h *Host) once(ctx context.Context, spec Spec, do func(context.Context, *channel.Process, Description) error) (Description, error) {
	if h.failed != nil {
		return Description{}, h.failed
	}
	if !channelName.MatchString(spec.Name) {
		return Description{}, lifecycle.Errorf(lifecycle.Invalid, "connector %.80q: names are lower case letters, digits and dashes", spec.Name)
	}
	o := &h.options
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	command, err := spec.command()
	if err != nil {
		return Description{}, err
	}
	// A file of its own: the connector that serves the channel has one as well.
	record := "try-" + spec.Channel + "-" + spec.Name
	h.trying.Lock()
	defer h.trying.Unlock()
	defer forgetProcess(o.Dir, record)
	said := newRing()
	process, err := channel.Start(ctx, channel.Launch{
		Command: command, SocketDir: h.sockets, Stderr: said.writer(), Grace: o.CloseTimeout,
		Started: func(pid int) error { return recordProcess(o.Dir, record, pid, h.sockets) },
	})
	if err != nil {
		return Description{}, lifecycle.Wrap(lifecycle.Unavailable, err, "connector %s does not start", spec.Name)
	}
	defer process.Close(ctx)
	d, err := process.Describe(ctx)
	switch {
	case err != nil:
	case !slices.Contains(d.Protocols, channel.ProtocolVersion):
		err = lifecycle.Errorf(lifecycle.Invalid, "connector %s does not speak protocol version %d but %v; install one made for this version", spec.Name, channel.ProtocolVersion, d.Protocols)
	default:
		err = do(ctx, process, d)
	}
	var own *lifecycle.Error
	if err != nil && !errors.As(err, &own) {
		err = lifecycle.Wrap(lifecycle.Unavailable, err, "connector %s does not answer as it should", spec.Name)
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
	var at property
	if json.Unmarshal(schema, &at) != nil {
		return ""
	}
	first, _, _ := strings.Cut(words, " ")
	first = strings.Trim(first, `:,"`)
	for i, name := range strings.Split(first, ".") {
		next, ok := at.Properties[name]
		if !ok {
			return strings.Join(strings.Split(first, ".")[:i], ".")
		}
		at = next
	}
	return first
}
