package engine

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What one chunk of a broadcast looks at and lets in. Other inputs of the partition come in between.
const (
	maxLetLook = 1000
	maxLetIn   = 100
)

// letPause is how long a broadcast waits that cannot let anybody in, until it looks again.
const letPause = 5 * time.Second

// Pauser is an Outbox that knows whether all of a channel is paused in this partition, and whether messages of a kind are by an order of
// their own. It is asked inside Apply.
type Pauser interface {
	ChannelPaused(tx store.Reader, channel string, kind lifecycle.MessageKind) (all, ofKind bool)
}

// BroadcastEvent is what stands in a customer's timeline for it, and what the message sees as `event`, with what the list
// says of the customer as properties.
const BroadcastEvent = "Broadcast Reached"

// candidate is a customer who is to be let in.
type candidate struct {
	id     lifecycle.ID
	record []byte // nil: to be found
	row    json.RawMessage
	key    []byte // of the list
}

// letSome lets the next customers in, and answers how many. How far it came is part of the same commit, so that nobody is let
// in twice and nobody is left out, whenever the program ends.
func (e *Engine) letSome(tx store.Tx, b *broadcastShare, in castStep) (let int, err error) {
	if _, err = e.journeys(tx); err != nil {
		return 0, err
	}
	j := e.parts[tx.Partition()].broadcasts[lifecycle.BroadcastPrefix+b.Name]
	// Of one that cannot be read the log says why, and the partition has other things to do. What is let in while nothing may leave
	// would leave all at once afterwards, whatever the rate.
	if j == nil || e.rests(tx, b, j) {
		b.Next = in.At.Add(letPause)
		e.writeShare(tx, b)
		return 0, nil
	}
	list, more, err := e.candidates(tx, b, in.Room)
	if err != nil {
		return 0, err
	}
	written := 0
	for _, c := range list {
		if written >= maxWritten {
			more, b.Cursor, b.Ready = true, c.id, true
			break
		}
		size, became, err := e.letIn(tx, j, letIn{Broadcast: b.Name, Customer: c.id, Row: c.row, At: in.At}, c.record)
		if err != nil {
			return 0, err
		}
		if c.key != nil {
			tx.Delete(c.key)
		}
		written += size
		switch let++; became {
		case wasLetIn:
			b.Let++
		case hadIt:
			b.Had++
		case isMerged:
			b.Merged++
		default:
			let--
			b.Gone++
		}
	}
	if !more {
		b.Done = in.At
	}
	e.writeShare(tx, b)
	return let, nil
}

// rests reports whether nothing of a broadcast may leave by any of its channels, and it is marketing that is to stop, or has a rate to
// keep afterwards.
func (e *Engine) rests(tx store.Reader, b *broadcastShare, j *journey) bool {
	pauser, knows := e.outbox.(Pauser)
	return knows && !slices.ContainsFunc(j.program.Templates, func(t lifecycle.Template) bool {
		kind := kindOf(&t)
		all, ofKind := pauser.ChannelPaused(tx, t.Channel, kind)
		return !((all || ofKind) && b.Rate > 0 || ofKind && kind == lifecycle.Marketing)
	})
}

// candidates are the next customers who are meant, at most as many as there is room for; the cursor then stands at the one
// behind them. Without room it goes on to the next one. more reports whether there may be others.
func (e *Engine) candidates(tx store.Tx, b *broadcastShare, room int) (list []candidate, more bool, failed error) {
	if b.Ready = false; b.Audience.List {
		list, more = b.listed(tx, room)
		return list, more, nil
	}
	meant := b.Audience.matcher()
	if meant.plan, failed = e.running(tx, b.Audience.Journey); failed != nil {
		return nil, false, failed
	}
	return b.matching(tx, meant, room)
}

// listed are the next ones of the list.
func (b *broadcastShare) listed(tx store.Reader, room int) (list []candidate, more bool) {
	// What was let in is deleted; the cursor spares walking over it again.
	tx.Scan(listKey(b.Name, b.Cursor), store.PrefixEnd(listPrefix(b.Name)), func(key, value []byte) bool {
		id := lifecycle.ID(key[len(key)-16:])
		if len(list) == room {
			more, b.Cursor, b.Ready = true, id, true
			return false
		}
		list = append(list, candidate{id: id, row: bytes.Clone(value), key: bytes.Clone(key)})
		return true
	})
	return list, more
}

