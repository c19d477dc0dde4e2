package engine

import (
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of a plan.
const (
	planChunk = 1000    // customers in one question
	planTotal = 200_000 // in all
)

// What publishing a version would do to a stage.
const (
	StageStays   = "stays"
	StageIsNew   = "new"
	StageRenamed = "renamed" // its customers are in To then, and all that waits goes on
	StageRetired = "retired" // its customers are put into To, or out of the journey, and what waits in it ends
	StageMissing = "missing" // it is gone, and nothing says where its customers go: publishing is refused while there are any
)

// StageEffect is what publishing a version would do to one stage.
type StageEffect struct {
	Stage     string `json:"stage"`
	Fate      string `json:"fate"`
	To        string `json:"to,omitempty"`
	Customers int64  `json:"customers"` // in it now, test people among them
	Runs      int64  `json:"runs"`      // that wait in it
	RunsEnd   int64  `json:"runsEnd"`   // of those: that would end
	Timers    int64  `json:"timers"`    // silences that count
	TimersEnd int64  `json:"timersEnd"` // of those: that no handler of the new version waits for
	TimersNew int64  `json:"timersNew"` // silences that would begin to count
	Due       int64  `json:"due"`       // customers for whom such a new silence would be over within the hour, at most
}

// StagePlan is what publishing a version would do. It says nothing of what the scripts do afterwards; dry runs do.
type StagePlan struct {
	Journey  string        `json:"journey"`
	Stages   []StageEffect `json:"stages"`   // those of the new version in their order, then the former ones
	Allowed  [][2]string   `json:"allowed"`  // moves that would be allowed, and are not now
	Refused  [][2]string   `json:"refused"`  // moves that would not be allowed any more
	Blocked  bool          `json:"blocked"`  // customers are in a stage that is gone, and nothing says where they go
	Looked   int64         `json:"looked"`   // customers
	Complete bool          `json:"complete"` // false: there are more customers than were looked at
}

// PlanStages says what publishing a version would do to the customers who are in the journey now. where answers for stages
// of which journey.lua does not say where their customers go, as retired would: it shows what such a line would do. It looks
// at a bounded number of customers, evenly over all partitions.
func (e *Engine) PlanStages(ctx context.Context, next *lifecycle.Journey, drain bool, where map[string]string) (StagePlan, error) {
	plan := StagePlan{Journey: next.Name, Stages: []StageEffect{}, Allowed: [][2]string{}, Refused: [][2]string{}}
	now, err := e.Plan(ctx, next.Name)
	if lifecycle.CodeOf(err) == lifecycle.NotFound {
		now, err = &lifecycle.Journey{Name: next.Name}, nil
	}
	if err != nil {
		return plan, err
	}
	with := *next
	with.Retired = map[string]string{}
	for stage, to := range next.Retired {
		with.Retired[stage] = to
	}
	for stage, to := range where {
		if with.Stage(stage) != nil || to != "" && with.Stage(to) == nil {
			return plan, inField("where", "%.80q cannot go to %.80q: the one must be a former stage, and the other one of the new version", stage, to)
		}
		with.Retired[stage] = to
	}
	effects := map[string]*StageEffect{}
	for i := range with.Stages {
		fate := StageStays
		if now.Stage(with.Stages[i].Name) == nil {
			fate = StageIsNew
		}
		effects[with.Stages[i].Name] = &StageEffect{Stage: with.Stages[i].Name, Fate: fate}
	}
	from := make([]lifecycle.ID, lifecycle.Partitions)
	left := append(others(), 0)
	at := e.clock.Now()
	for len(left) > 0 && plan.Looked < planTotal {
		var more []int
		for _, p := range left {
			answer, err := e.store.Ask(ctx, p, planLook{&with, drain, from[p], at})
			if err != nil {
				return plan, err
			}
			part := answer.(planPart)
			plan.Looked += part.looked
			for stage, effect := range part.stages {
				if effects[stage] == nil {
					effects[stage] = &StageEffect{Stage: stage}
				}
				effects[stage].add(effect)
			}
			if from[p] = part.next; part.more {
				more = append(more, p)
			}
		}
		left = more
	}
	plan.Complete = len(left) == 0
	for _, stage := range now.Stages { // those that nobody is in
		if effects[stage.Name] == nil {
			effects[stage.Name] = &StageEffect{Stage: stage.Name}
		}
	}
	plan.order(&with, effects)
	plan.compareMoves(now, &with)
	return plan, nil
}

func (a *StageEffect) add(b *StageEffect) {
	a.Customers, a.Runs, a.RunsEnd, a.Timers = a.Customers+b.Customers, a.Runs+b.Runs, a.RunsEnd+b.RunsEnd, a.Timers+b.Timers
	a.TimersEnd, a.TimersNew, a.Due = a.TimersEnd+b.TimersEnd, a.TimersNew+b.TimersNew, a.Due+b.Due
}

// order puts the stages of the new version first, and says of the others what becomes of them.
func (p *StagePlan) order(next *lifecycle.Journey, effects map[string]*StageEffect) {
	var former []string
	for stage := range effects {
		if next.Stage(stage) == nil {
			former = append(former, stage)
		}
	}
	slices.Sort(former)
	for i := range next.Stages {
		p.Stages = append(p.Stages, *effects[next.Stages[i].Name])
	}
	for _, stage := range former {
		effect := effects[stage]
		heir, said := next.Heir(stage)
		_, renamed := next.Renamed[stage]
		switch {
		case renamed:
			effect.Fate, effect.To = StageRenamed, heir
		case said:
			effect.Fate, effect.To = StageRetired, heir
		default:
			effect.Fate = StageMissing
			p.Blocked = p.Blocked || effect.Customers > 0
		}
		p.Stages = append(p.Stages, *effect)
	}
}

func (p *StagePlan) compareMoves(now, next *lifecycle.Journey) {
	for _, pair := range []struct {
		of, other *lifecycle.Journey
		list      *[][2]string
	}{{next, now, &p.Allowed}, {now, next, &p.Refused}} {
		for _, from := range pair.of.Stages {
			for _, to := range pair.of.Moves[from.Name] {
				if !pair.other.MayMove(from.Name, to) {
					*pair.list = append(*pair.list, [2]string{from.Name, to})
				}
			}
		}
	}
}

// planLook asks a partition what a version would do to its next customers.
type planLook struct {
	next  *lifecycle.Journey
	drain bool
	from  lifecycle.ID
	at    time.Time
}

type planPart struct {
	stages map[string]*StageEffect
	looked int64
	next   lifecycle.ID
	more   bool
}

func (e *Engine) planLook(tx store.Reader, q planLook) (part planPart, failed error) {
	part.stages = map[string]*StageEffect{}
	tx.Scan(customerKey(q.from), []byte{'c' + 1}, func(key, value []byte) bool {
		if part.looked == planChunk {
			part.next, part.more = lifecycle.ID(key[1:]), true
			return false
		}
		part.looked++
		c := &lifecycle.Customer{}
		if failed = store.Decode(value, c); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "customer %x cannot be read", key[1:])
			return false
		}
		if visit := c.Visit(q.next.Name); visit != nil && visit.Stage != "" {
			effect := part.stages[visit.Stage]
			if effect == nil {
				effect = &StageEffect{Stage: visit.Stage}
				part.stages[visit.Stage] = effect
			}
			effect.of(q, c, visit)
		}
		return true
	})
	return part, failed
}

