package email

import (
	"time"

	"stagecraft/plugins/channel"
)

// NewRates gives the tests a clock of their own.
func NewRates(perSecond map[string]float64) func(now time.Time, kind, domain string) time.Duration {
	r := newRates(perSecond)
	return func(now time.Time, kind, domain string) time.Duration { return r.take(kind, domain, now) }
}

// NewStanding gives the tests a clock of their own; maxBounces is in percent.
func NewStanding(maxBounces float64, sample int) (count func(now time.Time, sent, bounced int), paused func(now time.Time) (why string, first bool), told func(now time.Time)) {
	st := newStanding(&settings{MaxBounces: maxBounces, PauseAfter: sample})
	return func(now time.Time, sent, bounced int) { st.count(now, counts{sent: sent, bounced: bounced}) },
		st.paused, st.told
}

// NewRamp gives the tests a clock of their own.
func NewRamp(start int, growth float64, target int, state, domain string) func(now time.Time, kind string) (channel.Receipt, bool) {
	r := newRamp(&warmUp{Start: start, Growth: growth, Target: target, State: state}, domain)
	return func(now time.Time, kind string) (channel.Receipt, bool) { return r.take(kind, now) }
}

// Quote is quote.
func Quote(text string) string { return string(quote(nil, text)) }
