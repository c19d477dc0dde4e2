package engine

import (
	"context"
	"slices"
	"sync"

	"stagecraft/app/lifecycle"
)

// Two requests at the same moment may be about one person of whom nothing is known yet: a page tells of a visitor while a server
// says who that is. Each would begin somebody, who is welcomed. So who says of a name that nobody has that it is a visitor's
// waits until the requests under either name have been taken, and those that come behind wait for it. Names share locks by
// their hashes, many to one; whoever is known by then passes without waiting for anybody.

// meetings are the locks of names. They are many: whoever waits for one lets nobody else in behind.
type meetings [1 << 15]sync.RWMutex

// meeting is a lock that a request needs.
type meeting struct {
	lock  int
	alone bool // it says that names are one person's
}

func meetingOf(name lifecycle.ID) int { return (int(name[0])<<8 | int(name[1])) % len(meetings{}) }

// meetings returns the locks that inputs need by their names, in the order in which everybody takes them.
func (e *Engine) meetingsOf(ctx context.Context, inputs []Receive, names []lifecycle.ID) []meeting {
	list := make([]meeting, 0, len(inputs)+2)
	for i := range inputs {
		others := namesOf(&inputs[i].Event)
		if len(others) > 0 && e.isKnown(ctx, inputs[i].Event.Identity()) {
			continue // it does not ask who that is
		}
		list = append(list, meeting{meetingOf(names[i]), len(others) > 0})
		for _, other := range others {
			list = append(list, meeting{meetingOf(other.Hash()), true})
		}
	}
	slices.SortFunc(list, func(a, b meeting) int {
		if a.lock == b.lock && a.alone != b.alone {
			if a.alone {
				return -1
			}
			return 1
		}
		return a.lock - b.lock
	})
	return slices.CompactFunc(list, func(a, b meeting) bool { return a.lock == b.lock })
}

func (m *meetings) begin(list []meeting) {
	for _, meeting := range list {
		if meeting.alone {
			m[meeting.lock].Lock()
		} else {
			m[meeting.lock].RLock()
		}
	}
}

func (m *meetings) end(list []meeting) {
	for _, meeting := range list {
		if meeting.alone {
			m[meeting.lock].Unlock()
		} else {
			m[meeting.lock].RUnlock()
		}
	}
}

// introduce lets the other names of a user who has just begun lead to them, before anything else comes under these. The claim
// that stands in the commit of the event says the same, should the program end in between.
func (e *Engine) introduce(ctx context.Context, in *Receive) {
	for _, other := range namesOf(&in.Event) {
		if other.Kind == lifecycle.AnonymousID && !e.isKnown(ctx, other) {
			id := in.Event.Identity().Hash()
			_, _ = e.store.Do(ctx, other.Hash().Partition(), link{Identity: other, Customer: id, Named: true, At: in.At})
		}
	}
}
