// Package delivery takes what scripts decided to say to the outside: it keeps the outbox, asks policy once more just
// before sending, renders, hands batches to connectors, and settles what they answer.
//
// Reading order: outbox.go (what is stored), lanes.go (where a message waits), connect.go (who sends it), policy.go (what may be sent, and when),
// claim.go (the durable attempt), at_once.go (the same in the commit that decides), hands.go (what of that a crash leaves in doubt), dispatch.go (who sends when),
// adapt.go (how much at once), reconsider.go (what has waited for its connector), settle.go (results, retries, doubt), fallback.go (another channel),
// control.go (what operators hold, cancel or send anyway), brake.go (where what is held waits), watch.go (who waits for a message),
// withdraw.go (what is taken back after it was accepted), ledger.go (what is shown of messages). What is said is made in text.go, from liquid.go on. Channels that end here:
// inbox.go and calls.go; webhooks have replay.go and endpoints.go besides.
package delivery

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Recorder takes what was decided, inside Apply, so that figures are part of the same commit.
type Recorder interface {
	Fold(tx store.Tx, decision *lifecycle.Decision)
}

// Templates finds the template of a message in the script version that decided it.
type Templates interface {
	Template(tx store.Reader, version, name, channel, locale string) (*lifecycle.Template, error)
}

// Journeys knows the modes of journeys as a partition has them. It is asked inside Apply, and beside it about calls.
type Journeys interface {
	Mode(tx store.Reader, journey string) lifecycle.Mode
	// AnyHeld reports whether any journey is braked or in shadow.
	AnyHeld(tx store.Reader) bool
}

// HoldOuts knows who is kept out of marketing for comparison. It is asked inside Apply only.
type HoldOuts interface {
	HeldOut(tx store.Tx, m *lifecycle.Message) bool
}

// Connector sends batches; *channels.Channel is the real one.
type Connector interface {
	// Send returns one receipt for each message, in order.
	Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt
	// Idempotent reports whether a repeated message ID is harmless, so that doubt may be resolved by sending again.
	Idempotent() bool
	// Ready reports whether the connector runs; while it does not, nothing is claimed for it.
	Ready() bool
}

// Delivery is the outbox and its senders.
type Delivery struct {
	clock        lifecycle.Clock
	recorder     Recorder
	templates    Templates
	heirs        Heirs
	journeys     Journeys     // nil: all are live
	asker        Asker        // nil: nobody asks about addresses
	watcher      Watcher      // nil: nobody waits for messages
	alternatives Alternatives // nil: a message that fails by one channel is not sent by another
	holdouts     HoldOuts     // nil: nobody is asked again about messages that have waited
	policy       Policy
	gates        []gate        // of policy
	memory       time.Duration // how far back they look
	zones        *zones        // of customers
	renderer     *Renderer
	publicURL    string
	links        lifecycle.Links
	referrals    bool // customers have links for friends
	specimens    bool // their own links lead nowhere
	tracking     lifecycle.Tracking
	trackURL     string // base of the links that are tracked; empty: the public URL
	trackLinks   lifecycle.Links
	testTo       string // where the mails of test people go; empty: nowhere
	boot         string // names this start of the program: an attempt of another one is in doubt
	log          *slog.Logger
	store        *store.Store
	roster       atomic.Pointer[roster]
	connecting   sync.Mutex // one channel is connected at a time; guards what follows
	crew         *crew      // nil while Run does not
	// pausedBySetting are the channels that a start setting pauses, whether they are connected or not.
	pausedBySetting map[string]bool
	settler         *settler
	calls           *Calls // nil: there is no call centre
	aloft           [lifecycle.Partitions]aloft
	awaiting        [lifecycle.Partitions]awaiting
	inboxes         inboxes
	watched         [lifecycle.Partitions]map[lifecycle.ID]bool // since this start; of each partition's single writer
	parked          [lifecycle.Partitions]chan struct{}         // wakes the owner: something is held, or there is a new order
	controls        [lifecycle.Partitions]*controls             // as they are stored; of each partition's single writer
	turns           chan struct{}                               // has room for the partitions that may go through very many messages, see brake.go
	endpoints       *endpoints                                  // of webhooks, that fail
}

// Options of New.
type Options struct {
	Clock       lifecycle.Clock
	Recorder    Recorder
	Templates   Templates
	Policy      Policy
	PublicURL   string
	Links       lifecycle.Links    // the signed ones of messages; the zero value makes none
	Tracking    lifecycle.Tracking // of mails that say nothing themselves
	TrackingURL string             // where tracked links lead, without a slash at its end; empty: to the public URL
	Specimens   bool               // in the place of those are some that lead nowhere: nobody gets the messages
	TestAddress string             // a mail address, where the mails of test people go; empty: they go nowhere, as what they get by other channels does
	Boot        string
	Log         *slog.Logger
}

