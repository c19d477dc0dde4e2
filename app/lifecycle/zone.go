package lifecycle

import (
	_ "embed"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the machine may have none
)

// ZoneTrait is the trait that says a customer's time zone, such as "Asia/Ho_Chi_Minh".
const ZoneTrait = "timezone"

// zoneNames are the names of the IANA time zone database, one a line.
//
//go:embed zones.txt
var zoneNames string

// ZoneOf returns the time zone that a text names, or nil. It takes names of the IANA time zone database, in any case and with
// spaces for underscores, and distances from UTC as people write them: "UTC-5", "GMT+7", "+07:00" and "+0530" are so many
// hours ahead of UTC or behind it. In the database's own "Etc/GMT+7" the sign means the opposite, which holds for that name only.
// What else the machine has a file for, such as its own zone ("Local", "localtime"), means something else elsewhere, or nothing.
func ZoneOf(text string) *time.Location {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > MaxNameBytes {
		return nil
	}
	if zone := distant(text); zone != nil {
		return zone
	}
	text = strings.ReplaceAll(text, " ", "_")
	for name := range strings.Lines(zoneNames) {
		if name = strings.TrimSuffix(name, "\n"); strings.EqualFold(name, text) {
			if zone, err := time.LoadLocation(name); err == nil {
				return zone
			}
		}
	}
	return nil
}

// The zones that are furthest from UTC, in minutes.
const (
	furthestBehind = -12 * 60
	furthestAhead  = 14 * 60
)

// distant reads a distance from UTC: "UTC", "GMT" or nothing, a sign, and hours, hours and minutes as HHMM, or as H:MM; "Z" too. nil:
// it is none.
func distant(text string) *time.Location {
	text = strings.ToUpper(strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), "\u2212", "-"))
	if text == "Z" {
		return time.UTC
	}
	if rest, named := strings.CutPrefix(text, "UTC"); named {
		text = rest
	} else {
		text = strings.TrimPrefix(text, "GMT")
	}
	if len(text) < 2 || text[0] != '+' && text[0] != '-' {
		return nil
	}
	hours, minutes, parted := strings.Cut(text[1:], ":")
	if !parted && len(hours) == 4 {
		hours, minutes, parted = hours[:2], hours[2:], true
	}
	h, err := strconv.ParseUint(hours, 10, 8)
	if err != nil || len(hours) > 2 || parted && len(minutes) != 2 {
		return nil
	}
	m := uint64(0)
	if parted {
		if m, err = strconv.ParseUint(minutes, 10, 8); err != nil || m > 59 {
			return nil
		}
	}
	ahead := int(h*60 + m)
	if text[0] == '-' {
		ahead = -ahead
	}
	switch {
	case ahead < furthestBehind || ahead > furthestAhead:
		return nil
	case ahead == 0:
		return time.UTC
	}
	return time.FixedZone("UTC"+text, ahead*60)
}

// maxZones bounds how many traits are remembered; there are about 600 names that mean something.
const maxZones = 2000

// maxZonesTold bounds of how many traits the log hears: whoever may write events could fill it.
const maxZonesTold = 100

// Zones reads time zones and remembers them, by the JSON of the trait that says them. It may be used by many at a time.
type Zones struct {
	log   *slog.Logger
	mu    sync.RWMutex
	known map[string]*time.Location // nil for what names none
	told  map[string]bool
}

// NewZones returns one that remembers none. The log hears once of each trait that names no zone, up to a hundred; nil: nobody does.
func NewZones(log *slog.Logger) *Zones {
	return &Zones{log: log, known: map[string]*time.Location{}, told: map[string]bool{}}
}

// Of returns the zone that a customer's trait names, or nil.
func (z *Zones) Of(customer *Customer) *time.Location {
	trait, said := customer.Traits[ZoneTrait]
	if !said {
		return nil
	}
	zone := z.Read(trait)
	if zone == nil {
		z.tell(customer.ID, trait)
	}
	return zone
}

// tell lets the log hear of a customer's trait that names no zone. What it says is the customer's, and no erasure would reach it there.
func (z *Zones) tell(customer ID, trait json.RawMessage) {
	if z.log == nil || len(trait) > MaxNameBytes {
		return
	}
	z.mu.RLock()
	enough := z.told[string(trait)] || len(z.told) >= maxZonesTold
	z.mu.RUnlock()
	if enough || !NoZone(trait) {
		return
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if !z.told[string(trait)] {
		z.told[string(trait)] = true
		z.log.Warn("a customer's trait timezone is not a time zone, and the configured one is used; send an IANA name such as Europe/Paris, or UTC+7",
			"customer", customer)
	}
}

// Read returns the zone that a trait names, or nil.
func (z *Zones) Read(trait json.RawMessage) *time.Location {
	if len(trait) > MaxNameBytes {
		return nil
	}
	z.mu.RLock()
	zone, known := z.known[string(trait)]
	z.mu.RUnlock()
	if known {
		return zone
	}
	zone = zoneIn(trait)
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.known) >= maxZones {
		clear(z.known)
	}
	z.known[string(trait)] = zone
	return zone
}

func zoneIn(trait json.RawMessage) *time.Location {
	var name string
	if json.Unmarshal(trait, &name) != nil {
		return nil
	}
	return ZoneOf(name)
}

// NoZone reports whether a trait that is there says a time zone which cannot be read. One that is null or empty says none.
func NoZone(trait json.RawMessage) bool {
	switch string(trait) {
	case "", "null", `""`:
		return false
	}
	return zoneIn(trait) == nil
}

// WallTime is when the clocks of a zone first show a time of day, or the end of the gap if they never do.
func WallTime(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	want := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	wall := func(t time.Time) time.Duration { // how far the clock is ahead of what it should show
		_, offset := t.In(zone).Zone()
		return t.Add(time.Duration(offset) * time.Second).Sub(want)
	}
	at := time.Date(year, month, day, hour, minute, 0, 0, zone)
	begins, ends := at.ZoneBounds()
	switch ahead := wall(at); {
	case ahead > 0:
		return begins
	case ahead < 0:
		return ends
	}
	if begins.IsZero() {
		return at
	}
	_, before := begins.Add(-time.Nanosecond).In(zone).Zone()
	if earlier := want.Add(-time.Duration(before) * time.Second); earlier.Before(begins) && wall(earlier) == 0 {
		return earlier
	}
	return at
}
