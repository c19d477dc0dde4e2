package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// A form with a double opt-in makes an application: everything that will happen once its mail address is confirmed, and
// nothing that happens before. Until then there is only an applicant, a record that holds the address so that the question
// can be sent there; no journey begins for them, and marketing is refused.
//
// Keys of forms, in the partition of the applicant:
//
//	O p applicant, application -> Application
//	O m applicant              -> when questions were sent there
//	O c form                   -> FormCounts, in any partition

// FormSubmitted is the event by which a form's answers take effect; its property form is the form's name.
const FormSubmitted = "Form Submitted"

// RewardDownloaded is the event by which journeys learn that somebody has fetched what they were given.
const RewardDownloaded = "Reward Downloaded"

// Bounds of applications.
const (
	// ApplicationLife is how long an address may be confirmed.
	ApplicationLife = 7 * 24 * time.Hour
	// How often the owner of an address is asked, whoever sends forms with it: it may be somebody who wants to annoy them.
	questionsPerHour = 3
	questionsPerDay  = 6
)

// Application is a form that somebody has sent with a mail address that is still to be confirmed.
type Application struct {
	ID        lifecycle.ID        `msgpack:"i"`
	Form      string              `msgpack:"f"`
	Event     lifecycle.Event     `msgpack:"e"` // what happens then
	Words     []lifecycle.Consent `msgpack:"w"` // and what is agreed to
	Visitor   string              `msgpack:"v"` // the anonymous ID that the page gave
	Browser   lifecycle.ID        `msgpack:"b"` // who confirms in the same browser is the visitor, too
	At        time.Time           `msgpack:"a"`
	Expires   time.Time           `msgpack:"x"`
	Confirmed time.Time           `msgpack:"c"`
}

// Who is by which anonymous ID the form's sender is known once the address is confirmed in a browser. Anybody can name a
// visitor together with somebody else's address: only where it is the same browser are they the same person.
func (a *Application) Who(browser lifecycle.ID) string {
	if a.Confirmed.IsZero() && a.Visitor != "" && !browser.IsZero() && browser == a.Browser {
		return a.Visitor
	}
	return a.Event.AnonymousID
}

// Question is the message that asks whether an address is its owner's wish.
type Question struct {
	Messages *script.Program // of all forms
	Name     string
	Title    string // of the form
	URL      string // where the answer is given
}

// FormCounts are the figures of a form.
type FormCounts struct {
	Sent      int64     `json:"sent" msgpack:"s"`          // submissions that were taken
	Waiting   int64     `json:"waiting" msgpack:"-"`       // for their address to be confirmed
	Taken     int64     `json:"-" msgpack:"t"`             // submissions that wait for nothing: the form asks nobody to confirm
	Confirmed int64     `json:"confirmed" msgpack:"c"`     // addresses
	Quiet     int64     `json:"quiet" msgpack:"q"`         // not asked about any more: the address had been asked too often
	Rewards   int64     `json:"rewards" msgpack:"r"`       // downloads
	Expired   int64     `json:"expired" msgpack:"x"`       // never confirmed
	Last      time.Time `json:"last,omitzero" msgpack:"l"` // the newest submission
}

func (c *FormCounts) add(other FormCounts) {
	c.Sent, c.Waiting, c.Confirmed = c.Sent+other.Sent, c.Waiting+other.Waiting, c.Confirmed+other.Confirmed
	c.Quiet, c.Rewards, c.Expired, c.Taken = c.Quiet+other.Quiet, c.Rewards+other.Rewards, c.Expired+other.Expired, c.Taken+other.Taken
	c.Last = later(c.Last, other.Last)
}

func applicationPrefix(applicant lifecycle.ID) []byte { return append([]byte("Op"), applicant[:]...) }

func applicationKey(applicant, id lifecycle.ID) []byte {
	return append(applicationPrefix(applicant), id[:]...)
}

func askedKey(applicant lifecycle.ID) []byte { return append([]byte("Om"), applicant[:]...) }

func formCountsKey(form string) []byte { return append([]byte("Oc"), form...) }

