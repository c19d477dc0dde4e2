// Package app composes the program: it builds every part, starts them in order, gives each kind of input to its
// handler, and stops everything in the opposite order.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/channels"
	"stagecraft/app/config"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
	"stagecraft/app/web"
	"stagecraft/plugins/webhook"
)

// AddressFile is the file in the data folder that says where the server listens, for the verbs that talk to it.
const AddressFile = "address"

// App is the server: New builds it, Run runs it until its context ends.
type App struct {
	cfg      config.Config
	version  string
	clock    lifecycle.Clock
	log      *slog.Logger
	out      io.Writer
	keys     keys
	store    *store.Store
	engine   *engine.Engine
	delivery *delivery.Delivery
	insight  *insight.Insight
	channels *channels.Host
	connect  *connections
	secrets  *webhookSecrets // of webhooks
	scripts  *publisher
	sources  *sources
	forms    *forms
	rights   *rights
	web      *web.Server
	failed   chan error

	listening func(address string)
}

// Options of New besides the configuration.
type Options struct {
	Version string
	Clock   lifecycle.Clock // default: the machine's
	Log     *slog.Logger
	Out     io.Writer // where the first words to the operator go
	// Listening is told the address once requests are taken; nil for no one.
	Listening func(address string)
	// Plugin is the command that runs a built-in connector; its name is added at the end.
	Plugin []string
	// Rows reads what sources fetch.
	Rows Rows
}

