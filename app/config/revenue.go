package config

import "strings"

// Revenue says which events are orders, and what they come to.
type Revenue struct {
	Orders  []string `name:"revenue-orders" env:"STAGECRAFT_REVENUE_ORDERS" default:"Order Completed" placeholder:"EVENT,..." help:"Events that are orders: they make up customer.orders, customer.revenue and the ranks of rfm. Default: ${default}."`
	Refunds []string `name:"revenue-refunds" env:"STAGECRAFT_REVENUE_REFUNDS" default:"Order Refunded" placeholder:"EVENT,..." help:"Events that take revenue back. Default: ${default}."`
	Amount  []string `name:"revenue-amount" env:"STAGECRAFT_REVENUE_AMOUNT" default:"revenue,total,value" placeholder:"PROPERTY,..." help:"Properties with the amount of an order or a refund, in one currency; the first one that the event has counts. Default: ${default}."`
}

// check takes nothing for the default, as in a Config that no flags were read into.
func (r *Revenue) check(problems *Problems) {
	for _, list := range []struct {
		flag  string
		names []string
	}{{"--revenue-orders", r.Orders}, {"--revenue-refunds", r.Refunds}, {"--revenue-amount", r.Amount}} {
		for i, name := range list.names {
			if list.names[i] = strings.TrimSpace(name); list.names[i] == "" || len(name) > 200 {
				problems.add(list.flag, "%.80q is no name; write them with commas in between", name)
			}
		}
	}
}
