package delivery

import (
	"bytes"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A call that is not to be made any more leaves the queue, and its message was not sent after all. One that was made before, and
// is put off to an agreed time, was.

// openCallsPrefix begins the keys of calls that are not closed.
func openCallsPrefix() []byte { return []byte("qo") }

// dropCall takes a call out of the queue, and its message back: state is what that becomes.
func (d *Delivery) dropCall(tx store.Tx, call *Call, state lifecycle.MessageState, reason string, at time.Time) error {
	place := openCallKey(call)
	call.State, call.Reason, call.Closed, call.Becomes = CallDropped, reason, at, state
	call.log(CallEntry{At: at, What: string(CallDropped), Note: reason})
	call.put(tx, place)
	m, err := loadMessage(tx, call.Message.Decided, call.Message.ID)
	if err != nil || m == nil || m.State != lifecycle.Accepted { // one that is just being put into the queue: see droppedAlready
		return err
	}
	d.takeBackCall(tx, &m.Message, call)
	d.stand(tx, &m.Message)
	return nil
}

func (d *Delivery) takeBackCall(tx store.Tx, m *lifecycle.Message, call *Call) {
	if call.Agreed {
		return
	}
	m.Watched = false // whoever waited was told when it was accepted
	d.change(tx, m, call.Becomes, "withdrawn: "+call.Reason, call.Closed)
}

// droppedAlready takes a message back that has been accepted into the queue, where it was dropped before that was written down.
func (d *Delivery) droppedAlready(tx store.Tx, m *lifecycle.Message) {
	if m.Channel != callChannel {
		return
	}
	if call, err := loadCall(tx, m.ID); err == nil && call.State == CallDropped && call.Becomes != "" {
		d.takeBackCall(tx, m, call)
	}
}

func (d *Delivery) dropLapsed(tx store.Tx, in dropLapsed) error {
	for _, id := range in.Messages {
		call, err := loadCall(tx, id)
		if err != nil {
			return err
		}
		if call.State == CallClosed || call.State == CallDropped || !call.lapsed(in.At) {
			continue
		}
		if err = d.dropCall(tx, call, lifecycle.Expired, becauseNotMade, in.At); err != nil {
			return err
		}
	}
	return nil
}

// becauseNotMade is why a call is dropped that has an end.
const becauseNotMade = "too old: nobody made it in time"

// waitingCall returns the call of a message that its connector, the queue, has taken; nil if it is no call.
func waitingCall(tx store.Reader, m *lifecycle.Message) *Call {
	if m.Channel != callChannel || m.State != lifecycle.Accepted {
		return nil
	}
	call, err := loadCall(tx, m.ID)
	if err != nil { // it is not there, or nobody can make it
		return nil
	}
	return call
}

// cancelCall drops one call, unless it is over, or an agent has it: who closes it late may have heard a refusal.
func (d *Delivery) cancelCall(tx store.Tx, call *Call, in Order) error {
	switch {
	case call.State == CallClosed || call.State == CallDropped:
		return call.over()
	case call.State == CallClaimed:
		return lifecycle.Errorf(lifecycle.Conflict, "%s has this call until %s; cancel it again when it is given back", call.Agent, clockTime(call.Due))
	}
	return d.dropCall(tx, call, lifecycle.Cancelled, in.reason("cancelled"), in.At)
}

// cancelCalls goes on with the walk of a cancellation through the calls that wait, from a key on, and returns where it goes on;
// nil: it is over. One that an agent has is asked about when it is claimed again.
func (d *Delivery) cancelCalls(tx store.Tx, c *cancellation, at time.Time) (next []byte, err error) {
	if c.Channel != "" && c.Channel != callChannel {
		return nil, nil
	}
	from := openCallsPrefix()
	if bytes.Compare(c.From, from) > 0 {
		from = c.From
	}
	var ids []lifecycle.ID
	tx.Scan(from, store.PrefixEnd(openCallsPrefix()), func(key, _ []byte) bool {
		if len(ids) == maxWalk {
			next = bytes.Clone(key)
			return false
		}
		ids = append(ids, lifecycle.ID(key[len(key)-len(lifecycle.ID{}):]))
		return true
	})
	for _, id := range ids {
		call, err := loadCall(tx, id)
		if err != nil {
			return nil, err
		}
		m, err := loadMessage(tx, call.Message.Decided, call.Message.ID)
		if err != nil {
			return nil, err
		}
		if m == nil || m.Decided.After(c.At) || !c.covers(&m.Message, endpointOf(&m.Message)) || call.State == CallClaimed {
			continue
		}
		if err = d.dropCall(tx, call, lifecycle.Cancelled, c.reason("cancelled"), at); err != nil {
			return nil, err
		}
		c.Count++
	}
	return next, nil
}
