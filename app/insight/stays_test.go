package insight_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
)

const day = 24 * time.Hour

// quantiles are those of the stays themselves: of n in order the one at the place n times the share, rounded up.
func quantiles(stays []time.Duration) (times [len(insight.Shares)]time.Duration) {
	slices.Sort(stays)
	for i, share := range insight.Shares {
		times[i] = stays[max(1, int(math.Ceil(share*float64(len(stays))-1e-6)))-1]
	}
	return times
}

// Quantiles are right within 2 %, whatever the stays are.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	drawn := func(n int, draw func() float64) (stays []time.Duration) {
		for range n {
			stays = append(stays, time.Duration(draw()*float64(time.Second)))
		}
		return stays
	}
	for name, stays := range map[string][]time.Duration{
		"one":            {17 * day},
		"three":          {time.Minute, 3 * day, 400 * day},
		"many alike":     {5 * day, 5 * day, 5 * day, 5 * day, 5 * day},
		"seconds":        {2 * time.Second, 3 * time.Second, 4 * time.Second},
		"milliseconds":   {time.Millisecond, 2 * time.Millisecond, 900 * time.Millisecond},
		"a human life":   {70 * 365 * day, 71 * 365 * day, 72 * 365 * day},
		"at once":        {0, 0, 0, 0, 0, 0, 0, 0, 0, time.Hour},
		"as long as can": {math.MaxInt64, math.MaxInt64},
		"waiting times":  drawn(500, func() float64 { return random.ExpFloat64() * 86400 }),
		"evenly":         drawn(500, func() float64 { return random.Float64() * 30 * 86400 }),
		"over scales":    drawn(500, func() float64 { return math.Exp(random.NormFloat64()*4 + 10) }),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			for i, stayed := range stays {
				kind := []lifecycle.FactKind{lifecycle.FactMoved, lifecycle.FactExited}[i%2]
				l.fold(lifecycle.Fact{Kind: kind, Name: "Unsubscribed", From: "a", To: "b", Stayed: stayed})
			}
			// Whoever leaves by becoming part of another customer has not stayed for any time.
			l.fold(lifecycle.Fact{Kind: lifecycle.FactExited, From: "a", Reason: "merged"})
			j := l.journey()
			want := quantiles(stays)
			for i, got := range j.Stayed["a"].Quantiles() {
				if off := math.Abs(got.Seconds() - want[i].Seconds()); off > 0.02*want[i].Seconds() {
					t.Errorf("%s is %v, want %v", insight.Percentiles[i], got, want[i])
				}
			}
			if j.Median("a") != j.Stayed["a"].Quantiles()[2] {
				t.Error("the median is not the quantile in the middle")
			}
			if n := j.Stayed["a"].Count(); n != int64(len(stays)) {
				t.Errorf("%d stays", n)
			}
			if n := j.StayedBefore[[2]string{"a", "b"}].Count(); n != int64(len(stays)+1)/2 {
				t.Errorf("%d stays before b", n)
			}
		})
	}
}

// Times that are none, and stages that nobody left, have a median of nothing.
func TestNoTimeAtAll(t *testing.T) {
	l := newLedger(t)
	for _, stayed := range []time.Duration{0, -time.Hour, time.Microsecond, 1<<63 - 1} {
		l.fold(lifecycle.Fact{Kind: lifecycle.FactMoved, From: "a", To: "b", Stayed: stayed})
	}
	if got := l.journey().Median("a"); got != 0 {
		t.Errorf("those who leave at once stay %v", got)
	}
	if got := l.journey().Median("nowhere"); got != 0 {
		t.Errorf("nobody stays %v", got)
	}
}
