package delivery

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// The keys of calls within a partition:
//
//	q t message                         -> Call
//	q o priority, due, message          -> nothing: it is not closed; from due on it may be claimed
//	q c closed (newest first), message  -> nothing: it is closed or dropped
func callKey(message lifecycle.ID) []byte { return append([]byte("qt"), message[:]...) }

func openCallKey(c *Call) []byte {
	return append(store.AppendTime([]byte{'q', 'o', byte(c.Priority)}, c.Due), c.Message.ID[:]...)
}

func closedCallKey(c *Call) []byte {
	return append(store.AppendTimeNewestFirst([]byte("qc"), c.Closed), c.Message.ID[:]...)
}

// The priorities of calls. Data of the message may say high, normal or low.
const (
	callAgreed = iota
	callHigh
	callNormal
	callLow
	callPriorities
)

func loadCall(tx store.Reader, message lifecycle.ID) (*Call, error) {
	data := tx.Get(callKey(message))
	if data == nil {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no such call")
	}
	c := &Call{}
	if err := store.Decode(data, c); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "a call cannot be read")
	}
	return c, nil
}

// put writes a call as it has become. place is where it stood in the queue; nil if it is new.
func (c *Call) put(tx store.Tx, place []byte) {
	if place != nil {
		tx.Delete(place)
	}
	if c.State == CallClosed || c.State == CallDropped {
		tx.Set(closedCallKey(c), []byte{})
	} else {
		tx.Set(openCallKey(c), []byte{})
	}
	tx.Set(callKey(c.Message.ID), store.Encode(c))
}

// log notes what was done.
func (c *Call) log(entry CallEntry) {
	c.Log = append(c.Log, entry)
	c.Log = c.Log[max(0, len(c.Log)-maxCallLog):]
}

// lapsed reports whether nobody needs to make the call any more.
func (c *Call) lapsed(at time.Time) bool {
	return !c.Expires.IsZero() && !at.Before(c.Expires) && !c.Agreed && !c.held(at)
}

// held reports whether an agent has the call.
func (c *Call) held(at time.Time) bool { return c.State == CallClaimed && at.Before(c.Due) }

// CallQuery asks for calls: those that may be claimed now, by priority and then by how long they have waited; those that
// could be if no operator held them (Held), in the same order; those that are claimed; those that wait for their time
// (Later); or those that were closed, newest first.
type CallQuery struct {
	State CallState // CallOpen, CallClaimed or CallClosed
	Held  bool      // of CallOpen: those that an operator holds, with the reason
	Later bool      // of CallOpen: those whose time is still to come
	Agent string    // of CallClaimed and CallClosed: only this agent's
	Limit int       // 1 to 200; 0: 50
	// Uncounted leaves Waiting and More out.
	Uncounted bool
	// Behind is the Next of the list before: only what follows it. Waiting does not depend on it.
	Behind []byte
}

// callPlace is where a call stands in a list: what its key in the queue ends with, behind the priority if that counts.
func (q *CallQuery) callPlace(c *Call) []byte {
	switch {
	case q.State == CallClosed:
		return append(store.AppendTimeNewestFirst([]byte{0}, c.Closed), c.Message.ID[:]...)
	case q.State == CallClaimed || q.Later:
		return append(store.AppendTime([]byte{0}, c.Due), c.Message.ID[:]...)
	}
	return append(store.AppendTime([]byte{byte(c.Priority)}, c.Due), c.Message.ID[:]...)
}

// IsCallPlace reports whether bytes may be the Next of a list.
func IsCallPlace(place []byte) bool { return len(place) == 25 && place[0] < callPriorities }

// CallList is the answer. Waiting counts the calls that may be claimed now; More says that there are more than were
// counted. Next is what the following list is asked with as Behind; nil: there is no more.
type CallList struct {
	Calls   []*Call
	Waiting int
	More    bool
	Next    []byte
}

