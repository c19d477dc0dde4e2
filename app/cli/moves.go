package cli

import (
	"encoding/json"
	"fmt"
	"os/user"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
)

// MoveWho says which customer, in which journey, and why.
type MoveWho struct {
	User    string `arg:"" help:"The customer: a user ID, an anonymous ID or the customer's own ID."`
	Journey string `arg:"" help:"The journey."`
}

// MoveHow is what every change of a place has besides.
type MoveHow struct {
	Why        string `name:"why" placeholder:"TEXT" help:"Why, for the customer's timeline."`
	Idempotent string `name:"idempotency-key" placeholder:"TEXT" help:"The same key within 30 days is the same change. Default: drawn, so that every run is another one."`
	JSON       bool   `name:"json" help:"Print JSON."`
	Remote
}

// MoveCommand moves one customer.
type MoveCommand struct {
	MoveWho
	To string `arg:"" help:"The stage, as the journey's moves allow."`
	MoveHow
}

// Run moves.
func (c *MoveCommand) Run(w *world) error { return c.change(w, c.MoveWho, "move", c.To, time.Time{}) }

// EnrolCommand enrols one customer.
type EnrolCommand struct {
	MoveWho
	MoveHow
}

// Run enrols.
func (c *EnrolCommand) Run(w *world) error { return c.change(w, c.MoveWho, "enrol", "", time.Time{}) }

// ExitCommand takes one customer out of a journey.
type ExitCommand struct {
	MoveWho
	MoveHow
}

// Run takes them out.
func (c *ExitCommand) Run(w *world) error { return c.change(w, c.MoveWho, "exit", "", time.Time{}) }

// PlaceCommand says where one customer is already.
type PlaceCommand struct {
	MoveWho
	To    string `arg:"" help:"The stage where they are. No handler runs, and nothing is sent."`
	Since string `name:"since" placeholder:"TIME" help:"When they came there, as in 2026-03-01 or 2026-03-01T09:00:00Z. Default: now."`
	MoveHow
}

// Run places them.
func (c *PlaceCommand) Run(w *world) error {
	since, ok := ParseTime(c.Since)
	if c.Since != "" && !ok {
		return lifecycle.Errorf(lifecycle.Invalid, "--since %q is not a date between 1900 and 2200; write it like 2026-03-01 or 2026-03-01T09:00:00Z", shorten(c.Since))
	}
	return c.change(w, c.MoveWho, "place", c.To, since)
}

// change asks the server, and says what became of it.
func (c *MoveHow) change(w *world, who MoveWho, act, to string, since time.Time) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if client.Idempotency = c.Idempotent; client.Idempotency == "" {
		client.Idempotency = uuid.NewString() // the client may repeat the call
	}
	request := map[string]any{"user": who.User, "journey": who.Journey, "act": act, "to": to, "why": c.Why, "by": operatorName()}
	if !since.IsZero() {
		request["entered"] = since
	}
	var answer json.RawMessage
	if _, err = client.Post(w.ctx, "/api/moves", request, &answer); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", answer)
		return err
	}
	var place struct{ From, To string }
	if err = json.Unmarshal(answer, &place); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s in %s: %s -> %s\n", who.User, who.Journey, placeName(place.From), placeName(place.To))
	return err
}

// placeName is a stage, for people.
func placeName(stage string) string {
	if stage == "" {
		return "(not in it)"
	}
	return stage
}

// operatorName is who works at this machine; "" if that cannot be told.
func operatorName() string {
	if me, err := user.Current(); err == nil {
		return me.Username
	}
	return ""
}
