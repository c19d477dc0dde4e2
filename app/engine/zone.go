package engine

import (
	"time"

	"stagecraft/app/lifecycle"
)

// zoneTrait is the trait that says a customer's time zone, such as "Asia/Ho_Chi_Minh".
const zoneTrait = lifecycle.ZoneTrait

// zone returns the customer's time zone, or the configured one.
func (s *session) zone() *time.Location {
	if zone := s.engine.zones.Of(s.customer); zone != nil {
		return zone
	}
	return s.engine.zone
}
