package lifecycle

import "time"

// A test person's time runs 1,440 times as fast as the clock on the wall: a day is a minute. All times in the record of
// such a customer, and all that scripts are told, are lapsed time; what is written elsewhere (timeline, messages, due
// index) is real time. For everybody else the two are the same.
const lapseFactor = 24 * 60

// maxLapse is how much lapsed time a test person can live through: 200 years, which is about 50 real days. Then their
// time stands still, because later moments could not be told apart in keys.
const maxLapse = 200 * 365 * 24 * time.Hour

// Test reports whether the customer is a test person.
func (c *Customer) Test() bool { return !c.Lapse.IsZero() }

// Lapsed returns the customer's time at a moment of real time. The two are the same up to the moment of Lapse.
func (c *Customer) Lapsed(real time.Time) time.Time {
	if c.Lapse.IsZero() || !real.After(c.Lapse) {
		return real
	}
	return c.Lapse.Add(min(real.Sub(c.Lapse), maxLapse/lapseFactor) * lapseFactor)
}

// Real returns the first moment of real time at which the customer's time has come to lapsed.
func (c *Customer) Real(lapsed time.Time) time.Time {
	if c.Lapse.IsZero() || !lapsed.After(c.Lapse) {
		return lapsed
	}
	elapsed := lapsed.Sub(c.Lapse)
	real := elapsed / lapseFactor
	if real*lapseFactor < elapsed {
		real++
	}
	return c.Lapse.Add(real)
}

// SetLapse makes the customer a test person since the moment lapse, or none if it is zero. What has happened is dated
// anew; what is still to come, and what has faded of the score, keeps its distance from now, a moment of real time.
func (c *Customer) SetLapse(lapse, now time.Time) {
	was := *c
	if c.Lapse = lapse; was.Lapse.Equal(lapse) {
		return
	}
	redate := func(at time.Time) time.Time { return c.Lapsed(was.Real(at)) }
	shift := c.Lapsed(now).Sub(was.Lapsed(now))
	c.Created, c.Clock = redate(c.Created), redate(c.Clock)
	if !c.Seen.IsZero() {
		c.Seen = redate(c.Seen)
	}
	for i := range c.Visits {
		c.Visits[i].Entered = redate(c.Visits[i].Entered)
		for j := range c.Visits[i].Timers {
			timer := &c.Visits[i].Timers[j]
			timer.Due = timer.Due.Add(shift)
		}
	}
	for i := range c.Past {
		c.Past[i].Left = redate(c.Past[i].Left)
	}
	for i := range c.Points {
		c.Points[i].At = c.Points[i].At.Add(shift)
	}
	c.Scores.shift(shift)
	if !c.Revenue.First.IsZero() {
		c.Revenue.First, c.Revenue.Last = redate(c.Revenue.First), redate(c.Revenue.Last)
	}
}
