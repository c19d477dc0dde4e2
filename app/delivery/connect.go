package delivery

// Occupy says whether a channel that was connected has somebody to send for it. Without, its messages wait in their lanes
// and cost nothing; those that were claimed already come back as the connector says. It may be called at any time.
func (d *Delivery) Occupy(channel string, occupied bool) {
	for _, name := range lanesOf(channel) {
		if l := d.byName[name]; l != nil {
			l.vacant.Store(!occupied)
			l.rouse()
		}
	}
}
