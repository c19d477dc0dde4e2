package engine

import (
	"cmp"
	"context"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Preferences are what customers can say about being written to: what the marketing of the live journeys is about, on the
// channels that reach them.
type Preferences struct {
	Customer *lifecycle.Customer
	Offered  []Offered // in the order in which the customer prefers channels
}

// Offered is a channel with the topics of its messages, in alphabetical order. Messages without a topic are about none of
// them.
type Offered struct {
	Channel string
	Topics  []string
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
	topics := answer.(map[string][]string)
	p := Preferences{Customer: found.Customer}
	var names []string
	for channel := range topics {
		if _, problem := found.Customer.Address(channel); problem == "" {
			names = append(names, channel)
		}
	}
	slices.Sort(names)
	for _, channel := range found.Customer.Preferred(names) {
		p.Offered = append(p.Offered, Offered{channel, topics[channel]})
	}
	return p, nil
}

// offers asks for the topics of the live journeys' marketing, by channel.
type offers struct{}

func (e *Engine) offers(tx store.Reader) (map[string][]string, error) {
	states, err := e.journeyStates(tx)
	if err != nil {
		return nil, err
	}
	topics := map[string][]string{}
	for _, state := range states {
		if state.Mode != lifecycle.Live {
			continue
		}
		program, err := e.program(tx, state.Version)
		if err != nil {
			return nil, err
		}
		for i := range program.Templates {
			t := &program.Templates[i]
			if kindOf(t) != lifecycle.Marketing {
				continue
			}
			list := topics[t.Channel]
			if at, known := slices.BinarySearchFunc(list, t.Front["topic"], cmp.Compare[string]); !known && t.Front["topic"] != "" {
				list = slices.Insert(list, at, t.Front["topic"])
			}
			topics[t.Channel] = list
		}
	}
	return topics, nil
}
