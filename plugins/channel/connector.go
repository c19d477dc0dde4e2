// Package channel is what a channel connector for Stagecraft is written with: an executable that carries messages out
// over one channel, be it e-mail, a text message or a letter. Implement Connector, call Serve in main, and install the
// executable; the example shows a whole one. The protocol underneath stands in channel.proto, for other languages.
//
// The same package holds the other side, which starts a connector and talks to it (Start, Process, Client); Stagecraft
// itself and the conformance suite in plugins/channeltest use it.
package channel

//go:generate go run github.com/bufbuild/buf/cmd/buf@v1.75.0 generate

import (
	"context"
	"encoding/json"
	"time"
)

// Limits of the protocol.
const (
	DefaultMaxBatch = 100      // messages in one Send unless Description.MaxBatch says otherwise
	MaxCallBytes    = 64 << 20 // of one call on the wire; the host sends less
	MaxReasonBytes  = 2000     // of a receipt's reason; longer ones are cut
	MaxDataBytes    = 8 << 10  // of the names and values of one Data; what goes beyond is left out
	MaxIDBytes      = 80       // of a message's ID
	MaxNamed        = 1000     // messages that one Waiting, Release or Withdraw names

	MaxReferences     = 4   // of one receipt
	MaxReferenceBytes = 200 // of one of them
)

// Connector carries messages out over a channel. Describe is called first and Configure once before the first Send;
// after that the methods are called from several goroutines at once.
type Connector interface {
	// Describe says what the connector is. It must not need settings, the network or time.
	Describe() Description
	// Configure takes the settings, a JSON object, and refuses what cannot work with an error that names the setting.
	// It must be quick: another server that is down is not an error here, but in the receipts of Send and in Health.
	Configure(ctx context.Context, settings json.RawMessage) error
	// Send tries to send the messages and returns one receipt for each, in their order. ctx ends a little before the
	// host gives up on the connector: by then it must have returned. A message that certainly has not left is
	// Temporary, one of which this cannot be known is InDoubt. Missing receipts count as in doubt.
	Send(ctx context.Context, messages []Message) []Receipt
	// Health returns nil, or what the operator should know. It must not wait for another server.
	Health(ctx context.Context) error
	// Close is called once at the end, when no Send is under way any more; it has a second.
	Close() error
}

// Reporter is implemented by connectors that learn later what became of a message. Report runs until ctx ends or there
// will be nothing more to say; emit may be called from one goroutine at a time and returns an error when the host is gone.
type Reporter interface {
	Report(ctx context.Context, emit func(Report) error) error
}

// Description is what a connector says about itself.
type Description struct {
	Name       string          // lower case letters, digits and dashes: "email"
	Version    string          // the connector's own, for people
	Channels   []string        // the channels it can serve: "email" is all channels of that kind, such as email-news
	Idempotent bool            // an ID that was accepted is accepted again without being sent again
	MaxBatch   int             // the most messages in one Send; 0 means DefaultMaxBatch
	Receipts   bool            // it reports later what became of messages; Serve sets it for a Reporter
	Callbacks  bool            // its provider calls back; Serve sets it for a Listener
	Withdraws  bool            // it keeps what it accepted until the host releases it; Serve sets it for a Withdrawer
	Schema     json.RawMessage // JSON Schema of the settings; the operator's form is drawn from it
	Protocols  []int           // protocol versions it speaks; Serve sets it
}

// Message is one message to one recipient.
type Message struct {
	ID      string            // opaque hex text of at most MaxIDBytes; the same in every attempt
	To      string            // the address as the channel understands it
	Subject string            // may be empty
	Text    string            // plain text
	HTML    string            // may be empty
	Headers map[string]string // further headers, such as List-Unsubscribe
	Date    time.Time         // of the first attempt, in milliseconds; the same in every attempt
	Attempt int               // 1 at the first
	Kind    string            // "transactional" or "marketing"
	Data    map[string]string // what the channel needs besides text: "title", "url", parameters of a template
}

