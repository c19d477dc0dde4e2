package delivery

import (
	"sync"

	"stagecraft/app/lifecycle"
)

// inboxes wakes whoever shows a customer's inbox live. It forgets everything with the process: who looks again sees it all.
type inboxes struct {
	mu      sync.Mutex
	viewers map[lifecycle.ID]map[chan<- struct{}]bool
}

// WatchInbox has wake, which needs room for one, woken whenever one of the inboxes may have changed, until stop is called.
func (d *Delivery) WatchInbox(customers []lifecycle.ID, wake chan<- struct{}) (stop func()) {
	w := &d.inboxes
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.viewers == nil {
		w.viewers = map[lifecycle.ID]map[chan<- struct{}]bool{}
	}
	for _, id := range customers {
		if w.viewers[id] == nil {
			w.viewers[id] = map[chan<- struct{}]bool{}
		}
		w.viewers[id][wake] = true
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, id := range customers {
			if delete(w.viewers[id], wake); len(w.viewers[id]) == 0 {
				delete(w.viewers, id)
			}
		}
	}
}

func (w *inboxes) changed(customer lifecycle.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for wake := range w.viewers[customer] {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}
}
