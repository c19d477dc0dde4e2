package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Limits of what one customer says and suffers.
const (
	MaxConsents     = 128
	MaxSuppressions = 32
)

// Consent is one word of a customer about being written to: for one channel or all, about one topic or all. Where a kind has
// several channels the strict side holds: a refusal of one is a refusal of the whole kind, and what allows the kind allows all of
// its channels, but what allows one of them allows that one only.
type Consent struct {
	Channel string    `json:"channel,omitempty" msgpack:"c"` // empty: every channel; of a refusal the kind
	Topic   string    `json:"topic,omitempty" msgpack:"t"`   // empty: every topic
	Granted bool      `json:"granted" msgpack:"g"`
	At      time.Time `json:"at,omitzero" msgpack:"a"`
	Source  string    `json:"source" msgpack:"s"` // where it was said: "unsubscribe link", "preferences", "api", "STOP"
}

// Strict returns the word as it counts: a refusal is about the whole kind of its channel.
func (c Consent) Strict() Consent {
	if !c.Granted {
		c.Channel = KindOf(c.Channel)
	}
	return c
}

// covers reports whether the word is about a message on that channel and topic.
func (c Consent) covers(channel, topic string) bool {
	if c.Topic != "" && c.Topic != topic {
		return false
	}
	if c.Channel == "" || c.Channel == channel {
		return true
	}
	kind := KindOf(channel)
	return c.Channel == kind || !c.Granted && KindOf(c.Channel) == kind
}

// compare puts words in the order in which they count: by time, of the same time the refusal after what is allowed, then what
// is about more. So the last word does not depend on which came in last.
func (c Consent) compare(other Consent) int {
	wide := func(word Consent) (n int) {
		for _, about := range [...]string{word.Channel, word.Topic} {
			if about == "" {
				n++
			}
		}
		return n
	}
	return cmp.Or(c.At.Compare(other.At), cmp.Compare(truth(!c.Granted), truth(!other.Granted)), cmp.Compare(wide(c), wide(other)),
		cmp.Compare(c.Channel, other.Channel), cmp.Compare(c.Topic, other.Topic), cmp.Compare(c.Source, other.Source))
}

