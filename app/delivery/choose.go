package delivery

import (
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Choose returns which of a message's ways it goes when it is decided: the first that policy allows and that has a connector; one
// that is allowed and has none if no other is. What policy puts off is allowed. passed says why not those before it, "email not
// allowed: …", unless they only lack an address; way is negative if none is allowed. What speaks against the message on every
// channel is not evaded by another: then it is the way on which that was found. It is called inside Apply.
//
// People under test are asked about as customers are, so that they show where these would be written to.
func (d *Delivery) Choose(tx store.Tx, m *lifecycle.Message, ways []*lifecycle.Template, customer *lifecycle.Customer, at time.Time) (way int, passed string) {
	way = -1
	var reasons []string
	known := 0 // of the reasons, when the way was found that nobody serves
	one := *m
	one.Test = false
	for i, t := range ways {
		if t.Channel == webhookChannel { // it goes to no customer
			continue
		}
		if one.Channel, one.Kind = t.Channel, lifecycle.MessageKind(t.Front["kind"]); one.Kind == "" {
			one.Kind = lifecycle.Marketing
		}
		q := d.question(&one, customer, nil, at)
		if q.problem == lifecycle.BecauseNoAddress {
			continue
		}
		switch v := d.judge(tx, q); {
		case v.state == lifecycle.Queued:
			if lane := d.lane(laneOf(&one)); lane != nil && !lane.vacant.Load() {
				return i, strings.Join(reasons, "; ")
			}
			if way < 0 {
				way, known = i, len(reasons)
			}
			reasons = append(reasons, becauseVacant(t.Channel))
		case !d.ofChannel(tx, q):
			if way < 0 {
				return i, strings.Join(reasons, "; ")
			}
			return way, strings.Join(reasons[:known], "; ")
		default:
			reasons = append(reasons, t.Channel+" not allowed: "+v.reason)
		}
	}
	return way, strings.Join(reasons[:known], "; ")
}

func becauseVacant(channel string) string { return "there is no connector for " + channel }
