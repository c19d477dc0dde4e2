package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
	amount, wrong := rules.amount(event.Properties)
	if wrong != nil {
		s.note(lifecycle.Fact{Kind: lifecycle.FactUncounted, Name: event.Name, Reason: wrong.Message})
	}
	if !order {
		s.customer.Revenue = s.customer.Revenue.Plus(lifecycle.Revenue{Total: -amount})
		return
	}
	at := event.Timestamp
	if at.After(s.now) {
		at = s.now
	}
	s.customer.Revenue = s.customer.Revenue.Plus(lifecycle.Revenue{Orders: 1, Total: amount, First: at.UTC(), Last: at.UTC()})
}

// amount is what an order or a refund comes to: the first of its amounts that is one, 0 if it does not say, or 0 with the reason
// if what it says cannot be read.
func (r *RevenueRules) amount(properties json.RawMessage) (amount float64, wrong *lifecycle.Error) {
	for _, name := range r.Amount {
		value := lifecycle.Property(properties, name)
		if amount, is := script.AmountOf(value); is {
			return amount, nil
		}
		if wrong == nil && !unsaid(value) {
			wrong = &lifecycle.Error{Code: lifecycle.Invalid, Field: "properties." + name,
				Message: fmt.Sprintf("%s %.80s is no amount; write it as 7.50, of 15 digits before the point at most", name, value)}
		}
	}
	return 0, wrong
}

// unsaid reports whether a property says that it says nothing, as exports of other programs write it.
func unsaid(value json.RawMessage) bool {
	var text string
	if len(value) == 0 || string(value) == "null" {
		return true
	}
	if json.Unmarshal(value, &text) != nil {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "-", "n/a", "na", "nil", "none", "null":
		return true
	}
	return false
}

// CheckAmount says why what an order or a refund comes to cannot be read, by field; nil if it can, or if it does not say. Who
// brings rows in from elsewhere refuses such a one: once taken it cannot be mended. An event of an SDK is taken all the same,
// which would not come again, and whoever sent it is warned; of a public one no amount counts at all.
func (e *Engine) CheckAmount(event *lifecycle.Event) error {
	rules := &e.revenue
	if event.Type != lifecycle.Track || event.Public || !slices.Contains(rules.Orders, event.Name) && !slices.Contains(rules.Refunds, event.Name) {
		return nil
	}
	if _, wrong := rules.amount(event.Properties); wrong != nil {
		return wrong
	}
	return nil
}
