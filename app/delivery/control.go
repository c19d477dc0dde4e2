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
	maxOrderText = 200                // bytes of who and why
)

// Target says what an order covers. An empty field covers all; at least one is not.
type Target struct {
	Channel string `json:"channel,omitempty" msgpack:"c,omitempty"`
	Journey string `json:"journey,omitempty" msgpack:"j,omitempty"`
	Name    string `json:"name,omitempty" msgpack:"n,omitempty"` // of messages
	// Endpoint is where webhooks go, without the query: https://hooks.example.com/orders.
	Endpoint string `json:"endpoint,omitempty" msgpack:"e,omitempty"`
}

// covers reports whether it covers a message, to an endpoint as endpointOf returns it.
func (s Target) covers(m *lifecycle.Message, endpoint string) bool {
	return (s.Channel == "" || s.Channel == m.Channel) && (s.Journey == "" || s.Journey == m.Journey) && (s.Name == "" || s.Name == m.Name) &&
		(s.Endpoint == "" || s.Endpoint == endpoint)
}

// wholeChannel reports whether it covers all of one channel: then messages need not be looked at one by one.
func (s Target) wholeChannel() bool {
	return s.Channel != "" && s.Journey == "" && s.Name == "" && s.Endpoint == ""
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
	if s == (Target{}) {
		return &lifecycle.Error{Code: lifecycle.Invalid, Message: "name a channel, a journey or a message",
			Hint: `as in {"journey": "customer-lifecycle", "name": "welcome"}`}
	}
	return nil
}

// String is how people are told of it.
func (s Target) String() string {
	var parts []string
	for _, f := range []struct{ what, text string }{{"channel", s.Channel}, {"journey", s.Journey}, {"message", s.Name}, {"endpoint", s.Endpoint}} {
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
	return &controls{slices.Clone(c.Pauses), slices.Clone(c.Cancels)}
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

func (c *controls) paused(s Target) int {
	return slices.IndexFunc(c.Pauses, func(o Order) bool { return o.Target == s })
}

// pause is the input "keep these from leaving". Of two with the same target the first one stands.
type pause struct{ Order }

func (d *Delivery) pause(tx store.Tx, in pause) error {
	now := d.controlled(tx)
	if now.paused(in.Target) >= 0 {
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

// resume is the input "let these leave again".
type resume struct {
	Target
	By string // only a pause of theirs; "": whoever gave it
}

func (d *Delivery) resume(tx store.Tx, in resume) {
	now := d.controlled(tx)
	if i := now.paused(in.Target); i >= 0 && (in.By == "" || in.By == now.Pauses[i].By) {
		changed := now.clone()
		changed.Pauses = slices.Delete(changed.Pauses, i, i+1)
		d.control(tx, changed)
	}
}

// PauseMessages keeps messages from leaving, from now on and over restarts, until ResumeMessages. What is with a connector
// already may still leave. It is safe to repeat.
func (d *Delivery) PauseMessages(ctx context.Context, s Target, by, why string) error {
	o, err := d.order(s, by, why)
	if err != nil {
		return err
	}
	return d.everywhere(ctx, pause{o})
}

// ResumeMessages lets messages leave again which PauseMessages holds, or a start setting. It is safe to repeat.
func (d *Delivery) ResumeMessages(ctx context.Context, s Target) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.wholeChannel() {
		d.Pause(s.Channel, false)
	}
	return d.everywhere(ctx, resume{Target: s})
}

func (d *Delivery) order(s Target, by, why string) (Order, error) {
	if err := s.check(); err != nil {
		return Order{}, err
	}
	return Order{s, orderText(by), orderText(why), d.clock.Now()}, nil
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
			all.Pauses = append(all.Pauses, Order{Target: Target{Channel: channel}, By: "the setting pause"})
		}
	}
	slices.SortFunc(all.Cancels, func(a, b Cancelled) int { return b.At.Compare(a.At) })
	return all, nil
}
