package delivery

import (
	"slices"
	"strings"
)

const becausePaused = "the channel is paused"

// Pause keeps a channel's messages in their lanes until the program ends, or lets them go on: it is what a start setting
// says, see PauseMessages for operators. It takes effect at once, and however many wait, it touches none of them; a batch
// that is claimed already may still leave. It reports whether there is such a channel.
func (d *Delivery) Pause(channel string, paused bool) bool {
	found := false
	for _, l := range d.lanes {
		if channelOf(l) == channel {
			found = true
			l.paused.Store(paused)
			l.rouse()
		}
	}
	return found
}

// Paused reports whether a start setting pauses a channel.
func (d *Delivery) Paused(channel string) bool {
	l := d.byName[channel+marketingLane]
	return l != nil && l.paused.Load()
}

func (d *Delivery) pausedAtStart() []string {
	var channels []string
	for _, l := range d.lanes {
		if channel := channelOf(l); l.paused.Load() && !slices.Contains(channels, channel) {
			channels = append(channels, channel)
		}
	}
	return channels
}

func channelOf(l *lane) string {
	channel, _, _ := strings.Cut(l.name, "/")
	return channel
}

// holdLanes closes the lanes of channels that are paused in a partition, and opens the others: nothing is claimed from
// them and nothing is looked at, however many wait.
func (d *Delivery) holdLanes(p int, c *controls) {
	for _, l := range d.lanes {
		l.hold(p, slices.ContainsFunc(c.Pauses, func(o Order) bool { return o.closes(l.name) }))
	}
}
