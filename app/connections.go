package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
)

// connections are the channels that connectors serve, and their settings. They are set, replaced and removed while the
// server runs. What is fixed is so by flags, and cannot be changed here.
type connections struct {
	host     *channels.Host
	settings *channels.Settings
	plugins  channels.Plugins
	command  func(connector string) []string
	fallback channels.Connection // of mail, where nothing is set: the log that shows what would have been sent
	fixed    map[string]fixed
	outbox   *delivery.Delivery
	lazy     map[string]*lazyChannel // lazyChannels, which nobody sets here; by name
	log      *slog.Logger

	changing  sync.Mutex // one channel is changed at a time
	approving sync.Mutex // the file of approvals is read and written as a whole

	mu       sync.Mutex
	slots    map[string]*slot               // of the channels that are known to the outbox, by name
	approved map[string]string              // as what SHA-256 the connector of others was approved with which a channel was started
	limits   map[string]channels.Limits     // of operators, by channel
	serving  map[string]channels.Connection // what each channel was started with
	problems map[string]string              // why one was not
	known    map[string]*described          // connectors, by name and SHA-256
	asks     chan connectorAsked            // what describeConnectors is to ask
}

// fixed is a channel that flags decide about.
type fixed struct {
	channels.Connection
	why string
}

// start begins with what is fixed, stored, or the fallback. Settings that cannot be read cost only their own channel.
func (c *connections) start(ctx context.Context) error {
	for _, name := range c.names() {
		wanted, from, err := c.wanted(name)
		if err != nil {
			c.note(name, channels.Connection{}, err.Error())
			c.log.Error("a channel cannot be started: its settings cannot be read", "channel", name, "error", err)
		}
		if from == "" {
			continue
		}
		if err = c.run(ctx, name, wanted); err != nil {
			return err
		}
	}
	return nil
}

// wanted returns how a channel is to be served, and who says so: flags, settings or default; "" for nobody.
func (c *connections) wanted(channel string) (wanted channels.Connection, from string, err error) {
	if f, ok := c.fixed[channel]; ok {
		return f.Connection, "flags", nil
	}
	switch wanted, err = c.settings.Load(channel); {
	case err == nil:
		return wanted, "settings", nil
	case lifecycle.CodeOf(err) != lifecycle.NotFound:
		return wanted, "", err
	case channel == "email":
		return c.fallback, "default", nil
	}
	return wanted, "", nil
}

// folders are those in which connectors of ours keep what they were given to send.
func (c *connections) folders() (list []string) {
	for _, name := range c.names() {
		wanted, _, err := c.wanted(name)
		var settings struct{ Folder string }
		if err == nil && (wanted.Connector == "letter" || wanted.Connector == "log") && json.Unmarshal(wanted.Settings, &settings) == nil && filepath.IsAbs(settings.Folder) {
			list = append(list, settings.Folder)
		}
	}
	return list
}

// run puts a connector into a channel's slot. One of others that is not approved is not started; it is as soon as it is.
func (c *connections) run(ctx context.Context, channel string, wanted channels.Connection) error {
	if problem := c.unapproved(channel, wanted.Connector); problem != "" {
		c.note(channel, channels.Connection{}, problem)
		return c.slot(channel).replace(ctx, nil)
	}
	err := c.slot(channel).replace(ctx, func(ctx context.Context) (*channels.Channel, error) {
		return c.host.Start(ctx, c.spec(channel, wanted))
	})
	if err != nil {
		c.note(channel, channels.Connection{}, err.Error())
		return err
	}
	c.note(channel, wanted, "")
	return nil
}

func (c *connections) note(channel string, serving channels.Connection, problem string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving[channel], c.problems[channel] = serving, problem
}

// Set has a channel served by a connector with settings, from now on. They are tried first: where the connector refuses
// them, nothing changes. Secrets that come hidden stay as they are.
// What a change leaves out stays as it is; limits alone can be set of every channel, also of one that is fixed.
func (c *connections) Set(ctx context.Context, channel string, change web.ChannelChange) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	if change.Rate == nil && change.Concurrency == nil || change.Connector != "" || len(change.Settings) > 0 {
		err := c.changeable(channel)
		if err != nil {
			return err
		}
		limits, err := c.limited(channel, change.Rate, change.Concurrency)
		if err == nil {
			err = limits.Check()
		}
		if err == nil {
			err = c.connect(ctx, channel, channels.Connection{Connector: change.Connector, Settings: change.Settings})
		}
		if err != nil {
			return err
		}
	}
	return c.limit(channel, change.Rate, change.Concurrency)
}

