package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// tellings keeps what a teller is told, and fails as the test says.
type tellings struct {
	mu   sync.Mutex
	told []string
	fail error
}

func (t *tellings) Tell(_ store.Tx, message lifecycle.Ref, from, event string, data map[string]string, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fail != nil {
		return t.fail
	}
	t.told = append(t.told, fmt.Sprint(event, " ", from, " ", data))
	return nil
}

// centre is a call centre on a real outbox.
type centre struct {
	*post
	calls *delivery.Calls
	told  *tellings
}

func newCentre(t *testing.T, policy delivery.Policy) *centre {
	t.Helper()
	c := &centre{told: &tellings{}}
	c.post = newPost(t, newConnector(), func(p *post) {
		p.policy = policy
		p.templates["ring"] = &lifecycle.Template{Front: map[string]string{"subject": "Ask {{ customer.first_name }} how it went"}, Body: "Good morning, {{ customer.first_name }}."}
		p.connect = func(d *delivery.Delivery) {
			c.calls = d.Calls(c.told, []string{"interested"})
			d.Connect("call", c.calls.Behind(p.connector))
		}
	})
	c.run()
	return c
}

// ring has a message said to a customer by telephone, and waits until it is in the queue.
func (c *centre) ring(customer lifecycle.ID, kind lifecycle.MessageKind, change ...func(*lifecycle.Message)) string {
	c.t.Helper()
	m := c.message(customer, kind, "ring")
	m.Channel, m.User = "call", "user of "+m.ID.String()
	for _, change := range change {
		change(m)
	}
	c.put(m)
	c.becomes(m, lifecycle.Accepted)
	return m.Ref().String()
}

func (c *centre) person(name, phone string) lifecycle.ID {
	return c.customer("phone", phone, "first_name", name)
}

// list returns the references that a query finds.
func (c *centre) list(q delivery.CallQuery) []string {
	c.t.Helper()
	list, err := c.calls.List(context.Background(), q)
	if err != nil {
		c.t.Fatal(err)
	}
	refs := []string{}
	for _, call := range list.Calls {
		refs = append(refs, call.Ref())
	}
	return refs
}

