package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What customers and other people's servers say about messages comes in here: a word about consent, and the reports of
// connectors and links. Each becomes an event of the customer, in the commit in which it takes effect, so that scripts
// can wait for it.

// The events that tell of consent.
const (
	unsubscribed = "Unsubscribed"
	subscribed   = "Subscribed"
)

// Proof is what a request told by which somebody said a word; it is kept with the word.
type Proof struct {
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
}

// Say takes a customer's words about consent, such as a page's, in their order, and returns when they are on disk. They count
// from now. message is the one that led to them; zero if none did. The customer may have been merged since.
func (e *Engine) Say(ctx context.Context, customer lifecycle.ID, message lifecycle.Ref, proof Proof, words ...lifecycle.Consent) error {
	now := e.clock.Now()
	for i, word := range words {
		word.At = now.Add(time.Duration(i)) // the last one counts where two are about the same
		event := saidEvent(word, message.ID, now)
		if proof != (Proof{}) {
			event.Context, _ = json.Marshal(proof) // texts
		}
		event.MessageID = uuid.NewString()
		in := Receive{Event: event, At: now, Mark: lifecycle.HashID("said", event.MessageID), Target: customer, Inner: true, Word: &word}
		if _, err := e.store.Do(ctx, customer.Partition(), in); err != nil {
			return err
		}
	}
	return nil
}

// SayOf takes a word about consent from another program. event names the customer, who need not be known yet, and may
// have a message ID and the time at which the word was said, which makes it older than what was said since, and properties
// that the event is to have as well, such as a proof.
func (e *Engine) SayOf(ctx context.Context, event lifecycle.Event, word lifecycle.Consent) error {
	now := e.clock.Now()
	if word.At = event.Timestamp; word.At.IsZero() || word.At.After(now) {
		word.At = now
	}
	said := saidEvent(word, lifecycle.ID{}, now)
	said.UserID, said.AnonymousID, said.MessageID, said.Traits = event.UserID, event.AnonymousID, event.MessageID, event.Traits
	said.Source, said.Keyed = event.Source, event.Keyed
	said.Properties = joined(event.Properties, said.Properties)
	if said.MessageID == "" {
		said.MessageID = uuid.NewString()
	}
	if err := said.Validate(); err != nil {
		return err
	}
	identity := said.Identity()
	results, err := e.take(ctx, []Receive{{Event: said, At: now, Word: &word,
		Mark: lifecycle.HashID("message", string(identity.Kind), identity.Value, said.MessageID)}})
	if err != nil {
		return err
	}
	return results[0].Err
}

