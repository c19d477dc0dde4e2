package email

import (
	"fmt"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// standing counts how a sender's messages were received in the last 24 hours, in hours, and says when marketing has to
// pause: mailbox providers stop taking mail, also the wanted, from those who go on past such limits. The pause itself is the
// host's, who keeps it until a person ends it; what is counted begins anew with the pause, and with the process.
type standing struct {
	maxBounces, maxComplaints float64 // percent; 0 is no limit
	sample                    int     // messages before the limits count

	mu    sync.Mutex
	hours [24]tally
	quiet time.Time // until when nothing leaves after a pause was asked for
	why   string    // that was
}

type tally struct {
	hour                      int64 // since 1970
	sent, bounced, complaints int
}

// pauseGap is how long the host has to write a pause down: until then marketing is kept back here.
const pauseGap = 5 * time.Second

func newStanding(s *settings) *standing {
	return &standing{maxBounces: s.MaxBounces, maxComplaints: s.MaxComplaints, sample: s.PauseAfter}
}

// count adds to the hour.
func (st *standing) count(now time.Time, sent, bounced, complaints int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	hour := now.Unix() / 3600
	t := &st.hours[hour%24]
	if t.hour != hour {
		*t = tally{hour: hour}
	}
	t.sent += sent
	t.bounced += bounced
	t.complaints += complaints
}

// receipt counts an attempt that was decided: one that was refused because the address is gone is a bounce.
func (st *standing) receipt(r channel.Receipt, now time.Time) {
	switch {
	case r.Outcome == channel.Accepted:
		st.count(now, 1, 0, 0)
	case r.Outcome == channel.Permanent && r.Data["gone"] != "":
		st.count(now, 1, 1, 0)
	}
}

// report counts a hard bounce or a complaint.
func (st *standing) report(r channel.Report, now time.Time) {
	switch {
	case r.Event == "bounced" && r.Data["kind"] == "hard":
		st.count(now, 0, 1, 0)
	case r.Event == "complained":
		st.count(now, 0, 0, 1)
	}
}

// paused says why marketing must not leave now, "" if it may, and whether that is to be told for the first time: then the host
// is to pause it.
func (st *standing) paused(now time.Time) (why string, first bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if now.Before(st.quiet) {
		return st.why, false
	}
	if st.why = st.past(now); st.why == "" {
		return "", false
	}
	st.hours, st.quiet = [24]tally{}, now.Add(pauseGap)
	return st.why, true
}

// past says which limit is passed; "" for none. st.mu is held.
func (st *standing) past(now time.Time) string {
	var sum tally
	for _, t := range st.hours {
		if age := now.Unix()/3600 - t.hour; age >= 0 && age < 24 {
			sum.sent += t.sent
			sum.bounced += t.bounced
			sum.complaints += t.complaints
		}
	}
	if sum.sent < st.sample {
		return ""
	}
	for _, limit := range []struct {
		what    string
		n       int
		percent float64
		setting string
	}{
		{"bounced for good", sum.bounced, st.maxBounces, "max_bounces"},
		{"were complained about", sum.complaints, st.maxComplaints, "max_complaints"},
	} {
		if percent := 100 * float64(limit.n) / float64(sum.sent); limit.percent > 0 && percent > limit.percent {
			return fmt.Sprintf("%d of %d messages of the last day %s (%.2f %%; %s is %g %%); clean the list of addresses before you resume it",
				limit.n, sum.sent, limit.what, percent, limit.setting, limit.percent)
		}
	}
	return ""
}