// truth is 1 for what is so and 0 for what is not, for comparisons.
func truth(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Say takes a word about consent. It replaces what was said before about the same channel and topic, and a word about
// everything replaces all others. A word that is older than one about the same, or about more, changes nothing; of two of the
// same time the stricter is the later one. It reports whether anything changed.
func (c *Customer) Say(word Consent) bool {
	word = word.Strict()
	for _, said := range c.Consents {
		if said.covers(word.Channel, word.Topic) && said.compare(word) >= 0 {
			return false
		}
	}
	c.Consents = slices.DeleteFunc(slices.Clone(c.Consents), func(said Consent) bool {
		return word.covers(said.Channel, said.Topic) && said.compare(word) < 0
	})
	c.Consents = append(c.Consents, word)
	slices.SortStableFunc(c.Consents, Consent.compare)
	if len(c.Consents) > MaxConsents {
		c.forgetConsent()
	}
	return true
}

// forgetConsent makes room for a word. The oldest grant goes, else a refusal that a wider one says too. If there are only
// refusals of different things, the oldest one is widened to its whole channel, and then to all: none is ever forgotten.
func (c *Customer) forgetConsent() {
	at := slices.IndexFunc(c.Consents, func(said Consent) bool { return said.Granted })
	for i, said := range c.Consents {
		if at >= 0 {
			break
		}
		if slices.ContainsFunc(c.Consents, func(wider Consent) bool {
			return wider.covers(said.Channel, said.Topic) && (wider.Channel != said.Channel || wider.Topic != said.Topic)
		}) {
			at = i
		}
	}
	if at >= 0 {
		c.Consents = slices.Delete(c.Consents, at, at+1)
		return
	}
	oldest := &c.Consents[0]
	if oldest.Topic == "" {
		oldest.Channel = ""
	}
	oldest.Topic = ""
	wider := *oldest
	c.Consents = slices.DeleteFunc(c.Consents, func(said Consent) bool { return said != wider && wider.covers(said.Channel, said.Topic) })
}

// SayNow takes a word that was said this moment. The trait unsubscribed is a no to everything: whoever allows something now
// lifts it, and all but what is allowed stays refused.
func (c *Customer) SayNow(word Consent) bool {
	if no := c.Lifts(word); no != nil {
		c.SetTrait(OptOutTrait, []byte("false"))
		c.Say(*no)
	}
	return c.Say(word)
}

// Against returns a refusal with the moment from which it counts against all that was allowed of the same, the earliest that is
// not before its own. Other words are returned as they are.
func (c *Customer) Against(word Consent) Consent {
	for _, said := range c.Consents {
		if !word.Granted && said.Granted && !said.At.Before(word.At) && (word.covers(said.Channel, said.Topic) || said.covers(word.Channel, word.Topic)) {
			word.At = said.At.Add(1)
		}
	}
	return word
}

// Lifts returns the no to everything that a trait says and a word of this moment lifts; nil if there is none.
func (c *Customer) Lifts(word Consent) *Consent {
	if !word.Granted || !c.OptedOut() {
		return nil
	}
	return &Consent{At: word.At.Add(-1), Source: "trait"}
}

// Consented returns the newest word about messages on a channel about a topic, the stricter of two at the same moment.
// said is false if there is none. Marketing without a word is for the policy to decide.
func (c *Customer) Consented(channel, topic string) (word Consent, said bool) {
	for _, next := range c.Consents {
		if next.covers(channel, topic) && (!said || next.At.After(word.At) || next.At.Equal(word.At) && !next.Granted) {
			word, said = next, true
		}
	}
	return word, said
}

// TakeConsents joins what a merged customer said to this one's. Of two words the stricter holds, whichever is
// newer, and whoever of the two becomes part of the other: for every kind of message what either refuses is refused, so that
// any order of merges ends in the same.
func (c *Customer) TakeConsents(merged *Customer) {
	joined := Customer{}
	for _, about := range kindsOf(c.Consents, merged.Consents) {
		word, said := stricter(c, merged, about)
		if !said {
			continue
		}
		wider, is := joined.Consented(about.Channel, about.Topic)
		if is && wider.Granted == word.Granted && !word.At.After(wider.At) {
			continue // it follows from what is kept already
		}
		word.Channel, word.Topic = about.Channel, about.Topic
		if is && wider.Granted != word.Granted && !word.At.After(wider.At) { // which would count instead
			if word.At = wider.At; word.Granted {
				word.At = word.At.Add(1)
			}
		}
		joined.Consents = append(joined.Consents, word)
	}
	slices.SortFunc(joined.Consents, func(a, b Consent) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Topic, b.Topic))
	})
	for len(joined.Consents) > MaxConsents {
		joined.forgetConsent()
	}
	c.Consents = joined.Consents
}

// TakeSuppressions joins what keeps messages from a merged customer to what keeps them from this one.
func (c *Customer) TakeSuppressions(merged *Customer) {
	for _, s := range merged.Suppressions {
		c.Suppress(s)
	}
	for _, q := range merged.Questions { // the answer was on its way to somebody who is not there any more; a place is theirs from now on
		c.Ask(q.about(), false)
	}
}

// stricter returns what two who are the same person said about a kind of message.
func stricter(a, b *Customer, about Consent) (Consent, bool) {
	word, said := a.Consented(about.Channel, about.Topic)
	other, is := b.Consented(about.Channel, about.Topic)
	switch {
	case !is:
		return word, said
	case !said, word.Granted && !other.Granted:
		return other, true
	case word.Granted == other.Granted && cmp.Or(other.At.Compare(word.At), cmp.Compare(other.Source, word.Source)) > 0:
		return other, true
	}
	return word, true
}

// kindsOf returns all kinds of messages that words tell apart, the wider ones first.
func kindsOf(lists ...[]Consent) []Consent {
	channels, topics := []string{""}, []string{""}
	for _, words := range lists {
		for _, word := range words {
			if channel := word.Strict().Channel; !slices.Contains(channels, channel) {
				channels = append(channels, channel)
			}
			if !slices.Contains(topics, word.Topic) {
				topics = append(topics, word.Topic)
			}
		}
	}
	slices.Sort(channels)
	slices.Sort(topics)
	kinds := make([]Consent, 0, len(channels)*len(topics))
	for _, channel := range channels { // "" is the first of both: what covers a kind stands before it
		for _, topic := range topics {
			kinds = append(kinds, Consent{Channel: channel, Topic: topic})
		}
	}
	return kinds
}

// Suppression keeps every message from an address for a reason that is not the customer's wish. It holds for all channels of the
// kind: an address that is dead for one mail server is dead for another.
type Suppression struct {
	Channel string    `json:"channel" msgpack:"c"` // the kind of it; empty: every channel
	Address string    `json:"address" msgpack:"a"` // empty: every address of the channel
	Reason  string    `json:"reason" msgpack:"r"`  // SuppressedBounce, SuppressedComplaint or SuppressedErased
	At      time.Time `json:"at,omitzero" msgpack:"t"`
}

