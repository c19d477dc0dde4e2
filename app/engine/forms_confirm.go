package engine

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// confirm is the input "the owner of the address agrees".
type confirm struct {
	Applicant lifecycle.ID
	ID        lifecycle.ID
	Browser   lifecycle.ID
	Add       map[string]any
	At        time.Time
	Owner     lifecycle.ID // the customer whose address it is known to be; zero: nobody's
}

// Confirm lets an application take effect and returns it; Confirmed says since when. add goes into the properties of the
// event, as proof. Who confirms twice changes nothing. One
// that is not there, or has expired, is NotFound.
func (e *Engine) Confirm(ctx context.Context, applicant, id, browser lifecycle.ID, add map[string]any) (Application, error) {
	in := confirm{Applicant: applicant, ID: id, Browser: browser, Add: add, At: e.clock.Now()}
	a, err := e.Application(ctx, applicant, id)
	if err != nil || !a.Confirmed.IsZero() {
		return a, err
	}
	// Whose address it is known to be says it themselves: said by somebody who becomes one with them, it would not lift what they
	// have refused before.
	for _, address := range said(&a.Event) {
		if address.Kind != lifecycle.EmailIdentity {
			continue // this is what was confirmed
		}
		who, err := e.WhoHas(ctx, address)
		if err != nil || who.Customer.IsZero() || who.Suspicion != nil {
			continue // they meet afterwards
		}
		if c, err := e.Record(ctx, who.Customer); err == nil && c.Knows(address) && !c.Applicant() {
			in.Owner = c.ID
		}
	}
	answer, err := e.store.Do(ctx, applicant.Partition(), in)
	if err != nil {
		return Application{}, err
	}
	return answer.(Application), nil
}

func (e *Engine) confirm(tx store.Tx, in confirm) (Application, error) {
	key := applicationKey(in.Applicant, in.ID)
	a, err := readApplication(tx.Get(key), in.At)
	if err != nil || !a.Confirmed.IsZero() {
		return a, err
	}
	var properties map[string]any
	if json.Unmarshal(a.Event.Properties, &properties) != nil || properties == nil {
		properties = map[string]any{}
	}
	properties["confirmed_at"] = in.At.UTC()
	maps.Copy(properties, in.Add)
	if a.Event.Properties, err = json.Marshal(properties); err != nil {
		return a, lifecycle.Wrap(lifecycle.Internal, err, "an application cannot be written as JSON")
	}
	a.Event.AnonymousID = a.Who(in.Browser)
	a.Confirmed = in.At
	event := a.Event
	event.Received, event.Timestamp, event.Source = in.At, in.At, lifecycle.FormSource(a.Form)
	for i := range a.Words {
		a.Words[i].At = in.At
	}
	mark := lifecycle.HashID("form confirmed", a.ID.Part())
	event.MessageID = mark.String()
	target := in.Owner
	if target.IsZero() {
		target = event.Identity().Hash()
	}
	e.instruct(tx, in.At, mark, 26, instruction{Receive: &Receive{Event: event, At: in.At, Mark: mark, Words: a.Words, Target: target}})
	a.Event.Traits, a.Event.Context = nil, nil // they are the customer's now
	tx.Set(key, store.Encode(&a))
	return a, countForm(tx, a.Form, func(c *FormCounts) { c.Confirmed++ })
}

func readApplication(data []byte, at time.Time) (a Application, err error) {
	if data == nil {
		return a, lifecycle.Errorf(lifecycle.NotFound, "there is nothing to confirm here any more")
	}
	if err = store.Decode(data, &a); err != nil {
		return a, lifecycle.Wrap(lifecycle.Internal, err, "an application cannot be read")
	}
	if !at.Before(a.Expires) {
		return a, lifecycle.Errorf(lifecycle.NotFound, "this was to be confirmed before %s", a.Expires.UTC().Format(time.DateOnly))
	}
	return a, nil
}