// countForm changes a form's figures in this partition.
func countForm(tx store.Tx, form string, change func(c *FormCounts)) error {
	var counts FormCounts
	if data := tx.Get(formCountsKey(form)); data != nil {
		if err := store.Decode(data, &counts); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "the figures of form %s cannot be read", form)
		}
	}
	change(&counts)
	tx.Set(formCountsKey(form), store.Encode(&counts))
	return nil
}

// submit is the input "this form was sent, and takes effect at once".
type submit struct {
	Form   string
	Reward bool // what happens is that its reward was downloaded
	Receive
}

// Submit lets what a form says happen at once: the event, and words of consent. It comes from a public page, and proves
// nobody's identity. The same message ID of the same visitor is one submission.
func (e *Engine) Submit(ctx context.Context, form string, event lifecycle.Event, words []lifecycle.Consent) error {
	now := e.clock.Now()
	event.Type, event.Name, event.Public, event.Source = lifecycle.Track, FormSubmitted, true, lifecycle.FormSource(form)
	for i := range words {
		words[i].At = now
	}
	return e.submit(ctx, submit{Form: form, Receive: Receive{Event: event, At: now, Words: words}})
}

// Downloaded notes that somebody has fetched a form's reward. once tells downloads apart.
func (e *Engine) Downloaded(ctx context.Context, form, who, once string, properties json.RawMessage) error {
	now := e.clock.Now()
	event := lifecycle.Event{Type: lifecycle.Track, Name: RewardDownloaded, AnonymousID: who, Properties: properties, MessageID: once}
	return e.submit(ctx, submit{Form: form, Reward: true, Receive: Receive{Event: event, At: now}})
}

func (e *Engine) submit(ctx context.Context, in submit) error {
	in.Event.Received, in.Event.Timestamp = in.At, in.At
	if err := in.Event.Validate(); err != nil {
		return err
	}
	identity := in.Event.Identity()
	in.Mark = lifecycle.HashID("message", string(identity.Kind), identity.Value, in.Event.MessageID)
	if err := e.admit(1); err != nil {
		return err
	}
	defer e.pending.Add(-1)
	_, err := e.store.Do(ctx, identity.Hash().Partition(), in)
	return err
}

func (e *Engine) submitted(tx store.Tx, in submit) error {
	receipt, err := e.receive(tx, in.Receive)
	if err != nil || receipt.Duplicate {
		return err
	}
	return countForm(tx, in.Form, func(c *FormCounts) {
		if in.Reward {
			c.Rewards++
			return
		}
		c.Sent++
		c.Taken++
		c.Last = in.At
	})
}

// applied is the input "somebody sent this form; ask whether the address is theirs".
type applied struct {
	Application
	Applicant lifecycle.Identity
	Email     string
	Language  string
	Question  Question
	ready     *release
}

// TakeApplication takes a form that has no effect before its mail address is confirmed, and asks there. The address is asked only so
// often: whoever sends more is told the same, and nothing happens. The same ID is one application.
func (e *Engine) TakeApplication(ctx context.Context, a Application, applicant, email, language string, q Question) error {
	a.At = e.clock.Now()
	a.Expires = a.At.Add(ApplicationLife)
	a.Event.Type, a.Event.Name, a.Event.Received, a.Event.Timestamp = lifecycle.Track, FormSubmitted, a.At, a.At
	if err := a.Event.Validate(); err != nil {
		return err
	}
	source := q.Messages.Sources()
	in := applied{Application: a, Applicant: lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: applicant}, Email: email, Language: language,
		Question: q, ready: newRelease(source, q.Messages.Journey.Version)}
	_, err := e.store.Do(ctx, in.Applicant.Hash().Partition(), in)
	return err
}

func (e *Engine) applied(tx store.Tx, in applied) error {
	id := in.Applicant.Hash()
	key := applicationKey(id, in.ID)
	if tx.Has(key) {
		return nil
	}
	var asked []time.Time
	if data := tx.Get(askedKey(id)); data != nil {
		if err := store.Decode(data, &asked); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "when an address was asked cannot be read")
		}
	}
	asked = slices.DeleteFunc(asked, func(at time.Time) bool { return in.At.Sub(at) >= 24*time.Hour })
	lastHour := 0
	for _, at := range asked {
		if in.At.Sub(at) < time.Hour {
			lastHour++
		}
	}
	quiet := lastHour >= questionsPerHour || len(asked) >= questionsPerDay
	err := countForm(tx, in.Form, func(c *FormCounts) {
		c.Sent++
		if c.Last = in.At; quiet {
			c.Quiet++
		}
	})
	if err != nil || quiet {
		return err
	}
	tx.Set(askedKey(id), store.Encode(append(asked, in.At)))
	tx.Set(key, store.Encode(&in.Application))
	return e.askOwner(tx, in)
}