// List answers a query.
func (c *Calls) List(ctx context.Context, q CallQuery) (CallList, error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, maxCallList)
	var all CallList
	var edge []byte // up to where all partitions were looked at
	now := c.delivery.clock.Now()
	for p := range lifecycle.Partitions {
		found, err := c.listPartition(ctx, p, listCalls{q, now})
		if err != nil {
			return CallList{}, err
		}
		all.Calls = append(all.Calls, found.Calls...)
		if found.edge != nil && (edge == nil || bytes.Compare(found.edge, edge) < 0) {
			edge = found.edge
		}
		all.Waiting, all.More = all.Waiting+found.Waiting, all.More || found.More
	}
	slices.SortFunc(all.Calls, func(a, b *Call) int { return bytes.Compare(q.callPlace(a), q.callPlace(b)) })
	if edge != nil {
		all.Calls = slices.DeleteFunc(all.Calls, func(call *Call) bool { return bytes.Compare(q.callPlace(call), edge) > 0 })
		all.Next = edge
	}
	if len(all.Calls) > q.Limit {
		all.Calls = all.Calls[:q.Limit]
		all.Next = q.callPlace(all.Calls[q.Limit-1])
	}
	return all, nil
}

// listPartition asks one partition. Calls that have lapsed are dropped on the way, and it asks again.
func (c *Calls) listPartition(ctx context.Context, p int, q listCalls) (callsFound, error) {
	for {
		answer, err := c.delivery.store.Ask(ctx, p, q)
		if err != nil {
			return callsFound{}, err
		}
		found := answer.(callsFound)
		if len(found.lapsed) == 0 {
			return found, nil
		}
		if _, err = c.delivery.store.Do(ctx, p, dropLapsed{found.lapsed, q.At}); err != nil {
			return callsFound{}, err
		}
	}
}

// Find returns one call.
func (c *Calls) Find(ctx context.Context, ref string) (*Call, error) {
	partition, _, id, err := parseRef(ref)
	if err != nil {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no call %.80q", ref)
	}
	answer, err := c.delivery.store.Ask(ctx, partition, findCall{id})
	if err != nil {
		return nil, err
	}
	call := answer.(*Call)
	call.settle(c.delivery.clock.Now())
	return call, nil
}

// settle lets a call whose lease has ended be open again, for those who look at it. Its agent may still close it.
func (c *Call) settle(at time.Time) {
	if c.State == CallClaimed && !c.held(at) {
		c.State = CallOpen
	}
}

type findCall struct{ Message lifecycle.ID }

// listCalls asks a partition for calls.
type listCalls struct {
	CallQuery
	At time.Time
}

type callsFound struct {
	CallList
	lapsed []lifecycle.ID
	edge   []byte // the place up to which was looked, if not to the end
}

// maxLapsed is how many calls one input drops.
const maxLapsed = 200

