package lifecycle

import (
	"slices"
	"strings"
)

// maxQuestions bounds what is asked about one customer at a time; the oldest question goes, and with it the address that
// was said before all the others.
const maxQuestions = 32

// Question is an identity of a customer of which its own partition has not said yet whether anything speaks against writing
// to whoever has it: an address that bounced elsewhere, the name of somebody who was erased. The answer takes milliseconds;
// until then nothing leaves for that address.
type Question struct {
	Identity Identity `msgpack:"i"`
	Asked    bool     `msgpack:"a,omitempty"` // the question is on its way
	For      ID       `msgpack:"f,omitempty"` // the message for which a number is asked about that is not the customer's; else zero
}

// answeredPrefix begins the kinds of places that were asked about: they stay among the questions, so that the next message there does
// not wait again. Whatever comes to speak against them later is told to everybody who has asked.
const answeredPrefix = "answered "

// Asks reports whether something may speak against writing to whoever has such an identity.
func (i Identity) Asks() bool {
	switch i.Kind {
	case EmailIdentity, PhoneIdentity, DeviceIdentity, SocialIdentity, UserID:
		return true
	}
	return i.Kind.External() != "" || i.Kind.IsPlace()
}

// Ask notes that an identity is asked about, or, with asked false, that it has to be.
func (c *Customer) Ask(identity Identity, asked bool) {
	if !identity.Asks() {
		return
	}
	c.Questions = slices.DeleteFunc(slices.Clone(c.Questions), func(q Question) bool { return q.Identity == identity || q.Identity == answered(identity) })
	c.Questions = append(c.Questions, Question{Identity: identity, Asked: asked})
	if len(c.Questions) > maxQuestions {
		oldest := max(0, slices.IndexFunc(c.Questions, Question.isAnswered))
		c.Questions = slices.Delete(c.Questions, oldest, oldest+1)
	}
}

// AskFor notes that a number is asked about that a message names.
func (c *Customer) AskFor(number Identity, message ID) {
	c.Ask(number, true)
	c.Questions[len(c.Questions)-1].For = message
}

// IsNamed reports whether a number is asked about only because a message names it.
func (c *Customer) IsNamed(number Identity) bool {
	return slices.ContainsFunc(c.Questions, func(q Question) bool { return q.Identity == number && !q.For.IsZero() })
}

// Answered ends a question. It reports whether there was one.
func (c *Customer) Answered(identity Identity) bool {
	at := slices.IndexFunc(c.Questions, func(q Question) bool { return q.Identity == identity })
	if at < 0 {
		return false
	}
	message := c.Questions[at].For
	c.Questions = slices.Delete(slices.Clone(c.Questions), at, at+1)
	if identity.Kind.IsPlace() || !message.IsZero() {
		c.Questions = append(c.Questions, Question{answered(identity), true, message})
	}
	return true
}

// answered is how a place stands among the questions once it was asked about.
func answered(place Identity) Identity { return Identity{answeredPrefix + place.Kind, place.Value} }

func (q Question) isAnswered() bool {
	return strings.HasPrefix(string(q.Identity.Kind), answeredPrefix)
}

// about returns what is asked, or was.
func (q Question) about() Identity {
	q.Identity.Kind = IdentityKind(strings.TrimPrefix(string(q.Identity.Kind), answeredPrefix))
	return q.Identity
}

// AskedAbout reports whether it was asked what speaks against writing to a place, or to a number that a message names: of that it is
// asked for each message.
func (c *Customer) AskedAbout(place Identity, message ID) bool {
	return slices.ContainsFunc(c.Questions, func(q Question) bool {
		return q.Identity == answered(place) && (place.Kind.IsPlace() || q.For == message)
	})
}

// Places returns those that were asked about, or are.
func (c *Customer) Places() (list []Identity) {
	for _, q := range c.Questions {
		if place := q.about(); place.Kind.IsPlace() {
			list = append(list, place)
		}
	}
	return list
}

// Questioned reports whether it is still being asked if anything speaks against writing to an address on a channel. A name
// that is asked about stands for every address of the customer's.
func (c *Customer) Questioned(channel, address string) bool {
	if len(c.Questions) == 0 {
		return false
	}
	identity, _ := AddressIdentity(channel, address)
	return slices.ContainsFunc(c.Questions, func(q Question) bool {
		return q.Identity == identity || q.Identity.Kind == UserID || q.Identity.Kind.External() != ""
	})
}
