package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Somebody who begins a chat with us gives us an address, which nobody may have yet. If they come with a code of ours it becomes
// that of the customer to whom the code was given; else it begins a customer, of whom nothing more is known.

// startFact is the fact of a report which says that somebody began a chat: with a code, or "" without. textFact is what they wrote.
const (
	startFact = "start"
	textFact  = "text"
)

// Starts tell who begins a chat.
type Starts interface {
	// ReadStart returns whose code it is; false if it is none of ours, or has ended.
	ReadStart(code string, now time.Time) (lifecycle.ID, bool)
	// Stranger returns the anonymous ID of somebody of whom only an address is known; "": nobody is begun.
	Stranger(address string) string
}

// SetStarts says who begins a chat. It is called before anything happens.
func (e *Engine) SetStarts(starts Starts) { e.starts = starts }

// startCode takes the code out of a report with which somebody began a chat, also out of what they wrote: no event is to hold one
// that is still good. Words that are none of ours stay in the text; begins is false if nobody began.
func (e *Engine) startCode(r *told) (code string, begins bool) {
	code, begins = r.Data[startFact]
	delete(r.Data, startFact)
	text := r.Data[textFact]
	if e.starts == nil || text == "" || lifecycle.KindOf(r.Channel) != "social" {
		return code, begins
	}
	r.Data[textFact] = strings.TrimSpace(e.withoutCodes(text, "", r.Now))
	return code, begins
}

// withoutCodes puts something in the place of every code in a text that is still good.
func (e *Engine) withoutCodes(text, instead string, now time.Time) string {
	if e.starts == nil || text == "" {
		return text
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		if _, good := e.starts.ReadStart(word, now); good {
			text = strings.ReplaceAll(text, word, instead)
		}
	}
	return text
}

// begun takes note of the address of somebody who begins a chat, and returns who they are; zero if that is known already, or cannot
// be said. A code gives its customer one chat: whoever comes with it from another one is a stranger there.
func (e *Engine) begun(ctx context.Context, r *told, code string) lifecycle.ID {
	if r.Event != "subscribed" || e.starts == nil {
		return lifecycle.ID{}
	}
	trait, value, ok := lifecycle.ChatTrait(r.Channel, r.From)
	if !ok {
		return lifecycle.ID{}
	}
	event := lifecycle.Event{Type: lifecycle.Identify, Timestamp: r.Now, Received: r.Now, Source: "channel " + r.Channel}
	event.Traits, _ = json.Marshal(map[string]string{trait: value}) // texts only
	stranger := e.starts.Stranger(r.From)
	if owner, known := e.starts.ReadStart(code, r.Now); known {
		if c := e.stillThere(ctx, owner); c != nil {
			// Who began the chat before without a code, as somebody else, is one of them now.
			named := event
			named.UserID, named.AnonymousID = c.UserID(), cmp.Or(c.AnonymousID(), stranger)
			if named.UserID != "" {
				named.AnonymousID = stranger
			}
			who, again := e.note(ctx, r, named, lifecycle.HashID("start code", code))
			if !again {
				return who
			}
			if c = e.stillThere(ctx, owner); c != nil && c.Trait(trait) == value {
				return c.ID // the network tells it twice, or they come back
			}
		}
	}
	if stranger == "" || e.isReached(ctx, r) {
		return lifecycle.ID{}
	}
	event.AnonymousID = stranger
	who, _ := e.note(ctx, r, event, lifecycle.HashID("start", r.Channel, r.From, stranger, r.At.UTC().Format(time.RFC3339)))
	return who
}

// stillThere returns a customer; nil if there is none any more.
func (e *Engine) stillThere(ctx context.Context, id lifecycle.ID) (c *lifecycle.Customer) {
	_ = insist(ctx, func(ctx context.Context) (err error) {
		c, err = e.Record(ctx, id)
		return err
	})
	return c
}

// note takes an event that says an address, and returns of whom it is; again: there was one of the same mark before. While the disk
// is full it waits for room.
func (e *Engine) note(ctx context.Context, r *told, event lifecycle.Event, mark lifecycle.ID) (who lifecycle.ID, again bool) {
	event.MessageID = mark.String()
	var receipt Receipt
	err := insist(ctx, func(ctx context.Context) error {
		result := e.handOut(ctx, []Receive{{Event: event, At: r.Now, Mark: mark}})[0]
		receipt, _ = result.Answer.(Receipt)
		return result.Err
	})
	if err != nil {
		e.log.Warn("who began a chat could not be kept", "channel", r.Channel, "error", err)
		return lifecycle.ID{}, false
	}
	if !receipt.Customer.IsZero() {
		return receipt.Customer, receipt.Duplicate
	}
	return event.Identity().Hash(), receipt.Duplicate
}

// isReached reports whether somebody is known to have the address, or was written to there.
func (e *Engine) isReached(ctx context.Context, r *told) (reached bool) {
	err := insist(ctx, func(ctx context.Context) error {
		if identity, ok := lifecycle.AddressIdentity(r.Channel, r.From); ok {
			who, err := e.WhoHas(ctx, identity)
			if reached = !who.Customer.IsZero() || len(who.Others)+len(who.Unproven) > 0; reached || err != nil {
				return err
			}
		}
		for p := range lifecycle.Partitions {
			answer, err := e.store.Ask(ctx, p, writtenTo{r.Channel, r.From})
			if err != nil {
				return err
			}
			if reached = len(answer.([]lifecycle.Addressee)) > 0; reached {
				return nil
			}
		}
		return nil
	})
	return reached || err != nil
}

// startedBy is the input by which somebody hears that they have begun a chat.
func (r *told) startedBy(customer lifecycle.ID) store.Item {
	return store.Item{Partition: customer.Partition(), Input: forCustomer(reported(r.Report, r.happened(), r.Now, nil), customer)}
}
