package delivery

import (
	"cmp"
	"fmt"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// openCall is the input "here is something to be said by telephone".
type openCall struct {
	Out channels.Outgoing
	At  time.Time
}

// claimCall is the input "this agent makes the call", releaseCall "this one does not make it after all", and closeCall "this
// is how it ended".
type claimCall struct {
	Message lifecycle.ID
	Agent   string
	At      time.Time
}

type releaseCall struct {
	Message lifecycle.ID
	Agent   string
	At      time.Time
}

type closeCall struct {
	Ending
	At time.Time
}

type closeCallOf struct {
	Message lifecycle.ID
	closeCall
}

// dropLapsed is the input "nobody made these calls in time".
type dropLapsed struct {
	Messages []lifecycle.ID
	At       time.Time
}

func (in claimCall) to(id lifecycle.ID) any   { in.Message = id; return in }
func (in releaseCall) to(id lifecycle.ID) any { in.Message = id; return in }
func (in closeCall) to(id lifecycle.ID) any   { return closeCallOf{id, in} }

// callAnswer is a call as it is now. Refused says why it is not as it was asked for: what has changed is kept all the same.
type callAnswer struct {
	Call    *Call
	Refused error
}

// applyCalls handles the inputs about calls.
func (d *Delivery) applyCalls(tx store.Tx, input any) (any, error) {
	switch in := input.(type) {
	case openCall:
		return nil, d.openCall(tx, in)
	case claimCall:
		return d.claimCall(tx, in)
	case releaseCall:
		return d.releaseCall(tx, in)
	case closeCallOf:
		return d.closeCall(tx, in)
	case dropLapsed:
		return nil, d.dropLapsed(tx, in)
	}
	return nil, lifecycle.Errorf(lifecycle.Internal, "%T is no input about calls", input)
}

func (d *Delivery) openCall(tx store.Tx, in openCall) error {
	if tx.Has(callKey(in.Out.ID)) {
		return nil
	}
	m, err := loadMessage(tx, in.Out.Ref.Decided, in.Out.ID)
	if err != nil {
		return err
	}
	if m == nil {
		return lifecycle.Errorf(lifecycle.NotFound, "the message %s is not in the ledger", in.Out.ID)
	}
	call := &Call{Message: in.Out.Ref, Customer: m.Customer, User: m.User, Journey: m.Journey, Stage: m.Stage, Name: m.Name, Kind: m.Kind,
		Number: in.Out.To, About: cmp.Or(in.Out.Data["reason"], in.Out.Subject), Text: in.Out.Text, State: CallOpen, Opened: in.At,
		Due: in.At, Expires: m.Expires, Priority: callPriority(m.Kind, in.Out.Data["priority"])}
	if number := in.Out.Data["number"]; number != "" {
		call.Number, call.Named = number, true
	}
	call.put(tx, nil)
	return nil
}

// callPriority puts what is owed before marketing, unless the message says otherwise.
func callPriority(kind lifecycle.MessageKind, said string) int {
	switch {
	case said == "high":
		return callHigh
	case said == "low":
		return callLow
	case said == "" && kind == lifecycle.Transactional:
		return callHigh
	}
	return callNormal
}

func (d *Delivery) claimCall(tx store.Tx, in claimCall) (answer callAnswer, err error) {
	call, err := loadCall(tx, in.Message)
	if err != nil {
		return answer, err
	}
	answer.Call = call
	again := call.held(in.At) && call.Agent == in.Agent
	switch {
	case call.State == CallClosed || call.State == CallDropped:
		answer.Refused = call.over()
		return answer, nil
	case call.held(in.At) && !again:
		answer.Refused = lifecycle.Errorf(lifecycle.Conflict, "%s has this call until %s", call.Agent, clockTime(call.Due))
		return answer, nil
	case call.State == CallOpen && in.At.Before(call.Due):
		answer.Refused = lifecycle.Errorf(lifecycle.Conflict, "this call waits until %s%s", clockTime(call.Due), because(call.Reason))
		return answer, nil
	}
	place := openCallKey(call)
	if !again {
		v, err := d.permitCall(tx, call, in.At)
		if err != nil {
			return answer, err
		}
		switch {
		case v.state != lifecycle.Queued:
			if err = d.dropCall(tx, call, v.state, v.reason, in.At); err != nil {
				return answer, err
			}
			answer.Refused = call.over()
			return answer, nil
		case v.until.Equal(in.At): // held by an operator, for as long as they like
			answer.Refused = lifecycle.Errorf(lifecycle.Conflict, "this call is not made at present: %s", v.reason)
			return answer, nil
		case !v.until.IsZero():
			call.State, call.Due, call.Reason = CallOpen, v.until, v.reason
			call.put(tx, place)
			answer.Refused = lifecycle.Errorf(lifecycle.Conflict, "this call waits until %s: %s", clockTime(call.Due), v.reason)
			return answer, nil
		}
		call.Claimed = in.At
		call.log(CallEntry{At: in.At, Agent: in.Agent, What: string(CallClaimed)})
	}
	call.State, call.Agent, call.Due, call.Reason = CallClaimed, in.Agent, in.At.Add(CallLease), ""
	call.put(tx, place)
	return answer, nil
}

// permitCall asks policy about a call that is about to be made. Caps and duplicates were asked when it came into the queue.
// At a time that was agreed with the customer no hours are quiet, and the call is still wanted (Decree 91/2020, Art. 13.6).
// The number is that of the present.
func (d *Delivery) permitCall(tx store.Tx, call *Call, at time.Time) (verdict, error) {
	if call.lapsed(at) {
		return verdict{state: lifecycle.Expired, reason: becauseNotMade}, nil
	}
	m, err := loadMessage(tx, call.Message.Decided, call.Message.ID)
	if err != nil {
		return verdict{}, err
	}
	data := tx.Get(append([]byte{'c'}, call.Customer[:]...))
	if m == nil || data == nil {
		return drop("merged"), nil
	}
	if i := d.cancelOf(tx, &m.Message); i >= 0 {
		reason := d.controlled(tx).Cancels[i].reason("cancelled")
		d.countCancelled(tx, i)
		return verdict{state: lifecycle.Cancelled, reason: reason}, nil
	}
	if holder, reason := d.heldBy(tx, &m.Message); holder != "" {
		return deferred(at, reason), nil
	}
	customer := &lifecycle.Customer{}
	if err = store.Decode(data, customer); err != nil {
		return verdict{}, lifecycle.Wrap(lifecycle.Internal, err, "the customer's record cannot be read")
	}
	waiting := m.Message
	waiting.Due = at // it has waited since it was decided
	q := d.question(&waiting, customer, nil, at)
	if call.Named {
		q.to, q.problem = call.Number, ""
	}
	gates := []gate{(*Delivery).suppression, (*Delivery).consent, (*Delivery).reachable}
	if !call.Agreed {
		gates = append(gates, (*Delivery).stillWanted, (*Delivery).quietHours)
	}
	for _, ask := range gates {
		if v := ask(d, tx, q); !v.passes() {
			return v, nil
		}
	}
	call.Number = q.to
	return pass, nil
}

func (d *Delivery) releaseCall(tx store.Tx, in releaseCall) (answer callAnswer, err error) {
	call, err := loadCall(tx, in.Message)
	if err != nil {
		return answer, err
	}
	answer.Call = call
	switch {
	case call.State == CallClosed || call.State == CallDropped:
		answer.Refused = call.over()
	case call.State == CallClaimed && call.Agent != in.Agent:
		answer.Refused = lifecycle.Errorf(lifecycle.Conflict, "this call is %s's", call.Agent)
	case call.State == CallClaimed:
		place := openCallKey(call)
		call.log(CallEntry{At: in.At, Agent: in.Agent, What: "released"})
		call.State, call.Due, call.Agent = CallOpen, in.At, ""
		call.put(tx, place)
	}
	return answer, nil
}

func (d *Delivery) closeCall(tx store.Tx, in closeCallOf) (answer callAnswer, err error) {
	call, err := loadCall(tx, in.Message)
	if err != nil {
		return answer, err
	}
	answer.Call = call
	if done := len(call.Log) - 1; done >= 0 && call.State != CallClaimed { // the answer to the first time was lost
		if last := call.Log[done]; last.What == in.Disposition && last.Agent == in.Agent && last.Note == in.Note && last.Until.Equal(in.Until) {
			return answer, nil
		}
	}
	switch {
	case call.State == CallClosed || call.State == CallDropped:
		answer.Refused = call.over()
		return answer, nil
	case call.State != CallClaimed:
		answer.Refused = lifecycle.Errorf(lifecycle.Conflict, "nobody has this call; claim it first")
		return answer, nil
	case call.Agent != in.Agent:
		answer.Refused = lifecycle.Errorf(lifecycle.Conflict, "this call is %s's", call.Agent)
		return answer, nil
	case in.Disposition == CallBack && (!in.Until.After(in.At) || in.Until.Sub(in.At) > maxCallBack):
		answer.Refused = invalid("until", "a call back needs the time that was agreed, within a year, as until: 2026-01-31T12:00:00Z")
		return answer, nil
	}
	place := openCallKey(call)
	call.log(CallEntry{At: in.At, Agent: in.Agent, What: in.Disposition, Note: in.Note, Until: in.Until})
	call.Note = in.Note
	if in.Disposition == CallBack {
		call.State, call.Due, call.Agreed, call.Priority = CallOpen, in.Until, true, callAgreed
	} else {
		call.State, call.Closed, call.Disposition = CallClosed, in.At, in.Disposition
	}
	call.put(tx, place)
	return answer, d.tellCall(tx, call, in)
}

// tellCall makes an event of how a call ended, and what it means for further calls.
func (d *Delivery) tellCall(tx store.Tx, call *Call, in closeCallOf) error {
	if d.calls.teller == nil {
		return nil
	}
	data := map[string]string{"disposition": in.Disposition, "agent": in.Agent}
	if in.Note != "" {
		data["note"] = in.Note
	}
	event := "completed"
	switch in.Disposition {
	case CallBack:
		event = "rescheduled"
		data["until"] = in.Until.UTC().Format(time.RFC3339)
	case CallWrongNumber:
		data["gone"] = "1"
	}
	tell := func(event string, data map[string]string) error {
		err := d.calls.teller.Tell(tx, call.Message, call.Number, event, data, in.At)
		if lifecycle.CodeOf(err) == lifecycle.NotFound { // there is nobody left to whom it could happen
			return nil
		}
		return err
	}
	err := tell(event, data)
	if err == nil && in.Disposition == CallRefused {
		err = tell("unsubscribed", map[string]string{"source": "call"})
	}
	return err
}

// over says why nothing can be done with a call any more.
func (c *Call) over() error {
	if c.State == CallDropped {
		return lifecycle.Errorf(lifecycle.Conflict, "this call is not to be made any more: %s", c.Reason)
	}
	return lifecycle.Errorf(lifecycle.Conflict, "%s closed this call as %s at %s", c.Agent, c.Disposition, clockTime(c.Closed))
}

func clockTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", reason)
}
