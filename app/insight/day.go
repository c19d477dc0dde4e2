package insight

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"stagecraft/app/lifecycle"
)

// Date is a day, UTC, counted from 1 January 1970.
type Date int32

// DateOf returns the day of a time.
func DateOf(at time.Time) Date {
	seconds := at.Unix()
	days := seconds / 86400
	if seconds%86400 < 0 {
		days--
	}
	return Date(min(max(days, math.MinInt32), math.MaxInt32))
}

// Time returns when the day begins.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String writes the day as 2006-01-02.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// Day is what happened in a journey on one day. Of stages that were renamed or have become one, several cells may be of the
// same pair.
type Day struct {
	Date  Date
	Cells []Cell
}

// The cells of a day share a key, K, the journey, a zero and the day: a customer who moves costs one key for the sums and
// one for the day, and a report reads a year in as many keys as it has days. The record is, for each cell, its stages and
// the cell itself, each with its length before it.
func dayKey(journey string, day Date) []byte {
	key := append(dayPrefix(journey), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(key[len(key)-4:], uint32(day)^1<<31) // days before 1970 come first
	return key
}

func dayPrefix(journey string) []byte {
	key := make([]byte, 0, 2+len(journey)+4)
	return append(append(append(key, 'K'), journey...), 0)
}

// dateOf reads the day out of a key; ok is false for one that is not of our make.
func dateOf(key, prefix []byte) (day Date, ok bool) {
	if len(key) != len(prefix)+4 {
		return 0, false
	}
	return Date(binary.BigEndian.Uint32(key[len(prefix):]) ^ 1<<31), true
}

// inDay returns a day's record with the change in it. The old one stays as it is.
func (fl *flow) inDay(record []byte) []byte {
	for rest := record; len(rest) > 0; {
		from, to, cell, size := nextCell(rest)
		if size == 0 {
			record = record[:len(record)-len(rest)] // what is not of our make is lost
			break
		}
		if string(from) == fl.from && string(to) == fl.to {
			before, behind := record[:len(record)-len(rest)], rest[size:]
			changed := fl.in(cell)
			day := append(make([]byte, 0, len(record)+16), before...)
			return append(appendCell(day, fl.from, fl.to, changed), behind...)
		}
		rest = rest[size:]
	}
	cell := fl.in(nil)
	day := append(make([]byte, 0, len(record)+len(fl.from)+len(fl.to)+len(cell)+6), record...)
	return appendCell(day, fl.from, fl.to, cell)
}

func appendCell(day []byte, from, to string, cell []byte) []byte {
	day = append(binary.AppendUvarint(day, uint64(len(from))), from...)
	day = append(binary.AppendUvarint(day, uint64(len(to))), to...)
	return append(binary.AppendUvarint(day, uint64(len(cell))), cell...)
}

// nextCell takes the first cell off a day's record; size is 0 if there is none of our make.
func nextCell(day []byte) (from, to, cell []byte, size int) {
	rest, parts := day, [3][]byte{}
	for i := range parts {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return nil, nil, nil, 0
		}
		parts[i], rest = rest[n:n+int(length)], rest[n+int(length):]
	}
	return parts[0], parts[1], parts[2], len(day) - len(rest)
}

// readDay reads a day's record, keeping parts of it, with the names that stages have by now.
func readDay(date Date, record []byte, plan *lifecycle.Journey) Day {
	day := Day{Date: date}
	for len(record) > 0 {
		from, to, data, size := nextCell(record)
		if size == 0 {
			break
		}
		cell := Cell{From: string(from), To: string(to)}
		if cell.read(data) && cell.named(plan) {
			day.Cells = append(day.Cells, cell)
		}
		record = record[size:]
	}
	return day
}

// daySum adds up the records of one day in all partitions. It is used again for the next day: its histograms are large.
type daySum struct {
	cells []cellSum
}

type cellSum struct {
	from, to []byte
	cell     Cell
	timed    bool
	stays    Stays
}

func (s *daySum) add(record []byte) {
	for len(record) > 0 {
		from, to, data, size := nextCell(record)
		if size == 0 {
			return
		}
		record = record[size:]
		var cell Cell
		if !cell.read(data) {
			continue
		}
		sum := s.at(from, to)
		for i, n := range cell.counts() {
			*sum.cell.counts()[i] += *n
		}
		if len(cell.stays) > 0 {
			sum.timed = true
			cell.AddStays(&sum.stays)
		}
	}
}

// at returns the sum of a cell. There are few cells in a day.
func (s *daySum) at(from, to []byte) *cellSum {
	for i := range s.cells {
		if bytes.Equal(s.cells[i].from, from) && bytes.Equal(s.cells[i].to, to) {
			return &s.cells[i]
		}
	}
	if len(s.cells) < cap(s.cells) {
		s.cells = s.cells[:len(s.cells)+1] // one that was used and emptied
	} else {
		s.cells = append(s.cells, cellSum{})
	}
	sum := &s.cells[len(s.cells)-1]
	sum.from, sum.to = from, to
	return sum
}

// take returns the sum as a day's record and begins anew.
func (s *daySum) take() []byte {
	var day []byte
	for i := range s.cells {
		sum := &s.cells[i]
		if sum.timed {
			sum.cell.stays = sum.stays.append(nil)
			sum.stays = Stays{}
		}
		day = appendCell(day, string(sum.from), string(sum.to), sum.cell.append(nil))
		sum.from, sum.to, sum.cell, sum.timed = nil, nil, Cell{}, false
	}
	s.cells = s.cells[:0]
	return day
}

// AddTo adds the day to a journey's figures.
func (d *Day) AddTo(j *Journey) {
	for i := range d.Cells {
		j.AddCell(&d.Cells[i])
	}
}
