package lifecycle

import "encoding/binary"

// HeldOut reports whether a customer belongs to the share of customers, 0 to 1, who get no marketing of a journey, so
// that the others can be compared with them. Who it is depends on nothing but the customer's ID and the journey: the
// same customer is in the group or out of it for ever, and whoever is in a small group is in every larger one.
func HeldOut(customer ID, journey string, share float64) bool {
	if share <= 0 {
		return false
	}
	hash := HashID("holdout", customer.Part(), journey)
	return float64(binary.BigEndian.Uint64(hash[:8]))/(1<<64) < share
}