// Outcome is what became of one attempt.
type Outcome int

// The outcomes. The zero value is none of them.
const (
	Accepted  Outcome = iota + 1 // the next server took responsibility
	Temporary                    // it has certainly not left; try again later
	Permanent                    // it has certainly not left; trying again will not help
	InDoubt                      // it may or may not have left
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case Accepted:
		return "accepted"
	case Temporary:
		return "temporary"
	case Permanent:
		return "permanent"
	case InDoubt:
		return "in doubt"
	}
	return "unknown"
}

// Facts of a receipt by which a connector tells what the other side answered. They are kept with the message, attempt by
// attempt, and shown to people; secrets do not belong there.
const (
	FactTook   = "took"   // milliseconds that the attempt took; without it the others do not count
	FactStatus = "status" // the HTTP status of the answer; none: there was no answer
	FactAnswer = "answer" // the beginning of the answer; 1 KB of it is kept
)

// FactStart is a fact of a report "subscribed" about an address of a chat: that somebody began it, with the code of a link
// to it, or "" without one. The address becomes that of the customer to whom the host gave the code; if nobody has it, it begins a
// customer.
const FactStart = "start"

// FactID is a fact of a report "replied", "unsubscribed" or "subscribed": what the provider calls what somebody said, of at most
// MaxReferenceBytes. The same one from the same address is taken once, however often and whenever it is reported; without it that
// is told by Date.
const FactID = "id"

// Facts of a permanent receipt by which a connector tells at once what its provider knows of the address, beside this message.
const (
	// FactGone = "1" says that the address does not exist any more: nothing goes there again.
	FactGone = "gone"
	// FactUnsubscribed = "1" says that whoever has the address wants to hear nothing by this channel: they have sent STOP to the
	// provider, or blocked the sender. It counts as a Report "unsubscribed" from the address.
	FactUnsubscribed = "unsubscribed"
)

// Receipt is the answer to one attempt to send one message.
type Receipt struct {
	ID         string // of the message
	Outcome    Outcome
	Reason     string        // for people; empty when accepted
	RetryAfter time.Duration // of a temporary outcome, a wish; 0 leaves it to the host
	// Data holds small facts: FactGone and FactUnsubscribed tell of the address; FactTook, FactStatus and FactAnswer what the other
	// side said; FactUntried and FactPause keep a message back.
	Data map[string]string
	// References are what the provider will call an accepted message in later reports, where it does not repeat our ID: at most
	// MaxReferences of at most MaxReferenceBytes. The host keeps them for 30 days, also while the connector is started anew, and
	// puts the message to a Report that names one. The same one given again leads to the later message.
	References []string
}

// Report is what became known later, about a message or about an address.
type Report struct {
	ID     string // of the message; "" where only the address is known
	Event  string // "delivered", "bounced", "complained", "opened", "clicked", "replied", "unsubscribed" or "subscribed"
	Reason string
	// Date is when it happened; zero: not known. So is one outside the years 1900 to 2200, or more than a day before the message.
	Date time.Time
	From string // the address it is about, where the message is not known: a STOP by SMS
	// Data holds small facts: "url" of a click, "text" of a reply, "kind" hard or soft of a bounce, a "token" that is gone, FactID
	// and FactStart.
	Data map[string]string
	// Reference names the message, where ID is empty, by one of the references of its receipt. If the host knows no such message,
	// the report is about From, or about nothing.
	Reference string
}

// Health is a connector's state in words.
type Health struct {
	OK     bool
	Detail string // for people, when not OK
}

// All returns the same outcome for every message.
func All(messages []Message, outcome Outcome, reason string, retryAfter time.Duration) []Receipt {
	receipts := make([]Receipt, len(messages))
	for i := range messages {
		receipts[i] = Receipt{ID: messages[i].ID, Outcome: outcome, Reason: reason, RetryAfter: retryAfter}
	}
	return receipts
}
