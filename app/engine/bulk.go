package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// A bulk does one act on many customers: it moves, enrols, takes out or places those of a list or of an audience, each of
// them held to the same rules as if somebody had asked for them alone. Its definition is kept by the first partition; every
// partition keeps how far it has come, in the same commit as what it did, so that nobody is left out and nothing is done
// twice, whenever the program ends. It walks over its customers as a broadcast does, with the same lists and rates.

const maxBulks = 1000 // definitions, those that are over among them

// BulkState is where a bulk stands.
type BulkState string

const (
	BulkDraft   BulkState = "draft" // it can be changed
	BulkRunning BulkState = "running"
	BulkPaused  BulkState = "paused"
	BulkStopped BulkState = "stopped" // for good
)

// Bulk is one act on many.
type Bulk struct {
	Name     string    `json:"name" msgpack:"n"`
	Title    string    `json:"title" msgpack:"t"`
	Act      Act       `json:"act" msgpack:"c"`
	Journey  string    `json:"journey" msgpack:"j"`
	To       string    `json:"to,omitempty" msgpack:"o,omitempty"` // of move and place: the stage
	Audience Audience  `json:"audience" msgpack:"a"`
	Rate     int       `json:"rate,omitempty" msgpack:"r"` // customers per second; 0: as fast as it goes
	State    BulkState `json:"state" msgpack:"s"`
	By       string    `json:"by,omitempty" msgpack:"y"`
	Why      string    `json:"why,omitempty" msgpack:"w"`
	Created  time.Time `json:"created" msgpack:"d"`
	Started  time.Time `json:"started,omitzero" msgpack:"b"`
	Stopped  time.Time `json:"stopped,omitzero" msgpack:"e"`
}

// check says what is wrong with a definition, by field, and fills in what goes without saying.
func (b *Bulk) check(plan *lifecycle.Journey) error {
	if b.Title == "" {
		b.Title = b.Name
	}
	switch {
	case !script.ValidName(b.Name) || len(b.Name) > 40:
		return inField("name", "%.80q cannot name a bulk: use at most 40 lower-case letters, digits, - and _, such as spring-cleanup", b.Name)
	case len(b.Title) > maxTitle || strings.ContainsFunc(b.Title, func(r rune) bool { return r < ' ' }):
		return inField("title", "the title must be one line of at most %d bytes", maxTitle)
	case b.Rate < 0 || b.Rate > maxRate:
		return inField("rate", "the rate must be from 1 to %d customers per second, or 0 for no limit", maxRate)
	}
	ask := b.change(lifecycle.ID{})
	if err := ask.check(plan); err != nil {
		return err
	}
	b.To = ask.To
	return b.Audience.check()
}

// change is what is done to one customer.
func (b *Bulk) change(customer lifecycle.ID) Change {
	return Change{Act: b.Act, Customer: customer, Journey: b.Journey, To: b.To, By: "bulk " + b.Name, Why: b.Why}
}

// BulkReason is how many were refused for one reason.
type BulkReason struct {
	Reason string `json:"reason" msgpack:"r"`
	Count  int64  `json:"count" msgpack:"c"`
}

// bulkCounts is what a bulk has done, or would do.
type bulkCounts struct {
	Done    int64        `json:"done" msgpack:"d"`    // changed as asked
	Same    int64        `json:"same" msgpack:"s"`    // there already, of a placement
	Refused int64        `json:"refused" msgpack:"r"` // by the rules of the journey
	Gone    int64        `json:"gone" msgpack:"g"`    // of the list: not there any more
	Sent    int64        `json:"sent" msgpack:"e"`    // of the list: merged into somebody else, who is changed instead
	Reasons []BulkReason `json:"reasons" msgpack:"w"` // of those who were refused, the most frequent first
}

// maxReasons bounds how many reasons are told apart; moments in them differ by customer.
const maxReasons = 20

func (c *bulkCounts) refuse(reason string, n int64) {
	c.Refused += n
	c.because(reason, n)
}

func (c *bulkCounts) because(reason string, n int64) {
	at := slices.IndexFunc(c.Reasons, func(r BulkReason) bool { return r.Reason == reason })
	if at < 0 && len(c.Reasons) >= maxReasons {
		reason = "other reasons"
		at = slices.IndexFunc(c.Reasons, func(r BulkReason) bool { return r.Reason == reason })
	}
	if at < 0 {
		c.Reasons = append(c.Reasons, BulkReason{reason, n})
		return
	}
	c.Reasons[at].Count += n
}

func (c *bulkCounts) add(more *bulkCounts) {
	c.Done, c.Same, c.Refused, c.Gone, c.Sent = c.Done+more.Done, c.Same+more.Same, c.Refused+more.Refused, c.Gone+more.Gone, c.Sent+more.Sent
	for _, r := range more.Reasons {
		c.because(r.Reason, r.Count)
	}
	slices.SortStableFunc(c.Reasons, func(a, b BulkReason) int { return int(b.Count - a.Count) })
}

// Text says what is done to whom, for people.
func (b *Bulk) Text() string {
	verb := map[Act]string{ActMove: "move %s to %s/%s", ActEnrol: "enrol %s into %s", ActExit: "take %s out of %s", ActPlace: "place %s in %s/%s"}[b.Act]
	if b.To == "" {
		return fmt.Sprintf(verb, b.Audience.Text(), b.Journey)
	}
	return fmt.Sprintf(verb, b.Audience.Text(), b.Journey, b.To)
}

// applyBulk handles the inputs of bulks.
func (e *Engine) applyBulk(tx store.Tx, input any) (any, error) {
	switch in := input.(type) {
	case shareBulk:
		return nil, e.shareBulk(tx, in)
	case bulkStep:
		return e.bulkStep(tx, in)
	case changeBulk:
		return e.changeBulk(tx, in)
	case addToBulk:
		return e.addToBulk(tx, in)
	case bulkLook:
		return e.bulkLook(tx, in)
	default:
		return nil, e.dropBulkShare(tx, input.(dropBulkShare))
	}
}

// askBulk answers the questions about bulks.
func (e *Engine) askBulk(tx store.Reader, query any) (any, error) {
	switch q := query.(type) {
	case bulksOf:
		return e.bulks(tx, q)
	case bulkShareOf:
		return readBulkShare(tx, q.Name)
	default:
		return e.dueBulks(tx)
	}
}
