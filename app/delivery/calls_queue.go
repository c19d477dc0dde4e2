package delivery

import (
	"bytes"
	"cmp"
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
// are claimed; those that wait for their time (Later); or those that were closed, newest first.
type CallQuery struct {
	State CallState // CallOpen, CallClaimed or CallClosed
	Later bool      // of CallOpen: those whose time is still to come
	Agent string    // of CallClaimed and CallClosed: only this agent's
	Limit int       // 1 to 200; 0: 50
}

// CallList is the answer. Waiting counts the calls that may be claimed now; More says that there are more than were
// counted.
type CallList struct {
	Calls   []*Call
	Waiting int
	More    bool
}

// List answers a query.
func (c *Calls) List(ctx context.Context, q CallQuery) (CallList, error) {
	return c.list(ctx, q, false)
}

// list answers a query; of open calls, if so asked, only with those that no operator holds.
func (c *Calls) list(ctx context.Context, q CallQuery, free bool) (CallList, error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, maxCallList)
	var all CallList
	for p := range lifecycle.Partitions {
		found, err := c.listPartition(ctx, p, listCalls{q, free, c.delivery.clock.Now()})
		if err != nil {
			return CallList{}, err
		}
		all.Calls = append(all.Calls, found.Calls...)
		all.Waiting, all.More = all.Waiting+found.Waiting, all.More || found.More
	}
	slices.SortStableFunc(all.Calls, func(a, b *Call) int {
		if q.State == CallClosed {
			return b.Closed.Compare(a.Closed)
		}
		if q.State == CallClaimed || q.Later {
			return a.Due.Compare(b.Due)
		}
		return cmp.Or(a.Priority-b.Priority, a.Due.Compare(b.Due))
	})
	all.Calls = all.Calls[:min(q.Limit, len(all.Calls))]
	return all, nil
}

// listPartition asks one partition. Calls that have lapsed are dropped on the way, and it asks again.
func (c *Calls) listPartition(ctx context.Context, p int, q listCalls) (CallList, error) {
	for {
		ask := c.delivery.store.Ask
		if q.Free { // what holds calls is known where inputs are applied
			ask = c.delivery.store.Do
		}
		answer, err := ask(ctx, p, q)
		if err != nil {
			return CallList{}, err
		}
		found := answer.(callsFound)
		if len(found.lapsed) == 0 {
			return found.CallList, nil
		}
		if _, err = c.delivery.store.Do(ctx, p, dropLapsed{found.lapsed, q.At}); err != nil {
			return CallList{}, err
		}
	}
}

// Find returns one call.
func (c *Calls) Find(ctx context.Context, ref string) (*Call, error) {
	at, err := lifecycle.ParseRef(ref)
	if err != nil {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no call %.80q", ref)
	}
	answer, err := c.delivery.store.Ask(ctx, at.Partition, findCall{at.ID})
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

// listCalls asks a partition for calls. Those that an operator holds are left out only where it is an input.
type listCalls struct {
	CallQuery
	Free bool // without those that an operator holds
	At   time.Time
}

type callsFound struct {
	CallList
	lapsed []lifecycle.ID
}

// maxLapsed is how many calls one input drops.
const maxLapsed = 200

func (d *Delivery) listCalls(tx store.Reader, q listCalls) (found callsFound, err error) {
	free := func(c *Call) bool {
		holder, _ := d.heldBy(tx, &lifecycle.Message{Channel: callChannel, Journey: c.Journey, Name: c.Name})
		return holder == ""
	}
	take := func(id lifecycle.ID, wanted func(*Call) bool) bool {
		var call *Call
		if call, err = loadCall(tx, id); err != nil {
			return false
		}
		switch call.settle(q.At); {
		case call.State != CallClosed && call.State != CallDropped && call.lapsed(q.At):
			found.lapsed = append(found.lapsed, id)
		case wanted(call):
			found.Calls = append(found.Calls, call)
		}
		return len(found.Calls) < q.Limit && len(found.lapsed) < maxLapsed
	}
	if q.State == CallClosed {
		scanCalls(tx, []byte("qc"), store.PrefixEnd([]byte("qc")), func(key []byte) bool {
			return take(lifecycle.ID(key[10:26]), func(c *Call) bool { return q.Agent == "" || c.Agent == q.Agent })
		})
	}
	for priority := range byte(callPriorities) {
		begin := []byte{'q', 'o', priority}
		now, end := store.AppendTime(bytes.Clone(begin), q.At.Add(1)), store.PrefixEnd(begin) // what is due at this very moment is due
		full := false
		looked := scanCalls(tx, begin, now, func(key []byte) bool {
			found.Waiting++
			if q.State == CallOpen && !q.Later && !full {
				full = !take(lifecycle.ID(key[11:27]), func(c *Call) bool { return !q.Free || free(c) })
			}
			return err == nil && len(found.lapsed) < maxLapsed
		})
		found.More = found.More || looked == maxCallLook
		full = false
		switch {
		case q.State == CallClaimed:
			scanCalls(tx, now, end, func(key []byte) bool {
				return take(lifecycle.ID(key[11:27]), func(c *Call) bool { return c.State == CallClaimed && (q.Agent == "" || c.Agent == q.Agent) })
			})
		case q.State == CallOpen && q.Later:
			scanCalls(tx, now, end, func(key []byte) bool {
				return take(lifecycle.ID(key[11:27]), func(c *Call) bool { return c.State == CallOpen })
			})
		}
	}
	return found, err
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
