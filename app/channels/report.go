package channels

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// Report is what became known later, about a message or about an address.
type Report struct {
	Channel string
	Message lifecycle.Ref     // zero: it is about the address in From
	From    string            // an address as the channel understands it
	Event   string            // "delivered", "bounced", "complained", "opened", "clicked", "replied", "unsubscribed" or "subscribed"
	Reason  string            // for people
	At      time.Time         // by the connector's clock; zero if it did not say, or said what cannot be
	Data    map[string]string // small facts, see channel.Report; "gone" = "1" says that the address does not exist any more
	// Reference names the message where Message is zero, by a reference of its receipt; if it is not known, From counts.
	Reference string
}

// Reference is what the provider of a channel calls a message that it took.
type Reference struct {
	Channel string
	Name    string // of the provider's; at most channel.MaxReferenceBytes
	Message lifecycle.Ref
}

// report passes on what the connector learns later, as long as it runs.
func (c *Channel) report(ctx context.Context, process *channel.Process) {
	take := c.host.options.Reports
	if take == nil {
		return
	}
	err := process.Receipts(ctx, func(r channel.Report) {
		cost := 1
		if report, ok := c.check(r); ok {
			take(report)
			if r.ID == "" && r.From != "" {
				cost = addressCost
			}
		}
		clock := c.host.options.Clock
		if wait := c.hearing.spend(cost, clock.Now()); wait > 0 {
			_ = clock.Wait(ctx, clock.Now().Add(wait))
		}
	})
	if err != nil && ctx.Err() == nil {
		c.note(fmt.Sprintf("connector %s stopped reporting: %v", c.spec.Name, err))
	}
}

// events are what a connector may report.
var events = []string{"delivered", "bounced", "complained", "opened", "clicked", "replied", "unsubscribed", "subscribed"}

// check takes a report that says what happened and whom it is about, within bounds.
func (c *Channel) check(r channel.Report) (Report, bool) {
	out := Report{Channel: c.spec.Channel, From: r.From, Event: r.Event, Reason: bounded(r.Reason), At: r.Date, Data: boundedData(r.Data)}
	if !lifecycle.IsPlausible(out.At) { // such as milliseconds that were counted in another unit
		out.At = time.Time{}
	}
	if r.ID == "" && len(r.Reference) <= channel.MaxReferenceBytes {
		out.Reference = r.Reference
	}
	var err error
	switch {
	case !slices.Contains(events, r.Event):
		c.unheard(fmt.Sprintf("connector %s reported %.40q, which is not known", c.spec.Name, r.Event))
		return Report{}, false
	case r.ID != "":
		out.Message, err = lifecycle.ParseRef(r.ID)
	case out.Reference != "" && r.From == "":
	case r.From == "" || len(r.From) > channel.MaxReasonBytes:
		err = lifecycle.Errorf(lifecycle.Invalid, "no address")
	}
	if err != nil {
		c.unheard(fmt.Sprintf("connector %s reported on a message that has no ID and on no address", c.spec.Name))
		return Report{}, false
	}
	return out, true
}

// refer has the host keep what the provider calls the messages that it took, before their receipts are taken note of.
func (c *Channel) refer(ctx context.Context, messages []Outgoing, receipts []lifecycle.Receipt, answers []channel.Receipt) {
	keep := c.host.options.References
	if keep == nil {
		return
	}
	var list []Reference
	for i, r := range answers {
		if len(r.References) == 0 || i >= len(messages) || r.ID != messages[i].wireID() || receipts[i].Outcome != lifecycle.OutcomeAccepted || messages[i].Ref.IsZero() {
			continue
		}
		for _, name := range r.References[:min(len(r.References), channel.MaxReferences)] {
			if name != "" && len(name) <= channel.MaxReferenceBytes {
				list = append(list, Reference{c.spec.Channel, name, messages[i].Ref})
			}
		}
	}
	if len(list) > 0 {
		keep(ctx, list)
	}
}

// learned reports what connectors learn at once from a provider that refuses a message for good: its address does not exist any
// more, or whoever has it wants to hear nothing by this channel.
func (c *Channel) learned(messages []Outgoing, answers []channel.Receipt) {
	take := c.host.options.Reports
	if take == nil {
		return
	}
	for i, r := range answers {
		if i >= len(messages) || r.Outcome != channel.Permanent || r.ID != messages[i].wireID() {
			continue
		}
		gone, unsubscribed := r.Data[channel.FactGone] != "", r.Data[channel.FactUnsubscribed] != ""
		if !gone && !unsubscribed {
			continue
		}
		report := Report{
			Channel: c.spec.Channel, Message: messages[i].Ref, From: messages[i].To, Event: "unsubscribed", Reason: bounded(r.Reason),
			At: c.host.options.Clock.Now(), Data: boundedData(r.Data),
		}
		if report.Data == nil {
			report.Data = map[string]string{}
		}
		delete(report.Data, channel.FactUnsubscribed)
		delete(report.Data, channel.FactGone)
		if unsubscribed {
			take(report)
		}
		if gone {
			report.Event, report.Data = "bounced", maps.Clone(report.Data)
			report.Data[channel.FactGone], report.Data["kind"] = "1", "hard"
			take(report)
		}
	}
}

// boundedData copies what is within channel.MaxDataBytes, or nothing of it: one that says more says nonsense.
func boundedData(data map[string]string) map[string]string {
	if len(data) == 0 {
		return nil
	}
	out, size := make(map[string]string, len(data)), 0
	for name, value := range data {
		if size += len(name) + len(value); size > channel.MaxDataBytes {
			return nil
		}
		out[name] = value
	}
	return out
}
