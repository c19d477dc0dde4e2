package insight_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
)

// plans are the journeys that run.
type plans map[string]*lifecycle.Journey

func (p plans) Plans(context.Context) (map[string]*lifecycle.Journey, error) { return p, nil }

// What was counted under a former name is in the figures of the present one, in the sums and in the days; what went on between
// stages that have become one is no move any more.
func TestFiguresOfRenamedStages(t *testing.T) {
	l := newLedger(t)
	day := noon("2026-03-01")
	step := func(from, to string, stayed time.Duration) lifecycle.Fact {
		return lifecycle.Fact{Kind: lifecycle.FactMoved, From: from, To: to, At: day, Stayed: stayed}
	}
	l.fold(
		lifecycle.Fact{Kind: lifecycle.FactEntered, To: "a", At: day}, lifecycle.Fact{Kind: lifecycle.FactEntered, To: "a", At: day},
		lifecycle.Fact{Kind: lifecycle.FactConverted, From: "b", At: day},
		step("a", "b", time.Hour), step("b", "c", 2*time.Hour), step("c", "b", 3*time.Hour), step("a", "z", time.Hour), step("z", "c", 4*time.Hour),
		lifecycle.Fact{Kind: lifecycle.FactRefused, From: "b", To: "c", At: day},
		lifecycle.Fact{Kind: lifecycle.FactFailed, From: "b", At: day},
		lifecycle.Fact{Kind: lifecycle.FactPlaced, From: "b", To: "new", At: day}) // as renaming puts them there
	check := func(plan *lifecycle.Journey, want string) {
		t.Helper()
		l.insight.SetPlans(plans{"j": plan})
		tell := func(j *insight.Journey) string {
			stays := map[string]int64{}
			for stage, s := range j.Stayed {
				stays[stage] = s.Count()
			}
			return fmt.Sprint("in ", j.In, ", entered ", j.Entered, ", converted ", j.Converted, ", moves ", j.Moves, ", back ", j.Back(plan), ", placed ", j.Placed,
				", refused ", j.Refused, ", failed ", j.Failed, ", stays ", stays, ", b before c ", j.StayedBefore[[2]string{"new", "c"}].Count())
		}
		got := l.journey()
		if text := tell(got); text != want {
			t.Errorf("the sums are\n%s\nnot\n%s", text, want)
		}
		days := insight.NewJourney()
		for _, day := range l.days(ever, never) {
			day.AddTo(days)
		}
		days.Failed, days.In, got.In = got.Failed, nil, nil // no day has them
		if tell(days) != tell(got) {
			t.Errorf("the days are\n%s\nnot\n%s", tell(days), tell(got))
		}
	}
	stages := func(names ...string) (list []lifecycle.Stage) {
		for _, name := range names {
			list = append(list, lifecycle.Stage{Name: name})
		}
		return list
	}
	check(&lifecycle.Journey{Stages: stages("a", "new", "c"), Renamed: map[string]string{"b": "new", "z": "new"}},
		"in map[a:0 c:1 new:1], entered map[a:2 c:2 new:3], converted map[new:1], moves map[[a new]:2 [c new]:1 [new c]:2], back map[[c new]:1], placed map[], "+
			"refused map[[new c]:1], failed map[new:1], stays map[a:2 c:1 new:2], b before c 2")
	// a and b have become one as well.
	check(&lifecycle.Journey{Stages: stages("new", "c"), Renamed: map[string]string{"a": "new", "b": "new", "z": "new"}},
		"in map[c:1 new:1], entered map[c:2 new:3], converted map[new:1], moves map[[c new]:1 [new c]:2], back map[[c new]:1], placed map[], "+
			"refused map[[new c]:1], failed map[new:1], stays map[c:1 new:2], b before c 2")
	in, err := l.insight.Stored(t.Context(), "j")
	if err != nil || in["new"] != 1 || in["a"] != 0 || in["b"] != 0 || in["c"] != 1 {
		t.Errorf("as they are stored: %v, %v", in, err)
	}
}
