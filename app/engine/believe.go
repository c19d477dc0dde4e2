package engine

import "stagecraft/app/lifecycle"

// Occupied is an Outbox that knows who sends. It is asked inside Apply only.
type Occupied interface {
	// Serves reports whether a channel has somebody to send for it.
	Serves(channel string) bool
}

// SetDistrust names who writes down beside a channel what was not believed of it, for people. It is called before anything
// happens.
func (e *Engine) SetDistrust(note func(channel, text string)) { e.distrust = note }

// believes reports whether a report about a message comes from where that can be known: the message's own channel, so that a
// connector that lies hurts no other one. Who serves a channel of the same kind is believed of one that nobody serves any more:
// its provider may be the same. An answer that named no message may be to another channel of the kind; and a STOP is a word about the
// reporting channel, which is heard from wherever it comes.
func (e *Engine) believes(in *told, m *lifecycle.Message) bool {
	switch {
	case in.Channel == m.Channel, in.byAddress, in.Event == "unsubscribed":
		return true
	case lifecycle.KindOf(in.Channel) != lifecycle.KindOf(m.Channel):
		return false
	}
	occupied, is := e.outbox.(Occupied)
	return is && !occupied.Serves(m.Channel)
}

// disbelieved lets people see what was not taken of a channel.
func (e *Engine) disbelieved(in told, why error) {
	e.log.Warn("a report was not believed", "channel", in.Channel, "event", in.Event, "message", in.Message.ID, "error", why)
	if e.distrust != nil {
		e.distrust(in.Channel, why.Error())
	}
}
