package delivery

import "stagecraft/app/lifecycle"

const becausePaused = "the channel is paused"

// Pause keeps a channel's messages in their lanes, or lets them go on. It takes effect at once, and however many wait,
// it touches none of them; a batch that is claimed already may still leave. It reports whether there is such a channel.
func (d *Delivery) Pause(channel string, paused bool) bool {
	found := false
	for _, kind := range []lifecycle.MessageKind{lifecycle.Transactional, lifecycle.Marketing} {
		if l := d.byName[laneName(channel, kind)]; l != nil {
			found = true
			l.paused.Store(paused)
			l.rouse()
		}
	}
	return found
}

// Paused reports whether a channel is paused.
func (d *Delivery) Paused(channel string) bool {
	l := d.byName[laneName(channel, lifecycle.Marketing)]
	return l != nil && l.paused.Load()
}
