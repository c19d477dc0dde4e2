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
	minEventsFound = 6       // of each partition in one go: seldom does one have more among the 50 newest
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

// eventsPage asks a partition for the places of events that may fit, from a place on. The events themselves are read when it
// is known which of them are on the page: they lie anywhere in the store.
type eventsPage struct {
	EventFilter
	Place []byte // nil: the newest
	Limit int    // places found
	Look  int    // places looked at
}

type eventsPart struct {
	found  [][]byte // places, with what is known of the events by them
	next   []byte   // the place of what was not looked at; nil: there is no more
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
func (e *Engine) eventsPage(tx store.Reader, q eventsPage) (part eventsPart) {
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
				part.found = append(part.found, bytes.Clone(one))
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
	tail := e.parts[tx.Partition()].listed.behind(tx, from)
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
	return part
}

// eventsAt asks a partition for the events of places.
type eventsAt struct {
	EventFilter
	Places [][]byte
}

// eventsAt returns an event for each place; nil for one that has gone since, is of somebody who only applies, or does not
// fit after all.
func (e *Engine) eventsAt(tx store.Reader, q eventsAt) ([]*ListedEvent, error) {
	events := make([]*ListedEvent, len(q.Places))
	for i, one := range q.Places {
		var err error
		if events[i], err = e.eventAt(tx, &q.EventFilter, one); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "the list of events cannot be read")
		}
	}
	return events, nil
}

func (e *Engine) eventAt(tx store.Reader, f *EventFilter, one []byte) (*ListedEvent, error) {
	id, seq, flags := lifecycle.ID(one[8:24]), ^binary.BigEndian.Uint64(one[24:placeBytes]), one[placeBytes]
	data := tx.Get(timelineKey(id, seq))
	if data == nil {
		return nil, nil
	}
	found := &ListedEvent{Customer: id, Seq: seq, Test: flags&listedTest != 0, History: flags&listedHistory != 0}
	if err := store.Decode(data, &found.TimelineEntry); err != nil {
		return nil, err
	}
	if event := found.Event; event == nil || f.Name != "" && event.Name != f.Name || f.Source != "" && event.Source != f.Source {
		return nil, nil
	}
	if data = tx.Get(customerKey(id)); data == nil { // they are being merged, or forgotten
		return nil, nil
	}
	var customer lifecycle.Customer
	if err := store.Decode(data, &customer); err != nil || customer.Applicant() {
		return nil, err
	}
	found.UserID, found.AnonymousID = customer.UserID(), customer.AnonymousID()
	return found, nil
}

// eventsOf reads the events of places, in their order; those that are not there to be shown are nil.
func (e *Engine) eventsOf(ctx context.Context, f EventFilter, places [][]byte) ([]*ListedEvent, error) {
	var parts [lifecycle.Partitions][]int // which of the places
	for i, one := range places {
		p := lifecycle.ID(one[8:24]).Partition()
		parts[p] = append(parts[p], i)
	}
	events := make([]*ListedEvent, len(places))
	for p, of := range parts {
		if len(of) == 0 {
			continue
		}
		q := eventsAt{f, make([][]byte, len(of))}
		for n, i := range of {
			q.Places[n] = places[i]
		}
		answer, err := e.store.Ask(ctx, p, q)
		if err != nil {
			return nil, err
		}
		for n, event := range answer.([]*ListedEvent) {
			events[of[n]] = event
		}
	}
	return events, nil
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
		each := limit/len(partitions)*2 + minEventsFound
		look := max(min(maxEventsLook/len(partitions), eventsAtOnce), each)
		var found [][]byte
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
		slices.SortFunc(found, bytes.Compare)
		if edge != nil { // between there and what was found behind it there may be others
			behind, _ := slices.BinarySearchFunc(found, edge, func(one, edge []byte) int { return bytes.Compare(one[:placeBytes], edge) })
			found = found[:behind]
		}
		for len(found) > 0 && len(page.Events) < limit {
			n := min(len(found), limit-len(page.Events))
			events, err := e.eventsOf(ctx, f, found[:n])
			if err != nil {
				return EventsPage{}, err
			}
			for _, event := range events {
				if event != nil {
					page.Events = append(page.Events, *event)
				}
			}
			found = found[n:]
		}
		if len(found) > 0 {
			edge = found[0][:placeBytes]
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
