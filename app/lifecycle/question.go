package lifecycle

import "slices"

// maxQuestions bounds what is asked about one customer at a time; the oldest question goes, and with it the address that
// was said before all the others.
const maxQuestions = 32

// Question is an identity of a customer of which its own partition has not said yet whether anything speaks against writing
// to whoever has it: an address that bounced elsewhere, the name of somebody who was erased. The answer takes milliseconds;
// until then nothing leaves for that address.
type Question struct {
	Identity Identity `msgpack:"i"`
	Asked    bool     `msgpack:"a,omitempty"` // the question is on its way
}

// Asks reports whether something may speak against writing to whoever has such an identity.
func (i Identity) Asks() bool {
	switch i.Kind {
	case EmailIdentity, PhoneIdentity, DeviceIdentity, SocialIdentity, UserID:
		return true
	}
	return i.Kind.External() != ""
}

// Ask notes that an identity is asked about, or, with asked false, that it has to be.
func (c *Customer) Ask(identity Identity, asked bool) {
	if !identity.Asks() {
		return
	}
	if at := slices.IndexFunc(c.Questions, func(q Question) bool { return q.Identity == identity }); at >= 0 {
		c.Questions = slices.Delete(slices.Clone(c.Questions), at, at+1)
	}
	c.Questions = append(slices.Clone(c.Questions), Question{identity, asked})
	if len(c.Questions) > maxQuestions {
		c.Questions = slices.Delete(c.Questions, 0, 1)
	}
}

// Answered ends a question. It reports whether there was one.
func (c *Customer) Answered(identity Identity) bool {
	at := slices.IndexFunc(c.Questions, func(q Question) bool { return q.Identity == identity })
	if at >= 0 {
		c.Questions = slices.Delete(slices.Clone(c.Questions), at, at+1)
	}
	return at >= 0
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
