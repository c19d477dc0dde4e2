package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Somebody who begins a chat with us gives us an address, which nobody may have yet. If they come with a code of ours it becomes
// that of the customer to whom the code was given; else it begins a customer, of whom nothing more is known.

// startFact is the fact of a report which says that somebody began a chat: with a code, or "" without.
const startFact = "start"

// Starts tell who begins a chat.
type Starts interface {
	// ReadStart returns whose code it is; false if it is none of ours, or has ended.
	ReadStart(code string, now time.Time) (lifecycle.ID, bool)
	// Stranger returns the anonymous ID of somebody of whom only an address is known; "": nobody is begun.
	Stranger(address string) string
}

// SetStarts says who begins a chat. It is called before anything happens.
func (e *Engine) SetStarts(starts Starts) { e.starts = starts }

// begun takes note of the address of somebody who begins a chat, and returns who they are; zero if that is known already, or cannot
// be said.
func (e *Engine) begun(ctx context.Context, r *told) lifecycle.ID {
	code, is := r.Data[startFact]
	if !is || r.Event != "subscribed" || r.From == "" || !r.Message.IsZero() || e.starts == nil {
		return lifecycle.ID{}
	}
	delete(r.Data, startFact) // the event is to hold no code that may still be good
	trait, value, ok := lifecycle.ChatTrait(r.Channel, r.From)
	if !ok {
		return lifecycle.ID{}
	}
	event := lifecycle.Event{Type: lifecycle.Identify, Timestamp: r.Now, Received: r.Now, Source: "channel " + r.Channel}
	event.Traits, _ = json.Marshal(map[string]string{trait: value}) // texts only
	stranger := e.starts.Stranger(r.From)
	if owner, known := e.starts.ReadStart(code, r.Now); known {
		if c, err := e.Record(ctx, owner); err == nil {
			// Who began the chat before without a code, as somebody else, is one of them now.
			event.UserID, event.AnonymousID = c.UserID(), cmp.Or(c.AnonymousID(), stranger)
			if event.UserID != "" {
				event.AnonymousID = stranger
			}
			return e.note(ctx, r, event)
		}
	}
	if stranger == "" || e.isReached(ctx, r) {
		return lifecycle.ID{}
	}
	event.AnonymousID = stranger
	return e.note(ctx, r, event)
}

// note takes an event that says an address, and returns of whom it is.
func (e *Engine) note(ctx context.Context, r *told, event lifecycle.Event) lifecycle.ID {
	mark := lifecycle.HashID("start", r.Channel, r.From, event.UserID, event.AnonymousID, r.At.UTC().Format(time.RFC3339))
	event.MessageID = mark.String()
	result := e.handOut(ctx, []Receive{{Event: event, At: r.Now, Mark: mark}})[0]
	if result.Err != nil {
		e.log.Warn("who began a chat could not be kept", "channel", r.Channel, "error", result.Err)
		return lifecycle.ID{}
	}
	if receipt, ok := result.Answer.(Receipt); ok && !receipt.Customer.IsZero() {
		return receipt.Customer
	}
	return event.Identity().Hash()
}

// isReached reports whether somebody is known to have the address, or was written to there.
func (e *Engine) isReached(ctx context.Context, r *told) bool {
	if identity, ok := lifecycle.AddressIdentity(r.Channel, r.From); ok {
		who, err := e.WhoHas(ctx, identity)
		if err != nil || !who.Customer.IsZero() || len(who.Others)+len(who.Unproven) > 0 {
			return true
		}
	}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, writtenTo{r.Channel, r.From})
		if err != nil || len(answer.([]lifecycle.Addressee)) > 0 {
			return true
		}
	}
	return false
}

// startedBy is the input by which somebody hears that they have begun a chat.
func (r *told) startedBy(customer lifecycle.ID) store.Item {
	return store.Item{Partition: customer.Partition(), Input: forCustomer(reported(r.Report, r.happened(), r.Now, nil), customer)}
}
