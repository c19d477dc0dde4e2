package lifecycle

import "time"

// Decision is what one input caused: the facts that reports count and people ask about. Facts stand in the order in
// which they came to be.
type Decision struct {
	Customer ID
	User     string
	At       time.Time
	History  bool // it belongs to imported past
	Facts    []Fact
}

// FactKind names what happened.
type FactKind string

const (
	FactCustomer  FactKind = "customer"  // a customer was seen for the first time
	FactEvent     FactKind = "event"     // an event was handled
	FactLate      FactKind = "late"      // history older than the customer's clock was stored and ran no handler
	FactEntered   FactKind = "entered"   // To was entered (From is empty at the entry into the journey)
	FactMoved     FactKind = "moved"     // From -> To
	FactRefused   FactKind = "refused"   // a move From -> To was refused; Reason says why
	FactConverted FactKind = "converted" // the goal of stage From was reached
	FactMessage   FactKind = "message"   // message Name was decided
	FactFailed    FactKind = "failed"    // a script failed; its step was set aside
	FactLogged    FactKind = "logged"    // a script logged Reason
)

// Fact is one thing that happened in a journey. Which fields are set depends on the kind.
type Fact struct {
	Kind    FactKind
	Journey string
	From    string
	To      string
	Name    string
	Reason  string
	File    string
	Line    int
}