// of adds what becomes of one customer's stay.
func (a *StageEffect) of(q planLook, c *lifecycle.Customer, visit *lifecycle.Visit) {
	a.Customers++
	name, entered, ends := visit.Stage, visit.Entered, false
	heir, said := q.next.Heir(visit.Stage)
	if stage := q.next.Stage(visit.Stage); stage == nil && said {
		if _, renamed := q.next.Renamed[visit.Stage]; !renamed {
			ends, entered = true, c.Lapsed(q.at)
		}
		name = heir
	}
	for _, run := range visit.Runs {
		a.Runs++
		if q.drain && run.Version != q.next.Version || ends && (run.Stage != "" || name == "") {
			a.RunsEnd++
		}
	}
	handlers := slices.Clone(q.next.Handlers)
	if stage := q.next.Stage(name); stage != nil {
		handlers = append(handlers, stage.Handlers...)
	}
	var counting []lifecycle.Timer
	for _, timer := range visit.Timers {
		if !timer.Run.IsZero() {
			continue
		}
		a.Timers++
		if name != "" && !ends && slices.ContainsFunc(handlers, func(h lifecycle.Handler) bool { return sameSilence(h, timer) }) {
			counting = append(counting, timer)
		} else {
			a.TimersEnd++
		}
	}
	due := false
	for _, h := range handlers {
		if name == "" || h.Kind != lifecycle.OnIdle || slices.ContainsFunc(counting, func(t lifecycle.Timer) bool { return sameSilence(h, t) }) {
			continue
		}
		a.TimersNew++
		due = due || !c.Real(entered.Add(h.After)).After(q.at.Add(time.Hour))
	}
	if due {
		a.Due++
	}
}

// sameSilence reports whether a handler waits for a silence, wherever it is registered.
func sameSilence(h lifecycle.Handler, timer lifecycle.Timer) bool {
	return h.Kind == lifecycle.OnIdle && h.Event == timer.Event && h.After == timer.After
}
