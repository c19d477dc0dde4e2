package engine

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Chooser is an Outbox that knows by which of its channels a message may leave. It is asked inside Apply, when the message is
// decided, and what it says is part of the decision: whoever lives a life again takes the channel that was written down.
type Chooser interface {
	// Choose returns which of a message's ways it goes, of which the customer prefers the first, and why not those before it; ""
	// where nothing but a missing address keeps it from them. The message has no channel yet. A negative way: it may go none of them.
	Choose(tx store.Tx, m *lifecycle.Message, ways []*lifecycle.Template, customer *lifecycle.Customer, at time.Time) (way int, passed string)
}

// chooseTemplate picks the channel: the one that the send names, else of those that the message has the first that the
// customer prefers and policy allows. If none is allowed it is the first by which they can be reached, and if none reaches them
// the preferred one; the message then says why not.
func (s *session) chooseTemplate(m *lifecycle.Message, program *script.Program, effect *script.Effect) *lifecycle.Template {
	if by, ok := effect.Args["by"].(string); ok {
		template, _ := program.Template(effect.Name, by, "")
		return template
	}
	var only *lifecycle.Template
	for i := range program.Templates {
		switch t := &program.Templates[i]; {
		case t.Name != effect.Name:
		case only == nil:
			only = t
		case t.Channel != only.Channel:
			return s.chooseWay(m, s.waysOf(program, effect.Name))
		}
	}
	return only
}

// waysOf returns a message's templates, one for each channel, the one that the customer prefers first.
func (s *session) waysOf(program *script.Program, name string) []*lifecycle.Template {
	channels := s.customer.Preferred(program.Channels(name))
	ways := make([]*lifecycle.Template, len(channels))
	for i, channel := range channels {
		ways[i], _ = program.Template(name, channel, "")
	}
	return ways
}

func (s *session) chooseWay(m *lifecycle.Message, ways []*lifecycle.Template) *lifecycle.Template {
	if chooser, knows := s.engine.outbox.(Chooser); knows && !s.history { // of which nothing leaves, and the policy of now says nothing
		if way, passed := chooser.Choose(s.tx, m, ways, s.customer, s.at); way >= 0 {
			if passed != "" {
				if m.Options == nil {
					m.Options = map[string]string{}
				}
				m.Options[lifecycle.OptionPassed] = passed
			}
			return ways[way]
		}
	}
	for _, t := range ways {
		if s.customer.Reachable(t.Channel, t.Front["topic"], kindOf(t)) {
			return t
		}
	}
	return ways[0]
}

// kindOf returns what kind of message a template makes; marketing unless it says otherwise.
func kindOf(t *lifecycle.Template) lifecycle.MessageKind {
	if kind := lifecycle.MessageKind(t.Front["kind"]); kind != "" {
		return kind
	}
	return lifecycle.Marketing
}
