package lifecycle

import (
	"math"
	"time"
)

// Crossings are found to the millisecond, and looked for no further ahead than scoreHorizon.
const (
	scoreStep    = time.Millisecond
	scoreHorizon = 20 * 365 * 24 * time.Hour
	maxSteps     = 200 // towards a crossing, where points of both signs or of several half-lives fade
)

// fading is a score from a moment on: staying + Σ value · 2^(−t / half-life).
type fading struct {
	staying float64
	points  []Points // as of the moment
}

func (f *fading) at(t time.Duration) float64 {
	sum := f.staying
	for i := range f.points {
		sum += f.points[i].Value * math.Exp2(-float64(t)/float64(f.points[i].HalfLife))
	}
	return sum
}

// speed is how fast it can change from t on, per nanosecond: the points fade slower and slower.
func (f *fading) speed(t time.Duration) float64 {
	sum := 0.0
	for i := range f.points {
		half := float64(f.points[i].HalfLife)
		sum += math.Abs(f.points[i].Value) * math.Exp2(-float64(t)/half) * math.Ln2 / half
	}
	return sum
}

// ScoreCrosses returns when a score crosses a threshold by itself, because points fade: the first millisecond in which it is
// on the other side. Zero: it stays where it is. Where points of both signs come close to the threshold without crossing it,
// or only after a long time, it may be a moment before the crossing, from which to look again.
func (c *Customer) ScoreCrosses(name string, threshold float64, now time.Time) time.Time {
	var room [4]Points
	f := fading{points: room[:0]}
	rising, falling := false, false
	for _, p := range c.Points {
		switch value := p.at(now); {
		case p.Name != name || value == 0:
		case p.HalfLife <= 0:
			f.staying += value
		default:
			f.points = append(f.points, Points{HalfLife: p.HalfLife, Value: value})
			rising, falling = rising || value < 0, falling || value > 0
		}
	}
	above := c.ScoreNamed(name, now) >= threshold
	switch {
	case len(f.points) == 0:
		return time.Time{}
	case rising != falling && ((f.at(scoreHorizon) >= threshold) == above || f.staying == threshold):
		return time.Time{} // it fades away from the threshold, or never comes to it
	case len(f.points) == 1: // value · 2^(−t / half-life) = threshold − staying
		p := f.points[0]
		return c.crossing(name, threshold, above, now, time.Duration(float64(p.HalfLife)*math.Log2(p.Value/(threshold-f.staying))))
	}
	// It needs at least the distance divided by the speed. With one sign that is Newton's method, from the convex side.
	t := time.Duration(0)
	for range maxSteps {
		speed := f.speed(t)
		step := math.Abs(f.at(t)-threshold) / speed
		if speed == 0 || float64(t)+step > float64(scoreHorizon) {
			return time.Time{}
		}
		t += time.Duration(step)
		if step < float64(scoreStep) {
			if at := c.crossing(name, threshold, above, now, t); !at.IsZero() {
				return at
			}
			t += time.Second // it touches
		}
	}
	return milliseconds(now.Add(max(t, time.Second)))
}

// crossing returns the first whole millisecond at about now + t in which the score is on the other side; zero if it is not
// there within about two seconds.
func (c *Customer) crossing(name string, threshold float64, above bool, now time.Time, t time.Duration) time.Time {
	at := milliseconds(now.Add(t))
	for !at.Add(-scoreStep).Before(now) && (c.ScoreNamed(name, at.Add(-scoreStep)) >= threshold) != above {
		at = at.Add(-scoreStep)
		if now.Add(t).Sub(at) > time.Second {
			break
		}
	}
	over := func(step time.Duration) bool {
		then := at.Add(step * scoreStep)
		return then.After(now) && (c.ScoreNamed(name, then) >= threshold) != above
	}
	before := time.Duration(-1)
	for step := time.Duration(0); step <= 2048; step = max(1, 2*step) {
		if over(step) {
			for step-before > 1 {
				if middle := before + (step-before)/2; over(middle) {
					step = middle
				} else {
					before = middle
				}
			}
			return at.Add(step * scoreStep)
		}
		before = step
	}
	return time.Time{}
}

// milliseconds rounds up to whole ones, in which times are kept and compared.
func milliseconds(at time.Time) time.Time {
	whole := at.Truncate(scoreStep)
	if whole.Before(at) {
		whole = whole.Add(scoreStep)
	}
	return whole.UTC()
}
