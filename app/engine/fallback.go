package engine

import (
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Alternatives returns a message's templates, one for each channel by which the customer can be reached, the one that they
// prefer first. It is delivery's way to send by another channel what has failed on one.
func (e *Engine) Alternatives(tx store.Reader, version, name string, customer *lifecycle.Customer) []*lifecycle.Template {
	program, err := e.program(tx, version)
	if err != nil {
		return nil
	}
	var templates []*lifecycle.Template
	for _, channel := range customer.Preferred(program.Channels(name)) {
		if t, ok := program.Template(name, channel, ""); ok && customer.Reachable(channel, t.Front["topic"], kindOf(t)) {
			templates = append(templates, t)
		}
	}
	return templates
}

// Several reports whether a message has more than one channel.
func (e *Engine) Several(tx store.Reader, version, name string) bool {
	program, err := e.program(tx, version)
	if err != nil {
		return false
	}
	channel := ""
	for i := range program.Templates {
		switch t := &program.Templates[i]; {
		case t.Name != name || t.Channel == channel:
		case channel == "":
			channel = t.Channel
		default:
			return true
		}
	}
	return false
}

// fallsBack reports whether a send may go by another channel: as it says, else unless it names its channel.
func fallsBack(effect *script.Effect) bool {
	if says, ok := effect.Args["fallback"].(bool); ok {
		return says
	}
	_, named := effect.Args["by"]
	return !named
}
