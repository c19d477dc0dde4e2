package engine

import (
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Judge is who knows what would become of a message. It changes nothing.
type Judge interface {
	// Judge is the policy, as it would be asked about a message at a moment.
	Judge(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) (state lifecycle.MessageState, reason string, until time.Time)
	// Doubts says what a template prints that not everybody has, unless there says so of the variable, and what else is doubtful.
	Doubts(t lifecycle.Template, there func(variable string) bool) (missing, others []*lifecycle.Error)
	// Try writes the message as the customer would get it, and says why that is not possible.
	Try(t *lifecycle.Template, customer *lifecycle.Customer, event *lifecycle.Event, m *lifecycle.Message) error
	// Channels are those by which messages leave.
	Channels() []string
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
	Tried    int64            `json:"tried"`    // of the messages that would leave: how many were written, to see whether they can be
	Failing  map[string]int64 `json:"failing"`  // of those: which could not be, and would fail, by reason; they are not reached
	Complete bool             `json:"complete"` // false: there are more customers than were looked at
	Example  string           `json:"example"`  // the ID of one who is reached
}

// lookAhead is the input "say who of the next ones would be reached". It writes nothing; it is an input because policy is
// asked where messages are decided.
type lookAhead struct {
	broadcast *Broadcast
	program   *script.Program
	meant     *matcher
	part      aheadPart
	At        time.Time
	tried     int
}

// aheadTried is how many messages one look of a partition writes, of those that would leave. It is enough to find what many
// do not have; where one would fail, all others that are looked at with it are written too.
const aheadTried = 20

// try writes the message to a customer in their language, with what the list says of them.
func (e *Engine) try(tx store.Tx, j *journey, in *lookAhead, c *lifecycle.Customer, m *lifecycle.Message) error {
	locale, _ := c.Trait("locale").(string)
	if locale == "" {
		locale, _ = c.Trait("language").(string)
	}
	template, ok := j.program.Template(m.Name, m.Channel, locale)
	if !ok {
		return nil
	}
	b := in.broadcast
	if at := slices.IndexFunc(b.Parts, func(p BroadcastPart) bool { return p.Name == m.Name }); at >= 0 && b.Parts[at].Subject != "" {
		m.Options = map[string]string{"subject": b.Parts[at].Subject}
	}
	var row []byte
	if b.Audience.List {
		if row = tx.Get(listKey(b.Name, c.ID)); row == nil {
			return nil // their row stands under whom they were merged with
		}
	}
	event := reachedEvent(c, b.Name, row, in.At)
	return e.judge.Try(template, c, &event, m)
}

func (e *Engine) lookAhead(tx store.Tx, in lookAhead) (answer aheadAnswer[BroadcastAhead], err error) {
	answer.sum = newAhead()
	j := newJourney(in.broadcast.Journey(), lifecycle.Live, in.program)
	answer.sum.Looked, _, answer.next, answer.merged, err = e.lookAt(tx, in.meant, in.broadcast.Name, in.part, func(c *lifecycle.Customer) {
		e.ahead(tx, j, &in, c, &answer.sum)
	})
	return answer, err
}

// ahead says what would become of the message to one customer.
func (e *Engine) ahead(tx store.Tx, j *journey, in *lookAhead, c *lifecycle.Customer, sum *BroadcastAhead) {
	sum.Matched++
	name := in.broadcast.PartOf(c.ID)
	s := &session{engine: e, tx: tx, customer: c}
	at := later(in.At, in.broadcast.Begins())
	if clock := in.broadcast.clock(); clock != "" {
		if moment, err := script.ParseMoment(clock); err == nil {
			at = moment.After(at, s.zone())
		}
	}
	m := &lifecycle.Message{ID: lifecycle.HashID("ahead", c.ID.Part(), j.name), Customer: c.ID, Journey: j.name, Version: j.plan().Version,
		Stage: broadcastStage, Name: name, Decided: at, Due: at, State: lifecycle.Queued}
	s.at = at
	template := s.chooseTemplate(m, j.program, &script.Effect{Name: name})
	if m.Channel, m.Kind = template.Channel, kindOf(template); m.Kind == lifecycle.Marketing && lifecycle.HeldOut(c.ID, j.name, in.broadcast.Holdout) {
		sum.Heldout++
		return
	}
	waits := "" // why
	if e.judge != nil {
		state, reason, until := e.judge.Judge(tx, m, c, at)
		if state != lifecycle.Queued {
			sum.Kept[reason]++
			return
		}
		if !until.IsZero() {
			waits = reason
		}
	}
	if in.tried++; e.judge != nil && (in.tried <= aheadTried || len(sum.Failing) > 0) {
		if err := e.try(tx, j, in, c, m); err != nil {
			sum.Tried++
			sum.Failing[err.Error()]++
			return
		}
		sum.Tried++
	}
	sum.Reached++
	if waits != "" {
		sum.Waiting[waits]++
	}
	sum.Parts[name]++
	sum.Channels[template.Channel]++
	if sum.Example == "" {
		sum.Example = c.ID.String()
	}
}

func newAhead() BroadcastAhead {
	counts := func() map[string]int64 { return map[string]int64{} }
	return BroadcastAhead{Waiting: counts(), Kept: counts(), Parts: counts(), Channels: counts(), Failing: counts()}
}

func (a *BroadcastAhead) add(b *BroadcastAhead) {
	a.Looked, a.Matched, a.Heldout, a.Reached = a.Looked+b.Looked, a.Matched+b.Matched, a.Heldout+b.Heldout, a.Reached+b.Reached
	a.Tried += b.Tried
	for _, pair := range [][2]map[string]int64{{a.Failing, b.Failing}, {a.Waiting, b.Waiting}, {a.Kept, b.Kept}, {a.Parts, b.Parts}, {a.Channels, b.Channels}} {
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
	if err == nil {
		err = e.checkNames(ctx, &b, program)
	}
	if err != nil {
		return sum, err
	}
	// Policy asks for its templates by version. Of a draft nobody else does.
	if _, known := e.programs.LoadOrStore(program.Journey.Version, program); !known {
		defer e.programs.Delete(program.Journey.Version)
	}
	sum.Complete, err = lookEverywhere(ctx, e,
		func(part aheadPart) any {
			return lookAhead{broadcast: &b, program: program, meant: b.Audience.matcher(), part: part, At: e.clock.Now()}
		},
		func(part *BroadcastAhead) int64 {
			sum.add(part)
			return sum.Looked
		})
	return sum, err
}
