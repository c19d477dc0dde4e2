package lifecycle

import "time"

// MessageState is where a message stands in its one life.
type MessageState string

const (
	Queued     MessageState = "queued"     // decided; will be claimed when it is due
	Accepted   MessageState = "accepted"   // the next server took it
	Failed     MessageState = "failed"     // refused for good, or retried too often
	Suppressed MessageState = "suppressed" // policy kept it back; Reason says which
	Expired    MessageState = "expired"    // too old when it could leave
	Cancelled  MessageState = "cancelled"  // an operator took it back before it left; Reason says who and why
	Held       MessageState = "held"       // in doubt after a crash, and not to be risked twice
)

// Reasons for which a message is suppressed.
const (
	BecauseHistory    = "history"            // it belongs to the past that was imported
	BecauseShadow     = "shadow"             // its journey only decides
	BecauseNoAddress  = "no address"         // nothing is known by which the channel could reach the customer
	BecauseBadAddress = "bad address"        // what is known is no address
	BecauseIncomplete = "incomplete address" // of a letter: there is no name, no street or no city
	BecauseOptedOut   = "opted out"          // the customer does not want marketing
	BecauseHoldout    = "hold-out"           // the customer is kept out of marketing for comparison
	BecauseTest       = "test person"        // no address is set to which the mails of test people go
	BecauseTestMail   = "test person: only mail goes to the test address"
)

// InboxLife is how long an in-app message is shown if it does not say when it expires.
const InboxLife = 30 * 24 * time.Hour

// Answer is what comes back of a message that has left. It is counted once per message.
type Answer string

const (
	Delivered  Answer = "delivered"
	Opened     Answer = "opened"
	Clicked    Answer = "clicked"
	Replied    Answer = "replied"
	Bounced    Answer = "bounced"
	Complained Answer = "complained"
	Dismissed  Answer = "dismissed" // an in-app message was closed
	Converted  Answer = "converted" // the customer reached the stage's goal; counted once per visit and line
)

// MessageKind separates what a customer is owed from what a customer may refuse.
type MessageKind string

const (
	Transactional MessageKind = "transactional"
	Marketing     MessageKind = "marketing"
)

// Message is one thing that a script decided to say to one customer.
type Message struct {
	ID       ID                `json:"id" msgpack:"i"` // hash of run and step: fixed for life
	Customer ID                `json:"customer" msgpack:"c"`
	User     string            `json:"user,omitempty" msgpack:"u"` // the identity that people know the customer by
	Journey  string            `json:"journey" msgpack:"j"`
	Version  string            `json:"version" msgpack:"v"`
	Stage    string            `json:"stage" msgpack:"s"`
	Name     string            `json:"name" msgpack:"n"`
	File     string            `json:"file" msgpack:"f"` // where the send stands
	Line     int               `json:"line" msgpack:"l"`
	Channel  string            `json:"channel" msgpack:"h"`
	Kind     MessageKind       `json:"kind" msgpack:"k"`
	Decided  time.Time         `json:"decided" msgpack:"d"`
	Due      time.Time         `json:"due" msgpack:"e"`              // the earliest moment of the next attempt
	Expires  time.Time         `json:"expires,omitzero" msgpack:"x"` // zero: never
	State    MessageState      `json:"state" msgpack:"t"`
	Reason   string            `json:"reason,omitempty" msgpack:"r"`
	Attempts int               `json:"attempts" msgpack:"a"`
	InDoubt  int               `json:"inDoubt,omitempty" msgpack:"b"` // attempts whose result was never learned
	Settled  time.Time         `json:"settled,omitzero" msgpack:"z"`
	Event    Event             `json:"-" msgpack:"w"`                 // the event behind it, for the template
	Watched  bool              `json:"-" msgpack:"y"`                 // a run waits for what becomes of it
	Test     bool              `json:"test,omitempty" msgpack:"q"`    // it is for a test person: it goes to the catch-all address, and no figure counts it
	Direct   bool              `json:"direct,omitempty" msgpack:"g"`  // a program asked for it, not a script: it overtakes everything, and has no stage, file and line
	Leaving  bool              `json:"-" msgpack:"p,omitempty"`       // it was decided in the step in which the customer left the stage
	Options  map[string]string `json:"options,omitempty" msgpack:"o"` // what the send said itself: subject, preheader; of a webhook: url, payload
}

// Rendered is a message as it goes to a connector. Retries send the same bytes.
type Rendered struct {
	To      string            `json:"to" msgpack:"t"`
	Subject string            `json:"subject,omitempty" msgpack:"s"`
	Text    string            `json:"text,omitempty" msgpack:"x"`
	HTML    string            `json:"html,omitempty" msgpack:"h"`
	Headers map[string]string `json:"headers,omitempty" msgpack:"e"`
	Data    map[string]string `json:"data,omitempty" msgpack:"a"` // what the channel needs besides text, such as a title and a url
	Date    time.Time         `json:"date" msgpack:"d"`           // of the first attempt

	// A mail is stored without the document around its body, which is the same for all: Layout says which document it
	// is, and Preheader and Locale what it takes besides. Zero: HTML is the whole document.
	Layout    int    `json:"-" msgpack:"l,omitempty"`
	Preheader string `json:"-" msgpack:"p,omitempty"`
	Locale    string `json:"-" msgpack:"o,omitempty"`
}

// Outcome is what a connector says about one attempt.
type Outcome string

const (
	OutcomeAccepted  Outcome = "accepted"
	OutcomeTemporary Outcome = "temporary" // try again later
	OutcomePermanent Outcome = "permanent" // never try again
	OutcomeInDoubt   Outcome = "in doubt"  // it may or may not have left
)

// Receipt is the answer to one attempt.
type Receipt struct {
	Message    ID            `msgpack:"i"`
	Outcome    Outcome       `msgpack:"o"`
	Reason     string        `msgpack:"r"`
	RetryAfter time.Duration `msgpack:"a"` // a wish of a temporary failure; zero: ours to choose
	Reply      *Reply        `msgpack:"w"` // nil: the connector does not tell
	// Untried says that a temporary failure was no attempt: it was not even handed over, or the connector kept it back.
	Untried bool `msgpack:"n,omitempty"`
	// Refused says of a permanent failure that whoever has the address wants to hear nothing there, or that it does not exist.
	Refused bool `msgpack:"f,omitempty"`
	// Pause says why marketing by this channel has to stop until a person lets it go on; empty: it has not.
	Pause string `msgpack:"p,omitempty"`
}

// Reply is what the other side of one attempt said. It is kept with the message, for people.
type Reply struct {
	Status int    `json:"status,omitempty" msgpack:"s,omitempty"` // of HTTP; 0: there was no answer
	Took   int    `json:"tookMs" msgpack:"t"`                     // milliseconds
	Text   string `json:"text,omitempty" msgpack:"x,omitempty"`   // the beginning of it, without secrets
}

// Addressee is a customer to whom something went at an address, and the newest message that did; Last is zero where that is
// not known.
type Addressee struct {
	Customer ID
	Last     Ref
	At       time.Time // when Last was handed over
}
