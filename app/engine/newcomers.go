package engine

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// MaxNewcomers is how many of the newest customers a partition has at hand, and the most that can be asked for.
const MaxNewcomers = 50

// arrival is a customer, and since when there is one.
type arrival struct {
	ID      lifecycle.ID
	Created time.Time
}

// newcomers are the newest customers of a partition. No index of the store says who they are: they are noted as they
// come, and those from before the program started are looked for when somebody first asks. Some may not be there any more.
type newcomers struct {
	mutex  sync.Mutex
	list   []arrival // newest first
	looked bool      // through those who were there at the start
}

// note takes a customer in if they are among the newest.
func (n *newcomers) note(one arrival) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.add(one)
}

func (n *newcomers) add(one arrival) {
	if len(n.list) == MaxNewcomers && !one.Created.After(n.list[MaxNewcomers-1].Created) {
		return
	}
	// A merge may have made them older than they were when they came.
	n.list = slices.DeleteFunc(n.list, func(known arrival) bool { return known.ID == one.ID })
	at, _ := slices.BinarySearchFunc(n.list, one, compareArrivals)
	if len(n.list) == MaxNewcomers {
		n.list = n.list[:MaxNewcomers-1]
	}
	n.list = slices.Insert(n.list, at, one)
}

func compareArrivals(a, b arrival) int {
	return cmp.Or(b.Created.Compare(a.Created), bytes.Compare(a.ID[:], b.ID[:]))
}

// newestOf asks a partition for its newest customers.
type newestOf struct{}

func (e *Engine) newestOf(tx store.Reader) ([]arrival, error) {
	known := &e.parts[tx.Partition()].newcomers
	known.mutex.Lock()
	looked := known.looked
	known.mutex.Unlock()
	var found newcomers
	var failed error
	if !looked {
		tx.Scan([]byte{'c'}, []byte{'c' + 1}, func(_, value []byte) bool {
			var one lifecycle.Newcomer
			if failed = store.Decode(value, &one); failed == nil {
				found.add(arrival{one.ID, one.Created})
			}
			return failed == nil
		})
	}
	if failed != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, failed, "a customer cannot be read")
	}
	known.mutex.Lock()
	defer known.mutex.Unlock()
	for _, one := range found.list {
		known.add(one)
	}
	known.looked = true
	return slices.Clone(known.list), nil
}

// NewestCustomers returns the customers who came last, the newest first, at most 50. The first call after a start reads a
// little of every customer's record; all others cost next to nothing.
func (e *Engine) NewestCustomers(ctx context.Context, limit int) ([]*lifecycle.Customer, error) {
	var all []arrival
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, newestOf{})
		if err != nil {
			return nil, err
		}
		all = append(all, answer.([]arrival)...)
	}
	slices.SortFunc(all, compareArrivals)
	var list []*lifecycle.Customer
	for _, one := range all {
		if len(list) == min(limit, MaxNewcomers) {
			break
		}
		c, err := e.Record(ctx, one.ID)
		switch {
		case lifecycle.CodeOf(err) == lifecycle.NotFound:
		case err != nil:
			return nil, err
		case c.ID == one.ID && !c.Applicant(): // else they have become part of somebody else, or are nobody yet
			list = append(list, c)
		}
	}
	return list, nil
}
