package delivery

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Cap is how many messages may leave to one customer within a time.
type Cap struct {
	Limit  int
	Within time.Duration // up to MaxWithin; 0: the calendar day in the customer's zone
}

// MaxWithin is the longest time that a cap, or the guard against duplicates, looks back.
const MaxWithin = 31 * 24 * time.Hour

// maxLeavings is how many messages of one customer are remembered; a cap beyond it never holds anything back.
const maxLeavings = 256

// capsDrop is the option of a send that gives a message up where a cap would make it wait.
const capsDrop = "drop"

// leavings is what has left to one customer lately, oldest first, by the customer's time. It exists only where a cap is set or
// duplicates are looked for.
type leavings []leaving

type leaving struct {
	at      time.Time
	channel string
	mark    uint64 // of message and address
}

func leavingsKey(customer lifecycle.ID) []byte { return append([]byte{'l'}, customer[:]...) }

func loadLeavings(tx store.Reader, customer lifecycle.ID) (leavings, error) {
	var list leavings
	data := tx.Get(leavingsKey(customer))
	if data == nil {
		return nil, nil
	}
	if err := store.Decode(data, &list); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "what has left to a customer cannot be read")
	}
	return list, nil
}

// remembers reports whether a message that leaves is kept in mind for later ones.
func (p *Policy) remembers(m *lifecycle.Message) bool {
	if m.Channel == webhookChannel || m.Kind != lifecycle.Marketing && !p.CountOwed {
		return false
	}
	return p.Duplicates > 0 || p.capped(m.Channel)
}

// capped reports whether any cap counts what leaves by a channel.
func (p *Policy) capped(channel string) bool {
	return len(p.Caps) > 0 && (len(p.Caps[channel]) > 0 || len(p.Caps[lifecycle.KindOf(channel)]) > 0 || len(p.Caps[AnyChannel]) > 0)
}

// capsOf returns the caps for marketing by a channel: each list by whose name it counts, that of the channel itself, of its kind,
// and of all channels. A cap of one channel comes on top of that of its kind.
func (p *Policy) capsOf(channel string) (scopes [3]capScope) {
	kind := lifecycle.KindOf(channel)
	if kind != channel {
		scopes[0] = capScope{channel, p.Caps[channel]}
	}
	scopes[1], scopes[2] = capScope{kind, p.Caps[kind]}, capScope{"", p.Caps[AnyChannel]}
	return scopes
}

// capScope is what caps count: a channel, all of a kind, or everything where it is empty.
type capScope struct {
	channel string
	caps    []Cap
}

func (s capScope) String() string {
	if s.channel == "" {
		return "over all channels"
	}
	return "by " + s.channel
}

// remember notes that a message is about to leave for the first time, and forgets what no rule looks back to. Policy has
// read the list before.
func (d *Delivery) remember(tx store.Tx, q question) error {
	if q.again || !d.policy.remembers(q.message) {
		return nil
	}
	list, err := loadLeavings(tx, q.customer.ID)
	if err != nil {
		return err
	}
	now := q.customer.Lapsed(q.at)
	for len(list) > 0 && (len(list) >= maxLeavings || now.Sub(list[0].at) > d.memory) {
		list = list[1:]
	}
	list = append(list, leaving{now, q.message.Channel, duplicateMark(q)})
	tx.Set(leavingsKey(q.customer.ID), store.Encode(&list))
	return nil
}

// unremember takes back that a message was about to leave, which it did not.
func unremember(tx store.Tx, m *lifecycle.Message, rendered *lifecycle.Rendered) {
	key := leavingsKey(m.Customer)
	if !tx.Has(key) {
		return
	}
	list, err := loadLeavings(tx, m.Customer)
	if err != nil {
		return // whoever asks next says so
	}
	mark, mine := duplicateMark(question{message: m, to: rendered.To}), -1
	for i := range list {
		if list[i].channel == m.Channel && list[i].mark == mark {
			if mine = i; list[i].at.Equal(rendered.Date) {
				break
			}
		}
	}
	if mine >= 0 {
		list = slices.Delete(list, mine, mine+1)
		tx.Set(key, store.Encode(&list))
	}
}

// memory is how far back the rules look.
func (p *Policy) memory() time.Duration {
	longest := p.Duplicates
	for _, caps := range p.Caps {
		for _, c := range caps {
			if c.Within == 0 {
				c.Within = 26 * time.Hour // a day on which the clock is put back, and some
			}
			longest = max(longest, c.Within)
		}
	}
	return longest
}

// frequency holds marketing back that would be more than the caps of its channel, of its kind, or over all channels, allow. It waits
// until there is room again, unless its send said otherwise.
func (d *Delivery) frequency(tx store.Tx, q question) verdict {
	if q.again || !q.marketing() || !d.policy.capped(q.message.Channel) {
		return pass
	}
	list, err := loadLeavings(tx, q.customer.ID)
	if err != nil {
		return verdict{state: lifecycle.Failed, reason: err.Error()}
	}
	now := d.timeOf(q)
	until, reason := time.Time{}, ""
	for _, scope := range d.policy.capsOf(q.message.Channel) {
		for _, c := range scope.caps {
			if free := c.free(list, scope.channel, now); free.After(now) && free.After(until) {
				until, reason = free, fmt.Sprintf("frequency cap: %s %s", c, scope)
			}
		}
	}
	switch {
	case until.IsZero():
		return pass
	case q.message.Options["caps"] == capsDrop:
		return drop(reason)
	}
	return deferred(q.customer.Real(until), reason)
}

// free returns when one more message may leave: now, or when enough of what has left is long enough ago. A kind
// counts all of its channels, an empty channel everything.
func (c Cap) free(list leavings, channel string, now time.Time) time.Time {
	since := now.Add(-c.Within)
	if c.Within == 0 {
		since = wallTime(now, 0, 0).Add(-1) // midnight itself belongs to the day
	}
	left := c.Limit
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].at.After(since) {
			break
		}
		if left := list[i].channel; channel != "" && left != channel && lifecycle.KindOf(left) != channel {
			continue
		}
		if left--; left > 0 {
			continue
		}
		if c.Within == 0 {
			return wallTime(now, 1, 0)
		}
		return list[i].at.Add(c.Within)
	}
	if c.Limit <= 0 { // nothing may ever leave; it waits until it is too old
		return now.Add(24 * time.Hour)
	}
	return now
}

// String is the cap as people say it.
func (c Cap) String() string {
	switch {
	case c.Within == 0:
		return fmt.Sprintf("%d a day", c.Limit)
	case c.Within%(24*time.Hour) == 0 && c.Within > 24*time.Hour:
		return fmt.Sprintf("%d in %d days", c.Limit, c.Within/(24*time.Hour))
	case c.Within%time.Hour == 0:
		return fmt.Sprintf("%d in %d hours", c.Limit, c.Within/time.Hour)
	}
	return fmt.Sprintf("%d in %v", c.Limit, c.Within)
}

// duplicate drops marketing that the same address was sent lately.
func (d *Delivery) duplicate(tx store.Tx, q question) verdict {
	if q.again || !q.marketing() {
		return pass
	}
	list, err := loadLeavings(tx, q.customer.ID)
	if err != nil {
		return verdict{state: lifecycle.Failed, reason: err.Error()}
	}
	now, mark := q.customer.Lapsed(q.at), duplicateMark(q)
	for i := len(list) - 1; i >= 0 && now.Sub(list[i].at) < d.policy.Duplicates; i-- {
		if list[i].mark == mark {
			return drop("duplicate: the same message left lately")
		}
	}
	return pass
}

// duplicateMark stands for a message and where it goes, by whichever channel of the kind. Messages of different journeys and
// broadcasts are different ones, whatever they are called: the parts of broadcasts have the same names everywhere.
func duplicateMark(q question) uint64 {
	hash := lifecycle.HashID("duplicate", q.message.Journey, q.message.Name, lifecycle.KindOf(q.message.Channel), q.to)
	return binary.BigEndian.Uint64(hash[:8])
}

// leavingsRecord is the version in which leavings are written.
const leavingsRecord = 1

// Records is how far the records of this package have come, over all kinds.
const Records = leavingsRecord + attemptRecord + decidedRecord + standingRecord

// leastLeaving is how few bytes one takes.
const leastLeaving = 10

// RecordSize returns about how many bytes AppendRecord appends.
func (l *leavings) RecordSize() int { return 8 + 32*len(*l) }

// AppendRecord appends the list as it is stored.
func (l *leavings) AppendRecord(b []byte) []byte {
	w := lifecycle.NewRecordWriter(b)
	w.Version(leavingsRecord)
	w.List(len(*l))
	for _, one := range *l {
		w.Time(one.at)
		w.Text(one.channel)
		w.Uint64(one.mark)
	}
	return w.Result()
}

// ReadRecord reads what AppendRecord appended.
func (l *leavings) ReadRecord(data []byte) error {
	r := lifecycle.NewRecordReader(data)
	r.Version("a list of what has left", leavingsRecord)
	*l = make(leavings, r.List(leastLeaving))
	for i := range *l {
		(*l)[i] = leaving{r.Time(), r.Text(), r.Uint64()}
	}
	return r.End("a list of what has left")
}
