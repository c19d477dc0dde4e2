package engine

import "stagecraft/app/lifecycle"

// SetDistrust names who writes down beside a channel what was not believed of it, for people. It is called before anything
// happens.
func (e *Engine) SetDistrust(note func(channel, text string)) { e.distrust = note }

// believes reports whether a report about a message comes from where that can be known: a channel of the message's own kind, so
// that a connector that lies hurts no other one. Channels of a kind may share a provider, or the mailbox to which bounces go. A
// STOP is a word about the reporting channel, and is heard from wherever it comes.
func believes(in *told, m *lifecycle.Message) bool {
	return in.Event == "unsubscribed" || lifecycle.KindOf(in.Channel) == lifecycle.KindOf(m.Channel)
}

// disbelieved lets people see what was not taken of a channel.
func (e *Engine) disbelieved(in told, why error) {
	e.log.Debug("a report was not believed", "channel", in.Channel, "event", in.Event, "message", in.Message.ID, "error", why)
	if e.distrust != nil {
		e.distrust(in.Channel, why.Error())
	}
}
