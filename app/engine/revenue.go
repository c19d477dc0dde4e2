package engine

import (
	"bytes"
	"encoding/json"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// RevenueRules say which events are orders and how much they come to. Zero values stand for the names of the Segment spec.
type RevenueRules struct {
	Orders  []string // events that are orders
	Refunds []string // events that take revenue back
	Amount  []string // properties with the amount; the first one that there is counts
}

func (r RevenueRules) orDefaults() RevenueRules {
	if r.Orders == nil {
		r.Orders = []string{"Order Completed"}
	}
	if r.Refunds == nil {
		r.Refunds = []string{"Order Refunded"}
	}
	if r.Amount == nil {
		r.Amount = []string{"revenue", "total", "value"}
	}
	return r
}

// takeRevenue counts the session's event if it is an order or a refund: also one that is history, late or made by a script.
// It is dated as count and sum date it, never later than it came in. One that came with a key that anybody can read proves no
// order: else any page could invent revenue, and take it away.
func (s *session) takeRevenue(event *lifecycle.Event) {
	rules := &s.engine.revenue
	if event.Type != lifecycle.Track || event.Public {
		return
	}
	order := slices.Contains(rules.Orders, event.Name)
	if !order && !slices.Contains(rules.Refunds, event.Name) {
		return
	}
	amount := rules.amount(event.Properties)
	if !order {
		s.customer.Revenue.Total -= amount
		return
	}
	at := event.Timestamp
	if at.After(s.now) {
		at = s.now
	}
	s.customer.Revenue = s.customer.Revenue.Plus(lifecycle.Revenue{Orders: 1, Total: amount, First: at.UTC(), Last: at.UTC()})
}

// amount is what an order or a refund comes to; 0 if it does not say.
func (r *RevenueRules) amount(properties json.RawMessage) float64 {
	for _, name := range r.Amount {
		if amount, is := script.AmountOf(lifecycle.Property(properties, name)); is {
			return amount
		}
	}
	return 0
}

// CheckAmount says why what an order or a refund comes to cannot be read, by field; nil if it can, or if it does not say. Who
// imports asks, since a row that was taken cannot be mended.
func (e *Engine) CheckAmount(event *lifecycle.Event) error {
	rules := &e.revenue
	if event.Type != lifecycle.Track || !slices.Contains(rules.Orders, event.Name) && !slices.Contains(rules.Refunds, event.Name) {
		return nil
	}
	var wrong error
	for _, name := range rules.Amount {
		value := lifecycle.Property(event.Properties, name)
		if _, is := script.AmountOf(value); is {
			return nil // the first one that is one counts
		}
		if wrong == nil && bytes.ContainsAny(value, "0123456789") {
			wrong = inField("properties."+name, "%s %.80s is no amount; write it as 7.50", name, value)
		}
	}
	return wrong
}
