package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of what is said about a change.
const (
	maxBy  = 100 // bytes
	maxWhy = 500
)

// check says what is wrong with a change, by field; the customer is looked for later.
func (a *Change) check(plan *lifecycle.Journey) error {
	if a.By == "" {
		a.By = "api"
	}
	for _, text := range []struct {
		field, value string
		limit        int
	}{{"by", a.By, maxBy}, {"why", a.Why, maxWhy}} {
		if len(text.value) > text.limit || strings.ContainsFunc(text.value, func(r rune) bool { return r < ' ' }) {
			return inField(text.field, "%s must be one line of at most %d bytes", text.field, text.limit)
		}
	}
	switch a.Act {
	case ActMove, ActPlace:
		if a.To == "" {
			err := inField("to", "say to which stage of journey %s", plan.Name)
			err.Hint = "there are: " + strings.Join(stageNames(plan), ", ")
			return err
		}
		a.To = plan.Present(a.To)
		if plan.Stage(a.To) == nil {
			err := inField("to", "journey %s has no stage %.80q", plan.Name, a.To)
			err.Hint = "there are: " + strings.Join(stageNames(plan), ", ")
			return err
		}
	case ActEnrol, ActExit:
		if a.To != "" && (a.Act == ActExit || a.To != plan.Stages[0].Name) {
			err := inField("to", "%s takes no stage %.80q", a.Act, a.To)
			err.Hint = "everybody is enrolled into the first stage; to say where a customer is already, place them"
			return err
		}
		a.To = ""
	default:
		return inField("act", "%.40q is nothing that can be done: there are move, enrol, exit and place", a.Act)
	}
	return nil
}

// sum tells changes of a customer apart, by what is to be done and why; who asks is the same change.
func (a *Change) sum() lifecycle.ID {
	return lifecycle.HashID("asked", string(a.Act), a.Journey, a.To, a.Entered.UTC().Format(time.RFC3339Nano), strconv.FormatBool(a.Keep), a.Why)
}

func stageNames(plan *lifecycle.Journey) []string {
	names := make([]string, len(plan.Stages))
	for i := range plan.Stages {
		names[i] = plan.Stages[i].Name
	}
	return names
}

// Plans returns the plans of the journeys, by name, as they are now. One that cannot be read is left out.
func (e *Engine) Plans(ctx context.Context) (map[string]*lifecycle.Journey, error) {
	states, err := e.States(ctx)
	if err != nil {
		return nil, err
	}
	plans := make(map[string]*lifecycle.Journey, len(states))
	for _, state := range states {
		if program, ok := e.Program(state.Version); ok {
			plans[state.Name] = &program.Journey
		}
	}
	return plans, nil
}

// Plan returns the plan of a journey as it runs, or would run if it were not off.
func (e *Engine) Plan(ctx context.Context, journey string) (*lifecycle.Journey, error) {
	states, err := e.States(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(states, func(s JourneyState) bool { return s.Name == journey })
	if journey == "" {
		return nil, inField("journey", "name the journey")
	}
	if at < 0 {
		return nil, &lifecycle.Error{Code: lifecycle.NotFound, Field: "journey", Message: "there is no journey " + cut(journey)}
	}
	program, ok := e.Program(states[at].Version)
	if !ok {
		return nil, lifecycle.Errorf(lifecycle.Internal, "version %s of journey %s cannot be read", states[at].Version, journey)
	}
	return &program.Journey, nil
}

// Change moves, enrols, takes out or places one customer. A refusal is no error: it stands in the answer, and in the
// customer's timeline. The same key for the same customer within 30 days is the same change, and a Conflict if it is another;
// without one, every call is another. What was refused may be asked for again with the key of the refusal, as it was or mended;
// what was set aside may not, for it may still be done.
func (e *Engine) Change(ctx context.Context, ask Change, key string) (Changed, error) {
	sum := ask.sum()
	plan, err := e.Plan(ctx, ask.Journey)
	if err != nil {
		return Changed{}, err
	}
	if err = ask.check(plan); err != nil {
		return Changed{}, err
	}
	in := change{Change: ask, At: e.clock.Now()}
	if key != "" {
		in.Keep, in.Sum = true, sum
	} else {
		key = uuid.NewString()
	}
	in.Mark = lifecycle.HashID("change", ask.Customer.Part(), key)
	return e.changeOne(ctx, in)
}

func (e *Engine) changeOne(ctx context.Context, in change) (Changed, error) {
	for range 64 { // a customer who has slept for years may need some turns to catch up
		answer, err := e.store.Do(ctx, in.Change.Customer.Partition(), in)
		if err != nil {
			return Changed{}, err
		}
		out := answer.(Changed)
		switch {
		case !out.next.IsZero():
			in.Change.Customer = out.next
		case !out.again:
			return out, nil
		}
	}
	return Changed{}, lifecycle.Errorf(lifecycle.Busy, "the customer has much to catch up with; try again in a moment")
}

// Placed is one customer whom Place puts where they are.
type Placed struct {
	Identity lifecycle.Identity
	Placement
}

// CheckPlacement says what is wrong with a placement, by field. Who imports many asks once.
func (e *Engine) CheckPlacement(ctx context.Context, p Placement) error {
	plan, err := e.Plan(ctx, p.Journey)
	if err != nil {
		return err
	}
	ask := Change{Act: ActPlace, Journey: p.Journey, To: p.Stage, By: p.By, Why: p.Why}
	return ask.check(plan)
}

// Place puts customers who are known where they are already; the errors stand in the order of the list, NotFound for
// somebody who is not known and Conflict for a placement that was refused. It may be repeated: who is there already stays
// untouched. A row of an import is placed by the input of the row instead, with the same rules.
func (e *Engine) Place(ctx context.Context, list []Placed) ([]error, error) {
	plans := map[string]*lifecycle.Journey{}
	errs := make([]error, len(list))
	now := e.clock.Now()
	var items []store.Item
	var of []int // which of the list each is
	for i := range list {
		p := &list[i]
		plan := plans[p.Journey]
		if plan == nil {
			var err error
			if plan, err = e.Plan(ctx, p.Journey); err != nil {
				if lifecycle.CodeOf(err) != lifecycle.NotFound {
					return nil, err
				}
				errs[i] = err
				continue
			}
			plans[p.Journey] = plan
		}
		ask := Change{Act: ActPlace, Customer: p.Identity.Hash(), Journey: p.Journey, To: p.Stage, Entered: p.Entered, Keep: p.Keep, By: p.By, Why: p.Why}
		if errs[i] = ask.check(plan); errs[i] != nil {
			continue
		}
		in := change{Change: ask, At: now, Mark: lifecycle.HashID("place", uuid.NewString())}
		items, of = append(items, store.Item{Partition: ask.Customer.Partition(), Input: in}), append(of, i)
	}
	for k, result := range e.store.DoAll(ctx, items) {
		i, err := of[k], result.Err
		if err == nil {
			out := result.Answer.(Changed)
			if in := items[k].Input.(change); !out.next.IsZero() || out.again {
				if !out.next.IsZero() {
					in.Change.Customer = out.next
				}
				out, err = e.changeOne(ctx, in)
			}
			if err == nil && out.Refused != "" {
				err = lifecycle.Errorf(lifecycle.Conflict, "%s", out.Refused)
			}
		}
		errs[i] = err
	}
	return errs, nil
}
