package engine

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// referralConverted is the event by which somebody learns that a friend whom they brought has ordered.
const referralConverted = "Referral Converted"

// referrals say what counts as a friend's order, and whose a code is.
type referrals struct {
	event string
	codes func(code string) (lifecycle.ID, bool)
}

func (r *referrals) owner(code string) (lifecycle.ID, bool) {
	if r.codes == nil {
		return lifecycle.ID{}, false
	}
	return r.codes(code)
}

// SetReferrals says whose a referral code is, and at which event of a friend the one who brought them is told. It is called
// before anything happens.
func (e *Engine) SetReferrals(event string, codes func(code string) (lifecycle.ID, bool)) {
	e.referrals = referrals{cmp.Or(event, "Order Completed"), codes}
}

// referred is the instruction "a friend of yours has ordered". It is carried out once per friend.
type referred struct {
	Referrer lifecycle.ID    `msgpack:"r"`
	Friend   lifecycle.ID    `msgpack:"f"`
	User     string          `msgpack:"u"` // the friend's name
	Created  time.Time       `msgpack:"c"` // when the friend came
	At       time.Time       `msgpack:"a"`
	Order    json.RawMessage `msgpack:"o"` // its order_id, revenue, total and currency
}

// refer tells the one who brought this customer of their first order. An event that came with a public key proves no
// order.
func (s *session) refer(event *lifecycle.Event) {
	c := s.customer
	if event.Name != s.engine.referrals.event || c.Acquired == nil || c.Acquired.By.IsZero() || !c.Referred.IsZero() ||
		s.history || event.Public || c.Test() || s.orderedBefore(event.Name) {
		return
	}
	c.Referred = s.at
	order := referred{Referrer: c.Acquired.By, Friend: c.ID, User: c.UserID(), Created: c.Created, At: s.at, Order: orderOf(event.Properties)}
	s.engine.instruct(s.tx, s.at, referralMark(c.ID), 24, instruction{Referred: &order})
}

// orderedBefore reports whether the session's event, of this name, is not the customer's first one. Of orders the revenue knows it
// whatever the timeline still holds; of other events the timeline does, and whose is too long to be read has hardly just come.
func (s *session) orderedBefore(name string) bool {
	if slices.Contains(s.engine.revenue.Orders, name) {
		return s.customer.Revenue.Orders > 1
	}
	n := 0
	_, err := s.Events(name, time.Time{}, func(_ time.Time, event *lifecycle.Event) bool {
		if !event.Public {
			n++
		}
		return n < 2
	})
	return n > 1 || err != nil
}

// orderOf keeps of an order what a reward may depend on.
func orderOf(properties json.RawMessage) json.RawMessage {
	var all map[string]json.RawMessage
	if len(properties) == 0 || json.Unmarshal(properties, &all) != nil {
		return nil
	}
	kept := map[string]json.RawMessage{}
	for _, name := range []string{"order_id", "revenue", "total", "currency"} {
		if value, ok := all[name]; ok && len(value) <= maxTouchText {
			kept[name] = value
		}
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return nil
	}
	return data
}

// referralMark names what follows from the first order of a friend.
func referralMark(friend lifecycle.ID) lifecycle.ID {
	return lifecycle.HashID("referral", friend.Part())
}

// referred lets "Referral Converted" happen to the one who brought a friend. Nobody brings themselves, and nobody who came
// later than the friend: that is what keeps recommendations from going in a circle, however long it is.
func (e *Engine) referred(tx store.Tx, in referred) error {
	mark := referralMark(in.Friend)
	id, record, here := e.find(tx, in.Referrer)
	if !here {
		in.Referrer = id
		e.instruct(tx, in.At, mark, 25, instruction{Referred: &in})
		return nil
	}
	if record == nil {
		return lifecycle.Errorf(lifecycle.NotFound, "the customer who brought a friend is not there any more")
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return err
	}
	c, why := s.customer, ""
	switch {
	case id == in.Friend || hasIdentity(c, in.Friend):
		why = "nobody brings themselves"
	case c.Created.After(in.Created), c.Acquired != nil && c.Acquired.By == in.Friend:
		why = "the friend was here first"
	}
	if why != "" {
		s.at, s.now = in.At, later(c.Lapsed(in.At), c.Clock)
		s.note(lifecycle.Fact{Kind: lifecycle.FactLogged, Name: referralConverted, Reason: "a friend's order does not count: " + why})
		s.timeline(TimelineEntry{At: c.Real(s.now), Facts: s.decision.Facts})
		return s.save()
	}
	properties := map[string]any{"friend": in.Friend.String()}
	var order map[string]json.RawMessage
	if len(in.Order) > 0 && json.Unmarshal(in.Order, &order) == nil {
		for name, value := range order {
			properties[name] = value
		}
	}
	if in.User != "" {
		properties["friend_user_id"] = in.User
	}
	event := innerEvent(referralConverted, properties, in.At, in.At)
	event.MessageID = mark.String()
	_, err = e.receive(tx, Receive{Event: event, At: in.At, Mark: mark, Target: id, Inner: true})
	return err
}
