package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Policy says what may be sent, and when. The zero Policy lets marketing go to everybody who has not refused it, at any
// time and as often as scripts like. What a customer is owed is held back by a suppression only.
type Policy struct {
	OptIn      bool               // marketing needs a word of the customer's that allows it
	Hours      map[string][]Hours // by channel, when marketing may leave, in any of them; a kind is for its channels that are not named, AnyChannel for all
	Caps       map[string][]Cap   // by channel, how often marketing may leave; a kind is over all of its channels together, AnyChannel over all there are
	CountOwed  bool               // what a customer is owed uses up caps too; it is never held back by them
	Duplicates time.Duration      // for how long the same message is not sent to the same address again; 0: it may be
	Labels     map[string]string  // by kind of channel, what a marketing message has to begin with: the subject of a mail, the text elsewhere
	Zone       *time.Location     // of customers whose trait timezone names none; nil: UTC
}

// AnyChannel stands for channels without a rule of their own, and for all channels together where a cap is meant.
const AnyChannel = "*"

// verdict is what a gate says about a message. Anything but Queued settles it. Queued lets it pass, or, with a time to
// wait for, puts it off.
type verdict struct {
	state      lifecycle.MessageState
	reason     string
	until      time.Time          // real time
	questioned bool               // it waits until something is known about the address
	ask        lifecycle.Identity // besides questioned: what is known about the address has still to be asked
	heir       time.Time          // it passes as far as this partition goes, in doubt since then: whoever the customer has become is to be asked besides
}

var pass = verdict{state: lifecycle.Queued}

func drop(reason string) verdict { return verdict{state: lifecycle.Suppressed, reason: reason} }

func deferred(until time.Time, reason string) verdict {
	return verdict{state: lifecycle.Queued, reason: reason, until: until}
}

// passes reports whether the message may go on to the next gate.
func (v verdict) passes() bool {
	return v.state == lifecycle.Queued && v.until.IsZero() && !v.questioned
}

// question is what gates are asked about. It is handed over by value, so that asking allocates nothing.
type question struct {
	message  *lifecycle.Message
	customer *lifecycle.Customer
	to       string // the address; of a later attempt that of the first one
	problem  string // why there is no address
	again    bool   // it was attempted before
	late     bool   // it was not, and is claimed, or asked about again, long after it was decided
	at       time.Time
}

// question is what is asked about a message at a moment of real time.
func (d *Delivery) question(m *lifecycle.Message, customer *lifecycle.Customer, last *attempt, at time.Time) question {
	q := question{message: m, customer: customer, at: at}
	switch {
	case last != nil:
		q.to = last.Rendered.To
	case m.Channel == webhookChannel:
		q.to = m.Options["url"]
	case !m.Test || m.Channel == inboxChannel: // an inbox is nobody else's
		q.to, q.problem = customer.Address(m.Channel)
	case lifecycle.KindOf(m.Channel) != "email":
		q.problem = lifecycle.BecauseTestMail
	case d.testTo == "":
		q.problem = lifecycle.BecauseTest
	default:
		q.to = d.testTo
	}
	return q
}

func (q question) marketing() bool { return q.message.Kind == lifecycle.Marketing }

// waited reports whether something has put the message off since it was decided.
func (q question) waited() bool {
	return !q.again && (q.message.Due.After(q.message.Decided) || q.message.Reason != "")
}

// gate is one rule. It looks and changes nothing; an error that it meets makes it say no.
type gate func(d *Delivery, tx store.Tx, q question) verdict

// gates returns the rules in the order in which they are asked, just before sending. The first one that does not let a
// message pass decides. Rules that nothing is set for are left out: they cost nothing. A channel that is paused is not
// asked about at all: nothing is claimed from its lanes.
func (p *Policy) gates() []gate {
	list := []gate{(*Delivery).suppression, (*Delivery).consent, (*Delivery).stillWanted, (*Delivery).holdout, (*Delivery).reachable}
	if len(p.Hours) > 0 {
		list = append(list, (*Delivery).quietHours)
	}
	if len(p.Caps) > 0 {
		list = append(list, (*Delivery).frequency)
	}
	if p.Duplicates > 0 {
		list = append(list, (*Delivery).duplicate)
	}
	return append(list, (*Delivery).questioned)
}

// judge asks the gates.
func (d *Delivery) judge(tx store.Tx, q question) verdict {
	for _, ask := range d.gates {
		if v := ask(d, tx, q); !v.passes() {
			return v
		}
	}
	return pass
}

