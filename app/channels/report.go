package channels

import (
	"context"
	"fmt"
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
	At      time.Time         // by the connector's clock; zero if it did not say
	Data    map[string]string // small facts, see channel.Report; "gone" = "1" says that the address does not exist any more
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
			if r.ID == "" {
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
	var err error
	switch {
	case !slices.Contains(events, r.Event):
		c.note(fmt.Sprintf("connector %s reported %.40q, which is not known", c.spec.Name, r.Event))
		return Report{}, false
	case r.ID != "":
		out.Message, err = lifecycle.ParseRef(r.ID)
	case r.From == "" || len(r.From) > channel.MaxReasonBytes:
		err = lifecycle.Errorf(lifecycle.Invalid, "no address")
	}
	if err != nil {
		c.note(fmt.Sprintf("connector %s reported on a message that has no ID and on no address", c.spec.Name))
		return Report{}, false
	}
	return out, true
}

// gone reports those whose address does not exist any more, as connectors learn at once from a provider that says so.
func (c *Channel) gone(messages []Outgoing, answers []channel.Receipt) {
	take := c.host.options.Reports
	if take == nil {
		return
	}
	for i, r := range answers {
		if r.Data["gone"] == "" || i >= len(messages) || r.Outcome != channel.Permanent || r.ID != messages[i].wireID() {
			continue
		}
		data := boundedData(r.Data)
		if data == nil {
			data = map[string]string{"gone": "1"}
		}
		data["kind"] = "hard"
		take(Report{
			Channel: c.spec.Channel, Message: messages[i].Ref, From: messages[i].To, Event: "bounced", Reason: bounded(r.Reason),
			At: c.host.options.Clock.Now(), Data: data,
		})
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
