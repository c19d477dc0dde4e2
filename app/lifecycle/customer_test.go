package lifecycle_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A day is a minute, and a moment that is converted to real time and back is never early.
func TestLapsedTime(t *testing.T) {
	c := &lifecycle.Customer{Lapse: noon}
	if got := c.Lapsed(noon.Add(time.Minute)); !got.Equal(noon.Add(24 * time.Hour)) {
		t.Errorf("a minute later it is %v", got)
	}
	if got := c.Lapsed(noon.Add(-time.Hour)); !got.Equal(noon.Add(-time.Hour)) {
		t.Errorf("before, it was %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		due := noon.Add(time.Duration(rapid.Int64Range(-1e18, 6e18).Draw(t, "nanoseconds")))
		real := c.Real(due)
		if c.Lapsed(real).Before(due) {
			t.Fatalf("%v is %v in real time, when the customer's time is %v", due, real, c.Lapsed(real))
		}
		if earlier := real.Add(-1); real.After(noon) && !c.Lapsed(earlier).Before(due) {
			t.Fatalf("%v has come at %v already", due, earlier)
		}
	})
	other := &lifecycle.Customer{}
	if other.Test() || !other.Lapsed(noon).Equal(noon) || !other.Real(noon).Equal(noon) {
		t.Error("for everybody else the two are the same")
	}
	if century := c.Lapsed(noon.AddDate(100, 0, 0)); century.Year() > 2262 {
		t.Errorf("a test person reaches %v", century)
	}
}

// Who is no test person any more lives on as if the lapsed time had not been: what is due keeps its distance.
func TestSettingAndTakingBackLapse(t *testing.T) {
	c := &lifecycle.Customer{Created: noon.Add(-time.Hour), Clock: noon}
	c.SetLapse(noon, noon)
	c.Clock = noon.Add(10 * 24 * time.Hour)
	c.Visits = []lifecycle.Visit{{Entered: noon.Add(24 * time.Hour), Timers: []lifecycle.Timer{{Due: noon.Add(15 * 24 * time.Hour)}}}}
	c.SetLeft("j", "a", noon.Add(2*24*time.Hour))
	c.Give(lifecycle.Award{Points: 8, HalfLife: 5 * 24 * time.Hour}, noon.Add(5*24*time.Hour))
	now := noon.Add(10 * time.Minute) // ten of their days
	c.SetLapse(time.Time{}, now)
	if due := c.Visits[0].Timers[0].Due; !due.Equal(now.Add(5 * 24 * time.Hour)) {
		t.Errorf("five days to go became %v", due.Sub(now))
	}
	if !c.Clock.Equal(now) || !c.Visits[0].Entered.Equal(noon.Add(time.Minute)) || !c.Left("j", "a").Equal(noon.Add(2*time.Minute)) ||
		!c.Created.Equal(noon.Add(-time.Hour)) {
		t.Errorf("the past is dated %+v", c)
	}
	if score := c.Score(now); score != 4 {
		t.Errorf("after one half-life the score is %v", score)
	}
}

// The share is met, is the same for ever, and a larger group holds the smaller one.
func TestHeldOut(t *testing.T) {
	small, large := 0, 0
	for i := range 10000 {
		id := lifecycle.HashID("customer", string(rune(i)))
		tenth, half := lifecycle.HeldOut(id, "j", 0.1), lifecycle.HeldOut(id, "j", 0.5)
		if tenth {
			small++
		}
		if half {
			large++
		}
		if tenth && !half || lifecycle.HeldOut(id, "j", 0) || !lifecycle.HeldOut(id, "j", 1) {
			t.Fatalf("customer %d is in one group and not in the other", i)
		}
	}
	if math.Abs(float64(small)-1000) > 120 || math.Abs(float64(large)-5000) > 200 {
		t.Errorf("%d of 10,000 in a tenth, %d in a half", small, large)
	}
}

// JSON knows numbers that no float holds: they hide nothing that stands beside them.
func TestANumberBeyondAllFloats(t *testing.T) {
	c := &lifecycle.Customer{}
	c.SetTrait("size", json.RawMessage(`1e400`))
	c.SetTrait("shop", json.RawMessage(`{"name":"Tea","far":1e400,"open":true}`))
	shop, _ := c.Trait("shop").(map[string]any)
	if c.Trait("size") != nil || shop["name"] != "Tea" || shop["open"] != true || shop["far"] != nil {
		t.Errorf("%v, %v", c.Trait("size"), shop)
	}
}

// A step that failed leaves no trace: what Keep saw, Restore brings back.
func TestKeepAndRestore(t *testing.T) {
	c := &lifecycle.Customer{}
	c.SetTrait("plan", json.RawMessage(`"free"`))
	c.AddTag("vip")
	c.Give(lifecycle.Award{Points: 5, HalfLife: 0}, noon)
	c.SetLeft("j", "a", noon)
	kept := c.Keep()
	c.SetTrait("plan", json.RawMessage(`"pro"`))
	c.SetTrait("age", json.RawMessage(`41`))
	_ = c.Trait("plan")
	c.AddTag("new")
	c.RemoveTag("vip")
	c.Give(lifecycle.Award{Points: 5, HalfLife: 0}, noon)
	c.SetLeft("j", "a", noon.Add(time.Hour))
	c.SetLeft("j", "b", noon)
	c.Restore(kept)
	if c.Trait("plan") != "free" || c.Trait("age") != nil || !c.HasTag("vip") || c.HasTag("new") || c.Score(noon) != 5 ||
		!c.Left("j", "a").Equal(noon) || !c.Left("j", "b").IsZero() {
		t.Errorf("after the failure: %+v", c)
	}
	kept = c.Keep()
	c.SetTrait("plan", json.RawMessage(`"pro"`))
	if c.Release(); c.Trait("plan") != "pro" {
		t.Error("what was not undone is lost")
	}
}

func TestTagsStayInOrder(t *testing.T) {
	c := &lifecycle.Customer{}
	for _, tag := range []string{"b", "a", "c", "b"} {
		c.AddTag(tag)
	}
	if len(c.Tags) != 3 || c.Tags[0] != "a" || c.Tags[2] != "c" || c.RemoveTag("x") || !c.RemoveTag("b") || c.HasTag("b") {
		t.Errorf("tags %v", c.Tags)
	}
}

func TestScoreFades(t *testing.T) {
	c := &lifecycle.Customer{}
	day := 24 * time.Hour
	c.Give(lifecycle.Award{Points: 16, HalfLife: 30 * day}, noon)
	c.Give(lifecycle.Award{Points: 10, HalfLife: 0}, noon)
	if got := c.Score(noon.Add(30 * day)); got != 18 {
		t.Errorf("after one half-life: %v", got)
	}
	c.Give(lifecycle.Award{Points: -2, HalfLife: 30 * day}, noon.Add(30*day))
	if got := c.Score(noon.Add(60 * day)); got != 13 {
		t.Errorf("after two: %v", got)
	}
	for i := 1; i < 80; i++ {
		c.Give(lifecycle.Award{Points: 1, HalfLife: time.Duration(i) * time.Hour}, noon)
	}
	if len(c.Points) != 64 {
		t.Errorf("%d half-lives are kept", len(c.Points))
	}
}
