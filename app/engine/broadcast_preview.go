package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Bounds of looking ahead.
const (
	aheadLook  = 500     // customers, or rows of a list, in one input
	aheadTotal = 200_000 // in all
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

type aheadAnswer struct {
	sum  BroadcastAhead
	next []byte
}

func (e *Engine) lookAhead(tx store.Tx, in lookAhead) (answer aheadAnswer, failed error) {
	answer.sum = newAhead()
	begin, end := customerKey(lifecycle.ID{}), []byte{'c' + 1}
	if in.meant.audience.List {
		begin, end = listPrefix(in.broadcast.Name), store.PrefixEnd(listPrefix(in.broadcast.Name))
	}
	if in.From != nil {
		begin = in.From
	}
	var list [][]byte
	looked := 0
	tx.Scan(begin, end, func(key, value []byte) bool {
		if looked == aheadLook {
			answer.next = bytes.Clone(key)
			return false
		}
		looked++
		if in.meant.audience.List {
			value = bytes.Clone(key[len(key)-16:])
		} else {
			value = bytes.Clone(value)
		}
		list = append(list, value)
		return true
	})
	j := newJourney(in.broadcast.Journey(), lifecycle.Live, in.program)
	for _, record := range list {
		answer.sum.Looked++
		if in.meant.audience.List {
			if _, record, _ = e.find(tx, lifecycle.ID(record)); record == nil {
				continue
			}
		}
		c := &lifecycle.Customer{}
		if err := store.Decode(record, c); err != nil {
			return answer, lifecycle.Wrap(lifecycle.Internal, err, "a customer cannot be read")
		}
		if in.meant.includes(tx, c) {
			e.ahead(tx, j, &in, c, &answer.sum)
		}
	}
	return answer, nil
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
	from := make([][]byte, lifecycle.Partitions)
	left := make([]int, 0, lifecycle.Partitions)
	for p := range lifecycle.Partitions {
		left = append(left, p)
	}
	for len(left) > 0 && sum.Looked < aheadTotal {
		items := make([]store.Item, len(left))
		for i, p := range left {
			items[i] = store.Item{Partition: p, Input: lookAhead{&b, program, b.Audience.matcher(), from[p], e.clock.Now()}}
		}
		var more []int
		for i, result := range e.store.DoAll(ctx, items) {
			if result.Err != nil {
				return sum, result.Err
			}
			answer := result.Answer.(aheadAnswer)
			sum.add(&answer.sum)
			if from[left[i]] = answer.next; answer.next != nil {
				more = append(more, left[i])
			}
		}
		left = more
	}
	sum.Complete = len(left) == 0
	return sum, nil
}
