package lifecycle

import "strings"

// BroadcastPrefix begins the names of the journeys that are made for broadcasts. No folder of scripts can be named so.
const BroadcastPrefix = "broadcast."

// IsBroadcast reports whether a journey was made for a broadcast.
func IsBroadcast(journey string) bool { return strings.HasPrefix(journey, BroadcastPrefix) }