// askOwner puts the question into the outbox. It is the only message that ever goes to an applicant.
func (e *Engine) askOwner(tx store.Tx, in applied) error {
	if version := in.ready.version; !tx.Has(versionKey(version)) {
		tx.Set(versionKey(version), in.ready.stored())
	}
	program := e.remember(in.Question.Messages)
	s, err := e.open(tx, in.Applicant.Hash())
	if err != nil {
		return err
	}
	c := s.customer
	s.at, s.now = in.At, later(in.At, c.Clock)
	if !s.known {
		c.Identities = []lifecycle.Identity{in.Applicant}
		c.Created, c.Clock = s.now, s.now
		c.Say(lifecycle.Consent{At: s.now, Source: "form " + in.Form + ", not confirmed"})
	}
	for name, value := range map[string]string{"email": in.Email, "locale": in.Language} {
		if value != "" {
			data, _ := json.Marshal(value) // a text
			c.SetTrait(name, data)
		}
	}
	properties, err := json.Marshal(map[string]any{"form": in.Form, "title": in.Question.Title, "confirm_url": in.Question.URL, "expires": in.Expires})
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "a question cannot be written as JSON")
	}
	m := &lifecycle.Message{
		ID: lifecycle.HashID("form question", in.ID.Part()), Customer: c.ID, User: in.Email, Journey: program.Journey.Name, Version: program.Journey.Version,
		Name: in.Question.Name, Channel: "email", Kind: lifecycle.Transactional, Decided: in.At, Due: in.At, Expires: in.Expires, State: lifecycle.Queued,
		Direct: true, Options: map[string]string{lifecycle.OptionFallback: "false"},
		Event: lifecycle.Event{Type: lifecycle.Track, Name: "Confirmation Requested", AnonymousID: in.Applicant.Value, MessageID: in.ID.String(),
			Timestamp: in.At, Received: in.At, Properties: properties},
	}
	s.note(lifecycle.Fact{Kind: lifecycle.FactMessage, Journey: m.Journey, Name: m.Name, Reason: string(m.State), Version: m.Version, Message: m.ID})
	e.outbox.Put(tx, m, c, in.At)
	return s.save()
}

// applicationOf asks for an application.
type applicationOf struct {
	Applicant, ID lifecycle.ID
	At            time.Time
}

// Application returns an application, as long as it can be confirmed or was.
func (e *Engine) Application(ctx context.Context, applicant, id lifecycle.ID) (Application, error) {
	answer, err := e.store.Ask(ctx, applicant.Partition(), applicationOf{applicant, id, e.clock.Now()})
	if err != nil {
		return Application{}, err
	}
	return answer.(Application), nil
}

// formFigures asks for the figures of all forms in a partition.
type formFigures struct{}

func (e *Engine) formFigures(tx store.Reader) (map[string]FormCounts, error) {
	figures := map[string]FormCounts{}
	prefix := []byte("Oc")
	var failed error
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var counts FormCounts
		if failed = store.Decode(value, &counts); failed == nil {
			figures[string(bytes.TrimPrefix(key, prefix))] = counts
		}
		return failed == nil
	})
	return figures, failed
}

// FormFigures returns the figures of all forms that somebody has sent.
func (e *Engine) FormFigures(ctx context.Context) (map[string]FormCounts, error) {
	all := map[string]FormCounts{}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, formFigures{})
		if err != nil {
			return nil, err
		}
		for name, counts := range answer.(map[string]FormCounts) {
			sum := all[name]
			sum.add(counts)
			all[name] = sum
		}
	}
	for name, c := range all {
		c.Waiting = c.Sent - c.Taken - c.Quiet - c.Confirmed - c.Expired
		all[name] = c
	}
	return all, nil
}
