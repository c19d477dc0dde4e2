package email

import (
	"fmt"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// standing counts how a sender's messages were received in the last 24 hours, in hours, and says when marketing has to
// pause: mailbox providers stop taking mail, also the wanted, from those who go on past such limits. The pause itself is the
// host's, who keeps it until a person ends it: from then on the limits go by what is counted anew, for what was before is known to
// that person. All counts begin anew with the process.
type standing struct {
	maxBounces, maxComplaints float64 // percent; 0 is no limit
	sample                    int     // messages before the limits count

	mu    sync.Mutex
	hours [24]tally
	why   string    // a pause was asked for
	asked bool      // by a call that is still under way: the host has not heard it
	quiet time.Time // until when nothing leaves after it has
}

// tally is what was counted in an hour.
type tally struct {
	hour  int64 // since 1970
	all   counts
	anew  counts             // since a person resumed marketing
	heard map[heard]struct{} // what was reported, for servers and providers report more than once
}

type counts struct{ sent, bounced, complaints int }

func (c *counts) add(o counts) {
	c.sent += o.sent
	c.bounced += o.bounced
	c.complaints += o.complaints
}

type heard struct{ event, id string }

// maxHeard is how many reports of an hour are remembered. Who has more of them is far past any limit.
const maxHeard = 10_000

// pauseGap is how long the host has to write a pause down: until then marketing is kept back here.
const pauseGap = 5 * time.Second

func newStanding(s *settings) *standing {
	return &standing{maxBounces: s.MaxBounces, maxComplaints: s.MaxComplaints, sample: s.PauseAfter}
}

// count adds to the hour.
func (st *standing) count(now time.Time, c counts) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.hour(now).add(c)
}

func (t *tally) add(c counts) {
	t.all.add(c)
	t.anew.add(c)
}

// hour returns the present hour. st.mu is held.
func (st *standing) hour(now time.Time) *tally {
	hour := now.Unix() / 3600
	t := &st.hours[hour%24]
	if t.hour != hour {
		*t = tally{hour: hour, heard: map[heard]struct{}{}}
	}
	return t
}

// young reports whether an hour is one of the last 24.
func (t *tally) young(now time.Time) bool {
	age := now.Unix()/3600 - t.hour
	return age >= 0 && age < 24
}

// receipt counts an attempt that was decided: one that was refused because the address is gone is a bounce.
func (st *standing) receipt(r channel.Receipt, now time.Time) {
	switch {
	case r.Outcome == channel.Accepted:
		st.count(now, counts{sent: 1})
	case r.Outcome == channel.Permanent && r.Data["gone"] != "":
		st.count(now, counts{sent: 1, bounced: 1})
	}
}

// report counts a hard bounce or a complaint, of each message once a day.
func (st *standing) report(r channel.Report, now time.Time) {
	var c counts
	switch {
	case r.Event == "bounced" && r.Data["kind"] == "hard":
		c.bounced = 1
	case r.Event == "complained":
		c.complaints = 1
	default:
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	what, present := heard{r.Event, r.ID}, st.hour(now)
	for i := range st.hours {
		if _, again := st.hours[i].heard[what]; again && st.hours[i].young(now) {
			return
		}
	}
	if len(present.heard) < maxHeard {
		present.heard[what] = struct{}{}
	}
	present.add(c)
}

// paused says why marketing must not leave now, "" if it may, and whether that is to be told for the first time: then the host
// is to pause it.
func (st *standing) paused(now time.Time) (why string, first bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.asked || now.Before(st.quiet) {
		return st.why, false
	}
	if st.why != "" { // the host has paused it, and asks because a person has resumed it
		for i := range st.hours {
			st.hours[i].anew = counts{}
		}
	}
	if st.why = st.past(now); st.why == "" {
		return "", false
	}
	st.asked = true
	return st.why, true
}

// told notes that the call ends which asked for a pause.
func (st *standing) told(now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.asked, st.quiet = false, now.Add(pauseGap)
}

// past says which limit is passed; "" for none. st.mu is held.
func (st *standing) past(now time.Time) string {
	var all, anew counts
	for i := range st.hours {
		if t := &st.hours[i]; t.young(now) {
			all.add(t.all)
			anew.add(t.anew)
		}
	}
	if anew.sent < st.sample {
		return ""
	}
	for _, limit := range []struct {
		what    string
		n, day  int
		percent float64
		setting string
	}{
		{"bounced for good", anew.bounced, all.bounced, st.maxBounces, "max_bounces"},
		{"were complained about", anew.complaints, all.complaints, st.maxComplaints, "max_complaints"},
	} {
		percent := 100 * float64(limit.n) / float64(anew.sent)
		if limit.percent == 0 || percent <= limit.percent {
			continue
		}
		of, day := "of the last day", ""
		if anew != all {
			of, day = "since it was resumed", fmt.Sprintf("; %d of %d of the last day", limit.day, all.sent)
		}
		return fmt.Sprintf("%d of %d messages %s %s (%.2f %%%s; %s is %g %%); clean the list of addresses before you resume it",
			limit.n, anew.sent, of, limit.what, percent, day, limit.setting, limit.percent)
	}
	return ""
}