// Why an address is suppressed.
const (
	SuppressedBounce    = "bounced"
	SuppressedComplaint = "complained"
	SuppressedErased    = "erased"
)

// Suppress keeps messages from an address from now on. It reports whether that is new.
func (c *Customer) Suppress(s Suppression) bool {
	s.Channel = KindOf(s.Channel)
	if _, already := c.Suppressed(s.Channel, s.Address); already {
		return false
	}
	c.Suppressions = append(slices.Clone(c.Suppressions), s)
	if len(c.Suppressions) > MaxSuppressions {
		c.forgetSuppression()
	}
	return true
}

// forgetSuppression makes room for a suppression: the oldest bounce goes of the channel that has most of them. If
// nothing has bounced, the channel of the oldest is suppressed as a whole: nobody hears from us again who has complained.
func (c *Customer) forgetSuppression() {
	bounces := map[string]int{}
	most := ""
	for _, s := range c.Suppressions {
		if s.Reason == SuppressedBounce {
			if bounces[s.Channel]++; bounces[s.Channel] > bounces[most] {
				most = s.Channel
			}
		}
	}
	if at := slices.IndexFunc(c.Suppressions, func(s Suppression) bool { return s.Reason == SuppressedBounce && s.Channel == most }); at >= 0 {
		c.Suppressions = slices.Delete(c.Suppressions, at, at+1)
		return
	}
	whole := c.Suppressions[0]
	whole.Address = ""
	c.Suppressions = append([]Suppression{whole}, slices.DeleteFunc(c.Suppressions, func(s Suppression) bool { return s.Channel == whole.Channel })...)
}

// Unsuppress lets messages to an address leave again, by every channel of the kind; an empty address means all of the kind. It reports whether
// anything changed.
func (c *Customer) Unsuppress(channel, address string) bool {
	before := len(c.Suppressions)
	c.Suppressions = slices.DeleteFunc(slices.Clone(c.Suppressions), func(s Suppression) bool {
		return KindOf(s.Channel) == KindOf(channel) && (address == "" || sameAddress(channel, s.Address, address))
	})
	return len(c.Suppressions) < before
}

// Revive lets messages to an address leave again that bounced before it was heard from at a time, and so is alive after all. A
// complaint stands, and so does whatever holds for more than the address. It reports whether anything changed.
func (c *Customer) Revive(channel, address string, heard time.Time) bool {
	before := len(c.Suppressions)
	c.Suppressions = slices.DeleteFunc(slices.Clone(c.Suppressions), func(s Suppression) bool {
		return s.Reason == SuppressedBounce && s.Address != "" && s.At.Before(heard) && KindOf(s.Channel) == KindOf(channel) && sameAddress(channel, s.Address, address)
	})
	return len(c.Suppressions) < before
}

// Suppressed returns what keeps messages from an address on a channel, if anything does.
func (c *Customer) Suppressed(channel, address string) (Suppression, bool) {
	for _, s := range c.Suppressions {
		if (s.Channel == "" || KindOf(s.Channel) == KindOf(channel)) && (s.Address == "" || sameAddress(channel, s.Address, address)) {
			return s, true
		}
	}
	return Suppression{}, false
}

// SuppressedAt reports whether an address itself is suppressed, and not only the channel as a whole.
func (c *Customer) SuppressedAt(channel, address string) bool {
	return slices.ContainsFunc(c.Suppressions, func(s Suppression) bool {
		return KindOf(s.Channel) == KindOf(channel) && s.Address != "" && sameAddress(channel, s.Address, address)
	})
}

// sameAddress reports whether two addresses of a channel lead to the same place.
func sameAddress(channel, a, b string) bool {
	kind := KindOf(channel)
	switch {
	case a == b:
		return true
	case kind == "email":
		return sameMailbox(a, b)
	case kind == "social": // as it was kept before numbers were read, too
		one, unread := chatAddress(a)
		other, illegible := chatAddress(b)
		return unread == "" && illegible == "" && one == other
	case kind == "push" && (strings.HasPrefix(a, "{") || strings.HasPrefix(b, "{")): // the keys of a subscription may be written in any order
		one, ok := pushEndpoint(a)
		other, is := pushEndpoint(b)
		return ok && is && one == other
	case HasPlaces(channel):
		one := place(channel, a)
		return one != "" && one == place(channel, b)
	}
	return false
}