func (d *Delivery) listCalls(tx store.Reader, q listCalls) (found callsFound) {
	held := d.callsHeld(tx)
	// look takes what is wanted of a range of the queue; the places in it are head and what the keys end with.
	look := func(from, to []byte, head byte, wanted func(*Call) bool) {
		if len(q.Behind) > 0 && head == q.Behind[0] {
			if at := append(bytes.Clone(from[:prefixOf(from)]), q.Behind[1:]...); bytes.Compare(at, from) > 0 {
				from = at
			}
		}
		room := q.Limit + 1 // one more tells that there is more
		var last []byte
		looked := scanCalls(tx, from, to, func(key []byte) bool {
			last = append([]byte{head}, key[prefixOf(key):]...)
			call, err := loadCall(tx, lifecycle.ID(last[9:]))
			if err != nil { // it stays where it is, and is not in the way of others
				d.log.Error("a call cannot be read and is not listed", "message", lifecycle.ID(last[9:]).String(), "error", err)
				return true
			}
			switch call.settle(q.At); {
			case call.State != CallClosed && call.State != CallDropped && call.lapsed(q.At):
				found.lapsed = append(found.lapsed, call.Message.ID)
			case bytes.Compare(last, q.Behind) > 0 && wanted(call):
				found.Calls = append(found.Calls, call)
				room--
			}
			return room > 0 && len(found.lapsed) < maxLapsed
		})
		if looked == maxCallLook && (found.edge == nil || bytes.Compare(last, found.edge) < 0) {
			found.edge = last
		}
	}
	ofAgent := func(c *Call) bool { return q.Agent == "" || c.Agent == q.Agent }
	if q.State == CallClosed {
		look([]byte("qc"), store.PrefixEnd([]byte("qc")), 0, ofAgent)
	}
	for priority := range byte(callPriorities) {
		begin := []byte{'q', 'o', priority}
		now, end := store.AppendTime(bytes.Clone(begin), q.At.Add(1)), store.PrefixEnd(begin) // what is due at this very moment is due
		if !q.Uncounted {
			looked := scanCalls(tx, begin, now, func(key []byte) bool {
				if !held.all && (!held.some || held.may(tx, lifecycle.ID(key[prefixOf(key)+8:]))) {
					found.Waiting++
				}
				return true
			})
			found.More = found.More || looked == maxCallLook
		}
		switch {
		case len(found.lapsed) >= maxLapsed:
			return found
		case q.State == CallClaimed:
			look(now, end, 0, func(c *Call) bool { return c.State == CallClaimed && ofAgent(c) })
		case q.State == CallOpen && q.Later:
			look(now, end, 0, func(c *Call) bool { return c.State == CallOpen })
		case q.State == CallOpen && (held.some || !q.Held) && (len(q.Behind) == 0 || priority >= q.Behind[0]):
			look(begin, now, priority, func(c *Call) bool {
				reason := held.why(c)
				if q.Held {
					c.Reason = reason
				}
				return (reason != "") == q.Held
			})
		}
	}
	return found
}

// callHolds are what operators keep from being made in a partition.
type callHolds struct {
	some bool               // there may be such calls
	all  bool               // it is all of them
	why  func(*Call) string // "": nobody holds it
}

// may reports whether a call can be read and may be made.
func (h *callHolds) may(tx store.Reader, message lifecycle.ID) bool {
	call, err := loadCall(tx, message)
	return err == nil && h.why(call) == ""
}

// callsHeld says which calls are held. Only where some are, and others not, does each have to be read to count them.
func (d *Delivery) callsHeld(tx store.Reader) callHolds {
	if d.Paused(callChannel) {
		return callHolds{some: true, all: true, why: func(*Call) string { return becausePaused }}
	}
	orders, known := readControls(tx), map[[3]string]string{}
	orders.Pauses = slices.DeleteFunc(orders.Pauses, func(o Order) bool { return o.Channel != "" && o.Channel != callChannel })
	return callHolds{
		some: len(orders.Pauses) > 0 || d.journeys != nil && d.journeys.AnyHeld(tx),
		all:  orders.paused(Target{Channel: callChannel}) >= 0,
		why: func(c *Call) string {
			of := [3]string{c.Journey, c.Name, string(c.Kind)}
			reason, is := known[of]
			if !is {
				_, reason = d.heldUnder(tx, orders, &lifecycle.Message{Channel: callChannel, Journey: c.Journey, Name: c.Name, Kind: c.Kind})
				known[of] = reason
			}
			return reason
		},
	}
}

// prefixOf returns how many bytes of a key in the queue stand before its time.
func prefixOf(key []byte) int {
	if key[1] == 'c' {
		return 2
	}
	return 3
}

// scanCalls visits keys until visit returns false or the bound is reached, and returns how many it was. visit may read: the
// keys are copied first.
func scanCalls(tx store.Reader, from, to []byte, visit func(key []byte) bool) (looked int) {
	var keys [][]byte
	tx.Scan(from, to, func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < maxCallLook
	})
	for _, key := range keys {
		looked++
		if !visit(key) {
			break
		}
	}
	return looked
}
