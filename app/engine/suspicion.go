package engine

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Suspicion is an identity that joins nobody any more, or a customer who gets no more identities, because more people seem
// to be behind it than one.
type Suspicion struct {
	Identity  lifecycle.Identity `json:"identity" msgpack:"i"`
	Customer  lifecycle.ID       `json:"customer,omitzero" msgpack:"c"` // whom it leads to, if anybody
	Users     int                `json:"users" msgpack:"u"`             // how many known by user IDs have it besides
	Customers int                `json:"customers" msgpack:"n"`         // how many customers have it besides
	Since     time.Time          `json:"since" msgpack:"s"`
	Reason    string             `json:"reason" msgpack:"r"`
}

func suspicionKey(id lifecycle.ID) []byte { return append([]byte{'I'}, id[:]...) }

// suspect keeps a suspicion for people to see. Since when it holds stays what it was first.
func (e *Engine) suspect(tx store.Tx, in Suspicion) {
	key := suspicionKey(in.Identity.Hash())
	var before Suspicion
	if data := tx.Get(key); data != nil && store.Decode(data, &before) == nil {
		in.Since = before.Since
	} else {
		tx.After(func() { e.tellSuspicion(&in) })
	}
	if in.Since.Equal(before.Since) && in.Customers == before.Customers && in.Users == before.Users && in.Reason == before.Reason {
		return
	}
	tx.Set(key, store.Encode(&in))
}

// suspectEvery is how often the log is told at most: a program that sends nonsense makes thousands of them.
const suspectEvery = time.Minute

// tellSuspicion counts a new suspicion, and lets people know where to look.
func (e *Engine) tellSuspicion(one *Suspicion) {
	n, now, last := e.suspected.Add(1), e.clock.Now().UnixNano(), e.suspectTold.Load()
	if (last == 0 || now-last >= int64(suspectEvery)) && e.suspectTold.CompareAndSwap(last, now) {
		e.log.Warn("an identity seems to be shared by several people and joins nobody any more; stagecraft customers suspicious lists all of them",
			"kind", one.Identity.Kind, "reason", one.Reason, "since the start", n)
	}
}

// suspectCustomer keeps a suspicion about the customer's own first identity, once.
func (s *session) suspectCustomer(why string) {
	identity := s.customer.Identities[0]
	if key := suspicionKey(s.customer.ID); identity.Hash() == s.customer.ID && !s.tx.Has(key) {
		s.engine.suspect(s.tx, Suspicion{Identity: identity, Customer: s.customer.ID, Since: s.customer.Real(s.now), Reason: why})
	}
}

// Suspected returns how many identities became suspicious since the program started.
func (e *Engine) Suspected() int64 { return e.suspected.Load() }

// suspicions asks a partition for the latest of those it keeps, behind a place.
type suspicions struct {
	Behind []byte
	Limit  int
}

// place is where one stands in the list, the latest first.
func (one *Suspicion) place() []byte {
	hash := one.Identity.Hash()
	return append(store.AppendTimeNewestFirst(nil, one.Since), hash[:]...)
}

// IsSuspicionPlace reports whether bytes may be where the list of suspicions goes on.
func IsSuspicionPlace(place []byte) bool { return len(place) == 8+len(lifecycle.ID{}) }

func compareSuspicions(a, b Suspicion) int { return bytes.Compare(a.place(), b.place()) }

func (e *Engine) suspicions(tx store.Reader, q suspicions) (list []Suspicion, failed error) {
	latest := func() {
		slices.SortFunc(list, compareSuspicions)
		list = list[:min(q.Limit, len(list))]
	}
	tx.Scan([]byte{'I'}, []byte{'I' + 1}, func(_, value []byte) bool {
		var one Suspicion
		if failed = store.Decode(value, &one); failed != nil {
			return false
		}
		if q.Behind == nil || bytes.Compare(one.place(), q.Behind) > 0 {
			if list = append(list, one); len(list) >= 2*q.Limit+100 {
				latest()
			}
		}
		return true
	})
	latest()
	return list, failed
}

// Suspicions lists suspicious identities, the latest first, at most so many, behind a place that an earlier answer gave; nil
// is the begin. It returns the place behind which there are more, nil at the end.
func (e *Engine) Suspicions(ctx context.Context, behind []byte, limit int) (list []Suspicion, next []byte, err error) {
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, suspicions{behind, limit + 1})
		if err != nil {
			return nil, nil, err
		}
		list = append(list, answer.([]Suspicion)...)
	}
	slices.SortFunc(list, compareSuspicions)
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].place()
	}
	return list, next, nil
}

// forgive is the input "this identity may join people again".
type forgive struct{ Identity lifecycle.Identity }

func (e *Engine) forgive(tx store.Tx, in forgive) error {
	if !tx.Has(suspicionKey(in.Identity.Hash())) {
		return lifecycle.Errorf(lifecycle.NotFound, "nothing suspicious is known of that identity")
	}
	known, err := readClaimed(tx, in.Identity)
	if err != nil {
		return err
	}
	if known.Users, known.Joined = 0, 0; len(known.By)+len(known.Suppressed) > 0 {
		known.write(tx)
	}
	tx.Delete(suspicionKey(in.Identity.Hash()))
	return nil
}

// Forgive lets a suspicious identity join people again, from the next time that it is said of somebody.
func (e *Engine) Forgive(ctx context.Context, identity lifecycle.Identity) error {
	_, err := e.store.Do(ctx, identity.Hash().Partition(), forgive{identity})
	return err
}
