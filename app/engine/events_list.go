package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of one page of the list of events.
const (
	MaxEventsPage  = 500
	maxEventsLook  = 200_000 // places that one page passes, over all partitions
	eventsAtOnce   = 20_000  // in one partition, before others are looked at
	minEventsFound = 4       // of each partition in one go
)

// EventFilter says which events are asked for; what is empty does not matter.
type EventFilter struct {
	Name     string
	Type     lifecycle.EventType
	Source   string
	Customer lifecycle.ID
	From     time.Time // that came in then or later
	Until    time.Time // that came in before
	Test     *bool     // of test persons, or of nobody who is one, as they were then
	History  *bool     // of imports as history, or of none
}

// ListedEvent is an event of somebody.
type ListedEvent struct {
	Customer            lifecycle.ID
	UserID, AnonymousID string // by which people know the customer
	Seq                 uint64 // of the entry in their timeline
	Test, History       bool
	TimelineEntry
}

// EventsPage is a part of the list of events, the ones that came in last first.
type EventsPage struct {
	Events []ListedEvent
	Next   []byte    // where the list goes on; nil: there is no more
	Looked int       // how many events were looked at for it
	Back   time.Time // everything that came in after this was looked at; zero: everything was
}

// eventsPage asks a partition for events that fit, from a place on.
type eventsPage struct {
	EventFilter
	Place []byte // nil: the newest
	Limit int    // events
	Look  int    // places looked at
}

type placedEvent struct {
	place []byte
	ListedEvent
}

type eventsPart struct {
	found  []placedEvent
	next   []byte // the place of what was not looked at; nil: there is no more
	looked int
}

// fits reports whether an event may fit, by what its place tells.
func (q *eventsPage) fits(one []byte) bool {
	flags := one[placeBytes]
	return (q.Type == "" || listedTypes[min(int(flags&listedType), len(listedTypes)-1)] == q.Type) &&
		(q.Test == nil || *q.Test == (flags&listedTest != 0)) && (q.History == nil || *q.History == (flags&listedHistory != 0)) &&
		(q.Customer.IsZero() || lifecycle.ID(one[8:24]) == q.Customer) &&
		(q.Source == "" || byte(textHash(q.Source)) == one[placeBytes+1]) &&
		(q.Name == "" || uint16(textHash(q.Name)) == binary.BigEndian.Uint16(one[placeBytes+2:]))
}

// eventsPage reads the newest places, then block after block. What stands by itself came with a merged customer, and belongs
// somewhere in the block behind it.
func (e *Engine) eventsPage(tx store.Reader, q eventsPage) (part eventsPart, failed error) {
	var read []byte // places, whose order among each other is not known yet
	// take looks at what was read, and reports whether there is room for more.
	take := func() bool {
		list := slices.Collect(slices.Chunk(read, listedBytes))
		slices.SortFunc(list, bytes.Compare)
		for _, one := range list {
			place := one[:placeBytes]
			at := store.KeyTimeNewestFirst(place)
			switch {
			case bytes.Compare(place, q.Place) < 0 || !q.Until.IsZero() && !at.Before(q.Until):
				continue
			case !q.From.IsZero() && at.Before(q.From):
				return false
			case len(part.found) == q.Limit || part.looked >= q.Look:
				part.next = bytes.Clone(place)
				return false
			}
			part.looked++
			if q.fits(one) {
				if failed = e.takeEvent(tx, &q, &part, one); failed != nil {
					return false
				}
			}
		}
		read = nil
		return true
	}
	from := q.Place
	if !q.Until.IsZero() {
		if newest := store.AppendTimeNewestFirst(nil, q.Until); bytes.Compare(newest, from) > 0 {
			from = newest
		}
	}
	tail := e.parts[tx.Partition()].listed.behind(newestListed(tx))
	waits, more := len(tail) > 0, true
	tx.Scan(append([]byte("Rb"), from...), store.PrefixEnd([]byte("Rb")), func(key, value []byte) bool {
		if waits && bytes.Compare(key[2:], tail[:placeBytes]) > 0 {
			waits, read = false, append(read, tail...)
			if more = take(); !more {
				return false
			}
		}
		places, row := readListed(value)
		if read = append(read, places...); row {
			more = take()
		}
		return more
	})
	if waits && more {
		read = append(read, tail...)
	}
	if more {
		take()
	}
	if failed != nil {
		failed = lifecycle.Wrap(lifecycle.Internal, failed, "the list of events cannot be read")
	}
	return part, failed
}

