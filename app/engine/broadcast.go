package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// A broadcast is one message to many. It is a journey of one stage that nobody enters by an event: customers are let in, in
// chunks, and what happens then is what happens in every journey. Its definition is kept by the first partition; every
// partition keeps which of its customers are still to come. See broadcast_script.go for the journey that is made of it.

// Bounds of broadcasts.
const (
	maxBroadcasts = 1000 // definitions, those that are over among them
	maxParts      = 10   // of an A/B test
	maxConditions = 20
	maxRate       = 100_000 // customers per second
	maxTitle      = 200     // bytes
)

// BroadcastState is where a broadcast stands.
type BroadcastState string

const (
	BroadcastDraft   BroadcastState = "draft"   // it can be changed
	BroadcastRunning BroadcastState = "running" // customers are let in, from its time on
	BroadcastPaused  BroadcastState = "paused"
	BroadcastStopped BroadcastState = "stopped" // for good
)

// Broadcast is one message to many: to whom, when and what.
type Broadcast struct {
	Name     string          `json:"name" msgpack:"n"`
	Title    string          `json:"title" msgpack:"t"`
	Audience Audience        `json:"audience" msgpack:"a"`
	At       time.Time       `json:"at,omitzero" msgpack:"b,omitempty"`  // when it begins; zero: when it is started
	On       string          `json:"on,omitempty" msgpack:"o,omitempty"` // with Local: the day, as in 2026-06-01
	Local    string          `json:"local,omitempty" msgpack:"l"`        // a time of day, as in 09:00: each customer gets it when their own clock shows it
	Parts    []BroadcastPart `json:"parts" msgpack:"p"`                  // one, or those of an A/B test
	Holdout  float64         `json:"holdout,omitempty" msgpack:"h"`      // the share of customers, 0 to 0.9, who get nothing, for comparison
	Rate     int             `json:"rate,omitempty" msgpack:"r"`         // customers per second; 0: as fast as it goes
	State    BroadcastState  `json:"state" msgpack:"s"`
	Version  string          `json:"version,omitempty" msgpack:"v"` // of its journey, once it was started
	By       string          `json:"by,omitempty" msgpack:"y"`
	Created  time.Time       `json:"created" msgpack:"c"`
	Started  time.Time       `json:"started,omitzero" msgpack:"d"`
	Stopped  time.Time       `json:"stopped,omitzero" msgpack:"e"`
	Stopping bool            `json:"-" msgpack:"q,omitempty"` // it was stopped, and what is queued of it is still to be cancelled
}

// BroadcastPart is one of the messages of an A/B test, or the only one. Its name is that of the message in the ledger and in
// figures.
type BroadcastPart struct {
	Name    string            `json:"name" msgpack:"n"`
	Share   float64           `json:"share,omitempty" msgpack:"s"`   // percent; all parts together have 100
	Subject string            `json:"subject,omitempty" msgpack:"j"` // instead of the one in the texts
	From    string            `json:"from,omitempty" msgpack:"f"`    // a message that is written already, as "journey/message"
	Texts   map[string]string `json:"texts,omitempty" msgpack:"t"`   // instead: message files by channel, as "email" or "email.vi"
}

// Journey is the name of the journey that is made of it.
func (b *Broadcast) Journey() string { return lifecycle.BroadcastPrefix + b.Name }

// clock is what wait_until waits for; empty: nothing.
func (b *Broadcast) clock() string { return strings.TrimSpace(b.On + " " + b.Local) }

// Begins is when customers are let in at the earliest. A day begins first where clocks are 14 hours ahead.
func (b *Broadcast) Begins() time.Time {
	if b.On == "" {
		return b.At
	}
	moment, err := script.ParseMoment(b.clock())
	if err != nil {
		return b.At
	}
	return moment.After(time.Time{}, time.UTC).Add(-14*time.Hour - time.Minute)
}

// staleAfter is for how long after its time a broadcast may still be started, and then begins at once.
const staleAfter = 24 * time.Hour

// checkTime refuses a time that is long over: more likely it is mistaken than meant.
func (b *Broadcast) checkTime(now time.Time) error {
	over := func(field, said string) error {
		return inField(field, "%s is over: change it, or leave it out to begin at once", said)
	}
	switch begins := b.Begins(); {
	case begins.IsZero():
	case b.On == "" && now.After(begins.Add(staleAfter)):
		return over("at", begins.UTC().Format(time.RFC3339))
	case b.On != "" && now.After(begins.Add(26*time.Hour).Add(staleAfter)): // by the last clocks of the world too
		return over("on", b.clock())
	}
	return nil
}