// wouldWait asks about a message that is decided and not claimed yet, only to know until when it will have to wait.
func (d *Delivery) wouldWait(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) verdict {
	if m.Kind != lifecycle.Marketing || !d.policy.timed(m.Channel) {
		return pass
	}
	return d.judge(tx, d.question(m, customer, nil, at))
}

// timed reports whether there is a rule for which marketing by a channel may have to wait.
func (p *Policy) timed(channel string) bool {
	return len(p.hours(channel)) > 0 || p.capped(channel)
}

// hours returns when marketing by a channel may leave: by the rule of its name, else of its kind, else of all; none: at any time.
func (p *Policy) hours(channel string) []Hours {
	if hours, named := p.Hours[channel]; named {
		return hours
	}
	if hours, named := p.Hours[lifecycle.KindOf(channel)]; named {
		return hours
	}
	return p.Hours[AnyChannel]
}

// suppression holds for every message, also for what a customer is owed.
func (d *Delivery) suppression(_ store.Tx, q question) verdict {
	if len(q.customer.Suppressions) == 0 || q.message.Test {
		return pass
	}
	if found, is := q.customer.Suppressed(q.message.Channel, q.to); is {
		return drop("suppressed: " + found.Reason)
	}
	return pass
}

// consent asks what the customer said about the channel and the message's topic. The trait unsubscribed is a no to all
// marketing, as it comes in from elsewhere.
func (d *Delivery) consent(tx store.Tx, q question) verdict {
	if !q.marketing() {
		return pass
	}
	if q.customer.OptedOut() {
		return drop(lifecycle.BecauseOptedOut)
	}
	if len(q.customer.Consents) == 0 && !d.policy.OptIn {
		return pass
	}
	m, topic := q.message, ""
	if template, err := d.templates.Template(tx, m.Version, m.Name, m.Channel, ""); err == nil {
		topic = template.Front["topic"]
	}
	word, said := q.customer.Consented(m.Channel, topic)
	switch {
	case said && word.Granted, !said && !d.policy.OptIn:
		return pass
	case !said:
		return drop("no consent: the customer has not allowed it")
	case word.Source != "":
		return drop(lifecycle.BecauseOptedOut + ": " + word.Source)
	}
	return drop(lifecycle.BecauseOptedOut)
}

// stillWanted drops marketing that has waited while the customer left the stage it was meant for. What a handler sends
// while it moves, and what leave sends, is still wanted; what was decided before is not, though it be in the same moment: events
// of one batch have one time.
func (d *Delivery) stillWanted(_ store.Tx, q question) verdict {
	m := q.message
	if !q.marketing() || !q.waited() && !q.late {
		return pass
	}
	stage := m.Stage
	if m.File == m.Journey+"/journey.lua" {
		stage = "" // it was said in every stage: only leaving the journey ends it
	}
	left, decided, in := q.customer.Left(m.Journey, stage), q.customer.Lapsed(m.Decided), false
	if visit := q.customer.Visit(m.Journey); visit != nil && visit.Stage != "" {
		in = stage == "" || visit.Stage == stage // they have come back
	}
	if left.After(decided) || left.Equal(decided) && !m.Leaving && !in {
		return drop("not wanted any more: the customer has left the stage")
	}
	return pass
}

// holdout asks again about a message that has waited; the engine has asked when it was decided.
func (d *Delivery) holdout(tx store.Tx, q question) verdict {
	if d.holdouts != nil && q.marketing() && q.waited() && d.holdouts.HeldOut(tx, q.message) {
		return drop(lifecycle.BecauseHoldout)
	}
	return pass
}

func (d *Delivery) reachable(_ store.Tx, q question) verdict {
	if q.problem != "" {
		return drop(q.problem)
	}
	return pass
}

// quietHours puts marketing off until it may leave again.
func (d *Delivery) quietHours(_ store.Tx, q question) verdict {
	hours := d.policy.hours(q.message.Channel)
	if !q.marketing() || len(hours) == 0 {
		return pass
	}
	now := d.timeOf(q)
	if next := nextAllowed(hours, now); next.After(now) {
		return deferred(q.customer.Real(next), "quiet hours")
	}
	return pass
}

// timeOf returns what the customer's clock shows. A test person's runs faster.
func (d *Delivery) timeOf(q question) time.Time {
	return q.customer.Lapsed(q.at).In(d.zones.of(q.customer))
}