// matching are the next customers of the partition who are meant.
func (b *broadcastShare) matching(tx store.Reader, meant *matcher, room int) (list []candidate, more bool, failed error) {
	looked := 0
	tx.Scan(customerKey(b.Cursor), []byte{'c' + 1}, func(key, value []byte) bool {
		id := lifecycle.ID(key[1:])
		if looked == maxLetLook {
			more, b.Cursor = true, id
			return false
		}
		looked++
		c := &lifecycle.Customer{}
		if failed = store.Decode(value, c); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "customer %s cannot be read", id)
			return false
		}
		switch {
		case !meant.includes(tx, c):
		case len(list) == room:
			more, b.Cursor, b.Ready = true, id, true
			return false
		default:
			list = append(list, candidate{id: id, record: bytes.Clone(value)})
		}
		return true
	})
	return list, more, failed
}

// letIn is the input "this customer gets the broadcast". It is safe to repeat as long as the broadcast is at work.
type letIn struct {
	Broadcast string          `msgpack:"b"`
	Customer  lifecycle.ID    `msgpack:"c"`
	Row       json.RawMessage `msgpack:"r,omitempty"`
	At        time.Time       `msgpack:"a"`
	Instead   lifecycle.ID    `msgpack:"i,omitempty"` // who has become part of them before their message left
}

func (e *Engine) letInFromElsewhere(tx store.Tx, in letIn) error {
	if _, err := e.journeys(tx); err != nil {
		return err
	}
	j := e.parts[tx.Partition()].broadcasts[lifecycle.BroadcastPrefix+in.Broadcast]
	if j == nil {
		return nil // it was stopped meanwhile
	}
	_, _, err := e.letIn(tx, j, in, nil)
	return err
}

// reached is what became of a customer who is meant.
type reached int

const (
	isGone   reached = iota // or a test person
	wasLetIn                // now
	hadIt                   // with somebody who became part of them
	isMerged                // into somebody elsewhere: word is sent there
)

