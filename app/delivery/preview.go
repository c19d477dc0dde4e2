package delivery

import (
	"cmp"
	"maps"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Sample is a message that somebody looks at before customers get it.
type Sample struct {
	Template *lifecycle.Template
	Kind     lifecycle.MessageKind // as the file without a language says it; "" is marketing
	Customer *lifecycle.Customer
	Event    lifecycle.Event // behind the message
	Journey  string
	Stage    string
	Options  map[string]string
	At       time.Time
}

// Preview renders a message as the customer would get it, whole. Policy is not asked, and nothing is kept. Its links to
// unsubscribe and to the customer's page lead nowhere: whoever looks at it is somebody else. Nothing in it is tracked. To is
// the customer's address, "" without one.
func (d *Delivery) Preview(s *Sample) (rendered lifecycle.Rendered, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = lifecycle.Errorf(lifecycle.Internal, "the template could not be rendered: %v", cause)
		}
	}()
	m := &lifecycle.Message{Customer: s.Customer.ID, Journey: s.Journey, Name: s.Template.Name, Channel: s.Template.Channel, Kind: cmp.Or(s.Kind, lifecycle.Marketing)}
	scope := Scope{Customer: s.Customer, Event: &s.Event, Journey: s.Journey, Stage: s.Stage, PublicURL: d.publicURL, Now: s.At, Options: s.Options}
	d.specimenLinks(&scope, m)
	if rendered, err = d.renderer.RenderParts(s.Template, "", scope); err != nil {
		return lifecycle.Rendered{}, err
	}
	d.policy.label(&rendered, m)
	language := languageOf(rendered.Locale)
	rendered = Whole(rendered)
	if lifecycle.KindOf(m.Channel) == "email" && m.Kind == lifecycle.Marketing && d.links.Enabled() {
		rendered = withUnsubscribe(rendered, scope.Unsubscribe, scope.Preferences, language)
	}
	rendered.To, _ = s.Customer.Address(m.Channel)
	rendered.Date = s.At
	return rendered, nil
}

// Doubts says what a template prints that not everybody has, unless there says so of the variable, and which links lead
// wherever a value says.
func (d *Delivery) Doubts(t lifecycle.Template, there func(variable string) bool) (missing, others []*lifecycle.Error) {
	known := func(variable string) bool { return d.HasLink(variable) || there(variable) }
	return MissingVariables(t, known), CheckLinks(t)
}

// Try writes a message that is not decided yet, and says why that is not possible. Nothing is kept.
func (d *Delivery) Try(t *lifecycle.Template, customer *lifecycle.Customer, event *lifecycle.Event, m *lifecycle.Message) error {
	_, err := d.Preview(&Sample{Template: t, Kind: m.Kind, Customer: customer, Event: *event, Journey: m.Journey, Stage: m.Stage, Options: m.Options, At: m.Due})
	return err
}

// testLife is how long a test may take to leave. One that comes later confuses more than it tells.
const testLife = time.Hour

// TestSend is the input "send this to the one who asked for it, to see what it looks like there". It goes through the
// connector and stands in the ledger, but no figure counts it, nothing holds it back except a brake or a pause, also in
// shadow, and what comes back of it is nobody's answer. An address of the customer's that is
// suppressed is refused, and who asks has asked the address itself. The input may be repeated. It answers the message's reference.
type TestSend struct {
	ID       lifecycle.ID // of the message
	Customer lifecycle.ID // for whom it was rendered, and in whose partition it is
	User     string
	Journey  string
	File     string // of the template
	Name     string
	Channel  string
	Rendered lifecycle.Rendered // with the address that it goes to
	At       time.Time
}

func (d *Delivery) testSend(tx store.Tx, in TestSend) (ref string, err error) {
	if d.lane(in.Channel+directLane) == nil {
		return "", lifecycle.Errorf(lifecycle.Unavailable, "there is no connector for %s", in.Channel)
	}
	m := lifecycle.Message{
		ID: in.ID, Customer: in.Customer, User: in.User, Journey: in.Journey, File: in.File, Line: 1, Name: in.Name, Channel: in.Channel,
		Kind: lifecycle.Transactional, Decided: in.At, Due: in.At, Expires: in.At.Add(testLife), State: lifecycle.Queued,
		Test: true, Direct: true, Options: map[string]string{sampleOption: in.Rendered.To},
	}
	key := messageKey(m.Decided, m.ID)
	ref = refTo(tx.Partition(), key)
	if tx.Has(key) {
		return ref, nil
	}
	var customer lifecycle.Customer
	if data := tx.Get(append([]byte{'c'}, in.Customer[:]...)); data != nil && store.Decode(data, &customer) == nil {
		if found, is := customer.Suppressed(in.Channel, in.Rendered.To); is {
			return "", ErrBarred(&found)
		}
	}
	rendered := in.Rendered
	markSample(&rendered, in.Channel)
	tx.Set(key, store.Encode(&decided{Message: m, Attempt: &attempt{At: in.At, Rendered: rendered}}))
	d.queue(tx, &m)
	return ref, nil
}

// ErrBarred is why no test goes to an address that is suppressed.
func ErrBarred(by *lifecycle.Suppression) error {
	err := lifecycle.Errorf(lifecycle.Conflict, "nothing is sent to this address any more: it is suppressed, %s", by.Reason)
	err.Field, err.Hint = "to", "send the test to an address of yours"
	return err
}

// sampleOption marks a message that somebody sent to an address of their own, to look at it.
const sampleOption = "test to"

func isSample(m *lifecycle.Message) bool { return m.Options[sampleOption] != "" }

// SampleMark is what a test begins with: its subject, title or text.
const SampleMark = "[Test] "

// markSample makes it plain to whoever gets it that this is a test.
func markSample(rendered *lifecycle.Rendered, channel string) {
	const mark = SampleMark
	switch {
	case lifecycle.KindOf(channel) == "email":
		rendered.Subject = mark + rendered.Subject
		rendered.Headers = maps.Clone(rendered.Headers)
		if rendered.Headers == nil {
			rendered.Headers = map[string]string{}
		}
		rendered.Headers[TestHeader] = "sample"
	case rendered.Data["title"] != "":
		rendered.Data = maps.Clone(rendered.Data)
		rendered.Data["title"] = mark + rendered.Data["title"]
	default:
		rendered.Text = mark + rendered.Text
	}
}