func (c *centre) shows(what string, q delivery.CallQuery, want ...string) {
	c.t.Helper()
	if got := c.list(q); !reflect.DeepEqual(got, append([]string{}, want...)) {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (c *centre) claim(ref, agent string) *delivery.Call {
	c.t.Helper()
	call, err := c.calls.Claim(context.Background(), ref, agent)
	if err != nil {
		c.t.Fatal(err)
	}
	return call
}

func (c *centre) closes(ref string, ending delivery.Ending) *delivery.Call {
	c.t.Helper()
	call, err := c.calls.Close(context.Background(), ref, ending)
	if err != nil {
		c.t.Fatal(err)
	}
	return call
}

// refused checks an error of a code that says something.
func refused(t *testing.T, err error, code lifecycle.Code, says string) {
	t.Helper()
	if lifecycle.CodeOf(err) != code || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%v (%s), want %s that says %q", err, lifecycle.CodeOf(err), code, says)
	}
}

var (
	open    = delivery.CallQuery{State: delivery.CallOpen}
	held    = delivery.CallQuery{State: delivery.CallOpen, Held: true}
	later   = delivery.CallQuery{State: delivery.CallOpen, Later: true}
	claimed = delivery.CallQuery{State: delivery.CallClaimed}
	closed  = delivery.CallQuery{State: delivery.CallClosed}
)

func TestACallIsClaimedAndClosed(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ref := c.ring(c.person("Ada", "+44 20 7946 0001"), owed)
	c.shows("open", open, ref)
	call := c.claim(ref, " Grace ")
	if call.Number != "+442079460001" || call.About != "Ask Ada how it went" || call.Text != "Good morning, Ada.\n" || call.Agent != "Grace" ||
		call.State != delivery.CallClaimed || !call.Due.Equal(start.Add(15*time.Minute)) || call.Journey != "j" || call.Name != "ring" {
		t.Errorf("the call is %+v", call)
	}
	c.shows("open", open)
	c.shows("claimed", claimed, ref)
	c.shows("somebody else's", delivery.CallQuery{State: delivery.CallClaimed, Agent: "Edsger"})
	_, err := c.calls.Claim(context.Background(), ref, "Edsger")
	refused(t, err, lifecycle.Conflict, "Grace has this call until 2026-03-01 12:15 UTC")
	_, err = c.calls.Close(context.Background(), ref, delivery.Ending{Agent: "Edsger", Disposition: "busy"})
	refused(t, err, lifecycle.Conflict, "this call is Grace's")
	ending := delivery.Ending{Agent: "Grace", Disposition: "interested", Note: " two boxes "}
	call = c.closes(ref, ending)
	if call.State != delivery.CallClosed || call.Disposition != "interested" || call.Note != "two boxes" || !call.Closed.Equal(start) {
		t.Errorf("the call is %+v", call)
	}
	c.closes(ref, ending) // the answer to the first time was lost
	ending.Disposition = "busy"
	_, err = c.calls.Close(context.Background(), ref, ending)
	refused(t, err, lifecycle.Conflict, "Grace closed this call as interested")
	_, err = c.calls.Claim(context.Background(), ref, "Grace")
	refused(t, err, lifecycle.Conflict, "Grace closed this call as interested")
	c.shows("claimed", claimed)
	c.shows("closed", closed, ref)
	if want := []string{"completed +442079460001 map[agent:Grace disposition:interested note:two boxes]"}; !reflect.DeepEqual(c.told.told, want) {
		t.Errorf("told: %q", c.told.told)
	}
}

// What is owed comes before marketing, an agreed time before both, and among equals the one that has waited longest.
func TestTheNextCall(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	number := 0
	ring := func(kind lifecycle.MessageKind) string {
		number++
		defer c.clock.Advance(time.Minute)
		return c.ring(c.person("Ada", fmt.Sprintf("+4420794600%02d", number)), kind)
	}
	first, second := ring(wanted), ring(wanted)
	due, agreed := ring(owed), ring(wanted)
	c.claim(agreed, "Grace")
	c.closes(agreed, delivery.Ending{Agent: "Grace", Disposition: "call-back", Until: start.Add(time.Hour)})
	c.shows("open", open, due, first, second)
	c.shows("later", later, agreed)
	_, err := c.calls.Claim(context.Background(), agreed, "Grace")
	refused(t, err, lifecycle.Conflict, "this call waits until 2026-03-01 13:00 UTC")
	c.clock.Set(start.Add(time.Hour))
	c.shows("later", later)
	for _, want := range []string{agreed, due, first, second} {
		call, err := c.calls.Next(context.Background(), "Grace")
		if err != nil || call == nil || call.Ref() != want {
			t.Fatalf("%+v, %v, want %s", call, err, want)
		}
	}
	if call, err := c.calls.Next(context.Background(), "Grace"); call != nil || err != nil {
		t.Errorf("there is one more: %+v, %v", call, err)
	}
	if _, err = c.calls.Release(context.Background(), first, "Grace"); err != nil {
		t.Fatal(err)
	}
	c.shows("open", open, first)
	list, err := c.calls.List(context.Background(), delivery.CallQuery{State: delivery.CallClaimed, Limit: 2})
	if err != nil || len(list.Calls) != 2 || list.Waiting != 1 || list.More {
		t.Errorf("%+v, %v", list, err)
	}
}

// However many calls of a paused journey come first, those behind them are made.
func TestTheNextCallBehindPausedOnes(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	person := c.person("Ada", "+442079460000")
	for range 201 {
		c.ring(person, owed, func(m *lifecycle.Message) { m.Journey = "paused" })
	}
	free := c.ring(person, wanted)
	if err := c.delivery.PauseMessages(context.Background(), delivery.Target{Journey: "paused"}, "Grace", ""); err != nil {
		t.Fatal(err)
	}
	if call, err := c.calls.Next(context.Background(), "Grace"); err != nil || call == nil || call.Ref() != free {
		t.Errorf("%+v, %v, want %s", call, err, free)
	}
}

// What nobody can claim does not wait for an agent: it is held, and says by what.
func TestHeldCallsAreNotOpen(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	person := c.person("Ada", "+442079460000")
	kept := c.ring(person, owed, func(m *lifecycle.Message) { m.Journey = "paused" })
	free := c.ring(person, wanted)
	shows := func(what string, waiting int, now, kept []string) {
		t.Helper()
		c.shows(what+", open", open, now...)
		c.shows(what+", held", held, kept...)
		if list, err := c.calls.List(context.Background(), later); err != nil || list.Waiting != waiting || list.More {
			t.Errorf("%s: %+v, %v, want %d that wait", what, list, err, waiting)
		}
	}
	shows("nothing is held", 2, []string{kept, free}, nil)
	target := delivery.Target{Journey: "paused"}
	c.must(c.delivery.PauseMessages(context.Background(), target, "Grace", "the script is wrong"))
	shows("one is", 1, []string{free}, []string{kept})
	if list, err := c.calls.List(context.Background(), held); err != nil || list.Calls[0].Reason != "paused by Grace: the script is wrong" {
		t.Errorf("%+v, %v", list, err)
	}
	c.delivery.Pause("call", true)
	shows("all are", 0, nil, []string{kept, free})
	c.delivery.Pause("call", false)
	c.must(c.delivery.ResumeMessages(context.Background(), target, "Grace"))
	shows("nothing is held any more", 2, []string{kept, free}, nil)
}

// What is listed is read, and no more: however many wait, where nothing is held they are counted by their keys.
func TestAListOfCallsReadsThoseThatItShows(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	person := c.person("Ada", "+442079460000")
	const all, shown = 100, 10
	for range all {
		c.ring(person, owed)
	}
	reads := func(what string, q delivery.CallQuery, waiting int) int {
		t.Helper()
		least := math.MaxInt
		for range 5 { // others read as well: after an order each partition is asked what there is to do
			before := c.looked.Load()
			if list, err := c.calls.List(context.Background(), q); err != nil || list.Waiting != waiting {
				t.Errorf("%s: %d wait, %v, want %d", what, list.Waiting, err, waiting)
			}
			least = min(least, int(c.looked.Load()-before))
		}
		return least
	}
	few := open
	few.Limit = shown
	some := lifecycle.Partitions + shown + 1 // the orders of every partition, and the calls; one more tells that there is more
	if n := reads("open", few, all); n > some {
		t.Errorf("the first %d of %d are listed: %d records were read, want no more than %d", shown, all, n, some)
	}
	if n := reads("held", held, all); n > lifecycle.Partitions {
		t.Errorf("nothing is held: %d records were read, want no more than %d", n, lifecycle.Partitions)
	}
	c.must(c.delivery.PauseMessages(context.Background(), delivery.Target{Channel: "email"}, "Grace", ""))
	if n := reads("open, and mails are paused", few, all); n > some {
		t.Errorf("mails are paused: %d records were read, want no more than %d", n, some)
	}
	c.must(c.delivery.PauseMessages(context.Background(), delivery.Target{Channel: "call"}, "Grace", ""))
	if n := reads("claimed, and calls are paused", claimed, 0); n > some {
		t.Errorf("calls are paused: %d records were read, want no more than %d", n, some)
	}
	c.must(c.delivery.ResumeMessages(context.Background(), delivery.Target{Channel: "call"}, "Grace"))
	c.modes.set("other", lifecycle.Braked) // from here on each may be held
	reads("open, and another journey is braked", few, all)
	before := c.looked.Load()
	if call, err := c.calls.Next(context.Background(), "Grace"); err != nil || call == nil {
		t.Errorf("%+v, %v", call, err)
	}
	if n := int(c.looked.Load() - before); n >= some+all {
		t.Errorf("the next one: %d records were read to find it; nobody asked how many wait", n)
	}
}

// A call that cannot be read, or is not there, is in nobody's way.
func TestACallThatCannotBeRead(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	person := c.person("Ada", "+442079460000")
	var refs []string
	for range 4 {
		refs = append(refs, c.ring(person, owed))
		c.clock.Advance(time.Minute)
	}
	key := func(ref string) []byte {
		known, err := lifecycle.ParseRef(ref)
		c.must(err)
		return append([]byte("qt"), known.ID[:]...)
	}
	c.shows("all are sound", open, refs...)
	c.do(person.Partition(), func(tx store.Tx) { tx.Set(key(refs[0]), []byte("broken")); tx.Delete(key(refs[1])) })
	for _, mode := range []lifecycle.Mode{lifecycle.Live, lifecycle.Braked} { // of a journey that has none of them
		c.modes.set("other", mode)
		c.shows("open", open, refs[2:]...)
		for _, q := range []delivery.CallQuery{held, later, claimed, closed} {
			c.shows(fmt.Sprintf("%+v", q), q)
		}
	}
	if call, err := c.calls.Next(context.Background(), "Grace"); err != nil || call == nil || call.Ref() != refs[2] {
		t.Errorf("the next one is %+v, %v, want %s", call, err, refs[2])
	}
}

// An agent who goes home with a call in hand gives it back by doing nothing.
func TestALeaseEnds(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ref := c.ring(c.person("Ada", "+442079460001"), owed)
	c.claim(ref, "Grace")
	c.clock.Advance(10 * time.Minute)
	c.claim(ref, "Grace") // has it for longer
	c.clock.Advance(14 * time.Minute)
	c.shows("still claimed", claimed, ref)
	c.clock.Advance(time.Minute)
	c.shows("claimed", claimed)
	c.shows("open", open, ref)
	c.claim(ref, "Edsger")
	_, err := c.calls.Close(context.Background(), ref, delivery.Ending{Agent: "Grace", Disposition: "reached"})
	refused(t, err, lifecycle.Conflict, "this call is Edsger's")
	c.clock.Advance(time.Hour)
	c.closes(ref, delivery.Ending{Agent: "Edsger", Disposition: "reached"}) // nobody else took it
}

func TestWhatACallMeansForFurtherOnes(t *testing.T) {
	for disposition, want := range map[string][]string{
		"refused":      {"completed +442079460001 map[agent:Grace disposition:refused]", "unsubscribed +442079460001 map[source:call]"},
		"wrong-number": {"completed +442079460001 map[agent:Grace disposition:wrong-number gone:1]"},
		"no-answer":    {"completed +442079460001 map[agent:Grace disposition:no-answer]"},
	} {
		c := newCentre(t, delivery.Policy{})
		ref := c.ring(c.person("Ada", "+442079460001"), wanted)
		c.claim(ref, "Grace")
		c.closes(ref, delivery.Ending{Agent: "Grace", Disposition: disposition})
		if !reflect.DeepEqual(c.told.told, want) {
			t.Errorf("%s: %q", disposition, c.told.told)
		}
	}
}

// The event and the end of the call are in one commit: if one cannot be, the other is not.
func TestACallIsNotClosedWithoutItsEvent(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ref := c.ring(c.person("Ada", "+442079460001"), owed)
	c.claim(ref, "Grace")
	c.told.fail = errors.New("no room")
	if _, err := c.calls.Close(context.Background(), ref, delivery.Ending{Agent: "Grace", Disposition: "reached"}); err == nil {
		t.Error("it was closed")
	}
	c.shows("claimed", claimed, ref)
	c.told.fail = lifecycle.Errorf(lifecycle.NotFound, "nobody is there") // erased meanwhile
	c.closes(ref, delivery.Ending{Agent: "Grace", Disposition: "reached"})
	c.shows("closed", closed, ref)
}

// What the customer said since, and the hours of the day, hold for the moment at which an agent would dial.
func TestPolicyIsAskedWhenACallIsClaimed(t *testing.T) {
	c := newCentre(t, delivery.Policy{Hours: map[string][]delivery.Hours{"call": {{Days: [7]bool{true, true, true, true, true, true, true}, From: 8 * 60, To: 17 * 60}}}})
	said := c.person("Ada", "+442079460001")
	no, evening, agreed := c.ring(said, wanted), c.ring(c.person("Bob", "+442079460002"), wanted), c.ring(c.person("Cy", "+442079460003"), wanted)
	urgent, moved := c.ring(c.person("Di", "+442079460004"), owed), c.person("Eve", "+442079460005")
	elsewhere := c.ring(moved, owed)
	c.traits(said, "phone", "+442079460001", "first_name", "Ada", "unsubscribed", true)
	c.traits(moved, "phone", "+442079460099", "first_name", "Eve")
	_, err := c.calls.Claim(context.Background(), no, "Grace")
	refused(t, err, lifecycle.Conflict, "not to be made any more: opted out")
	if call, err := c.calls.Find(context.Background(), no); err != nil || call.State != delivery.CallDropped || call.Reason != "opted out" {
		t.Errorf("%+v, %v", call, err)
	}
	c.claim(agreed, "Grace")
	c.closes(agreed, delivery.Ending{Agent: "Grace", Disposition: "call-back", Until: start.Add(6 * time.Hour)})
	c.clock.Set(start.Add(6 * time.Hour)) // 18:00
	_, err = c.calls.Claim(context.Background(), evening, "Grace")
	refused(t, err, lifecycle.Conflict, "waits until 2026-03-02 08:00 UTC: quiet hours")
	c.shows("later", later, evening)
	c.claim(agreed, "Grace") // the customer has asked for the evening
	c.claim(urgent, "Grace") // what is owed knows no hours
	if call := c.claim(elsewhere, "Grace"); call.Number != "+442079460099" {
		t.Errorf("an old number is called: %s", call.Number)
	}
	c.clock.Set(start.Add(20 * time.Hour))
	c.claim(evening, "Grace")
	fresh := c.ring(c.person("Flo", "+442079460006"), owed)
	ctx := context.Background()
	if err = c.delivery.PauseMessages(ctx, delivery.Target{Name: "ring"}, "Grace", "the script is wrong"); err != nil {
		t.Fatal(err)
	}
	_, err = c.calls.Claim(ctx, fresh, "Grace")
	refused(t, err, lifecycle.Conflict, "not made at present: paused by Grace: the script is wrong")
	if err = c.delivery.ResumeMessages(ctx, delivery.Target{Name: "ring"}, "ops"); err != nil {
		t.Fatal(err)
	}
	c.claim(fresh, "Grace")
	if _, err = c.calls.Release(ctx, fresh, "Grace"); err != nil {
		t.Fatal(err)
	}
	if _, err = c.delivery.CancelMessages(ctx, delivery.Target{Journey: "j"}, "Grace", ""); err != nil {
		t.Fatal(err)
	}
	_, err = c.calls.Claim(ctx, fresh, "Grace")
	refused(t, err, lifecycle.Conflict, "not to be made any more: cancelled by Grace")
	c.delivery.Pause("call", true)
	_, err = c.calls.Claim(context.Background(), urgent, "Edsger")
	refused(t, err, lifecycle.Conflict, "the channel is paused")
}

// A call that nobody made in time is dropped by looking at the queue; one at an agreed time is not.
func TestACallGetsTooOld(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	soon := func(m *lifecycle.Message) { m.Expires = start.Add(2 * time.Hour) }
	old, agreed, young := c.ring(c.person("Ada", "+442079460001"), wanted, soon), c.ring(c.person("Bob", "+442079460002"), wanted, soon), c.ring(c.person("Cy", "+442079460003"), wanted)
	c.claim(agreed, "Grace")
	c.closes(agreed, delivery.Ending{Agent: "Grace", Disposition: "call-back", Until: start.Add(time.Hour)})
	c.clock.Set(start.Add(2 * time.Hour))
	c.shows("open", open, agreed, young)
	c.shows("closed", closed, old)
	if call, err := c.calls.Find(context.Background(), old); err != nil || call.State != delivery.CallDropped || !strings.Contains(call.Reason, "too old") {
		t.Errorf("%+v, %v", call, err)
	}
}

// A message that is handed over twice, as after a crash, is one call; and the queue is there after a restart.
func TestAMessageIsOneCall(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ref := c.ring(c.person("Ada", "+442079460001"), owed)
	c.claim(ref, "Grace")
	at, _ := lifecycle.ParseRef(ref)
	again := channels.Outgoing{ID: at.ID, Ref: at, Attempt: 2, Rendered: lifecycle.Rendered{To: "+15550100"}}
	if receipts := c.calls.Behind(c.connector).Send(context.Background(), []channels.Outgoing{again}); len(receipts) != 1 || receipts[0].Outcome != lifecycle.OutcomeAccepted {
		t.Errorf("%+v", receipts)
	}
	c.stop()
	if err := c.store.Close(); err != nil {
		t.Fatal(err)
	}
	c.open()
	if call, err := c.calls.Find(context.Background(), ref); err != nil || call.Agent != "Grace" || call.Number != "+442079460001" {
		t.Errorf("%+v, %v", call, err)
	}
	c.shows("claimed", claimed, ref)
}

// The answer to a call back may be lost for longer than it is away; a new one for a time that is over is none.
func TestACallBackIsRepeatedAfterItsTime(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ref := c.ring(c.person("Ada", "+442079460001"), owed)
	c.claim(ref, "Grace")
	ending := delivery.Ending{Agent: "Grace", Disposition: "call-back", Until: start.Add(time.Hour)}
	c.closes(ref, ending)
	c.clock.Set(start.Add(2 * time.Hour))
	if call := c.closes(ref, ending); call.State != delivery.CallOpen || len(c.told.told) != 1 {
		t.Errorf("the call is %+v, told %q", call, c.told.told)
	}
	c.claim(ref, "Grace")
	_, err := c.calls.Close(context.Background(), ref, ending)
	refused(t, err, lifecycle.Invalid, "a call back needs the time that was agreed")
}

func TestWhatIsNoCallOrNoEnding(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ref := c.ring(c.person("Ada", "+442079460001"), owed)
	ctx := context.Background()
	_, err := c.calls.Close(ctx, ref, delivery.Ending{Agent: "Grace", Disposition: "reached"})
	refused(t, err, lifecycle.Conflict, "nobody has this call; claim it first")
	c.claim(ref, "Grace")
	for field, ending := range map[string]delivery.Ending{
		"disposition": {Agent: "Grace", Disposition: "perhaps"},
		"agent":       {Agent: " \n", Disposition: "reached"},
		"note":        {Agent: "Grace", Disposition: "reached", Note: strings.Repeat("x", 2001)},
		"until":       {Agent: "Grace", Disposition: "call-back", Until: start},
	} {
		var e *lifecycle.Error
		if _, err := c.calls.Close(ctx, ref, ending); !errors.As(err, &e) || e.Code != lifecycle.Invalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	unknown := lifecycle.Ref{Partition: 3, Decided: start, ID: lifecycle.HashID("nothing")}.String()
	for _, ref := range []string{"", "x", unknown} {
		_, err = c.calls.Find(ctx, ref)
		refused(t, err, lifecycle.NotFound, "there is no")
		_, err = c.calls.Claim(ctx, ref, "Grace")
		refused(t, err, lifecycle.NotFound, "there is no")
	}
}

// Calls are part of what is kept of a person, and go with them.
func TestCallsOfWhoIsForgotten(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ada, eve := c.person("Ada", "+4915112345601"), c.person("Eve", "+4915112345602")
	c.ring(ada, owed)
	c.ring(eve, owed)
	if calls := c.personal(ada).Calls; len(calls) != 1 || calls[0].Customer != ada {
		t.Errorf("hers are %+v", calls)
	}
	c.do(ada.Partition(), func(tx store.Tx) {
		if next, err := c.delivery.Forget(tx, []lifecycle.ID{ada}, nil, 1000); next != nil || err != nil {
			t.Error(next, err)
		}
	})
	if list, err := c.calls.List(context.Background(), delivery.CallQuery{State: delivery.CallOpen, Limit: 10}); err != nil || len(list.Calls) != 1 || list.Calls[0].Customer != eve {
		t.Errorf("of both there is %+v, %v", list, err)
	}
	if calls := c.personal(ada).Calls; len(calls) > 0 {
		t.Errorf("there are still %+v", calls)
	}
}
