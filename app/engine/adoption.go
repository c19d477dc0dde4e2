package engine

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Between the event by which two become one and the moment at which one of them is taken over, more may happen to both, if it
// comes within milliseconds. The mark of the taking over remembers when that was in the life of the one who stayed, so that a
// replay can do it there: who is taken over lives on until everything that happened to them has.

// adoption is when somebody was taken over.
type adoption struct {
	Into lifecycle.ID // by whom
	Seq  uint64       // the number that whoever stayed had come to
	At   time.Time    // their clock; real time
	Said time.Time    // when what made them one was said, which comes in its turn only
}

// keepAdoption writes down when this is. Its room in the store is taken by the mark anyway.
func (s *session) keepAdoption(mark []byte) {
	value := binary.BigEndian.AppendUint64(s.customer.ID[:], s.customer.Seq)
	value = binary.BigEndian.AppendUint64(value, uint64(s.customer.Real(s.customer.Clock).UnixNano()))
	s.tx.Set(mark, binary.BigEndian.AppendUint64(value, uint64(s.at.UnixNano())))
}

func adoptMark(customer, from lifecycle.ID, part string) []byte {
	return markKey(0, lifecycle.HashID("adopt", customer.Part(), from.Part(), part))
}

// adoptionOf asks when a customer took another one over.
type adoptionOf struct{ Customer, From lifecycle.ID }

func (e *Engine) adoptionOf(tx store.Reader, q adoptionOf) (a adoption) {
	if value := tx.Get(adoptMark(q.Customer, q.From, "")); len(value) >= len(a.Into)+16 {
		a.Into = lifecycle.ID(value)
		a.Seq = binary.BigEndian.Uint64(value[len(a.Into):])
		a.At = time.Unix(0, int64(binary.BigEndian.Uint64(value[len(a.Into)+8:])))
		if len(value) == len(a.Into)+24 {
			a.Said = time.Unix(0, int64(binary.BigEndian.Uint64(value[len(a.Into)+16:])))
		} else { // it was not written down once
			a.Said = a.At
		}
	}
	return a
}

// adoptions reads when each of those who became part of a customer was taken over.
func (e *Engine) adoptions(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]adoption, error) {
	all := map[lifecycle.ID]adoption{}
	for _, from := range ids[1:] {
		for _, customer := range ids {
			answer, err := e.store.Ask(ctx, customer.Partition(), adoptionOf{customer, from})
			if err != nil {
				return nil, err
			}
			if a := answer.(adoption); slices.Contains(ids, a.Into) && !a.At.Before(all[from].At) {
				all[from] = a
			}
		}
	}
	return all, nil
}
