package app

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"stagecraft/app/channels"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// startChannels takes over the file of --channels and starts the connectors that are set: those of stored settings, and
// email over SMTP where flags name a server, else the log that shows what would have been sent. Those of lazyChannels
// follow when they have something to send.
func (a *App) startChannels(ctx context.Context, plugin []string) error {
	a.channels = channels.New(channels.Options{Dir: filepath.Join(a.cfg.Data, "run"), Log: a.log, Clock: a.clock,
		Reports: func(r channels.Report) { a.engine.Report(ReportOf(r)) }, References: a.refer})
	key, err := a.keys.settingsKey()
	if err != nil {
		return err
	}
	settings, err := channels.NewSettings(filepath.Join(a.cfg.Data, "channels"), key)
	if err != nil {
		return err
	}
	command := func(name string) []string { return append(append([]string(nil), plugin...), name) }
	mail, err := encoded(map[string]any{"folder": filepath.Join(a.cfg.Data, "mail")})
	if err != nil {
		return err
	}
	c := &connections{host: a.channels, settings: settings, plugins: channels.Plugins{Data: a.cfg.Data}, command: command, log: a.log,
		fallback: channels.Connection{Connector: "log", Settings: mail}, fixed: map[string]fixed{}, outbox: a.delivery,
		slots: map[string]*slot{}, approved: map[string]string{}, serving: map[string]channels.Connection{},
		problems: map[string]string{}, known: map[string]*described{}, asks: make(chan connectorAsked, 64), lazy: map[string]*lazyChannel{}}
	a.connect = c
	if err = c.loadLimits(); err != nil {
		return err
	}
	if a.cfg.SMTP.Enabled() {
		values, err := a.smtpSettings()
		if err != nil {
			return err
		}
		c.fixed["email"] = fixed{channels.Connection{Connector: "email", Settings: values}, "--smtp-host"}
	}
	stored, err := c.stored()
	if err != nil {
		return err
	}
	for _, name := range append(ownChannels(), stored...) {
		if c.settable(name) {
			c.join(name)
		}
	}
	a.secrets = &webhookSecrets{dir: a.cfg.Data, allow: a.cfg.WebhookAllow, secret: a.keys.Webhook, former: a.keys.FormerWebhook}
	raw, err := a.secrets.settings()
	if err != nil {
		return err
	}
	for _, name := range lazyChannels {
		c.lazy[name] = &lazyChannel{host: a.channels, spec: channels.Spec{Channel: name, Name: name, Command: command(name), Settings: json.RawMessage("{}"), Limits: c.limitsOf(name)}}
	}
	a.secrets.channel = c.lazy[webhookChannel]
	a.secrets.channel.spec.Settings = raw
	taken, left, err := c.importFile(ctx, a.cfg.Channels)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		fmt.Fprintf(a.out, "The settings of %s were taken over from %s and are kept encrypted in %s; the file is not needed any more.\n",
			joined(taken), a.cfg.Channels, settings.Dir())
	}
	if len(left) > 0 {
		a.log.Info("channels that have settings already are not taken from the file of --channels; change them in the console or with: stagecraft channels set",
			"channels", joined(left), "file", string(a.cfg.Channels))
	}
	return c.start(ctx)
}

// smtpSettings are those of the connector email, as flags give them.
func (a *App) smtpSettings() (json.RawMessage, error) {
	smtp := a.cfg.SMTP
	values := map[string]any{"host": smtp.Host, "security": smtp.Security, "from": smtp.From, "connections": smtp.Connections}
	for key, value := range map[string]string{"username": smtp.Username, "password": smtp.Password.Reveal(), "ca_file": smtp.CAFile} {
		if value != "" {
			values[key] = value
		}
	}
	if smtp.Port != 0 {
		values["port"] = smtp.Port
	}
	return encoded(values)
}

func encoded(settings map[string]any) (json.RawMessage, error) {
	raw, err := json.Marshal(settings)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the settings of a connector cannot be written as JSON")
	}
	return raw, nil
}

// statuses returns how the channels are whose connectors have been started.
func (a *App) statuses() []channels.Status {
	all := a.connect.statuses()
	for _, name := range lazyChannels {
		if started := a.connect.lazy[name].started(); started != nil {
			all = append(all, started.Status())
		}
	}
	return all
}

// refer keeps what providers call messages.
func (a *App) refer(ctx context.Context, list []channels.Reference) {
	references := make([]engine.Reference, len(list))
	for i, r := range list {
		references[i] = engine.Reference(r)
	}
	a.engine.Refer(ctx, references)
}

func joined(names []string) string { return strings.Join(names, ", ") }
