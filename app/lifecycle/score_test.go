package lifecycle_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

const day = 24 * time.Hour

func limit(n float64) *float64 { return &n }

func TestAwardsAreCappedAndGivenOnce(t *testing.T) {
	c := &lifecycle.Customer{}
	give := func(points float64, once string, want float64, wantWhy string) {
		t.Helper()
		given, why, ok := c.Give(lifecycle.Award{Name: "fit", Points: points, Floor: limit(-10), Cap: limit(100), Once: once}, noon)
		if !ok || given != want || why != wantWhy {
			t.Errorf("%v points, once %q: %v %q %v", points, once, given, why, ok)
		}
	}
	give(80, "", 80, "")
	give(80, "", 20, lifecycle.AwardCapped)
	give(5, "", 0, lifecycle.AwardCapped)
	give(-50, "form", -50, "")
	give(-50, "form", 0, lifecycle.AwardOnce)
	give(-500, "", -60, lifecycle.AwardCapped)
	if c.ScoreNamed("fit", noon) != -10 || c.Score(noon) != 0 || len(c.ScoreNames()) != 1 {
		t.Errorf("%+v", c.Points)
	}
	clone := c.Clone()
	kept := c.Keep()
	give(1, "other", 1, "")
	if c.Restore(kept); len(c.Scores.Given) != 1 || len(clone.Scores.Given) != 1 {
		t.Error("what was given once is not undone")
	}
}

// A merge adds each score by itself; what both were given once counts once, and a cap stays a cap.
func TestScoresOfTwoWhoBecomeOne(t *testing.T) {
	a, b := &lifecycle.Customer{}, &lifecycle.Customer{}
	rules := lifecycle.ScoreRules{{Name: "capped", Cap: limit(100)}}
	for _, c := range []*lifecycle.Customer{a, b} {
		c.Give(lifecycle.Award{Points: 3}, noon)
		c.Give(lifecycle.Award{Name: "fit", Points: 8, HalfLife: day}, noon)
		c.Give(lifecycle.Award{Name: "fit", Points: 10, Once: "newsletter"}, noon)
		c.Give(lifecycle.Award{Name: "capped", Points: 70}, noon)
	}
	b.Give(lifecycle.Award{Name: "fit", Points: 5, Once: "webinar"}, noon)
	later := noon.Add(day)
	a.TakeScores(b, rules, later)
	if got := [3]float64{a.Score(later), a.ScoreNamed("fit", later), a.ScoreNamed("capped", later)}; got != [3]float64{6, 8 + 10 + 5, 100} {
		t.Errorf("%v of %+v", got, a.Points)
	}
	if given, why, _ := a.Give(lifecycle.Award{Name: "fit", Points: 5, Once: "webinar"}, later); given != 0 || why != lifecycle.AwardOnce {
		t.Errorf("given again: %v", given)
	}
}

// The closed form: 100 points with a half-life of 10 days fall below 25 right after 20 days, and never below 0.
func TestScoreCrosses(t *testing.T) {
	for _, one := range []struct {
		name      string
		awards    []lifecycle.Award
		threshold float64
		after     time.Duration // zero: never
	}{
		{"half", []lifecycle.Award{{Points: 100, HalfLife: 10 * day}}, 25, 20*day + time.Millisecond},
		{"never below nothing", []lifecycle.Award{{Points: 100, HalfLife: 10 * day}}, 0, 0},
		{"never below what stays", []lifecycle.Award{{Points: 100, HalfLife: 10 * day}, {Points: 25}}, 25, 0},
		{"what stays counts", []lifecycle.Award{{Points: 100, HalfLife: 10 * day}, {Points: 25}}, 50, 20*day + time.Millisecond},
		{"never reached", []lifecycle.Award{{Points: 100, HalfLife: 10 * day}}, 200, 0},
		{"rising", []lifecycle.Award{{Points: -100, HalfLife: 10 * day}}, -25, 20 * day},
		{"rising over what stays", []lifecycle.Award{{Points: -100, HalfLife: 10 * day}, {Points: 60}}, 10, 10 * day},
	} {
		c := &lifecycle.Customer{}
		for _, award := range one.awards {
			c.Give(award, noon)
		}
		got := c.ScoreCrosses("", one.threshold, noon)
		if want := noon.Add(one.after); one.after == 0 && !got.IsZero() || one.after != 0 && !got.Equal(want) {
			t.Errorf("%s: crosses %v after %v, want %v", one.name, one.threshold, got.Sub(noon), one.after)
		}
	}
}

// Whatever points there are: following the moments that ScoreCrosses names, no side is left unnoticed, and with points of one
// sign each moment is a crossing, to the millisecond.
func TestNoCrossingIsMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &lifecycle.Customer{}
		signs := map[bool]bool{}
		for range rapid.IntRange(1, 5).Draw(t, "awards") {
			points := float64(rapid.IntRange(-200, 200).Draw(t, "points"))
			signs[points > 0] = true
			c.Give(lifecycle.Award{Points: points, HalfLife: time.Duration(rapid.IntRange(0, 60).Draw(t, "half-life")) * day},
				noon.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "at"))*time.Second))
		}
		threshold := float64(rapid.IntRange(-150, 150).Draw(t, "threshold"))
		at := noon.Add(30 * day)
		var look time.Time
		side := func(at time.Time) bool { return c.Score(at) >= threshold }
		for range 50 {
			look = c.ScoreCrosses("", threshold, at)
			end := look
			if look.IsZero() {
				end = at.Add(400 * day)
			} else if !look.After(at) {
				t.Fatalf("a moment that has passed: %v", look.Sub(at))
			}
			for i := range 200 {
				then := at.Add(end.Sub(at) / 200 * time.Duration(i))
				if side(then) != side(at) && math.Abs(c.Score(then)-threshold) > 1e-9 { // what is nearer is rounding
					t.Fatalf("it is on the other side %v after, and was to be there after %v", then.Sub(at), look.Sub(at))
				}
			}
			if look.IsZero() {
				return
			}
			if len(signs) == 1 && (side(look) == side(at) || look.Add(-time.Millisecond).After(at) && side(look.Add(-time.Millisecond)) != side(at)) {
				t.Fatalf("%v is no crossing", look.Sub(at))
			}
			at = look
		}
	})
}
