package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Operators' orders are kept by every partition, so that each decides for itself and nothing is asked of a neighbour:
//
//	z -> controls
//
// A pause keeps what it covers from leaving until it is taken back. A cancellation settles what it covers and was decided
// up to its moment; it takes effect at once, because a claim that comes upon such a message cancels it, and a walk through
// the outbox cancels the rest in the background. See control_cancel.go.

// Bounds of orders.
const (
	maxPauses    = 256
	maxCancels   = 64                 // those that are done and younger than cancelLife among them
	cancelLife   = 7 * 24 * time.Hour // longer than an attempt that was under way may take to come back as a retry
	maxLifted    = 64                 // pauses that were lifted and are still told of
	liftedLife   = 30 * 24 * time.Hour
	maxOrderText = 300 // bytes of who, and of why
)

// Target says what an order covers. An empty field covers all; at least one is not.
type Target struct {
	Channel string `json:"channel,omitempty" msgpack:"c,omitempty"`
	Journey string `json:"journey,omitempty" msgpack:"j,omitempty"`
	Name    string `json:"name,omitempty" msgpack:"n,omitempty"` // of messages
	// Kind is transactional or marketing.
	Kind lifecycle.MessageKind `json:"kind,omitempty" msgpack:"i,omitempty"`
	// Endpoint is where webhooks go, without the query: https://hooks.example.com/orders.
	Endpoint string `json:"endpoint,omitempty" msgpack:"e,omitempty"`
}

// covers reports whether it covers a message, to an endpoint as endpointOf returns it.
func (s Target) covers(m *lifecycle.Message, endpoint string) bool {
	return (s.Channel == "" || s.Channel == m.Channel) && (s.Journey == "" || s.Journey == m.Journey) && (s.Name == "" || s.Name == m.Name) &&
		(s.Kind == "" || s.Kind == m.Kind) && (s.Endpoint == "" || s.Endpoint == endpoint)
}

// Whole reports whether it covers all of one channel, or all of a kind that leaves by it: then its lanes are closed, and
// messages need not be looked at one by one.
func (s Target) Whole() bool {
	return s.Channel != "" && s.Journey == "" && s.Name == "" && s.Endpoint == ""
}

// closes reports whether it covers all that waits in a lane. What is sent directly may be of either kind.
func (s Target) closes(lane string) bool {
	switch {
	case !s.Whole():
		return false
	case s.Kind == lifecycle.Transactional:
		return lane == s.Channel+owedLane
	case s.Kind == lifecycle.Marketing:
		return lane == s.Channel+marketingLane
	}
	return strings.HasPrefix(lane, s.Channel+"/")
}

func (s Target) check() error {
	for _, f := range []struct{ field, text string }{{"channel", s.Channel}, {"journey", s.Journey}, {"name", s.Name}} {
		if len(f.text) > lifecycle.MaxNameBytes || strings.ContainsFunc(f.text, func(r rune) bool { return r < ' ' }) {
			return &lifecycle.Error{Code: lifecycle.Invalid, Field: f.field, Message: fmt.Sprintf("%s is no name", f.field)}
		}
	}
	if len(s.Endpoint) > maxEndpoint || strings.ContainsFunc(s.Endpoint, func(r rune) bool { return r <= ' ' }) {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "endpoint", Message: "endpoint is no address"}
	}
	if s.Kind != "" && s.Kind != lifecycle.Transactional && s.Kind != lifecycle.Marketing {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "kind", Message: "kind is transactional or marketing"}
	}
	if s == (Target{}) || s == (Target{Kind: s.Kind}) {
		return &lifecycle.Error{Code: lifecycle.Invalid, Message: "name a channel, a journey or a message",
			Hint: `as in {"journey": "customer-lifecycle", "name": "welcome"}`}
	}
	return nil
}

// String is how people are told of it.
func (s Target) String() string {
	var parts []string
	for _, f := range []struct{ what, text string }{{"channel", s.Channel}, {"journey", s.Journey}, {"message", s.Name}, {"endpoint", s.Endpoint}, {"kind", string(s.Kind)}} {
		if f.text != "" {
			parts = append(parts, f.what+" "+f.text)
		}
	}
	return strings.Join(parts, ", ")
}

