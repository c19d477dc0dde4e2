package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Watcher is told when a message that is waited for has been settled, inside the Apply that settles it. The message is
// to be read only.
type Watcher interface {
	Settled(tx store.Tx, m *lifecycle.Message, at time.Time)
}

// Watch marks a message as waited for, so that the Watcher hears of its end, and returns where it stands: one that is
// settled already will not be told of again. The state is empty if there is no such message.
func (d *Delivery) Watch(tx store.Tx, decided time.Time, id lifecycle.ID) (lifecycle.MessageState, string) {
	m, err := loadMessage(tx, decided, id)
	if err != nil || m == nil {
		return "", ""
	}
	if m.State == lifecycle.Failed || m.State == lifecycle.Suppressed {
		if at, instead, ok := insteadOf(tx, id); ok {
			return d.Watch(tx, at, instead)
		}
	}
	if !settled(&m.Message) && !m.Watched {
		m.Watched = true
		d.stand(tx, &m.Message)
		if p := tx.Partition(); d.aloft[p].has(id) { // it is in a sender's hands, who knows nothing of this
			if d.watched[p] == nil {
				d.watched[p] = map[lifecycle.ID]bool{}
			}
			d.watched[p][id] = true
		}
	}
	return m.State, m.Reason
}

// settled reports whether nothing more will become of a message.
func settled(m *lifecycle.Message) bool {
	return m.State != lifecycle.Queued && m.State != lifecycle.Held
}
