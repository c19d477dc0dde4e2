package engine

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Judge is the policy, as it would be asked about a message at a moment. It changes nothing.
type Judge interface {
	Judge(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) (state lifecycle.MessageState, reason string, until time.Time)
}

// SetBroadcasts names the policy that previews of broadcasts ask, and what compiles their journeys and looks at the messages
// in them. Without it nothing is kept back in previews, and messages are not looked at before they are rendered.
func (e *Engine) SetBroadcasts(judge Judge, compile func(script.Source) (*script.Program, error)) {
	e.judge, e.compileBroadcast = judge, compile
}

// BroadcastAhead is whom a broadcast would reach.
type BroadcastAhead struct {
	Looked   int64            `json:"looked"`   // customers
	Matched  int64            `json:"matched"`  // those who are meant
	Heldout  int64            `json:"heldout"`  // who get nothing, for comparison
	Reached  int64            `json:"reached"`  // whose message would leave, those that would have to wait included
	Waiting  map[string]int64 `json:"waiting"`  // of those: why they would wait
	Kept     map[string]int64 `json:"kept"`     // whose message policy would keep back, by reason
	Parts    map[string]int64 `json:"parts"`    // reached, by message
	Channels map[string]int64 `json:"channels"` // likewise
	Complete bool             `json:"complete"` // false: there are more customers than were looked at
	Example  string           `json:"example"`  // the ID of one who is reached
}

// lookAhead is the input "say who of the next ones would be reached". It writes nothing; it is an input because policy is
// asked where messages are decided.
type lookAhead struct {
	broadcast *Broadcast
	program   *script.Program
	meant     *matcher
	From      []byte
	At        time.Time
}

func (e *Engine) lookAhead(tx store.Tx, in lookAhead) (answer aheadAnswer[BroadcastAhead], err error) {
	answer.sum = newAhead()
	j := newJourney(in.broadcast.Journey(), lifecycle.Live, in.program)
	answer.sum.Looked, _, answer.next, err = e.lookAt(tx, in.meant, in.broadcast.Name, in.From, func(c *lifecycle.Customer) {
		e.ahead(tx, j, &in, c, &answer.sum)
	})
	return answer, err
}

// ahead says what would become of the message to one customer.
func (e *Engine) ahead(tx store.Tx, j *journey, in *lookAhead, c *lifecycle.Customer, sum *BroadcastAhead) {
	sum.Matched++
	name := in.broadcast.PartOf(c.ID)
	s := &session{engine: e, tx: tx, customer: c}
	template := s.chooseTemplate(j.program, &script.Effect{Name: name})
	kind := kindOf(template)
	if kind == lifecycle.Marketing && lifecycle.HeldOut(c.ID, j.name, in.broadcast.Holdout) {
		sum.Heldout++
		return
	}
	at := later(in.At, in.broadcast.Begins())
	if clock := in.broadcast.clock(); clock != "" {
		if moment, err := script.ParseMoment(clock); err == nil {
			at = moment.After(at, s.zone())
		}
	}
	m := &lifecycle.Message{ID: lifecycle.HashID("ahead", c.ID.Part(), j.name), Customer: c.ID, Journey: j.name, Version: j.plan().Version,
		Stage: broadcastStage, Name: name, Channel: template.Channel, Kind: kind, Decided: at, Due: at, State: lifecycle.Queued}
	if e.judge != nil {
		state, reason, until := e.judge.Judge(tx, m, c, at)
		if state != lifecycle.Queued {
			sum.Kept[reason]++
			return
		}
		if !until.IsZero() {
			sum.Waiting[reason]++
		}
	}
	sum.Reached++
	sum.Parts[name]++
	sum.Channels[template.Channel]++
	if sum.Example == "" {
		sum.Example = c.ID.String()
	}
}

func newAhead() BroadcastAhead {
	counts := func() map[string]int64 { return map[string]int64{} }
	return BroadcastAhead{Waiting: counts(), Kept: counts(), Parts: counts(), Channels: counts()}
}

func (a *BroadcastAhead) add(b *BroadcastAhead) {
	a.Looked, a.Matched, a.Heldout, a.Reached = a.Looked+b.Looked, a.Matched+b.Matched, a.Heldout+b.Heldout, a.Reached+b.Reached
	for _, pair := range [][2]map[string]int64{{a.Waiting, b.Waiting}, {a.Kept, b.Kept}, {a.Parts, b.Parts}, {a.Channels, b.Channels}} {
		for name, n := range pair[1] {
			pair[0][name] += n
		}
	}
	if a.Example == "" {
		a.Example = b.Example
	}
}

// BroadcastAhead says whom a draft would reach if it were started now, and whom policy would keep back. It looks at a bounded
// number of customers, evenly over all partitions.
func (e *Engine) BroadcastAhead(ctx context.Context, b Broadcast) (BroadcastAhead, error) {
	sum := newAhead()
	if err := b.check(); err != nil {
		return sum, err
	}
	program, err := e.BroadcastProgram(ctx, &b)
	if err != nil {
		return sum, err
	}
	// Policy asks for its templates by version. Of a draft nobody else does.
	if _, known := e.programs.LoadOrStore(program.Journey.Version, program); !known {
		defer e.programs.Delete(program.Journey.Version)
	}
	sum.Complete, err = lookEverywhere(ctx, e,
		func(from []byte) any { return lookAhead{&b, program, b.Audience.matcher(), from, e.clock.Now()} },
		func(part *BroadcastAhead) int64 {
			sum.add(part)
			return sum.Looked
		})
	return sum, err
}
