package app

import (
	"context"
	"errors"
	"slices"

	"stagecraft/app/channels"
	"stagecraft/app/config"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// builtIn are the connectors of this program that further channels may name; each is named like the kind of channel it serves.
var builtIn = []string{"sms", "push", "social", "letter"}

// importFile takes over the settings of a --channels file, once: those of a channel that has settings already are left as
// they are. A connector that refuses them, or is not approved, is an error; nothing is kept of that channel then. It
// returns the channels that were taken over and those that were not.
func (c *connections) importFile(ctx context.Context, file config.ChannelsFile) (taken, left []string, err error) {
	specs, err := file.Read()
	if err != nil {
		return nil, nil, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be used", file)
	}
	for _, s := range specs {
		if _, err = c.settings.Load(s.Channel); lifecycle.CodeOf(err) != lifecycle.NotFound {
			left = append(left, s.Channel)
			continue
		}
		wanted := channels.Connection{Connector: s.Connector, Settings: s.Settings}
		if wanted.Connector == "" {
			wanted.Connector, err = c.usual(s.Channel)
		}
		if err == nil {
			err = c.forOthers(wanted.Connector)
		}
		if err == nil {
			err = c.apart(s.Channel, wanted)
		}
		if err != nil {
			return taken, left, importFailed(err, file, s.Channel)
		}
		if _, err = c.host.Try(ctx, c.spec(s.Channel, wanted)); err != nil {
			return taken, left, importFailed(err, file, s.Channel)
		}
		if err = c.settings.Save(s.Channel, wanted); err == nil {
			c.join(s.Channel)
			err = c.limit(s.Channel, s.Rate, s.Concurrency)
		}
		if err != nil {
			return taken, left, err
		}
		taken = append(taken, s.Channel)
	}
	return taken, left, nil
}

// importFailed says where the settings stand that cannot be used.
func importFailed(err error, file config.ChannelsFile, channel string) error {
	failure := lifecycle.Wrap(lifecycle.CodeOf(err), err, "%s: channel %s", file, channel)
	var own *lifecycle.Error
	if errors.As(err, &own) {
		failure.Field = own.Field
	}
	return failure
}

// spec is how the connector of a channel is started: one of ours, or an approved one of others.
func (c *connections) spec(channel string, wanted channels.Connection) channels.Spec {
	spec := channels.Spec{Channel: channel, Name: wanted.Connector, Settings: wanted.Settings, Limits: c.limitsOf(channel)}
	if ours(wanted.Connector) {
		spec.Command = c.command(wanted.Connector)
	} else {
		spec.Plugins = &c.plugins
	}
	return spec
}

// ours reports whether a connector is part of this program.
func ours(connector string) bool {
	return connector == "email" || connector == "log" || slices.Contains(builtIn, connector)
}

// ReportOf is a connector's report as the engine takes it.
func ReportOf(r channels.Report) engine.Report {
	return engine.Report{Channel: r.Channel, Message: r.Message, From: r.From, Event: r.Event, Reason: r.Reason, At: r.At, Data: r.Data, Reference: r.Reference}
}