// letIn lets one customer in, or sends word to where the customer is. It reports about how many bytes that wrote, and what
// became of the customer.
func (e *Engine) letIn(tx store.Tx, j *journey, in letIn, record []byte) (written int, became reached, err error) {
	id, here := in.Customer, true
	if record == nil {
		if id, record, here = e.find(tx, id); !here {
			cause := lifecycle.HashID("broadcast", in.Broadcast, in.Customer.Part())
			if in.Customer = id; !in.Instead.IsZero() {
				cause = lastly(cause) // behind what was known of whoever it passes through
			}
			e.instruct(tx, in.At, cause, 0, instruction{LetIn: &in})
			return costOfKey, isMerged, nil
		}
		if record == nil {
			return 0, isGone, nil
		}
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil || s.customer.Test() || s.customer.Applicant() {
		return 0, isGone, err
	}
	if visit := s.customer.Visit(j.name); visit != nil {
		if !visit.Entered.Before(j.started) { // merged with somebody who was let in
			at := slices.Index(visit.Of, in.Instead)
			if at < 0 {
				return 0, hadIt, nil
			}
			if visit.Of = slices.Delete(visit.Of, at, at+1); len(visit.Of) > 0 { // another one may have got it
				s.at, s.now = in.At, later(s.customer.Lapsed(in.At), s.customer.Clock)
				return 0, hadIt, s.save()
			}
		}
		s.forgetVisit(visit) // of a former broadcast of the same name, or of nobody who got it
	}
	if err = s.letIn(j, in); err != nil {
		return 0, isGone, err
	}
	return s.written, wasLetIn, nil
}

func (s *session) letIn(j *journey, in letIn) error {
	c := s.customer
	s.at, s.now = in.At, later(c.Lapsed(in.At), c.Clock)
	s.cause = reachedBy(in.Broadcast, c.ID, in.At)
	event := reachedEvent(c, in.Broadcast, in.Row, in.At)
	event.MessageID = s.cause.String()
	s.event = &event
	first := len(s.decision.Facts)
	s.note(lifecycle.Fact{Kind: lifecycle.FactEvent, Name: event.Name})
	s.inStep(j, DeadLetter{Kind: letterEntry}, func() error { return s.begin(j) })
	s.timeline(TimelineEntry{At: c.Real(s.now), Event: &event, Facts: s.decision.Facts[first:]})
	return s.save()
}

// reachedBy is the cause of what a customer gets by a broadcast that reaches them at a time, and the ID of the event behind it.
func reachedBy(broadcast string, customer lifecycle.ID, at time.Time) lifecycle.ID {
	return lifecycle.HashID("broadcast", broadcast, customer.Part(), at.UTC().Format(time.RFC3339Nano))
}

// reachedEvent is the event behind the message to a customer. The row is what the list says of them; nil: nothing.
func reachedEvent(c *lifecycle.Customer, broadcast string, row []byte, at time.Time) lifecycle.Event {
	properties := map[string]json.RawMessage{}
	if len(row) > 0 && json.Unmarshal(row, &properties) != nil {
		properties = map[string]json.RawMessage{}
	}
	properties["broadcast"], _ = json.Marshal(broadcast)
	event := lifecycle.Event{Type: lifecycle.Track, Name: BroadcastEvent, UserID: c.UserID(), AnonymousID: c.AnonymousID(), Timestamp: at, Received: at}
	event.Properties, _ = json.Marshal(properties) // texts and JSON that was read before
	return event
}

// forgetBroadcasts takes the visits of broadcasts that are over out of the record, so that it does not grow with each one,
// and no run of one that was stopped is left.
func (s *session) forgetBroadcasts() {
	for i := len(s.customer.Visits) - 1; i >= 0; i-- {
		visit := &s.customer.Visits[i]
		if lifecycle.IsBroadcast(visit.Journey) && s.active(visit.Journey) == nil {
			s.forgetVisit(visit)
		}
	}
}

func (s *session) forgetVisit(visit *lifecycle.Visit) {
	s.endRuns(visit, true, "the broadcast is over for them")
	name := visit.Journey
	s.customer.Visits = slices.DeleteFunc(s.customer.Visits, func(v lifecycle.Visit) bool { return v.Journey == name })
}

// letInInstead has the customer into whom this one is merged let into the broadcasts whose messages this one still waited
// for.
func (s *session) letInInstead(survivor lifecycle.ID) error {
	for i := range s.customer.Visits {
		visit := &s.customer.Visits[i]
		if !lifecycle.IsBroadcast(visit.Journey) || s.active(visit.Journey) == nil || len(visit.Runs) == 0 {
			continue
		}
		r, err := s.loadRun(visit.Runs[0].ID)
		if err != nil {
			return err
		}
		in := letIn{Broadcast: strings.TrimPrefix(visit.Journey, lifecycle.BroadcastPrefix), Customer: survivor, At: s.at}
		if r != nil && r.Event != nil {
			in.Row = r.Event.Properties
		}
		s.engine.instruct(s.tx, s.at, lifecycle.HashID("instead", visit.Journey, s.customer.ID.Part()), 17, instruction{LetIn: &in})
	}
	return nil
}

// LetInInstead has whoever a customer has become let into the broadcast of a message that did not leave, unless they had one of
// their own, and reports whether the broadcast is still at work for that. What the message says, to whom and whether at all is
// decided anew. It is called inside Apply, in the partition of the message, by whoever settles it in the same commit.
func (e *Engine) LetInInstead(tx store.Tx, m *lifecycle.Message, at time.Time) bool {
	name := strings.TrimPrefix(m.Journey, lifecycle.BroadcastPrefix)
	share, err := readShare(tx, name)
	if err != nil || share == nil || !share.atWork() || !share.Done.IsZero() && at.Sub(share.Done) > insteadGrace {
		return false
	}
	heir, _ := e.follow(tx, m.Customer)
	if heir == m.Customer {
		return false // they were erased
	}
	at = later(at, adoptionUnderWay(tx, m.Customer, at))
	in := letIn{Broadcast: name, Customer: heir, Row: m.Event.Properties, At: at, Instead: m.Customer}
	e.instruct(tx, at, lastly(lifecycle.HashID("instead of", m.ID.Part())), 17, instruction{LetIn: &in})
	return true
}
