package lifecycle

import "time"

// Decision is what one input caused: the facts that reports count and people ask about. Facts stand in the order in
// which they came to be.
type Decision struct {
	Customer ID
	Facts    []Fact
}

// FactKind names what happened.
type FactKind string

const (
	FactCustomer   FactKind = "customer"   // a customer was seen for the first time
	FactEvent      FactKind = "event"      // an event was handled
	FactLate       FactKind = "late"       // history older than the customer's clock was stored and ran no handler
	FactEntered    FactKind = "entered"    // To was entered (From is empty at the entry into the journey)
	FactMoved      FactKind = "moved"      // From -> To
	FactRefused    FactKind = "refused"    // a move From -> To was refused; Reason says why
	FactConverted  FactKind = "converted"  // the goal of stage From was reached
	FactMessage    FactKind = "message"    // message Name was decided; Reason is its first state
	FactSettled    FactKind = "settled"    // message Name went From one state To another
	FactInDoubt    FactKind = "in doubt"   // an attempt of message Name has no known result
	FactReceipt    FactKind = "receipt"    // To came back of message Name, for the first time; an Answer
	FactMerged     FactKind = "merged"     // the customer became part of another one; left stage From
	FactPlaced     FactKind = "placed"     // stage To was taken over from a merged customer, or set by an import
	FactFailed     FactKind = "failed"     // a script failed; its step was set aside
	FactSuppressed FactKind = "suppressed" // nothing goes to address To of channel Name any more: it Reason for somebody else who has it
	FactTrimmed    FactKind = "trimmed"    // the trait Name was left out: the customer's record is full
	FactUncounted  FactKind = "uncounted"  // what order or refund Name comes to was not counted; Reason says why
	FactLogged     FactKind = "logged"     // a script logged Reason
	FactExited     FactKind = "exited"     // the journey was left from stage From, because of event Name
	FactChose      FactKind = "chose"      // split or choice Name gave Reason, with the odds of Amount
	FactSet        FactKind = "set"        // a script set trait Name to Reason (JSON)
	FactTagged     FactKind = "tagged"     // tag Name was added
	FactUntagged   FactKind = "untagged"   // tag Name was taken off
	FactScored     FactKind = "scored"     // Amount was added to score Name; Reason says why it is less than was to be given
	FactThreshold  FactKind = "threshold"  // score Name reached Amount or fell below it, as To says; Reason says why if it was no event of the customer
	FactTracked    FactKind = "tracked"    // a script made event Name happen, to customer To if that is not this one
	FactWaits      FactKind = "waits"      // a run waits at File and Line
	FactSegment    FactKind = "segment"    // segment Name was entered or left, as To says; Reason says why if it was no event of the customer
	FactWoke       FactKind = "woke"       // the run that waited at File and Line goes on, or was ended
	FactTest       FactKind = "test"       // the customer became a test person, or is none any more: To is on or off
)

// Fact is one thing that happened in a journey. Which fields are set depends on the kind.
type Fact struct {
	Kind    FactKind      `msgpack:"k"`
	At      time.Time     `msgpack:"a"`
	Journey string        `msgpack:"j,omitempty"`
	From    string        `msgpack:"f,omitempty"`
	To      string        `msgpack:"t,omitempty"`
	Name    string        `msgpack:"n,omitempty"`
	Reason  string        `msgpack:"r,omitempty"`
	File    string        `msgpack:"s,omitempty"`
	Line    int           `msgpack:"l,omitempty"`
	Amount  float64       `msgpack:"v,omitempty"`
	Heldout bool          `msgpack:"h,omitempty"` // of entered, moved, converted and exited: the customer belongs to the stage's hold-out group
	Stayed  time.Duration `msgpack:"-"`           // of moved and exited: how long the customer was in stage From; not kept, the times are
	Entered time.Time     `msgpack:"e,omitempty"` // of placed, where that is before At: since when the customer is in stage To
	Version string        `msgpack:"x,omitempty"` // the script version that File and Line belong to; in records kept with Message only
	Message ID            `msgpack:"m,omitempty"` // of message and receipt: which one; zero if it is for a test person
}
