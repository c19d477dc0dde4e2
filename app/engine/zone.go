package engine

import (
	"encoding/json"
	"sync"
	"time"
	_ "time/tzdata" // the machine may have none

	"stagecraft/app/lifecycle"
)

// zoneTrait is the trait that holds the name of a customer's time zone, such as "Asia/Ho_Chi_Minh".
const zoneTrait = "timezone"

// maxZones bounds how many names are remembered; there are about 600 that mean something.
const maxZones = 2000

// zones remembers time zones by the JSON of the trait that names them; nil for what names none.
type zones struct {
	mu    sync.RWMutex
	known map[string]*time.Location
}

// load returns the zone that a trait names, or nil.
func (z *zones) load(trait json.RawMessage) *time.Location {
	z.mu.RLock()
	zone, ok := z.known[string(trait)]
	z.mu.RUnlock()
	if ok {
		return zone
	}
	var name string
	if json.Unmarshal(trait, &name) == nil && name != "" && name != "Local" && len(name) <= lifecycle.MaxNameBytes {
		if found, err := time.LoadLocation(name); err == nil {
			zone = found
		}
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.known == nil || len(z.known) >= maxZones {
		z.known = map[string]*time.Location{}
	}
	if len(trait) <= lifecycle.MaxNameBytes {
		z.known[string(trait)] = zone
	}
	return zone
}

// zone returns the customer's time zone, or the configured one.
func (s *session) zone() *time.Location {
	if trait, ok := s.customer.Traits[zoneTrait]; ok {
		if zone := s.engine.zones.load(trait); zone != nil {
			return zone
		}
	}
	return s.engine.zone
}
