package engine

import (
	"context"
	"maps"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Preferences are what customers can say about being written to: what the marketing of the live journeys and of broadcasts
// is about, on the channels that reach them.
type Preferences struct {
	Customer *lifecycle.Customer
	Offered  []Offered // in the order in which the customer prefers channels
}

// Offered is a kind of channel with the topics of its messages, in alphabetical order. Messages without a topic are about none of
// them. Who refuses one channel of a kind refuses all, so they are one.
type Offered struct {
	Kind     string
	Channels []string // of the kind, that reach the customer, in alphabetical order
	Topics   []string
}

// Preferences returns what a customer can say. The customer may have been merged since the ID was learned.
func (e *Engine) Preferences(ctx context.Context, customer lifecycle.ID) (Preferences, error) {
	found, err := e.customerAt(ctx, customer)
	if err != nil {
		return Preferences{}, err
	}
	answer, err := e.store.Ask(ctx, found.Customer.ID.Partition(), offers{})
	if err != nil {
		return Preferences{}, err
	}
	offered := answer.(topics)
	p := Preferences{Customer: found.Customer}
	reached, about := map[string][]string{}, topics{}
	for _, channel := range slices.Sorted(maps.Keys(offered)) {
		if _, problem := found.Customer.Address(channel); problem == "" {
			kind := lifecycle.KindOf(channel)
			reached[kind] = append(reached[kind], channel)
			about.about(kind, offered[channel]...)
		}
	}
	for _, kind := range found.Customer.Preferred(slices.Sorted(maps.Keys(reached))) {
		p.Offered = append(p.Offered, Offered{kind, reached[kind], about[kind]})
	}
	return p, nil
}

// offers asks for the topics of the marketing of the live journeys, and of the broadcasts that were started and are still
// kept: their messages may be read long after they were sent.
type offers struct{}

func (e *Engine) offers(tx store.Reader) (topics, error) {
	states, err := e.journeyStates(tx)
	if err != nil {
		return nil, err
	}
	offered := topics{}
	for _, state := range states {
		if state.Mode != lifecycle.Live {
			continue
		}
		program, err := e.program(tx, state.Version)
		if err != nil {
			return nil, err
		}
		offered.add(program)
	}
	err = shares(tx, func(b *broadcastShare) {
		for channel, list := range b.Offers {
			offered.about(channel, list...)
		}
	})
	return offered, err
}

// topics are what marketing is about, by channel, in alphabetical order. A channel may have none.
type topics map[string][]string

// add adds those of a program's messages.
func (t topics) add(program *script.Program) {
	for i := range program.Templates {
		if template := &program.Templates[i]; kindOf(template) == lifecycle.Marketing {
			t.about(template.Channel, template.Front["topic"])
		}
	}
}

func (t topics) about(channel string, names ...string) {
	list := t[channel]
	for _, name := range names {
		if at, known := slices.BinarySearch(list, name); !known && name != "" {
			list = slices.Insert(list, at, name)
		}
	}
	t[channel] = list
}
