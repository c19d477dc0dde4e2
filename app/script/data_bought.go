package script

import (
	"time"

	"stagecraft/app/lifecycle"
)

// Bought is customer.orders, customer.revenue or customer.last_order: numbers, and a time in RFC 3339 or nil.
func Bought(c *lifecycle.Customer, field string) any {
	switch {
	case field == "orders":
		return float64(c.Revenue.Orders)
	case field == "revenue":
		return c.Revenue.Total
	case c.Revenue.Last.IsZero():
		return nil
	}
	return c.Revenue.Last.UTC().Format(time.RFC3339Nano)
}