// New returns a delivery without channels, which only records. Bind and Connect make it send.
func New(opts Options) *Delivery {
	d := &Delivery{
		clock: opts.Clock, recorder: opts.Recorder, templates: opts.Templates, renderer: NewRenderer(),
		publicURL: opts.PublicURL, links: opts.Links, specimens: opts.Specimens, tracking: opts.Tracking, trackURL: opts.TrackingURL, testTo: opts.TestAddress,
		boot: opts.Boot, log: opts.Log, pausedBySetting: map[string]bool{}, settler: newSettler(), endpoints: newEndpoints(),
		policy: opts.Policy, gates: opts.Policy.gates(), memory: opts.Policy.memory(), zones: newZones(opts.Policy.Zone),
	}
	d.roster.Store(&roster{byName: map[string]*lane{}, keepers: map[string]*keeper{}})
	d.trackLinks = d.links.At(cmp.Or(d.trackURL, d.publicURL))
	d.turns = make(chan struct{}, maxTurns)
	for p := range d.parked {
		d.parked[p] = make(chan struct{}, 1)
	}
	return d
}

// Bind names the store. It is called once, before the store starts.
func (d *Delivery) Bind(s *store.Store) { d.store = s }

// SetTemplates names where templates are found. It is called once, before the store starts.
func (d *Delivery) SetTemplates(t Templates) { d.templates = t }

// SetJourneys names who knows which journeys are live. It is called once, before the store starts.
func (d *Delivery) SetJourneys(j Journeys) { d.journeys = j }

// SetHoldOuts names who knows about hold-out groups. It is called once, before the store starts.
func (d *Delivery) SetHoldOuts(h HoldOuts) { d.holdouts = h }

// SetWatcher names who is told when a watched message is settled. It is called once, before the store starts.
func (d *Delivery) SetWatcher(w Watcher) { d.watcher = w }

// Apply handles delivery's inputs; handled is false for an input of someone else.
func (d *Delivery) Apply(tx store.Tx, input any) (answer any, handled bool, err error) {
	switch in := input.(type) {
	case claim:
		answer = d.claim(tx, in)
	case settle:
		d.settle(tx, in)
	case welcome:
		answer = d.welcome(tx, in)
	case reconsider:
		answer = d.reconsider(tx, in)
	case release:
		answer = d.release(tx, in)
	case pause:
		err = d.pause(tx, in)
	case resume:
		d.resume(tx, in)
	case cancel:
		err = d.cancel(tx, in)
	case cancelSome:
		answer, err = d.cancelSome(tx, in)
	case replay:
		err = d.replay(tx, in)
	case endpointSeen:
		answer, err = d.endpointSeen(tx, in)
	case cancelOne:
		answer, err = d.cancelOne(tx, in)
	case sendHeld:
		err = d.sendHeld(tx, in)
	case sendAllHeld:
		answer, err = d.sendAllHeld(tx, in)
	case askHeir:
		answer, err = d.askHeir(tx, in)
	case lastCall:
		answer, err = d.lastCall(tx, in)
	case withdrawn:
		err = d.withdrawn(tx, in)
	case TestSend:
		answer, err = d.testSend(tx, in)
	case handOver:
		d.handOver(tx, in)
	case recoverAtOnce:
		answer, err = d.recoverAtOnce(tx, in)
	case fileInbox:
		answer, err = d.fileInbox(tx, in)
	case InboxMark:
		answer, err = nil, d.markInbox(tx, in)
	case openCall, claimCall, releaseCall, closeCallOf, dropLapsed:
		answer, err = d.applyCalls(tx, in)
	default:
		return nil, false, nil
	}
	if err != nil {
		d.controls[tx.Partition()] = nil // what it changed is taken back
	}
	return answer, true, err
}

// Ask answers delivery's questions; handled is false for a question of someone else.
func (d *Delivery) Ask(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case queuesOf:
		return queues(tx, q), true, nil
	case heldOf:
		answer, err = heldIn(tx, q)
		return answer, true, err
	case chores:
		return choreOf(tx), true, nil
	case ordersOf:
		return readControls(tx), true, nil
	case Newest:
		answer, err = d.newest(tx, q)
	case messagesOf:
		answer, err = d.messagesOf(tx, q)
	case decidedThen:
		answer, err = d.decidedThen(tx, q)
	case ledgerPage:
		answer, err = d.ledgerPage(tx, q)
	case personalOf:
		answer, err = d.personalOf(tx, q)
	case withdrawalsOf:
		answer = d.withdrawalsOf(tx, q)
	case oneLife:
		answer, err = d.oneLife(tx, q)
	case failingEndpoints:
		answer, err = readEndpoints(tx)
	case shortLink:
		answer = bytes.Clone(tx.Get(shortKey(q.code)))
	case OneMessage:
		answer, err = d.oneMessage(tx, q)
	case Inbox:
		answer, err = d.inbox(tx, q)
	case listCalls:
		answer = d.listCalls(tx, q)
	case findCall:
		answer, err = loadCall(tx, q.Message)
	default:
		return nil, false, nil
	}
	return answer, true, err
}

// SetPublicURL names the base of the links in messages, once the address is known. It is called before Run.
func (d *Delivery) SetPublicURL(url string) {
	if url != d.publicURL {
		d.publicURL, d.links = url, d.links.At(url)
		d.trackLinks = d.links.At(cmp.Or(d.trackURL, url))
	}
}
