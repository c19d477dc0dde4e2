package lifecycle

import "strings"

// What a message's options say about other channels.
const (
	OptionFallback = "fallback" // "false": it is not sent by another channel when this one fails
	OptionPassed   = "passed"   // why it goes by none of the channels that the customer prefers to its own
	optionFirst    = "first"    // of a message that is sent instead of another one: the ID of the first of them
	optionTried    = "tried"    // by which channels the others went, separated by commas
	optionDoubt    = "doubt"    // one of the others may have reached the customer
)

// Chosen says why the message goes by its channel, and by none that the customer prefers to it: "email not allowed: opted out; goes
// by sms". It is empty where only a missing address kept it from those.
func (m *Message) Chosen() string {
	if passed := m.Options[OptionPassed]; passed != "" {
		return passed + "; goes by " + m.Channel
	}
	return ""
}

// First returns the message that was decided, of which this one may be the second try by another channel. It is the ID
// that scripts know, so that what comes back of either comes back of that one.
func (m *Message) First() ID {
	if id, err := ParseID(m.Options[optionFirst]); err == nil {
		return id
	}
	return m.ID
}

// Tried returns by which channels the message went, this one's last.
func (m *Message) Tried() []string {
	if tried := m.Options[optionTried]; tried != "" {
		return append(strings.Split(tried, ","), m.Channel)
	}
	return []string{m.Channel}
}

// Instead makes the message that is sent by another channel instead of this one, which has failed: with an ID of its own
// that is always the same, so that a repeat makes no second one. Who calls it sets its times.
func (m *Message) Instead(channel string, kind MessageKind) *Message {
	next := *m
	next.ID = HashID(m.ID.Part(), "fallback", channel)
	next.Channel, next.Kind, next.State, next.Reason, next.Attempts, next.InDoubt = channel, kind, Queued, "", 0, 0
	next.Options = map[string]string{optionFirst: m.First().String(), optionTried: strings.Join(m.Tried(), ",")}
	for name, value := range m.Options {
		if name != optionFirst && name != optionTried && name != OptionPassed {
			next.Options[name] = value
		}
	}
	if m.MayHaveLeft() {
		next.Options[optionDoubt] = "1"
	}
	return &next
}

// MayHaveLeft reports whether an attempt of the message, or of one that it is sent instead of, may have reached the customer.
func (m *Message) MayHaveLeft() bool { return m.InDoubt > 0 || m.Options[optionDoubt] != "" }
