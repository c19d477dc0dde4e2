package engine

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What moves customers besides scripts: another program, somebody at the console, a bulk. All of them are held to the same
// rules as scripts are, and a refusal is recorded with its reason. A placement alone is held to none: it says where a
// customer is, and nothing happens because of it.

// Act is what is done to a customer's place in a journey.
type Act string

const (
	ActMove  Act = "move"  // to a stage, as the journey's moves allow
	ActEnrol Act = "enrol" // into the first stage
	ActExit  Act = "exit"  // out of the journey
	ActPlace Act = "place" // where the customer is already: no move, no handler, no message
)

// Change asks for an act on one customer.
type Change struct {
	Act      Act          `msgpack:"a"`
	Customer lifecycle.ID `msgpack:"c"` // or the hash of one of their identities
	Journey  string       `msgpack:"j"`
	To       string       `msgpack:"t,omitempty"` // of move and place: the stage
	Entered  time.Time    `msgpack:"e,omitempty"` // of place: when the customer came there; zero: now
	Keep     bool         `msgpack:"k,omitempty"` // of place: who is in the journey already stays where they are
	By       string       `msgpack:"b"`           // who asks: "api", somebody's name, "bulk spring"
	Why      string       `msgpack:"y,omitempty"`
}

// Changed is what became of a Change.
type Changed struct {
	Customer lifecycle.ID `msgpack:"c"`
	From     string       `msgpack:"f,omitempty"` // the stage before; "": in none
	To       string       `msgpack:"t,omitempty"` // the stage now, which enter handlers may have moved on from; "": in none
	Refused  string       `msgpack:"r,omitempty"` // why nothing was done
	Aside    bool         `msgpack:"d,omitempty"` // nothing was done yet: a script failed, and the change was set aside
	Sum      lifecycle.ID `msgpack:"s"`           // of what was asked for: a request that comes again has to be the same
	Repeated bool         `msgpack:"-"`           // the answer is that of an earlier request with the same key

	next  lifecycle.ID // the customer is there now, in another partition
	again bool         // the customer has more to catch up with than one input can hold
}

// change is the input "do this to the customer now".
type change struct {
	Change Change       `msgpack:"c"`
	At     time.Time    `msgpack:"a"`
	Mark   lifecycle.ID `msgpack:"m"` // names the input
	Keep   bool         `msgpack:"k"` // a repeat within 30 days is recognised and answered the same
	Sum    lifecycle.ID `msgpack:"u"` // of what was asked for, if it is kept
	Sent   bool         `msgpack:"s"` // another partition has left it as an instruction: nobody waits for the answer
	// Refused is why the same request was refused before: it may be done now, but is not refused aloud twice.
	Refused string `msgpack:"-"`
	Turn    int    `msgpack:"n"` // how often it had to wait because the customer had so much to catch up with
}

func (e *Engine) change(tx store.Tx, in change) (out Changed, err error) {
	if in.Keep {
		if value := e.marked(tx, in.At, in.Mark); value != nil {
			var kept Changed
			if err = store.Decode(value[8:], &kept); err != nil {
				return out, lifecycle.Wrap(lifecycle.Internal, err, "what a request was answered cannot be read")
			}
			same := kept.Sum == in.Sum
			switch {
			case kept.Refused != "" && !kept.Aside && !in.Sent: // it came to nothing: it may be mended, or things may have changed
				if same {
					in.Refused = kept.Refused
				}
			case !same:
				return kept, lifecycle.Errorf(lifecycle.Conflict, "another change of this customer was asked for with the same Idempotency-Key; use a new key for each change")
			default:
				kept.Repeated = true
				return kept, nil
			}
		}
	}
	id, record, here := e.find(tx, in.Change.Customer)
	switch {
	case !here && in.Sent:
		in.Change.Customer = id
		e.instruct(tx, in.At, in.Mark, 23, instruction{Change: &in})
		return out, nil
	case !here:
		out.next = id
		return out, nil
	case record == nil && in.Sent:
		return out, nil // gone since
	case record == nil:
		return out, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return out, err
	}
	out.Sum = in.Sum
	s.change(in, &out)
	if err = s.save(); err != nil {
		return out, err
	}
	switch {
	case out.again && in.Sent:
		in.Turn++ // the mark stays: an earlier turn that comes twice is recognised by it
		e.instruct(tx, in.At, lifecycle.HashID("again", in.Mark.Part(), strconv.Itoa(in.Turn)), 23, instruction{Change: &in})
	case !out.again && in.Keep:
		e.setMark(tx, in.At, in.Mark, append(markedAt(in.At), store.Encode(&out)...))
	}
	return out, nil
}

// change does what is asked for, or records why not. Whatever is due by now happens before.
func (s *session) change(in change, out *Changed) {
	c, ask := s.customer, &in.Change
	out.Customer = c.ID
	switch {
	case c.Applicant():
		out.Refused = "they have not confirmed their address, and are no customer yet"
		return
	case c.Import != "":
		out.Refused = fmt.Sprintf("the import %q is open and holds this customer; close it first", c.Import)
		return
	}
	s.at, s.accepted = in.At, true
	at := later(c.Lapsed(in.At), c.Clock)
	if out.again = !s.catchUp(at); out.again {
		return
	}
	c.Clock, s.now = at, at
	s.event, s.moves, s.depth, s.first, s.history = nil, 0, 0, moveRequest{}, false
	s.cause = lifecycle.HashID("change", in.Mark.Part(), strconv.FormatInt(in.At.UnixNano(), 10))
	first := len(s.decision.Facts)
	if visit := c.Visit(ask.Journey); visit != nil {
		out.From = visit.Stage
	}
	if ask.Act == ActPlace {
		out.Refused = s.place(Placement{Journey: ask.Journey, Stage: ask.To, Entered: ask.Entered, Keep: ask.Keep, By: ask.By, Why: ask.Why})
	} else {
		out.Refused, out.Aside = s.carryOutChange(ask, in.Refused)
	}
	out.Repeated = in.Refused != "" && in.Refused == out.Refused
	if visit := c.Visit(ask.Journey); visit != nil {
		out.To = visit.Stage
	}
	if facts := s.decision.Facts[first:]; len(facts) > 0 {
		s.timeline(TimelineEntry{At: c.Real(s.now), Facts: facts, Mark: in.Mark})
	}
	s.handleTracked()
}

// carryOutChange moves, enrols or takes out, in a step of its own, and says why if it does not, and whether that was set aside.
// A refusal for the same reason as before is not recorded again.
func (s *session) carryOutChange(ask *Change, before string) (refused string, aside bool) {
	request := moveRequest{to: ask.To, by: ask.By, why: ask.Why}
	j := s.active(ask.Journey)
	if j == nil || lifecycle.IsBroadcast(ask.Journey) {
		return s.engine.notActive(s.tx, ask.Journey), false
	}
	request.to = j.plan().Present(ask.To)
	if ask.Act == ActEnrol {
		request.to = j.plan().Stages[0].Name
	}
	from := ""
	if visit := s.customer.Visit(ask.Journey); visit != nil {
		from = visit.Stage
	}
	if refused = s.whyNotChange(j, ask.Act, request.to); refused != "" {
		if refused != before {
			s.refuseFrom(j, from, request, refused)
		}
		return refused, false
	}
	failed := len(s.decision.Facts)
	kept := s.inStep(j, DeadLetter{Kind: letterChange, Change: ask}, func() error {
		visit := s.customer.Visit(j.name)
		switch ask.Act {
		case ActEnrol:
			return s.enrol(j, request)
		case ActExit:
			stage := j.plan().Stage(visit.Stage)
			if stage == nil {
				stage = &lifecycle.Stage{Name: visit.Stage}
			}
			request.to = ""
			return s.exit(j, visit, stage, request)
		default:
			return s.move(j, visit, request)
		}
	})
	if !kept {
		for _, fact := range s.decision.Facts[failed:] {
			if fact.Kind == lifecycle.FactFailed {
				refused = fmt.Sprintf("the script failed and the change was set aside: %s:%d: %s", fact.File, fact.Line, fact.Reason)
			}
		}
	}
	return refused, !kept
}

// notActive says why nothing can be done in a journey now. What never ran is known to the first partition alone; elsewhere
// nothing is asked that was not looked for there.
func (e *Engine) notActive(tx store.Tx, journey string) string {
	mode := e.Mode(tx, journey)
	switch {
	case mode == "" && tx.Partition() == 0:
		return fmt.Sprintf("there is no journey %q", journey)
	case mode == "":
		mode = lifecycle.Off
	}
	return fmt.Sprintf("journey %s is %s", journey, mode)
}

// whyNotChange says why an act must not be done; "" if it may.
func (s *session) whyNotChange(j *journey, act Act, to string) string {
	visit := s.customer.Visit(j.name)
	in := visit != nil && visit.Stage != ""
	switch {
	case act == ActEnrol && in:
		return "the customer is in the journey already, in stage " + visit.Stage
	case act == ActEnrol:
		return s.whyNotBegin(j)
	case !in:
		return "the customer is not in the journey"
	case act == ActExit:
		return ""
	}
	return s.whyNot(j, visit, "", to)
}

// whyNot says why the customer must not move from the stage of a visit to another one; "" if they may. It is asked on every
// path. first is where an earlier handler of the same event moves to.
func (s *session) whyNot(j *journey, visit *lifecycle.Visit, first, to string) string {
	stage := j.plan().Stage(to)
	switch {
	case stage == nil:
		return "the journey has no such stage"
	case !j.plan().MayMove(visit.Stage, to):
		return "journey.lua does not allow this move"
	case first != "":
		return "an earlier handler of the same event already moves to " + first
	case s.moves >= maxMoves:
		return fmt.Sprintf("one event may cause at most %d moves", maxMoves)
	}
	if why := s.tooEarly(stage.Reenter, s.leftLast(j.plan(), to)); why != "" {
		return "the customer was in " + to + " before: " + why
	}
	return ""
}

// refuseFrom records a move that is not made, from a stage or, if that is "", into the journey.
func (s *session) refuseFrom(j *journey, from string, request moveRequest, why string) {
	s.note(lifecycle.Fact{Kind: lifecycle.FactRefused, Journey: j.name, From: from, To: request.to, Name: request.by, Reason: why,
		File: request.file, Line: request.line, Version: j.plan().Version})
	s.tellRefused(j, from, request, why)
}

// atEntry reports whether the event that is being handled is one at which customers enter a journey.
func (s *session) atEntry(plan *lifecycle.Journey) bool {
	switch {
	case plan.ByHand:
		return false
	case len(plan.Entry) == 0:
		return s.event == nil || !s.serverTells()
	}
	return s.event != nil && slices.Contains(plan.Entry, s.event.Name)
}