// check says what is wrong with a definition, by field, and fills in what goes without saying.
func (b *Broadcast) check() error {
	if b.Title == "" {
		b.Title = b.Name
	}
	switch {
	case !script.ValidName(b.Name) || len(b.Name) > 40:
		return inField("name", "%.80q cannot name a broadcast: use at most 40 lower-case letters, digits, - and _, such as spring-sale", b.Name)
	case len(b.Title) > maxTitle || strings.ContainsFunc(b.Title, func(r rune) bool { return r < ' ' }):
		return inField("title", "the title must be one line of at most %d bytes", maxTitle)
	case b.Holdout < 0 || b.Holdout > 0.9:
		return inField("holdout", "the hold-out must be a share from 0 to 0.9")
	case b.Rate < 0 || b.Rate > maxRate:
		return inField("rate", "the rate must be from 1 to %d customers per second, or 0 for no limit", maxRate)
	case !b.At.IsZero() && b.On != "":
		return inField("on", "say either at which moment, or on which day by the customer's clock")
	case b.On != "" && b.Local == "":
		return inField("local", `a day needs a time, such as "09:00"`)
	}
	if b.On != "" {
		if _, err := time.Parse(time.DateOnly, b.On); err != nil {
			return inField("on", "%.40q is no day like 2026-06-01", b.On)
		}
	}
	if b.Local != "" {
		if _, err := time.Parse("15:04", b.Local); err != nil || len(b.Local) != 5 {
			return inField("local", "%.40q is no time of day like 09:00", b.Local)
		}
	}
	if err := b.Audience.check(); err != nil {
		return err
	}
	return b.checkParts()
}

func (b *Broadcast) checkParts() error {
	if len(b.Parts) == 0 || len(b.Parts) > maxParts {
		return inField("parts", "a broadcast has 1 to %d messages, not %d", maxParts, len(b.Parts))
	}
	names, sum := []string{}, 0.0
	for i := range b.Parts {
		p := &b.Parts[i]
		if p.Name == "" {
			if p.Name = "message"; len(b.Parts) > 1 {
				p.Name = string(rune('a' + i))
			}
		}
		if len(b.Parts) == 1 {
			p.Share = 100
		}
		field := fmt.Sprintf("parts.%d", i)
		switch {
		case !script.ValidName(p.Name) || slices.Contains(names, p.Name):
			return inField(field+".name", "%.80q cannot name a message here: use lower-case letters, digits, - and _, each name once", p.Name)
		case !(p.Share > 0 && p.Share <= 100):
			return inField(field+".share", "each message needs a share from above 0 to 100 percent")
		case p.From == "" && len(p.Texts) == 0:
			return inField(field+".texts", `say what is sent: texts, as {"email": "---\nsubject: Hello\n---\nHi!"}, or from, a message that is written already`)
		case p.From != "" && len(p.Texts) > 0:
			return inField(field+".from", "say either from or texts, not both")
		case strings.ContainsFunc(p.Subject, func(r rune) bool { return r < ' ' }) || len(p.Subject) > 1000:
			return inField(field+".subject", "the subject must be one line")
		}
		for file, text := range p.Texts {
			if strings.Count(file, ".") > 1 || strings.ContainsAny(file, "/\\") {
				return inField(field+".texts", `%.80q does not say which channel: write it like "email" or "email.vi"`, file)
			}
			if len(text) > script.MaxMessageBytes {
				return inField(field+".texts", "the text for %s has %d bytes; the limit is %d", file, len(text), script.MaxMessageBytes)
			}
		}
		names, sum = append(names, p.Name), sum+p.Share
	}
	if sum < 99.99 || sum > 100.01 {
		return inField("parts", "the shares add up to %g percent, not to 100", sum)
	}
	return nil
}

// odds are the shares of the parts, as split has them.
func (b *Broadcast) odds() []float64 {
	sum := 0.0
	odds := make([]float64, len(b.Parts))
	for i := range b.Parts {
		sum += b.Parts[i].Share
	}
	for i := range b.Parts {
		odds[i] = b.Parts[i].Share / sum
	}
	return odds
}

// PartOf is the name of the message that a customer gets.
func (b *Broadcast) PartOf(customer lifecycle.ID) string {
	if len(b.Parts) == 1 {
		return b.Parts[0].Name
	}
	return b.Parts[script.SplitOf(customer, b.Name, b.odds())].Name
}

// raw is a JSON value for people: a text without its quotes.
func raw(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
