package lifecycle

import (
	"slices"
	"strings"
)

// A channel has a name and a kind. The kinds of the program are named like the channels that it always has, and a name of the form
// KIND-ANYTHING is a further channel of that kind: email-news is email through another server, with limits, a warm-up and a standing
// of its own. Who a message goes to, what it looks like and what the customer said of it is asked by kind; where it waits, who
// carries it and how fast is asked by name. The rule needs nothing but the name, so it holds for records of any age, and in every
// simulation. Channels that connectors bring under other names are their own kind.

// Channels in the order in which a customer who prefers none is written to.
var channelOrder = []string{"email", "push", "sms", "social", "inapp", "call", "letter", "webhook"}

// KindOf returns the kind of a channel: "email" of "email" and of "email-news". There is one inbox, and one channel for webhooks:
// what is named like a second one is no kind of ours. It allocates nothing.
func KindOf(channel string) string {
	at := strings.IndexByte(channel, '-')
	if at < 0 || at == len(channel)-1 {
		return channel
	}
	switch kind := channel[:at]; kind {
	case "email", "push", "sms", "social", "call", "letter":
		return kind
	}
	return channel
}

// IsFurther reports whether a channel is a further one of a kind of the program's, such as email-news.
func IsFurther(channel string) bool { return KindOf(channel) != channel }

// IsOwnChannel reports whether a channel is one of those that the program always has; further ones are set up, and others are
// brought by connectors.
func IsOwnChannel(channel string) bool { return slices.Contains(channelOrder, channel) }

// IsChannelName reports whether a text can name a channel: lower-case letters, digits and dashes, at most 64, with a letter or
// digit first.
func IsChannelName(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0) {
			return false
		}
	}
	return text != "" && len(text) <= 64
}

// ChannelInEvents returns a channel as the names of events write it: its kind, "Email", as in "Email Opened". Which channel of the
// kind it was stands in the event's property channel.
func ChannelInEvents(channel string) string {
	channel = KindOf(channel)
	if channel == "inapp" {
		return "In-App"
	}
	first := min(1, len(channel))
	return strings.ToUpper(channel[:first]) + channel[first:]
}

// ChannelOfEvent returns the channel that the name of an event begins with, "email" of "Email"; "" if it is none of ours
// that has addresses.
func ChannelOfEvent(name string) string {
	for _, channel := range channelOrder {
		if channel != "webhook" && ChannelInEvents(channel) == name {
			return channel
		}
	}
	return ""
}

// Preferred sorts channels: those that the trait channels names come first, in its order, then the others in ours. A kind that is
// named stands for all channels of it that are not named themselves.
func (c *Customer) Preferred(channels []string) []string {
	var order []string
	if named, ok := c.Trait("channels").([]any); ok {
		for _, name := range named {
			if text, ok := name.(string); ok {
				order = append(order, text)
			}
		}
	}
	order = append(order, channelOrder...)
	place := func(channel string) int { // those of others come last
		if at := slices.Index(order, channel); at >= 0 {
			return at
		}
		if at := slices.Index(order, KindOf(channel)); at >= 0 {
			return at
		}
		return len(order)
	}
	sorted := slices.Clone(channels)
	slices.SortStableFunc(sorted, func(a, b string) int { return place(a) - place(b) })
	return sorted
}
