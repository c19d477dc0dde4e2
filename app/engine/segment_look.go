package engine

import (
	"encoding/json"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Bits of what was looked at that has no name; see script.Segment.Touches.
const (
	touchScores  = script.TouchScores
	touchRevenue = script.TouchRevenue
	touchPerson  = script.TouchPerson
	touchMessage = script.TouchMessage
	touchOther   = script.TouchOther
)

// touchesOf returns what an entry of the timeline may change the answers about.
func touchesOf(entry *TimelineEntry, names []string, touched uint64) ([]string, uint64) {
	if entry.Event != nil && entry.Event.Name != "" {
		names = append(names, entry.Event.Name)
		if name := entry.Event.Name; name == unsubscribed || name == subscribed {
			names, touched = append(names, lifecycle.OptOutTrait), touched|touchPerson // the trait
		}
	}
	for i := range entry.Facts {
		switch f := &entry.Facts[i]; f.Kind {
		case lifecycle.FactEntered, lifecycle.FactMoved, lifecycle.FactExited, lifecycle.FactPlaced:
			names = append(names, f.Journey)
		case lifecycle.FactSet, lifecycle.FactTagged, lifecycle.FactUntagged:
			names, touched = append(names, f.Name), touched|touchPerson
		case lifecycle.FactScored:
			touched |= touchScores
		case lifecycle.FactMessage, lifecycle.FactReceipt:
			names, touched = append(names, f.Name), touched|touchMessage
		}
	}
	return names, touched
}

// backItem is one thing of the past that segments count.
type backItem struct {
	op         script.AskOp // AskCount of an event, or one of the messages
	name       string
	at         int64
	properties json.RawMessage
}

// itemsOf calls visit for what an entry of the timeline has that segments count.
func itemsOf(c *lifecycle.Customer, entry *TimelineEntry, visit func(backItem)) {
	if event := entry.Event; event != nil && event.Name != "" {
		at := entry.At
		if event.Timestamp.Before(at) {
			at = event.Timestamp
		}
		visit(backItem{script.AskCount, event.Name, c.Lapsed(at).UnixMilli(), event.Properties})
	}
	for i := range entry.Facts {
		f := &entry.Facts[i]
		op := script.AskOp("")
		switch {
		case f.Kind == lifecycle.FactMessage && f.Reason != string(lifecycle.Suppressed):
			op = script.AskSent
		case f.Kind == lifecycle.FactReceipt && f.To == string(lifecycle.Opened):
			op = script.AskOpened
		case f.Kind == lifecycle.FactReceipt && f.To == string(lifecycle.Clicked):
			op = script.AskClicked
		default:
			continue
		}
		visit(backItem{op, f.Name, c.Lapsed(f.At).UnixMilli(), nil})
	}
}

// feed adds what an entry has to the series that count it, and reports whether there were any.
func (st *segmentState) feed(s *session, entry *TimelineEntry) (fed bool) {
	if len(st.series) == 0 {
		return false
	}
	itemsOf(s.customer, entry, func(item backItem) {
		for i := range st.series {
			one := &st.series[i]
			if one.counts(&item) && one.unpack() {
				one.add(item.at, valueOf(one, &item))
				fed = true
			}
		}
	})
	return fed
}

// counts reports whether an item belongs to the series.
func (s *series) counts(item *backItem) bool {
	if s.op == script.AskSum || s.op == script.AskCount {
		return item.op == script.AskCount && s.name == item.name
	}
	return s.op == item.op && (s.name == "" || s.name == item.name)
}

func valueOf(s *series, item *backItem) float64 {
	if s.op != script.AskSum {
		return 0
	}
	return script.Amount(item.properties, s.property)
}

// segmentLook is one customer at one moment, as segments see them. It implements script.Looker.
type segmentLook struct {
	s     *session
	set   *segmentSet
	state *segmentState
	now   time.Time // the session's, or a later one to find out what time will change
}

// Look implements script.Looker.
func (l *segmentLook) Look(q script.Question) (answer any, until time.Time, err error) {
	c := l.s.customer
	switch q.Op {
	case script.AskField:
		return field(c, q.Name), time.Time{}, nil
	case script.AskCount, script.AskSum:
		return l.counted(q)
	case script.AskLast:
		return l.newest(q)
	case script.AskStage:
		if visit := c.Visit(q.Name); visit != nil && visit.Stage != "" {
			return visit.Stage, time.Time{}, nil
		}
		return nil, time.Time{}, nil
	case script.AskStayed:
		visit, stage := c.Visit(q.Name), q.Property
		if j := l.s.active(q.Name); j != nil {
			stage = j.plan().Present(stage)
		}
		if visit == nil || visit.Stage == "" || stage != "" && visit.Stage != stage {
			return false, time.Time{}, nil
		}
		yes, until := l.since(visit.Entered, q.Window)
		return yes, until, nil
	case script.AskSent, script.AskOpened, script.AskClicked:
		return l.messages(q)
	case script.AskScore:
		return c.ScoreNamed(q.Name, l.now) >= q.Number, c.ScoreCrosses(q.Name, q.Number, l.now), nil
	case script.AskRFM:
		yes, until := l.bought(q)
		return yes, until, nil
	case script.AskRank:
		rfm := l.s.engine.ranks(l.s.tx).Of(c.Revenue)
		return float64(map[string]int{"r": rfm.Recency, "f": rfm.Frequency, "m": rfm.Monetary}[q.Name]), time.Time{}, nil
	case script.AskMember:
		_, at := l.set.Find(q.Name)
		return at >= 0 && l.state.ones[at].member, time.Time{}, nil
	}
	return nil, time.Time{}, lifecycle.Errorf(lifecycle.Internal, "nothing is known of %q", q.Op)
}

// field is a field of the customer, as scripts see it.
func field(c *lifecycle.Customer, path string) any {
	kind, name := script.FieldOf(path)
	switch kind {
	case script.FieldTrait:
		return c.Trait(name)
	case script.FieldTag:
		return c.HasTag(name)
	case script.FieldBought:
		return script.Bought(c, name)
	case script.FieldTraits:
		all := make(map[string]any, len(c.Traits))
		for name := range c.Traits {
			all[name] = c.Trait(name)
		}
		return all
	case script.FieldTags:
		list := make([]any, len(c.Tags))
		for i, tag := range c.Tags {
			list[i] = tag
		}
		return list
	}
	text := ""
	switch name {
	case "id":
		text = c.ID.String()
	case "user_id":
		text = c.UserID()
	case "anonymous_id":
		text = c.AnonymousID()
	}
	if text == "" {
		return nil
	}
	return text
}

// since reports whether a time has passed since a moment, and when it will have.
func (l *segmentLook) since(from time.Time, window time.Duration) (bool, time.Time) {
	then := time.UnixMilli(from.UnixMilli() + window.Milliseconds()).UTC()
	if l.now.Before(then) {
		return false, then
	}
	return true, time.Time{}
}

// bought compares what was bought.
func (l *segmentLook) bought(q script.Question) (bool, time.Time) {
	r := l.s.customer.Revenue
	if r.Orders == 0 || float64(r.Orders) < q.Number || r.Total < q.Amount {
		return false, time.Time{}
	}
	if q.Window == 0 {
		return true, time.Time{}
	}
	past, until := l.since(r.Last, q.Window)
	return !past, until
}

// counted is count and sum. It changes by time when the oldest event leaves the window.
func (l *segmentLook) counted(q script.Question) (any, time.Time, error) {
	one, err := l.series(q)
	if err != nil {
		return nil, time.Time{}, err
	}
	now, window := l.now.UnixMilli(), q.Window.Milliseconds()
	first := one.since(now, window)
	var until time.Time
	if first < len(one.at) {
		until = time.UnixMilli(one.at[first] + window).UTC()
	}
	if q.Op == script.AskCount {
		return float64(len(one.at) - first), until, nil
	}
	total := 0.0
	for _, value := range one.values[first:] {
		total += value
	}
	return total, until, nil
}

// messages is sent, opened and clicked. A yes ends when the last message that makes it one leaves the window.
func (l *segmentLook) messages(q script.Question) (any, time.Time, error) {
	one, err := l.series(q)
	if err != nil {
		return nil, time.Time{}, err
	}
	now, window := l.now.UnixMilli(), q.Window.Milliseconds()
	ruling := len(one.at) - int(min(q.Number, maxSeries))
	if ruling < 0 || one.at[ruling] <= now-window {
		return false, time.Time{}, nil
	}
	return true, time.UnixMilli(one.at[ruling] + window).UTC(), nil
}

// newest is last.
func (l *segmentLook) newest(q script.Question) (any, time.Time, error) {
	one, err := l.series(script.Question{Op: script.AskCount, Name: q.Name, Window: q.Window})
	if err != nil {
		return nil, time.Time{}, err
	}
	now, window := l.now.UnixMilli(), q.Window.Milliseconds()
	if one.since(now, window) == len(one.at) {
		return nil, time.Time{}, nil
	}
	var found *lifecycle.Event
	_, err = l.s.Events(q.Name, l.now.Add(-q.Window), func(at time.Time, event *lifecycle.Event) bool {
		own := *event
		own.Timestamp = at
		found = &own
		return false
	})
	if err != nil || found == nil {
		return nil, time.Time{}, err
	}
	return found, time.UnixMilli(one.at[len(one.at)-1] + window).UTC(), nil
}

// series returns the moments that a question counts, at least as far back as its window. They are read from the timeline
// once, and kept.
func (l *segmentLook) series(q script.Question) (*series, error) {
	window := q.Window.Milliseconds()
	for i := range l.state.series {
		one := &l.state.series[i]
		if one.op != q.Op || one.name != q.Name || one.property != q.Property {
			continue
		}
		if one.window >= window && one.unpack() {
			return one, nil
		}
		one.window, one.packed, one.at, one.values = max(window, one.window), nil, nil, nil
		return one, l.fill(one)
	}
	l.state.series = append(l.state.series, series{op: q.Op, name: q.Name, property: q.Property, window: window})
	one := &l.state.series[len(l.state.series)-1]
	return one, l.fill(one)
}

// fill reads the moments of a series from the timeline and from what is about to be written there.
func (l *segmentLook) fill(one *series) error {
	items, err := l.s.lookBack(l.s.now.UnixMilli() - one.window)
	if err != nil {
		return err
	}
	for i := range items {
		if item := &items[i]; one.counts(item) && item.at > l.s.now.UnixMilli()-one.window {
			one.add(item.at, valueOf(one, item))
		}
	}
	if l.s.assessing.entry != nil {
		itemsOf(l.s.customer, l.s.assessing.entry, func(item backItem) {
			if one.counts(&item) {
				one.add(item.at, valueOf(one, &item))
			}
		})
	}
	return nil
}

// lookBack reads the timeline back to a moment, in ms, at most as many entries as a script may look at: the newest ones.
func (s *session) lookBack(to int64) ([]backItem, error) {
	a := &s.assessing
	if a.lookedBack && a.backTo <= to {
		return a.back, nil
	}
	a.back, a.backTo, a.lookedBack = a.back[:0], to, true
	var failed error
	looked := 0
	prefix := timelinePrefix(s.customer.ID)
	s.tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var entry TimelineEntry
		if failed = store.Decode(value, &entry); failed != nil {
			return false
		}
		if !entry.late() && entry.From.IsZero() && s.customer.Lapsed(entry.At).UnixMilli() <= to {
			return false // whatever stands behind it is older; the others do not stand in order
		}
		itemsOf(s.customer, &entry, func(item backItem) { a.back = append(a.back, item) })
		looked++
		return looked < maxLooked
	})
	return a.back, failed
}