// takeEvent reads the event of a place. One that has gone since, or of somebody who only applies, is passed over.
func (e *Engine) takeEvent(tx store.Reader, q *eventsPage, part *eventsPart, one []byte) error {
	id, seq, flags := lifecycle.ID(one[8:24]), ^binary.BigEndian.Uint64(one[24:placeBytes]), one[placeBytes]
	data := tx.Get(timelineKey(id, seq))
	if data == nil {
		return nil
	}
	found := placedEvent{bytes.Clone(one[:placeBytes]), ListedEvent{Customer: id, Seq: seq, Test: flags&listedTest != 0, History: flags&listedHistory != 0}}
	if err := store.Decode(data, &found.TimelineEntry); err != nil {
		return err
	}
	if event := found.Event; event == nil || q.Name != "" && event.Name != q.Name || q.Source != "" && event.Source != q.Source {
		return nil
	}
	data = tx.Get(customerKey(id))
	if data == nil { // they are being merged, or forgotten
		return nil
	}
	var customer lifecycle.Customer
	if err := store.Decode(data, &customer); err != nil {
		return err
	}
	if customer.Applicant() {
		return nil
	}
	found.UserID, found.AnonymousID = customer.UserID(), customer.AnonymousID()
	part.found = append(part.found, found)
	return nil
}

// Events lists events of all customers that fit, the ones that came in last first, from where an earlier page's Next says.
// It looks at a bounded number of them: of a filter that few fit it may return none, and a Next. limit is at most MaxEventsPage.
func (e *Engine) Events(ctx context.Context, f EventFilter, next []byte, limit int) (page EventsPage, err error) {
	limit = cmp.Or(min(max(limit, 0), MaxEventsPage), MaxEventsPage)
	partitions := []int{f.Customer.Partition()}
	if f.Customer.IsZero() {
		partitions = make([]int, lifecycle.Partitions)
		for p := range partitions {
			partitions[p] = p
		}
	}
	for place := next; ; {
		// A little from everywhere, until there is enough: what is newest lies in any of them.
		each := max(limit/len(partitions)*2, minEventsFound)
		look := max(min(maxEventsLook/len(partitions), eventsAtOnce), each)
		var found []placedEvent
		var edge []byte // the newest that was not looked at
		for _, p := range partitions {
			if err := e.parts[p].listed.wait(ctx); err != nil {
				return EventsPage{}, err
			}
			answer, err := e.store.Ask(ctx, p, eventsPage{f, place, each, look})
			if err != nil {
				return EventsPage{}, err
			}
			part := answer.(eventsPart)
			found, page.Looked = append(found, part.found...), page.Looked+part.looked
			if part.next != nil && (edge == nil || bytes.Compare(part.next, edge) < 0) {
				edge = part.next
			}
		}
		slices.SortFunc(found, func(a, b placedEvent) int { return bytes.Compare(a.place, b.place) })
		for i := range found {
			if edge != nil && bytes.Compare(found[i].place, edge) >= 0 {
				break
			}
			if len(page.Events) == limit {
				edge = found[i].place
				break
			}
			page.Events = append(page.Events, found[i].ListedEvent)
		}
		if edge == nil {
			return page, nil
		}
		if place = edge; len(page.Events) == limit || page.Looked >= maxEventsLook {
			page.Next, page.Back = edge, store.KeyTimeNewestFirst(edge)
			return page, nil
		}
	}
}

// IsEventsPlace reports whether bytes may be where a list of events goes on.
func IsEventsPlace(place []byte) bool { return len(place) == placeBytes }
