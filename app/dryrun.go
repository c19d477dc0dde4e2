package app

import (
	"context"
	"fmt"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// dryRunLasts is how far a dry run looks ahead.
const dryRunLasts = 30 * 24 * time.Hour

// maxDryRun is how much may be decided at the event, and again in the time behind it: it runs in the server's memory.
const maxDryRun = 5000

// Bounds of what a dry run shows.
const (
	maxDryLines    = 500     // of each of its two parts
	maxDryMessages = 200     // messages
	maxDryBytes    = 2 << 20 // of what they say; the later ones are named only
)

// firstLines keeps as many lines as are shown, and says how many there are besides.
func firstLines(lines []string) []string {
	if more := len(lines) - maxDryLines; more > 0 {
		return append(lines[:maxDryLines:maxDryLines], fmt.Sprintf("… and %d lines more", more))
	}
	return lines
}

// DryRun says what a version of a journey would do with one customer: now, at an event, and in the days of silence
// behind it. Nothing of it happens.
type DryRun struct {
	Journey  string          `json:"journey"`
	Version  string          `json:"version"`
	Customer string          `json:"customer"`
	User     string          `json:"user"`
	Event    string          `json:"event,omitempty"`
	At       time.Time       `json:"at"`
	Until    time.Time       `json:"until"`
	Before   string          `json:"before"` // the stage in which the customer is; empty: in none
	Now      []string        `json:"now"`    // what happens at once, a line each
	Later    []string        `json:"later"`  // what follows if nothing else happens, with its time
	After    string          `json:"after"`  // the stage at the end
	Messages []DryRunMessage `json:"messages"`
	Failure  *DryRunFailure  `json:"failure,omitempty"` // a script that failed; what is told ends there
	Note     string          `json:"note"`
}

// DryRunMessage is a message that would be decided.
type DryRunMessage struct {
	Name    string    `json:"name"`
	Channel string    `json:"channel"`
	At      time.Time `json:"at"`
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	To      string    `json:"to,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Text    string    `json:"text,omitempty"`
	HTML    string    `json:"html,omitempty"`
	File    string    `json:"file"`
	Line    int       `json:"line"`
}

// DryRunFailure is where and why a script failed.
type DryRunFailure struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

const dryRunNote = "The same engine ran this on a copy of the customer. Other journeys were left out, and messages counted as accepted at once."

// DryRun lets the engine run a source on a copy of a customer: what happens now at an event (nil: none), and in the 30
// days of silence behind it.
func (p *publisher) DryRun(ctx context.Context, source script.Source, customer lifecycle.ID, event *lifecycle.Event) (any, error) {
	program, err := compile(p.host, source)
	if err != nil {
		return nil, err
	}
	copied, err := p.engine.CopyOf(ctx, customer)
	if err != nil {
		return nil, err
	}
	// Runs under way go on with the versions that they began with; the draft is the newest.
	var sources []script.Source
	for _, old := range copied.Sources {
		if old.Name == source.Name && old.Version() != source.Version() {
			sources = append(sources, old)
		}
	}
	lab, err := newLaboratory(ctx, p.host, append(sources, source), channelsOf(program), maxDryRun)
	if err != nil {
		return nil, err
	}
	defer lab.scratch.close()
	// A customer's time never goes back, and what was due until now has fired in the real store.
	now := p.clock.Now()
	copied.Customer.SetLapse(time.Time{}, now) // a test person's days are days here
	if copied.Customer.Clock.After(now) {
		now = copied.Customer.Clock
	}
	lab.begin(now)
	if err = lab.engine.Paste(ctx, copied); err != nil {
		return nil, err
	}
	lab.mu.Lock()
	lab.meet(copied.Customer.ID)
	lab.mu.Unlock()
	run := &DryRun{Journey: source.Name, Version: source.Version(), Customer: copied.Customer.ID.String(), User: copied.Customer.UserID(),
		At: now, Until: now.Add(dryRunLasts), Before: stageOf(copied.Customer, source.Name), Now: []string{}, Later: []string{},
		Messages: []DryRunMessage{}, Note: dryRunNote}
	before, err := lab.happened(ctx, copied.Customer.ID, maxLooked)
	if err != nil {
		return nil, err
	}
	err = run.play(ctx, lab, copied.Customer, event)
	if err == nil {
		err = lab.Advance(ctx, run.Until)
	}
	if err != nil {
		if run.Failure = failureOf(err); run.Failure == nil {
			return nil, err
		}
	}
	return run, run.tell(ctx, lab, copied.Customer.ID, len(before))
}

func stageOf(c *lifecycle.Customer, journey string) string {
	if visit := c.Visit(journey); visit != nil {
		return visit.Stage
	}
	return ""
}

// play lets the event happen to the copy.
func (d *DryRun) play(ctx context.Context, lab *laboratory, c *lifecycle.Customer, event *lifecycle.Event) error {
	if event == nil {
		return lab.Advance(ctx, d.At)
	}
	happens := *event
	happens.UserID, happens.AnonymousID = c.UserID(), ""
	if happens.UserID == "" {
		happens.AnonymousID = c.AnonymousID()
	}
	happens.MessageID, happens.Timestamp, happens.Received = "dry run", d.At, d.At
	if happens.Type == "" {
		happens.Type = lifecycle.Track
	}
	if d.Event = happens.Name; d.Event == "" {
		d.Event = string(happens.Type)
	}
	if err := happens.Validate(); err != nil {
		return err
	}
	return lab.Receive(ctx, happens)
}

func failureOf(err error) *DryRunFailure {
	if e, ok := err.(*lifecycle.Error); ok && e.Code == lifecycle.ScriptFailed {
		return &DryRunFailure{e.File, e.Line, e.Message, e.Hint}
	}
	return nil
}

// tell takes down what the copy has lived through, apart from what the customer had.
func (d *DryRun) tell(ctx context.Context, lab *laboratory, id lifecycle.ID, had int) error {
	life, err := lab.life(ctx, id)
	if err != nil {
		return err
	}
	d.After = stageOf(life.Customer, d.Journey)
	now := &script.Life{Customer: life.Customer, Messages: life.Messages}
	later := &script.Life{Customer: life.Customer, Messages: life.Messages}
	for _, h := range life.Happened[min(had, len(life.Happened)):] {
		if h.At.After(d.At) {
			later.Happened = append(later.Happened, h)
		} else {
			now.Happened = append(now.Happened, h)
		}
	}
	d.Now, d.Later = append(d.Now, firstLines(now.Story())...), append(d.Later, firstLines(later.Story())...)
	bytes := 0
	for _, m := range life.Messages[:min(len(life.Messages), maxDryMessages)] {
		said := DryRunMessage{Name: m.Name, Channel: m.Channel, At: m.Decided, State: string(m.State), Reason: m.Reason, File: m.File, Line: m.Line}
		if r := m.Rendered; r != nil && bytes < maxDryBytes {
			bytes += len(r.Text) + len(r.HTML)
			said.To, said.Subject, said.Text, said.HTML = r.To, r.Subject, r.Text, r.HTML
		}
		d.Messages = append(d.Messages, said)
	}
	return nil
}