// Order is what an operator wants of queued messages.
type Order struct {
	Target
	By  string    `json:"by" msgpack:"b"`
	Why string    `json:"why,omitempty" msgpack:"w,omitempty"`
	At  time.Time `json:"at" msgpack:"a"`
}

func (o Order) reason(what string) string {
	reason := what + " by " + o.By
	if o.Why != "" {
		reason += ": " + o.Why
	}
	return reason
}

// controls are the orders of a partition.
type controls struct {
	Pauses  []Order        `msgpack:"p,omitempty"`
	Cancels []cancellation `msgpack:"c,omitempty"`
	Lifted  []lifted       `msgpack:"l,omitempty"` // pauses that are over, the last one last: the ledger tells of them
}

// lifted is a pause that was taken back.
type lifted struct {
	Order
	To time.Time `msgpack:"t"`
	Of string    `msgpack:"o,omitempty"` // who took it back
}

// pausesOf tells which pauses kept a message from leaving, and when they were taken back, beside the steps that are told.
// Pauses of whole channels touch no message, so that is not written down with each.
func (c *controls) pausesOf(m *lifecycle.Message, told []Step) (steps []Step) {
	endpoint := endpointOf(m)
	tell := func(o Order, to time.Time, of string) {
		if !o.covers(m, endpoint) || !to.IsZero() && !to.After(m.Decided) || !m.Settled.IsZero() && !m.Settled.After(o.At) {
			return
		}
		reason, at := o.reason("paused"), o.At
		if at.Before(m.Decided) {
			at = m.Decided
		}
		if !slices.ContainsFunc(told, func(s Step) bool {
			return (s.Kind == StepPaused || s.Kind == StepQueued) && s.Reason == reason && !s.At.Before(at)
		}) {
			steps = append(steps, Step{Kind: StepPaused, At: at, Reason: reason})
		}
		if !to.IsZero() && (m.Settled.IsZero() || !to.After(m.Settled)) {
			steps = append(steps, Step{Kind: StepResumed, At: to, Reason: Order{By: of}.reason("resumed")})
		}
	}
	for _, l := range c.Lifted {
		tell(l.Order, l.To, l.Of)
	}
	for _, o := range c.Pauses {
		tell(o, time.Time{}, "")
	}
	return steps
}

func controlsKey() []byte { return []byte{'z'} }

func readControls(tx store.Reader) *controls {
	c := &controls{}
	if data := tx.Get(controlsKey()); data != nil && store.Decode(data, c) != nil {
		return &controls{} // written by a newer program; its orders are not understood here
	}
	return c
}

// controlled returns a partition's orders inside Apply, where they are kept at hand. They are forgotten when they are
// written, and when an input fails and is taken back: the next one that asks reads them.
func (d *Delivery) controlled(tx store.Reader) *controls {
	p := tx.Partition()
	if d.controls[p] == nil {
		d.controls[p] = readControls(tx)
	}
	return d.controls[p]
}

// keepControls writes changed orders.
func (d *Delivery) keepControls(tx store.Tx, c *controls) {
	tx.Set(controlsKey(), store.Encode(c))
	d.controls[tx.Partition()] = nil
}

// control writes changed orders and lets them take effect. What it is given is not shared with the former ones.
func (d *Delivery) control(tx store.Tx, c *controls) {
	d.keepControls(tx, c)
	p := tx.Partition()
	wake := d.parked[p]
	tx.After(func() {
		d.holdLanes(p, c)
		select {
		case wake <- struct{}{}:
		default: // the owner is roused already
		}
	})
}

func (c *controls) clone() *controls {
	return &controls{slices.Clone(c.Pauses), slices.Clone(c.Cancels), slices.Clone(c.Lifted)}
}

// pauseOf returns the pause that covers a message, or nil.
func (c *controls) pauseOf(m *lifecycle.Message) *Order {
	if len(c.Pauses) == 0 {
		return nil
	}
	endpoint := endpointOf(m)
	for i := range c.Pauses {
		if c.Pauses[i].covers(m, endpoint) {
			return &c.Pauses[i]
		}
	}
	return nil
}

