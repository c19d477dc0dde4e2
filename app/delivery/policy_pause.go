package delivery

import (
	"maps"
	"slices"
	"strings"
)

const becausePaused = "the channel is paused"

// Pause keeps a channel's messages in their lanes until the program ends, or lets them go on: it is what a start setting
// says, see PauseMessages for operators. It takes effect at once, and however many wait, it touches none of them; a batch
// that is claimed already may still leave. It holds for a channel that is connected later too. It reports whether the channel is
// connected.
func (d *Delivery) Pause(channel string, paused bool) bool {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	if delete(d.pausedBySetting, channel); paused {
		d.pausedBySetting[channel] = true
	}
	found := false
	for _, name := range lanesOf(channel) {
		if l := d.lane(name); l != nil {
			found = true
			l.paused.Store(paused)
			l.rouse()
		}
	}
	return found
}

// Paused reports whether a start setting pauses a channel.
func (d *Delivery) Paused(channel string) bool {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	return d.pausedBySetting[channel]
}

// pausedAtStart returns the channels that a start setting pauses, in alphabetical order.
func (d *Delivery) pausedAtStart() []string {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	return slices.Sorted(maps.Keys(d.pausedBySetting))
}

func channelOf(l *lane) string {
	channel, _, _ := strings.Cut(l.name, "/")
	return channel
}

// holdLanes closes the lanes of channels that are paused in a partition, and opens the others: nothing is claimed from
// them and nothing is looked at, however many wait.
func (d *Delivery) holdLanes(p int, c *controls) {
	for _, l := range d.lanes() {
		l.hold(p, slices.ContainsFunc(c.Pauses, func(o Order) bool { return o.closes(l.name) }))
	}
}