// joined returns the properties of two objects; those of the second one count.
func joined(first, second json.RawMessage) json.RawMessage {
	if len(first) == 0 {
		return second
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(first, &all) != nil || json.Unmarshal(second, &all) != nil {
		return second
	}
	data, err := json.Marshal(all)
	if err != nil {
		return second
	}
	return data
}

// saidEvent tells of a word.
func saidEvent(word lifecycle.Consent, message lifecycle.ID, now time.Time) lifecycle.Event {
	properties := map[string]any{"source": word.Source}
	for name, value := range map[string]string{"channel": word.Channel, "topic": word.Topic} {
		if value != "" {
			properties[name] = value
		}
	}
	if !message.IsZero() {
		properties["message"] = message.String()
	}
	name := unsubscribed
	if word.Granted {
		name = subscribed
	}
	return innerEvent(name, properties, word.At, now)
}

func innerEvent(name string, properties map[string]any, at, now time.Time) lifecycle.Event {
	if at.IsZero() || at.After(now) {
		at = now
	}
	event := lifecycle.Event{Type: lifecycle.Track, Name: name, Timestamp: at, Received: now}
	event.Properties, _ = json.Marshal(properties) // texts and booleans only
	return event
}

// Report is what became known about a message after it was handed over.
type Report struct {
	Channel string
	Message lifecycle.Ref     // zero: From says whom it is about
	From    string            // an address of the channel, as of somebody who answered a text message
	Event   string            // "delivered", "bounced", "complained", "opened", "clicked", "replied", "dismissed", "unsubscribed" or "subscribed"
	Reason  string            // for people
	At      time.Time         // when it happened; zero: now
	Data    map[string]string // small facts: "url" of a click, "text" of a reply, "kind" of a bounce (hard or soft)
	Machine bool              // it was no person: a scanner of links, a proxy that fetches all pictures
	// Reference names the message where Message is zero, by what its provider calls it: see Refer. If that is not known, From says
	// whom the report is about.
	Reference string
}

// byMachine ends the name of an event that no person caused. Nothing that asks for the customer's own ever finds it: no
// handler, goal, count or wait for a click, and no figure.
const byMachine = " (machine)"

// told is the input "this was reported about a message", in the partition of the message.
type told struct {
	Report
	Now       time.Time
	byAddress bool // the message is the newest that went to the address, and nobody named it
}

// atOnceLife is how soon after a message was taken nobody can have read it: who opens or clicks before is a machine.
const atOnceLife = 2 * time.Second

func (e *Engine) told(tx store.Tx, in told) (Receipt, error) {
	m, to := e.outbox.Sent(tx, in.Message.Decided, in.Message.ID)
	if m == nil {
		return Receipt{}, lifecycle.Errorf(lifecycle.NotFound, "%q was reported of message %s, which is not known", in.Event, in.Message.ID)
	}
	ours := in.Channel == "" // by our own picture or link
	if ours {
		in.Channel = m.Channel
	}
	if !believes(&in, m) {
		return Receipt{}, lifecycle.Errorf(lifecycle.Forbidden, "%q was reported of message %s, which goes by %s", in.Event, in.Message.ID, m.Channel)
	}
	at := in.happened()
	if in.precedes(m) {
		at = in.Now
	}
	// Pictures and links are fetched by machines too. A network that says that somebody has read a message has seen them do it.
	if (in.Event == string(lifecycle.Opened) || in.Event == string(lifecycle.Clicked)) && (ours || lifecycle.KindOf(m.Channel) == "email") {
		in.Machine = in.Machine || e.tooSoon(tx, m, at)
	}
	if listed, is := e.outbox.(Listed); is && !in.Machine {
		listed.Answered(tx, m.Decided, m.ID, lifecycle.Answer(in.Event))
	}
	e.arrived(tx, m, &in)
	if in.From != "" { // it went elsewhere in the end
		to = in.From
	}
	alive := in.revives()
	receive := reported(in.Report, at, in.Now, m)
	receive.Target, receive.Alive = m.Customer, alive
	if receive.Word != nil && in.From != "" { // the address is told too, which leads to them as well
		receive.Mark = forCustomer(reported(in.Report, at, in.Now, nil), m.Customer).Mark
		receive.Event.MessageID = receive.Mark.String()
	}
	if to != "" && !m.Test && keepsFrom(in.Report) != "" {
		receive.Suppress = &lifecycle.Suppression{Channel: lifecycle.KindOf(in.Channel), Address: to, Reason: keepsFrom(in.Report), At: in.Now}
	}
	return e.receive(tx, receive)
}

// Listed is an Outbox that lists messages with what came back of them.
type Listed interface {
	// Answered notes what came back of a message of this partition. It is called inside Apply.
	Answered(tx store.Tx, decided time.Time, id lifecycle.ID, answer lifecycle.Answer)
}

// keepsFrom returns why nothing may go to the address any more after a report; "" if it may.
func keepsFrom(r Report) string {
	switch {
	case r.Event == string(lifecycle.Complained):
		return lifecycle.SuppressedComplaint
	case r.Event == string(lifecycle.Bounced) && r.Data["kind"] != "soft":
		return lifecycle.SuppressedBounce
	case r.Data["gone"] == "1":
		return lifecycle.SuppressedBounce
	}
	return ""
}

// reported makes an event of the customer's from a report. m is the message, if it is known.
func reported(r Report, at, now time.Time, m *lifecycle.Message) Receive {
	properties := map[string]any{"channel": r.Channel}
	for name, value := range r.Data {
		properties[name] = value
	}
	if r.Reason != "" {
		properties["reason"] = r.Reason
	}
	if r.Machine {
		properties["machine"] = true
	}
	about, once := r.From, at.UTC().Format(time.RFC3339Nano)
	if m != nil {
		properties["message"], properties["name"], about = m.First().String(), m.Name, m.ID.Part()
	}
	in := Receive{At: now, Inner: true}
	name := lifecycle.ChannelInEvents(r.Channel) + " "
	switch r.Event {
	case "unsubscribed", "subscribed":
		// Networks deliver for days what nobody took: in the order of when it was said, also where that is not the order in which it
		// comes.
		word := lifecycle.Consent{Channel: r.Channel, Granted: r.Event == "subscribed", At: at, Source: cmp.Or(r.Data["source"], "reply")}.Strict()
		in.Word = &word
		properties["source"] = in.Word.Source
		if name = unsubscribed; in.Word.Granted {
			name = subscribed
		}
	case string(lifecycle.Opened), string(lifecycle.Clicked):
		// A page that is loaded again within the minute is the same look at it.
		once = at.UTC().Truncate(time.Minute).Format(time.RFC3339) + r.Data["url"]
		if r.Machine {
			once += " machine"
		}
		name += strings.ToUpper(r.Event[:1]) + r.Event[1:]
		if r.Machine {
			name += byMachine
		}
	case string(lifecycle.Replied):
		name += "Replied"
	case "rescheduled": // a call, as often as it is put off
		name += "Rescheduled"
	default: // a message is delivered once, and bounces once for good
		if m != nil {
			once = r.Data["kind"]
		}
		name += strings.ToUpper(r.Event[:1]) + r.Event[1:]
	}
	if id := r.Data["id"]; id != "" && (in.Word != nil || r.Event == string(lifecycle.Replied)) { // the provider's, of what was said
		about, once = cmp.Or(r.From, about), "id "+id
	}
	in.Mark = lifecycle.HashID("report", r.Channel, about, r.Event, once)
	in.Event = innerEvent(name, properties, at, now)
	in.Event.MessageID = in.Mark.String()
	return in
}

// takeWord lets what came with an event take effect. late: it is history older than what is known of the customer.
func (s *session) takeWord(in Receive, late bool) {
	if word := in.Word; word != nil {
		if in.Inner { // a refusal that was reported late counts nevertheless, whatever was allowed meanwhile
			strict := s.customer.Against(*word)
			word = &strict
		}
		s.sayWord(*word, &in.Event, !word.At.Before(in.At) || in.Inner && word.At.After(s.customer.OptedOutAt()))
	}
	spoken := in.Event
	if !in.Target.IsZero() && in.Target != spoken.Identity().Hash() {
		spoken.UserID, spoken.AnonymousID = "", "" // it is the customer's own, and not of the browser that they did it in
	}
	for _, word := range in.Words {
		s.sayWord(word, &spoken, true)
	}
	if in.Suppress != nil {
		s.suppressAddress(*in.Suppress)
	}
	if in.Alive != "" && in.Word != nil {
		s.customer.Revive(in.Word.Channel, in.Alive, in.Word.At)
	}
	s.takeTold(&in, late)
}

// writtenTo asks for the customers of a partition to whom something went at an address.
type writtenTo struct{ Channel, Address string }
