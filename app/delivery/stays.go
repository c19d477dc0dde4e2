package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
)

// Limits of what is said about messages that a connector keeps and that may not leave.
const (
	longStay   = 24 * time.Hour  // since it was decided, or since it was said last; then it is said
	staySettle = 5 * time.Minute // what is only just named may still be on its way
	stayForget = 72 * time.Hour  // what was not named again for so long is no more
)

// stays are the messages of a channel that could not leave when they were to, since this start.
type stays map[lifecycle.ID]*stay

type stay struct {
	first, last, said time.Time
}

// complain says in the log that a message has to stay: at once if it cannot be read, and each day for one that waits for more
// than a day.
func (d *Delivery) complain(k *keeper, one staying, now time.Time) {
	if one.Why == "" && one.Err == nil {
		return // it is just being taken back
	}
	s := k.stays[one.ID]
	if s == nil {
		s = &stay{first: now}
		k.stays[one.ID] = s
	}
	s.last = now
	switch {
	case !s.said.IsZero() && now.Sub(s.said) < longStay:
	case one.Err != nil:
		s.said = now
		d.log.Error("it cannot be found out whether a message may leave for good; it stays where it is", "channel", k.channel,
			"message", RefOf(one.Ref), "error", one.Err)
	case now.Sub(one.Decided) > longStay && now.Sub(s.first) >= staySettle:
		s.said = now
		d.log.Warn("a message that its connector keeps has waited for more than a day and may not leave", "channel", k.channel,
			"message", RefOf(one.Ref), "since", one.Decided, "why", one.Why)
	}
}

// sweep drops those that were not named for long.
func (s stays) sweep(now time.Time) {
	for id, one := range s {
		if now.Sub(one.last) > stayForget {
			delete(s, id)
		}
	}
}