// ChannelPaused reports whether all of a channel is paused in this partition, and whether messages of a kind are by an order of their
// own, as connectors ask for it of marketing. It is called inside Apply.
func (d *Delivery) ChannelPaused(tx store.Reader, channel string, kind lifecycle.MessageKind) (all, ofKind bool) {
	orders := d.controlled(tx)
	all = orders.paused(Target{Channel: channel}) >= 0 || d.Paused(channel)
	return all, orders.paused(Target{Channel: channel, Kind: kind}) >= 0
}

func (c *controls) paused(s Target) int {
	return slices.IndexFunc(c.Pauses, func(o Order) bool { return o.Target == s })
}

// The program's own names among those who give orders. Nobody else bears them: see IsOwnName.
const (
	pausedBy        = "Stagecraft"    // who pauses an endpoint that fails, and gives it its chances
	connectorPaused = "the connector" // who asks for a pause of its marketing
	settingPaused   = "the setting pause"
)

// IsOwnName reports whether the program itself gives orders by a name.
func IsOwnName(by string) bool {
	return slices.Contains([]string{pausedBy, connectorPaused, settingPaused}, orderText(by))
}

// pause is the input "keep these from leaving". Of two with the same target the first one stands, but that a person's takes the place
// of the program's own: it stays until a person lifts it.
type pause struct{ Order }

func (d *Delivery) pause(tx store.Tx, in pause) error {
	now := d.controlled(tx)
	if i := now.paused(in.Target); i >= 0 {
		if former := now.Pauses[i]; IsOwnName(former.By) && !IsOwnName(in.By) {
			changed := now.clone()
			changed.Pauses[i] = in.Order
			changed.lift(former, in.At, in.By)
			d.control(tx, changed)
		}
		return nil
	}
	if len(now.Pauses) >= maxPauses {
		return lifecycle.Errorf(lifecycle.Conflict, "there are %d pauses; resume some of them first, or pause something larger", maxPauses)
	}
	changed := now.clone()
	changed.Pauses = append(changed.Pauses, in.Order)
	d.control(tx, changed)
	return nil
}

// resume is the input "let these leave again". Without a kind it takes back the pauses of either kind too.
type resume struct {
	Target
	By string // only a pause of theirs; "": whoever gave it
	Of string // who takes it back
	At time.Time
}

func (d *Delivery) resume(tx store.Tx, in resume) {
	changed := d.controlled(tx).clone()
	over := func(o Order) bool {
		ofAnyKind := o.Target
		ofAnyKind.Kind = ""
		return (o.Target == in.Target || ofAnyKind == in.Target) && (in.By == "" || in.By == o.By)
	}
	if !slices.ContainsFunc(changed.Pauses, over) {
		return
	}
	for _, o := range changed.Pauses {
		if over(o) {
			changed.lift(o, in.At, in.Of)
		}
	}
	changed.Pauses = slices.DeleteFunc(changed.Pauses, over)
	d.control(tx, changed)
}

// lift remembers a pause that is over.
func (c *controls) lift(o Order, at time.Time, of string) {
	c.Lifted = append(slices.DeleteFunc(c.Lifted, func(l lifted) bool { return at.Sub(l.To) > liftedLife }), lifted{o, at, of})
	c.Lifted = c.Lifted[max(0, len(c.Lifted)-maxLifted):]
}

// PauseMessages keeps messages from leaving, from now on and over restarts, until ResumeMessages. What is with a connector
// already may still leave. It is safe to repeat.
func (d *Delivery) PauseMessages(ctx context.Context, s Target, by, why string) error {
	o, err := d.order(ctx, s, by, why)
	if err != nil {
		return err
	}
	return d.everywhere(ctx, pause{o})
}

// ResumeMessages lets messages leave again which PauseMessages holds, or a start setting. It is safe to repeat.
func (d *Delivery) ResumeMessages(ctx context.Context, s Target, by string) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := d.checkChannel(ctx, s.Channel); err != nil {
		// A channel that is gone may have left a pause behind.
		orders, failed := d.Orders(ctx)
		if failed != nil || !slices.ContainsFunc(orders.Pauses, func(o Order) bool { return o.Channel == s.Channel }) {
			return err
		}
	}
	if s.Whole() && s.Kind == "" {
		d.Pause(s.Channel, false)
	}
	in := resume{Target: s, Of: orderText(by), At: d.clock.Now()}
	if name, err := endpointNamed(s.Endpoint); err == nil && name != s.Endpoint { // pauses had the address as it was written once
		if err := d.everywhere(ctx, in); err != nil {
			return err
		}
		in.Endpoint = name
	}
	return d.everywhere(ctx, in)
}

