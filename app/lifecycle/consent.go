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

// Consent is one word of a customer about being written to: for one channel or all, about one topic or all.
type Consent struct {
	Channel string    `json:"channel,omitempty" msgpack:"c"` // empty: every channel
	Topic   string    `json:"topic,omitempty" msgpack:"t"`   // empty: every topic
	Granted bool      `json:"granted" msgpack:"g"`
	At      time.Time `json:"at,omitzero" msgpack:"a"`
	Source  string    `json:"source" msgpack:"s"` // where it was said: "unsubscribe link", "preferences", "api", "STOP"
}

// covers reports whether the word is about a message on that channel and topic.
func (c Consent) covers(channel, topic string) bool {
	return (c.Channel == "" || c.Channel == channel) && (c.Topic == "" || c.Topic == topic)
}

// meets reports whether there are messages that both words are about.
func (c Consent) meets(other Consent) bool {
	return (c.Channel == "" || other.Channel == "" || c.Channel == other.Channel) && (c.Topic == "" || other.Topic == "" || c.Topic == other.Topic)
}

// Say takes a word about consent. It replaces what was said before about the same channel and topic, and a word about
// everything replaces all others. A word that is older than the one it would replace changes nothing. It reports
// whether anything changed.
func (c *Customer) Say(word Consent) bool {
	for _, said := range c.Consents {
		if said.Channel == word.Channel && said.Topic == word.Topic && (said.At.After(word.At) || said == word) {
			return false
		}
	}
	c.Consents = slices.DeleteFunc(slices.Clone(c.Consents), func(said Consent) bool {
		wider := (word.Channel == "" || said.Channel == word.Channel) && (word.Topic == "" || said.Topic == word.Topic)
		return wider && !said.At.After(word.At)
	})
	c.Consents = append(c.Consents, word)
	slices.SortStableFunc(c.Consents, func(a, b Consent) int { return a.At.Compare(b.At) })
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
	if word.Granted && c.Trait("unsubscribed") == true {
		c.SetTrait("unsubscribed", []byte("false"))
		c.Say(Consent{At: word.At.Add(-1), Source: "trait"})
	}
	return c.Say(word)
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

// TakeConsents joins what a merged customer said and suffers to this one's. Of two words the stricter holds, whichever is
// newer, and whoever of the two becomes part of the other.
func (c *Customer) TakeConsents(merged *Customer) {
	words := append(c.beside(merged), merged.beside(c)...)
	slices.SortStableFunc(words, func(a, b Consent) int {
		grantsFirst := 0
		if a.Granted != b.Granted {
			if grantsFirst = 1; a.Granted {
				grantsFirst = -1
			}
		}
		return cmp.Or(a.At.Compare(b.At), grantsFirst, cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Source, b.Source))
	})
	c.Consents = nil
	for _, word := range words {
		c.Say(word)
	}
	for _, s := range merged.Suppressions {
		c.Suppress(s)
	}
}

// beside returns the customer's words as they hold beside those of somebody who is the same person: no yes to what the other
// one refuses, and each no as new as the other one's yes to something that it is about too.
func (c *Customer) beside(other *Customer) []Consent {
	words := make([]Consent, 0, len(c.Consents)+len(other.Consents))
	for _, word := range c.Consents {
		if word.Granted {
			if said, is := other.Consented(word.Channel, word.Topic); is && !said.Granted {
				continue
			}
		} else {
			for _, yes := range other.Consents {
				if yes.Granted && yes.meets(word) && !word.covers(yes.Channel, yes.Topic) && yes.At.After(word.At) {
					word.At = yes.At
				}
			}
		}
		words = append(words, word)
	}
	return words
}

// Suppression keeps every message from an address for a reason that is not the customer's wish.
type Suppression struct {
	Channel string    `json:"channel" msgpack:"c"` // empty: every channel
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

// Unsuppress lets messages to an address leave again; an empty address means all of the channel. It reports whether
// anything changed.
func (c *Customer) Unsuppress(channel, address string) bool {
	before := len(c.Suppressions)
	c.Suppressions = slices.DeleteFunc(slices.Clone(c.Suppressions), func(s Suppression) bool {
		return s.Channel == channel && (address == "" || s.Address == address || channel == "email" && sameMailbox(s.Address, address))
	})
	return len(c.Suppressions) < before
}

// Suppressed returns what keeps messages from an address on a channel, if anything does.
func (c *Customer) Suppressed(channel, address string) (Suppression, bool) {
	for _, s := range c.Suppressions {
		if (s.Channel == "" || s.Channel == channel) && (s.Address == "" || s.Address == address || channel == "email" && sameMailbox(s.Address, address)) {
			return s, true
		}
	}
	return Suppression{}, false
}

// sameMailbox reports whether two mail addresses are one as far as anybody but the receiving server can tell. The part
// before the @ may be told apart by its case (RFC 5321, 2.4), but nobody does: an address does not come free again by
// being written in capitals.
func sameMailbox(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }
