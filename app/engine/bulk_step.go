package engine

import (
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// bulkStep is the input "do the next chunk of what this bulk has to do".
type bulkStep struct {
	Name string
	At   time.Time
	Room int // how many customers may be changed; with 0 it is looked who is next
}

// bulkStep answers how many customers were changed or refused.
func (e *Engine) bulkStep(tx store.Tx, in bulkStep) (did int, err error) {
	b, err := readBulkShare(tx, in.Name)
	if err != nil || b == nil {
		return 0, err
	}
	due, any := b.due()
	if !any || due.After(in.At) {
		return 0, nil
	}
	if b.changing() {
		return e.changeSome(tx, b, in)
	}
	switch more := clearList(tx, bulkList(in.Name)); {
	case more:
	case b.Dropped:
		tx.Delete(bulkShareKey(in.Name))
		return 0, nil
	default:
		b.Over = in.At
	}
	e.writeBulkShare(tx, b)
	return 0, nil
}

// changeSome changes the next customers.
func (e *Engine) changeSome(tx store.Tx, b *bulkShare, in bulkStep) (did int, err error) {
	if _, err = e.journeys(tx); err != nil {
		return 0, err
	}
	if mode := e.Mode(tx, b.Bulk.Journey); b.Bulk.Act != ActPlace && (mode == lifecycle.Off || mode == lifecycle.Braked) {
		b.Next = in.At.Add(time.Minute) // nobody is refused for that: it goes on with the journey
		e.writeBulkShare(tx, b)
		return 0, nil
	}
	walk := b.walk()
	list, more, err := e.candidates(tx, walk, in.Room)
	if err != nil {
		return 0, err
	}
	written, gone := 0, b.Counts.Gone
	for i, c := range list {
		size, again, err := e.changeListed(tx, b, c, in.At)
		if err != nil {
			return 0, err
		}
		if written += size; again || written >= maxWritten && i+1 < len(list) {
			// Who has more to catch up with comes first in the next chunk; who is done does not come again.
			next := i
			if !again {
				next++
			}
			more, walk.Cursor, walk.Ready, list = true, list[next].id, true, list[:next]
			break
		}
	}
	b.Cursor, b.Ready = walk.Cursor, walk.Ready
	if !more {
		b.Over = in.At
	}
	e.writeBulkShare(tx, b)
	return len(list) - int(b.Counts.Gone-gone), nil
}

// changeListed changes one customer, or sends word to where the customer is, and counts what became of it. again says that
// the customer has yet to catch up, and nothing was done.
func (e *Engine) changeListed(tx store.Tx, b *bulkShare, c candidate, at time.Time) (written int, again bool, err error) {
	in := change{Change: b.Bulk.change(c.id), At: at,
		Mark: lifecycle.HashID("bulk", b.Bulk.Name, strconv.FormatInt(b.Bulk.Started.UnixNano(), 10), c.id.Part())}
	id, record, here := c.id, c.record, true
	if record == nil {
		id, record, here = e.find(tx, c.id)
	}
	switch {
	case !here:
		in.Change.Customer, in.Keep, in.Sent = id, true, true
		e.instruct(tx, at, in.Mark, 24, instruction{Change: &in})
		b.Counts.Sent++
	case record == nil:
		b.Counts.Gone++
	default:
		s, err := e.openRecord(tx, id, record)
		if err != nil {
			return 0, false, err
		}
		var out Changed
		s.change(in, &out)
		if err = s.save(); err != nil {
			return 0, false, err
		}
		if written, again = s.written, out.again; again {
			return written, true, nil
		}
		b.Counts.count(b.Bulk.Act, &out)
	}
	if c.key != nil {
		tx.Delete(c.key)
		written += costOfKey
	}
	return written, false, nil
}

func (c *bulkCounts) count(act Act, out *Changed) {
	switch {
	case out.Refused != "":
		c.refuse(out.Refused, 1)
	case act == ActPlace && out.From == out.To:
		c.Same++
	default:
		c.Done++
	}
}
