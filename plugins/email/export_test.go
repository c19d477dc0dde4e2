package email

import "time"

// NewRates gives the tests a clock of their own.
func NewRates(perSecond map[string]float64) func(now time.Time, domain string) time.Duration {
	r := newRates(perSecond)
	return func(now time.Time, domain string) time.Duration { return r.take(domain, now) }
}

// NewStanding gives the tests a clock of their own; maxBounces is in percent.
func NewStanding(maxBounces float64, sample int) (count func(now time.Time, sent, bounced int), paused func(now time.Time) bool) {
	st := newStanding(&settings{MaxBounces: maxBounces, PauseAfter: sample})
	return func(now time.Time, sent, bounced int) { st.count(now, sent, bounced, 0) },
		func(now time.Time) bool { return st.paused(now) != "" }
}
