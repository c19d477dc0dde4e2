package app

import (
	"context"
	"slices"

	"stagecraft/app/channels"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// builtIn are the connectors of this program that further channels may name.
var builtIn = []string{"sms", "push", "social"}

// startFurther launches the connectors of the channels that --channels names: ours, or approved ones of others.
func (a *App) startFurther(ctx context.Context, command func(name string) []string) error {
	specs, err := a.cfg.Channels.Read()
	if err != nil {
		return lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be used", a.cfg.Channels)
	}
	for _, s := range specs {
		spec := channels.Spec{Channel: s.Channel, Name: s.Connector, Settings: s.Settings}
		if slices.Contains(builtIn, s.Connector) {
			spec.Command = command(s.Connector)
		} else {
			spec.Plugins = &channels.Plugins{Data: a.cfg.Data}
		}
		channel, err := a.channels.Start(ctx, spec)
		if err != nil {
			return err
		}
		a.further = append(a.further, channel)
	}
	return nil
}

// ReportOf is a connector's report as the engine takes it.
func ReportOf(r channels.Report) engine.Report {
	return engine.Report{Channel: r.Channel, Message: r.Message, From: r.From, Event: r.Event, Reason: r.Reason, At: r.At, Data: r.Data}
}