func (d *Delivery) order(ctx context.Context, s Target, by, why string) (Order, error) {
	if err := s.check(); err != nil {
		return Order{}, err
	}
	if err := d.checkChannel(ctx, s.Channel); err != nil {
		return Order{}, err
	}
	var err error
	if s.Endpoint, err = endpointNamed(s.Endpoint); err != nil {
		return Order{}, err
	}
	return Order{s, orderText(by), orderText(why), d.clock.Now()}, nil
}

// checkChannel refuses a name that no channel has, and that no message waits for either; an empty one is fine.
func (d *Delivery) checkChannel(ctx context.Context, name string) error {
	names := d.Channels()
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	if waits, err := d.hasQueue(ctx, name); waits || err != nil {
		return err
	}
	return &lifecycle.Error{Code: lifecycle.Invalid, Field: "channel", Message: fmt.Sprintf("%.80q is no channel here", name),
		Hint: "these are: " + strings.Join(names, ", ")}
}

// CheckChannel refuses a name that can be nothing but a mistake: of no channel of the program, nor a further one of its kinds, nor one
// that a connector has brought or that messages wait for. The error is Invalid. An empty name, which stands for all, is fine.
func (d *Delivery) CheckChannel(ctx context.Context, name string) error {
	if lifecycle.IsOwnChannel(name) || lifecycle.IsFurther(name) && lifecycle.IsChannelName(name) {
		return nil
	}
	return d.checkChannel(ctx, name)
}

// Channels returns the names of the channels by which messages leave, in alphabetical order.
func (d *Delivery) Channels() []string {
	var names []string
	for _, l := range d.lanes() {
		names = append(names, channelOf(l))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// orderText makes one line of a few words.
func orderText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxOrderText {
		text = text[:maxOrderText]
	}
	return strings.ToValidUTF8(text, "")
}

// everywhere gives every partition an input.
func (d *Delivery) everywhere(ctx context.Context, input any) error {
	items := make([]store.Item, d.store.Partitions())
	for p := range items {
		items[p] = store.Item{Partition: p, Input: input}
	}
	for _, answer := range d.store.DoAll(ctx, items) {
		if answer.Err != nil {
			return answer.Err
		}
	}
	return nil
}

// ordersOf asks for the orders of a partition.
type ordersOf struct{}

// Orders are the pauses and cancellations in force.
type Orders struct {
	Pauses  []Order     `json:"pauses"`
	Cancels []Cancelled `json:"cancels"` // of the last seven days, newest first
}

// Orders returns what operators have ordered, summed over all partitions.
func (d *Delivery) Orders(ctx context.Context) (Orders, error) {
	all := Orders{Pauses: []Order{}, Cancels: []Cancelled{}}
	for p := range d.store.Partitions() {
		answer, err := d.store.Ask(ctx, p, ordersOf{})
		if err != nil {
			return Orders{}, err
		}
		one := answer.(*controls)
		for _, o := range one.Pauses {
			if !slices.ContainsFunc(all.Pauses, func(other Order) bool { return other.Target == o.Target }) {
				all.Pauses = append(all.Pauses, o)
			}
		}
		for _, c := range one.Cancels {
			all.add(c)
		}
	}
	for _, channel := range d.pausedAtStart() {
		if !slices.ContainsFunc(all.Pauses, func(o Order) bool { return o.Target == Target{Channel: channel} }) {
			all.Pauses = append(all.Pauses, Order{Target: Target{Channel: channel}, By: settingPaused})
		}
	}
	slices.SortFunc(all.Cancels, func(a, b Cancelled) int { return b.At.Compare(a.At) })
	return all, nil
}

// PausesOf returns the pauses in force that keep any of these messages from leaving.
func (d *Delivery) PausesOf(ctx context.Context, messages []lifecycle.Message) ([]Order, error) {
	orders, err := d.Orders(ctx)
	return slices.DeleteFunc(orders.Pauses, func(o Order) bool {
		return !slices.ContainsFunc(messages, func(m lifecycle.Message) bool { return o.covers(&m, endpointOf(&m)) })
	}), err
}
