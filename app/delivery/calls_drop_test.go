package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// became checks what the ledger says of a call's message.
func (c *centre) became(ref string, state lifecycle.MessageState, reason string) {
	c.t.Helper()
	life, err := c.delivery.LifeOf(c.t.Context(), ref) // by the reference that calls have
	c.must(err)
	if life.State != state || life.Reason != reason || life.Ref == ref {
		c.t.Errorf("%s is %s (%s), want %s (%s)", life.Ref, life.State, life.Reason, state, reason)
	}
	if last := life.Steps[len(life.Steps)-1]; last.Kind != delivery.StepSettled || last.State != state || last.Reason != reason {
		c.t.Errorf("its life ends with %+v", last)
	}
}

// A call that was never made was not sent: policy took it out of the queue, or nobody made it in time.
func TestACallThatIsDroppedWasNotSent(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	said := c.person("Ada", "+442079460001")
	no, agreed := c.ring(said, wanted), c.ring(said, wanted)
	old := c.ring(c.person("Bob", "+442079460002"), wanted, func(m *lifecycle.Message) { m.Expires = start.Add(2 * time.Hour) })
	c.claim(agreed, "Grace")
	c.closes(agreed, delivery.Ending{Agent: "Grace", Disposition: "call-back", Until: start.Add(time.Hour)})
	c.traits(said, "phone", "+442079460001", "first_name", "Ada", "unsubscribed", true)
	_, err := c.calls.Claim(t.Context(), no, "Grace")
	refused(t, err, lifecycle.Conflict, "not to be made any more: opted out")
	c.became(no, lifecycle.Suppressed, "withdrawn: opted out")
	c.clock.Set(start.Add(2 * time.Hour))
	_, err = c.calls.Claim(t.Context(), agreed, "Grace")
	refused(t, err, lifecycle.Conflict, "not to be made any more: opted out")
	c.became(agreed, lifecycle.Accepted, "") // they were called once
	c.shows("open", open)
	c.became(old, lifecycle.Expired, "withdrawn: too old: nobody made it in time")
	c.counts("accepted>suppressed", 1)
	c.counts("accepted>expired", 1)
}

// One call is cancelled by either of its references, unless an agent has it or it is over.
func TestACallIsCancelled(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ada := c.person("Ada", "+442079460001")
	waiting, listed, inHand, over := c.ring(ada, owed), c.ring(ada, owed), c.ring(ada, owed), c.ring(ada, owed)
	c.must(c.delivery.CancelMessage(t.Context(), waiting, "ops", "wrong number"))
	c.must(c.delivery.CancelMessage(t.Context(), waiting, "ops", "")) // the first answer was lost
	life, err := c.delivery.LifeOf(t.Context(), listed)
	c.must(err)
	c.must(c.delivery.CancelMessage(t.Context(), life.Ref, "ops", ""))
	for ref, reason := range map[string]string{waiting: "cancelled by ops: wrong number", listed: "cancelled by ops"} {
		c.became(ref, lifecycle.Cancelled, "withdrawn: "+reason)
		_, err = c.calls.Claim(t.Context(), ref, "Grace")
		refused(t, err, lifecycle.Conflict, "not to be made any more: "+reason)
	}
	c.claim(inHand, "Grace")
	refused(t, c.delivery.CancelMessage(t.Context(), inHand, "ops", ""), lifecycle.Conflict, "Grace has this call until")
	c.claim(over, "Grace")
	c.closes(over, delivery.Ending{Agent: "Grace", Disposition: "reached"})
	refused(t, c.delivery.CancelMessage(t.Context(), over, "ops", ""), lifecycle.Conflict, "Grace closed this call as reached")
	c.became(over, lifecycle.Accepted, "")
}

// A cancellation of many drops the calls that wait without anybody asking for them, and counts them; one that an agent has is
// dropped when it is claimed again.
func TestACancellationDropsCalls(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ada := c.person("Ada", "+442079460001")
	var refs []string
	for range 3 {
		refs = append(refs, c.ring(ada, owed))
	}
	other := c.ring(ada, owed, func(m *lifecycle.Message) { m.Journey = "k" })
	c.claim(refs[2], "Grace")
	id, err := c.delivery.CancelMessages(t.Context(), delivery.Target{Journey: "j"}, "ops", "")
	c.must(err)
	cancelled := func(want int) {
		t.Helper()
		count := -1
		c.eventually(func() bool {
			orders, err := c.delivery.Orders(t.Context())
			c.must(err)
			for _, one := range orders.Cancels {
				if one.ID == id && one.Done {
					count = one.Count
				}
			}
			return count == want
		}, func() string { return "they were not counted" })
	}
	cancelled(2)
	c.shows("open", open, other)
	for _, ref := range refs[:2] {
		c.became(ref, lifecycle.Cancelled, "withdrawn: cancelled by ops")
	}
	c.clock.Advance(time.Hour)
	_, err = c.calls.Claim(t.Context(), refs[2], "Edsger")
	refused(t, err, lifecycle.Conflict, "not to be made any more: cancelled by ops")
	c.became(refs[2], lifecycle.Cancelled, "withdrawn: cancelled by ops")
	cancelled(3)
	c.claim(other, "Edsger")
}

// An agent may still be talking when the lease is over: what they hear is kept, whatever was cancelled meanwhile.
func TestACallInHandIsNotCancelled(t *testing.T) {
	c := newCentre(t, delivery.Policy{})
	ada := c.person("Ada", "+442079460001")
	ref := c.ring(ada, wanted)
	c.claim(ref, "Grace")
	c.clock.Set(start.Add(time.Hour))
	refused(t, c.delivery.CancelMessage(t.Context(), ref, "ops", ""), lifecycle.Conflict, "Grace has this call")
	_, err := c.delivery.CancelMessages(t.Context(), delivery.Target{Journey: "j"}, "ops", "")
	c.must(err)
	c.closes(ref, delivery.Ending{Agent: "Grace", Disposition: "refused"})
	c.became(ref, lifecycle.Accepted, "")
}