// connect has a channel served by a connector.
func (c *connections) connect(ctx context.Context, channel string, wanted channels.Connection) error {
	if wanted.Connector == "" {
		var err error
		if wanted.Connector, err = c.usual(channel); err != nil {
			return err
		}
	}
	if err := c.forOthers(wanted.Connector); err != nil {
		return err
	}
	if len(wanted.Settings) == 0 {
		wanted.Settings = json.RawMessage("{}")
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(wanted.Settings, &object) != nil || object == nil {
		failure := lifecycle.Errorf(lifecycle.Invalid, "the settings must be a JSON object")
		failure.Field = "settings"
		return failure
	}
	d, err := c.host.Describe(ctx, c.spec(channel, wanted))
	if err != nil {
		return err
	}
	before, err := c.settings.Load(channel)
	if err != nil || before.Connector != wanted.Connector {
		before.Settings = nil // another's secrets are none of its business
	}
	wanted.Settings = channels.Restore(d.Schema, wanted.Settings, before.Settings)
	if err = c.apart(channel, wanted); err != nil {
		return err
	}
	if _, err = c.host.Try(ctx, c.spec(channel, wanted)); err != nil {
		return err
	}
	if err = c.settings.Save(channel, wanted); err != nil {
		return err
	}
	// It is kept now; who asked for it may go away.
	ctx = context.WithoutCancel(ctx)
	slot := c.join(channel)
	if err = c.run(ctx, channel, wanted); err != nil {
		return err
	}
	c.log.Info("a channel has new settings", "channel", channel, "connector", wanted.Connector)
	if running := slot.channel.Load(); running != nil {
		soon, cancel := context.WithTimeout(ctx, startPatience)
		defer cancel()
		_ = running.WaitReady(soon) // how it stands is in its status
	}
	return nil
}

// Remove forgets a channel's settings and stops its connector; mail goes to the log again. What is queued waits: the channel is
// shown for as long as there is some, and its limits hold when it comes back.
func (c *connections) Remove(ctx context.Context, channel string) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	if err := c.changeable(channel); err != nil {
		return err
	}
	if err := c.settings.Remove(channel); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	c.log.Info("a channel's settings were removed", "channel", channel)
	if channel == "email" {
		return c.run(ctx, channel, c.fallback)
	}
	c.note(channel, channels.Connection{}, "")
	if slot := c.slot(channel); slot != nil {
		return slot.replace(ctx, nil)
	}
	return nil
}

func (c *connections) changeable(channel string) error {
	if channel == webhookChannel {
		return lifecycle.Errorf(lifecycle.Conflict, "channel %s has no settings here, only a rate and a concurrency; its secret is set with: stagecraft webhooks", channel)
	}
	if c.lazy[channel] != nil {
		return lifecycle.Errorf(lifecycle.Conflict, "channel %s has no settings, only a rate and a concurrency", channel)
	}
	if !c.settable(channel) {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no channel %.64q that can be set; there are: %s", channel, joined(c.names()))
	}
	if f, ok := c.fixed[channel]; ok {
		return lifecycle.Errorf(lifecycle.Conflict, "channel %s is set by %s; start the server without that to set it here", channel, f.why)
	}
	return nil
}

// View returns all that can be said about the channels and the connectors there are. Secrets are hidden.
func (c *connections) View(ctx context.Context) (web.ChannelsView, error) {
	view := web.ChannelsView{Channels: []web.ChannelView{}, Connectors: []web.ConnectorView{}}
	var err error
	if view.Plugins, err = c.plugins.List(); err != nil {
		return view, err
	}
	schemas := map[string]json.RawMessage{}
	names, sums := append([]string{"email", "log"}, builtIn...), map[string]string{}
	for _, name := range names {
		sums[name] = ""
	}
	for _, plugin := range view.Plugins {
		if plugin.Approval == channels.Approved && !ours(plugin.Name) {
			names, sums[plugin.Name] = append(names, plugin.Name), plugin.SHA256
		}
	}
	known, problems := c.describe(ctx, sums)
	for _, name := range names {
		d := known[name]
		connector := web.ConnectorView{Name: name, BuiltIn: ours(name), Version: d.Version, Channels: d.Channels, Schema: d.Schema, Callbacks: d.Callbacks}
		if err := problems[name]; err != nil {
			connector.Problem = err.Error()
		} else if !connector.BuiltIn {
			connector.Problem = unusable(d.Channels)
		}
		schemas[name] = d.Schema
		view.Connectors = append(view.Connectors, connector)
	}
	queues, err := c.outbox.Queues(ctx)
	if err != nil {
		return view, err
	}
	var brought []string
	for _, connector := range view.Connectors {
		brought = append(brought, connector.Channels...)
	}
	for _, name := range c.shown(queues, brought) {
		one := c.viewOf(name, schemas)
		if one.Queued = queues[name]; one.Queued > 0 && one.State == "none" {
			if one.Held, err = c.outbox.HeldOf(ctx, name); err != nil {
				return view, err
			}
		}
		view.Channels = append(view.Channels, one)
	}
	for _, name := range lazyChannels {
		view.Channels = append(view.Channels, web.ChannelView{Status: c.lazy[name].status(), Limits: c.limitsOf(name), From: "built-in", Queued: queues[name]})
	}
	return view, nil
}

func (c *connections) viewOf(name string, schemas map[string]json.RawMessage) web.ChannelView {
	view := web.ChannelView{Status: channels.Status{Channel: name, State: "none"}, Limits: c.limitsOf(name), From: "none"}
	wanted, from, err := c.wanted(name)
	if err != nil {
		view.LastError, view.From = err.Error(), "settings"
	}
	if from != "" {
		view.From, view.Fixed, view.Connector = from, c.fixed[name].why, wanted.Connector
		view.Settings = channels.Redact(schemas[wanted.Connector], wanted.Settings)
	}
	if slot := c.slot(name); slot != nil {
		if running := slot.channel.Load(); running != nil {
			view.Status = running.Status()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if view.LastError == "" {
		view.LastError = c.problems[name]
	}
	return view
}

// statuses returns how the channels are that have a connector, or should have one.
func (c *connections) statuses() (all []channels.Status) {
	for _, name := range c.names() {
		if running := c.slot(name).channel.Load(); running != nil {
			all = append(all, running.Status())
		} else if problem := c.problem(name); problem != "" {
			all = append(all, channels.Status{Channel: name, State: channels.Stopped, LastError: problem})
		}
	}
	return all
}

func (c *connections) problem(channel string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.problems[channel]
}