// New opens the data folder and starts everything but the network.
func New(ctx context.Context, cfg config.Config, opts Options) (_ *App, err error) {
	if opts.Clock == nil {
		opts.Clock = lifecycle.WallClock{}
	}
	a := &App{cfg: cfg, version: opts.Version, clock: opts.Clock, log: opts.Log, out: opts.Out, failed: make(chan error, 1),
		listening: opts.Listening}
	limitMemory(cfg.MemoryLimit)
	if err = os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the data folder %s cannot be made", cfg.Data)
	}
	ownScripts := cfg.Scripts == filepath.Join(cfg.Data, "scripts")
	if _, err = os.Stat(cfg.Scripts); err != nil && !ownScripts {
		return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the scripts folder %s cannot be read", cfg.Scripts)
	}
	if a.store, err = store.Open(store.Options{
		Dir: cfg.Data, Log: opts.Log, Records: lifecycle.Records + engine.Records + delivery.Records + insight.Records, OnFailed: func(err error) { a.failed <- err },
	}); err != nil {
		return nil, err
	}
	// The store's lock makes this process the only one that works in the folder, from here on.
	defer func() {
		if err != nil {
			_ = a.close()
		}
	}()
	if ownScripts {
		if err = UnpackScripts(cfg.Scripts); err != nil {
			return nil, err
		}
	}
	if a.keys, err = loadKeys(cfg.Data, cfg.WriteKey, cfg.BrowserKey, cfg.AdminKey); err != nil {
		return nil, err
	}
	lifecycle.ReadNumbersOf(cfg.Identity.CallingCode)
	a.insight = insight.New()
	policy := PolicyOf(cfg.Policy)
	policy.Zone = cfg.Zone()
	links := lifecycle.NewLinks([]byte(a.keys.Links), cfg.PublicURL)
	tracking, err := trackingOf(cfg.Tracking)
	if err != nil {
		return nil, err
	}
	a.delivery = delivery.New(delivery.Options{Clock: opts.Clock, Recorder: a.insight, PublicURL: cfg.PublicURL, Links: links, Policy: policy, Tracking: tracking, TrackingURL: cfg.Tracking.URL,
		TestAddress: cfg.TestAddress, Boot: uuid.NewString(), Log: opts.Log})
	host := script.New(script.Limits{})
	a.engine = engine.New(engine.Options{Clock: opts.Clock, Host: host, Outbox: a.delivery, Recorder: a.insight,
		ErasureKey: []byte(a.keys.Erased), Log: opts.Log, MaxPending: cfg.MaxPending, Zone: cfg.Zone(), Precedence: cfg.Sources.Precedence,
		Identities: engine.IdentityLimits{Users: cfg.Identity.Users, Joined: cfg.Identity.Joined},
		Revenue:    engine.RevenueRules{Orders: cfg.Revenue.Orders, Refunds: cfg.Revenue.Refunds, Amount: cfg.Revenue.Amount}})
	a.delivery.SetTemplates(a.engine)
	a.delivery.SetJourneys(a.engine)
	a.delivery.SetWatcher(a.engine)
	a.delivery.SetHoldOuts(a.engine)
	a.delivery.SetAlternatives(a.engine)
	a.delivery.SetReferrals(cfg.Forms.ReferralURL != "")
	a.engine.SetReferrals(cfg.Forms.ReferralEvent, links.ReadReferral)
	a.engine.SetStarts(links)
	a.delivery.SetHeirs(a.engine)
	a.delivery.SetAsker(a.engine)
	a.engine.SetDistrust(func(channel, text string) { a.connect.distrust(channel, text) })
	a.engine.SetChannels(func(name string) bool { return a.connect.slot(name) != nil })
	a.engine.SetStageWebhooks(cfg.StageWebhooks)
	a.engine.SetBroadcasts(a.delivery, func(source script.Source) (*script.Program, error) { return compile(host, source) })
	if err = a.startChannels(ctx, opts.Plugin); err != nil {
		return nil, err
	}
	calls := a.delivery.Calls(a.engine, cfg.CallDispositions)
	a.delivery.Connect(webhookChannel, a.connect.lazy[webhookChannel])
	a.delivery.Connect("inapp", a.delivery.InApp(a.connect.lazy["inapp"]))
	a.delivery.Connect("call", calls.Behind(a.connect.lazy["call"]))
	for _, channel := range cfg.Policy.Pause {
		a.delivery.Pause(channel, true)
	}
	a.engine.SetForgetter(a.delivery)
	a.engine.SetApplicants(links.Applicant)
	a.engine.Bind(a.store)
	a.delivery.Bind(a.store)
	a.insight.Bind(a.store)
	a.insight.SetPlans(a.engine)
	a.store.Start(&machine{a.engine, a.delivery, a.insight})
	a.scripts = newPublisher(cfg.Scripts, host, a.engine, a.insight, opts.Clock, opts.Log)
	a.scripts.policy, a.scripts.links = policy, a.delivery.HasLink
	a.rights = newRights(a)
	a.forms = newForms(cfg.Scripts, host, opts.Log)
	if err = a.scripts.publishAll(ctx); err != nil {
		return nil, err
	}
	if a.sources, err = a.newSources(newFetcher(webhook.NewTransport(cfg.Sources.Allow, 10*time.Second)), opts.Rows); err != nil {
		return nil, err
	}
	if err = a.rights.begin(ctx); err != nil {
		return nil, err
	}
	a.web, err = web.New(web.Options{
		Rights:  a.rights,
		Sources: a.sources, Rejected: a.sources,
		Engine: a.engine, Delivery: a.delivery, Calls: calls, Insight: a.insight, Store: a.store, Scripts: a.scripts,
		Channels: a.statuses, Connections: a.connect, SMSSize: a.connect.smsSize, Callback: a.channels.Callback, Secrets: a.secrets, Links: links,
		Tokens: lifecycle.NewTokens([]byte(a.keys.InApp)), InAppOrigins: cfg.InAppOrigins,
		Clock: opts.Clock, Log: opts.Log, Version: opts.Version, PublicURL: cfg.PublicURL,
		WriteKey: a.keys.Write, BrowserKey: a.keys.Browser, AdminKey: a.keys.Admin, AskAdminKey: !cfg.Keyless(), RateLimit: cfg.RateLimit,
		Topics: &topics{dir: cfg.Scripts, log: opts.Log}, Forms: a.forms, FormSettings: cfg.Forms, Downloads: filepath.Join(cfg.Data, "downloads"),
		Drafts: a.scripts, Segments: a.scripts, Lives: NewLives(a.engine, a.delivery, opts.Clock), Compile: host.Compile, PublishLimit: cfg.PublishLimit,
	})
	if err == nil {
		err = a.web.ReadKeys(ctx)
	}
	if err == nil {
		err = a.web.ResettleBroadcasts(ctx)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Run serves until ctx ends or the store fails, then drains and closes everything.
func (a *App) Run(ctx context.Context) error {
	address, err := a.web.Listen(a.cfg.Addr)
	if err != nil {
		return errors.Join(err, a.close())
	}
	a.greet(address)
	if err = os.WriteFile(filepath.Join(a.cfg.Data, AddressFile), []byte(address+"\n"), 0o600); err != nil {
		a.log.Warn("the address could not be written down for the other verbs", "error", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var workers sync.WaitGroup
	sending, stopSending := context.WithCancel(context.Background())
	defer stopSending()
	workers.Go(func() { a.delivery.Run(sending) })
	workers.Go(func() { a.engine.TakeReports(sending) })
	workers.Go(func() { a.scripts.watch(ctx) })
	workers.Go(func() { a.connect.watchApprovals(ctx) })
	workers.Go(func() { a.connect.describeConnectors(ctx) })
	workers.Go(func() { a.sources.watch(ctx) })
	workers.Go(func() { a.sources.run(ctx) })
	workers.Go(func() { a.forms.watch(ctx) })
	workers.Go(func() { a.rights.run(ctx) })
	a.web.Serve()
	workers.Go(func() {
		a.insight.Warm(ctx)
		debug.FreeOSMemory() // a start takes about 10 MB more than idling ever will
	})
	if a.listening != nil {
		a.listening(address)
	}
	select {
	case <-ctx.Done():
	case err = <-a.failed:
		err = lifecycle.Wrap(lifecycle.Unavailable, err, "the store has failed; start again to recover")
	case err = <-a.web.Failed():
	}
	a.log.Info("stopping: no more requests are taken, those under way are finished")
	err = errors.Join(err, a.web.Close())
	stop()
	a.store.StopOwning()
	stopSending()
	workers.Wait()
	a.engine.KeepLists(context.Background())
	err = errors.Join(err, a.close())
	a.log.Info("stopped")
	return err
}

// close ends connectors and closes the store.
func (a *App) close() error {
	var err error
	if a.channels != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = a.channels.Close(ctx)
	}
	return errors.Join(err, a.store.Close())
}

// greet says where things are, so that a newcomer needs nothing else.
func (a *App) greet(address string) {
	url := a.cfg.PublicURL
	if url == "" {
		url = config.URLOf(address)
	}
	a.web.SetPublicURL(url)
	a.delivery.SetPublicURL(url)
	fmt.Fprintf(a.out, "Stagecraft %s\n\n  Console    http://%s/\n  Data       %s\n  Scripts    %s\n", a.version, address, a.cfg.Data, a.cfg.Scripts)
	if !a.keys.drawn {
		fmt.Fprintf(a.out, "  Keys       %s\n", filepath.Join(a.cfg.Data, "keys.json"))
	} else {
		if a.cfg.WriteKey == "" {
			fmt.Fprintf(a.out, "  Write key  %s\n", a.keys.Write)
		}
		if a.cfg.BrowserKey == "" {
			fmt.Fprintf(a.out, "  Page key   %s   (the browser key, for public pages)\n", a.keys.Browser)
		}
		if a.cfg.AdminKey == "" && !a.cfg.Keyless() {
			fmt.Fprintf(a.out, "  Admin key  %s   (the console asks for it)\n", a.keys.Admin)
		}
		fmt.Fprintf(a.out, "  Keys       kept in %s\n", filepath.Join(a.cfg.Data, "keys.json"))
	}
	if _, from, _ := a.connect.wanted("email"); from == "default" {
		fmt.Fprintf(a.out, "  Mail       no SMTP server is set: messages are written to %s and shown in the console\n", filepath.Join(a.cfg.Data, "mail"))
	}
	fmt.Fprintln(a.out)
}

// collectAt is how much may be thrown away, in percent of what lives, before it is collected: less than Go's 100, as memory is
// scarcer on a small machine than the few percent of its processors that collecting takes.
const collectAt = 75

// limitMemory tells the garbage collector to work harder before the machine runs short. The default is 1 GB, more than
// twice what a busy server holds: closer to that, it would do little but collect.
func limitMemory(megabytes int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if megabytes == 0 {
		megabytes = 1024
	}
	debug.SetMemoryLimit(int64(megabytes) << 20)
}
