package insight

import (
	"encoding/binary"
	"math"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Cell is what happened between two stages. From "" came those who were not in the journey, and to "" went those who left
// it. The cell of a stage and itself holds the goals that were reached in it.
//
// Everything that is counted of stages is counted in cells, so that what comes into a stage and what goes out of it is told
// once, and how many are in it follows from both.
type Cell struct {
	From, To  string
	Moved     int64 // moves; entries into the journey, and exits from it
	Placed    int64 // were put or taken there without a move: by a merge, an import, or as a test person
	Refused   int64 // moves that were asked for and refused
	Held      int64 // of Moved: those whom the hold-out group of To took in
	Converted int64 // reached the goal of the stage
	HeldGoals int64 // of Converted: those of its hold-out group
	stays     []byte
}

// AddStays adds how long those who moved had been in From.
func (c *Cell) AddStays(to *Stays) { to.read(c.stays) }

// named gives the stages of a cell the names that they have by now in the plan. It reports whether the cell counts still: what
// happened between two stages that have become one is no move any more, and neither an entry nor a stay.
func (c *Cell) named(plan *lifecycle.Journey) bool {
	same := c.From == c.To
	c.From, c.To = plan.Present(c.From), plan.Present(c.To)
	return same || c.From != c.To
}

// cellRecord is the version in which cells are written: the counts in the order of the struct, then the stays.
const cellRecord = 1

// Records is how far the records of this package have come, over all kinds.
const Records = cellRecord

func (c *Cell) counts() [6]*int64 {
	return [...]*int64{&c.Moved, &c.Placed, &c.Refused, &c.Held, &c.Converted, &c.HeldGoals}
}

// append writes a cell without its stages.
func (c *Cell) append(data []byte) []byte {
	data = append(data, cellRecord)
	for _, n := range c.counts() {
		data = binary.AppendUvarint(data, uint64(*n))
	}
	return append(data, c.stays...)
}

// read reads what append wrote, keeping a part of data. It reports whether data is of its make.
func (c *Cell) read(data []byte) bool {
	if len(data) == 0 || data[0] != cellRecord {
		return false
	}
	data = data[1:]
	for _, to := range c.counts() {
		n, size := binary.Uvarint(data)
		if size <= 0 || n > math.MaxInt64 {
			return false
		}
		*to, data = int64(n), data[size:]
	}
	c.stays = data
	return true
}

// what names one of a cell's counts, by its place among them.
type what int

const (
	moved what = iota
	placed
	refused
	held
	converted
	heldGoals
)

// flow is what one fact changes in a cell.
type flow struct {
	from, to string
	what     what
	timed    bool // stayed is how long the customer had been in from
	stayed   time.Duration
}

// flows appends what a fact changes in cells; most facts change nothing there.
func flows(list []flow, f *lifecycle.Fact) []flow {
	switch f.Kind {
	case lifecycle.FactEntered:
		if f.From == "" { // else the move has been counted
			list = append(list, flow{to: f.To, what: moved})
		}
		if f.Heldout {
			list = append(list, flow{from: f.From, to: f.To, what: held})
		}
	case lifecycle.FactMoved:
		list = append(list, flow{f.From, f.To, moved, true, f.Stayed})
	case lifecycle.FactExited:
		if f.Name == "" && f.Stayed == 0 { // no event and nobody's wish, but a merge: no move
			return append(list, flow{from: f.From, what: placed})
		}
		list = append(list, flow{f.From, "", moved, true, f.Stayed})
	case lifecycle.FactPlaced:
		list = append(list, flow{from: f.From, to: f.To, what: placed})
	case lifecycle.FactMerged:
		if f.Journey != "" && f.From != "" { // else the customer had left the journey
			list = append(list, flow{from: f.From, what: placed})
		}
	case lifecycle.FactRefused:
		list = append(list, flow{from: f.From, to: choiceWord(f.To), what: refused})
	case lifecycle.FactConverted:
		list = append(list, flow{from: f.From, to: f.From, what: converted})
		if f.Heldout {
			list = append(list, flow{from: f.From, to: f.From, what: heldGoals})
		}
	}
	return list
}

// in returns a cell's record with the change in it. The old one stays as it is.
func (fl *flow) in(record []byte) []byte {
	var c Cell
	c.read(record)
	*c.counts()[fl.what]++
	if fl.timed {
		c.stays = bumpStay(make([]byte, 0, len(c.stays)+8), c.stays, fl.stayed)
	}
	return c.append(make([]byte, 0, len(c.stays)+24))
}

// maxRefused bounds how many kinds of refused moves of a journey are told apart in a partition: a script may ask for
// whatever stage it likes.
const maxRefused = 200

// count adds a flow to the sums of the partition and to those of its day.
func (fl *flow) count(tx store.Tx, journey string, day Date) {
	key := counterKey(journey, metricCell, fl.from, fl.to)
	record := tx.Get(key)
	if record == nil && fl.what == refused {
		if count(tx.Get(counterKey(journey, "refusals"))) < maxRefused {
			add(tx, 1, journey, "refusals")
		} else {
			fl.to = OtherChoices
			key = counterKey(journey, metricCell, fl.from, fl.to)
			record = tx.Get(key)
		}
	}
	tx.Set(key, fl.in(record))
	if !lifecycle.IsBroadcast(journey) { // the figures of a broadcast are those of one sending
		key = dayKey(journey, day)
		tx.Set(key, fl.inDay(tx.Get(key)))
	}
}
