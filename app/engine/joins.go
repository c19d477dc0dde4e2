package engine

import (
	"encoding/json"
	"strconv"

	"stagecraft/app/lifecycle"
)

// The record keeps since when the customer's names are one person's, by the time at which an event said so: what each of
// them said about being written to counts for that name alone until then, whatever came in first.

// join notes that a name which the customer has from now on is theirs since the event.
func (s *session) join(identity lifecycle.Identity, event *lifecycle.Event) {
	c := s.customer
	by, at := c.ID, s.at
	if event != nil {
		name := event.Identity()
		if name == identity {
			return
		}
		if name.Value != "" {
			by = name.Hash()
		}
		if said := event.Timestamp; !said.IsZero() && said.Before(at) {
			at = said
		}
	}
	if identity.Meaningless() {
		return
	}
	s.keepUnkept()
	if !c.Join(by, identity.Hash(), at) {
		return
	}
	if len(c.Consents) > 0 {
		s.settle()
	}
	s.settleOptOut()
}

// joinAgain is told of a name that is the customer's already: an event that comes late may say so of a time before. Most are
// not late, and cost a comparison.
func (s *session) joinAgain(identity lifecycle.Identity, event *lifecycle.Event) {
	if event == nil || event.Identity() == identity {
		return
	}
	joins := s.customer.Joins
	if n := len(joins); n > 0 && n >= len(s.customer.Identities)-1 && !event.Timestamp.Before(joins[n-1].At) {
		return
	}
	s.join(identity, event)
}

// keepUnkept writes the customer's words down that stand nowhere else, before names of theirs are joined.
func (s *session) keepUnkept() {
	if len(s.customer.Consents) == 0 || len(s.customer.Joins) > 0 {
		return
	}
	all, _, err := saidBy(s.tx, s.customer.ID)
	if err != nil {
		s.failed = err
		return
	}
	for _, word := range unkept(s.customer, all) {
		s.keepSaid(&word)
	}
}

// sayOptOut takes what an event says by the trait unsubscribed, which is one about consent: it is noted for the name and the
// source that said it, however late it comes. A refusal is heard from every source, whenever it was said; only a later word of
// the same or an earlier source lifts it.
func (s *session) sayOptOut(event *lifecycle.Event, word lifecycle.Origin, value json.RawMessage) {
	by := s.customer.ID
	if name := event.Identity(); name.Value != "" {
		by = name.Hash()
	}
	word.At = s.notAhead(word.At)
	s.customer.SayOptOut(lifecycle.OptOut{By: lifecycle.Voice(by), At: word.At, Is: string(value) == "true", Source: word.Source, Keyed: word.Keyed})
	s.takeTrait(word, value)
	s.refuseAddress(lifecycle.Consent{Granted: string(value) != "true", At: word.At, Source: "trait"}, event)
	s.settleOptOut()
}

// settleOptOut makes the trait say what follows from all that was said by it, and from when the customer's names became one.
func (s *session) settleOptOut() {
	c := s.customer
	holds, said := c.SettleOptOut(s.engine.rank)
	if !said || holds.Is == c.OptedOut() {
		return
	}
	c.SetTrait(lifecycle.OptOutTrait, strconv.AppendBool(nil, holds.Is))
	s.touchTrait(lifecycle.OptOutTrait)
	s.originate(holds.Origin())
}
