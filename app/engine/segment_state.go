package engine

import (
	"encoding/binary"
	"math"
	"slices"

	"stagecraft/app/script"
)

// What a customer's record keeps of segments: where they are a member, what was looked at to know it, when time alone
// changes it, and of the events and messages that were counted the moments, so that the timeline need not be read again at
// each of them. It is made of nothing but the customer's past and may be thrown away at any time: Customer.Segments.

// Bounds of what is kept. Of more events within a window the newest are kept: count and sum do not see the others.
const (
	maxSeries      = 1000     // moments of one name
	maxSeriesBytes = 48 << 10 // of all; beyond, none are kept and the timeline is read each time
)

const segmentRecord = 1

// segmentState is Customer.Segments taken apart.
type segmentState struct {
	epoch  uint64
	ones   []oneSegment
	series []series
}

// oneSegment is a customer in one segment.
type oneSegment struct {
	member bool
	reads  uint64 // see script.Outcome
	until  int64  // when time alone changes the answer, in ms since 1970; 0: never
}

// series are the moments of one kind, the newest last, and what they add up.
type series struct {
	op       script.AskOp // AskCount, AskSum or one of the messages
	name     string
	property string // of AskSum
	window   int64  // how far back it goes, in ms
	packed   []byte // as it is stored; nil: it is unpacked
	at       []int64
	values   []float64 // of AskSum
}

// Flags of one segment.
const (
	flagMember = 1 << iota
	flagUntil
)

// seriesOps are how the kinds of series are written.
var seriesOps = [...]script.AskOp{script.AskCount, script.AskSum, script.AskSent, script.AskOpened, script.AskClicked}

// append writes the state. now is in ms: what no window of later moments reaches is left out.
func (st *segmentState) append(b []byte, now int64) []byte {
	b = append(b, segmentRecord)
	b = binary.AppendUvarint(b, st.epoch)
	b = binary.AppendUvarint(b, uint64(len(st.ones)))
	for _, one := range st.ones {
		flags := byte(0)
		if one.member {
			flags |= flagMember
		}
		if one.until != 0 {
			flags |= flagUntil
		}
		b = append(b, flags)
		b = binary.LittleEndian.AppendUint64(b, one.reads)
		if one.until != 0 {
			b = binary.AppendVarint(b, one.until)
		}
	}
	head := len(b)
	b = binary.AppendUvarint(b, uint64(len(st.series)))
	for i := range st.series {
		b = st.series[i].append(b, now)
	}
	if len(b)-head > maxSeriesBytes {
		b = append(b[:head], 0)
	}
	return b
}

func (s *series) append(b []byte, now int64) []byte {
	b = append(b, byte(slices.Index(seriesOps[:], s.op)))
	b = appendText(b, s.name)
	b = appendText(b, s.property)
	b = binary.AppendVarint(b, s.window)
	if s.packed == nil {
		s.pack(now)
	}
	b = binary.AppendUvarint(b, uint64(len(s.packed)))
	return append(b, s.packed...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// pack writes the moments as differences, and behind them the values.
func (s *series) pack(now int64) {
	first := 0
	for first < len(s.at) && s.at[first] <= now-s.window {
		first++
	}
	b := make([]byte, 0, 8+6*(len(s.at)-first)+8*len(s.values))
	b = binary.AppendUvarint(b, uint64(len(s.at)-first))
	before := int64(0)
	for _, at := range s.at[first:] {
		b = binary.AppendVarint(b, at-before)
		before = at
	}
	if s.op == script.AskSum {
		for _, value := range s.values[first:] {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(value))
		}
	}
	s.packed = b
}

// unpack makes the moments readable, in place.
func (s *series) unpack() bool {
	if s.packed == nil {
		return true
	}
	r := segmentReader{s.packed, true}
	n := int(min(r.uvarint(), maxSeries+1))
	s.at = make([]int64, n, n+1)
	before := int64(0)
	for i := range s.at {
		before += r.varint()
		s.at[i] = before
	}
	if s.op == script.AskSum {
		s.values = make([]float64, n, n+1)
		for i := range s.values {
			s.values[i] = math.Float64frombits(r.fixed())
		}
	}
	s.packed = nil
	return r.ok
}

// add puts a moment in its place. Where there is no room the oldest one goes.
func (s *series) add(at int64, value float64) {
	if len(s.at) == maxSeries {
		if at <= s.at[0] {
			return
		}
		s.at = slices.Delete(s.at, 0, 1)
		if s.op == script.AskSum {
			s.values = slices.Delete(s.values, 0, 1)
		}
	}
	place := len(s.at)
	for place > 0 && s.at[place-1] > at {
		place--
	}
	s.at = slices.Insert(s.at, place, at)
	if s.op == script.AskSum {
		s.values = slices.Insert(s.values, place, value)
	}
}

// since returns the place of the first moment that a window reaches from now on back.
func (s *series) since(now, window int64) int {
	place := len(s.at)
	for place > 0 && s.at[place-1] > now-window {
		place--
	}
	return place
}

// read takes a state apart; false if it cannot be read, or is of another epoch: then it is to be made anew. What it holds
// points into data.
func (st *segmentState) read(data []byte) bool {
	st.ones, st.series = st.ones[:0], st.series[:0]
	if len(data) == 0 || data[0] != segmentRecord {
		return false
	}
	r := segmentReader{data[1:], true}
	st.epoch = r.uvarint()
	for n := r.uvarint(); n > 0 && r.ok; n-- {
		flags := r.byte()
		one := oneSegment{member: flags&flagMember != 0, reads: r.fixed()}
		if flags&flagUntil != 0 {
			one.until = r.varint()
		}
		st.ones = append(st.ones, one)
	}
	for n := r.uvarint(); n > 0 && r.ok; n-- {
		op := int(r.byte())
		if op >= len(seriesOps) {
			return false
		}
		st.series = append(st.series, series{op: seriesOps[op], name: string(r.bytes()), property: string(r.bytes()), window: r.varint(), packed: r.bytes()})
	}
	return r.ok
}

// segmentReader reads what was appended. After a mistake everything is zero.
type segmentReader struct {
	data []byte
	ok   bool
}

func (r *segmentReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.data, r.ok = nil, false
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *segmentReader) varint() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.data, r.ok = nil, false
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *segmentReader) byte() byte {
	if len(r.data) == 0 {
		r.ok = false
		return 0
	}
	v := r.data[0]
	r.data = r.data[1:]
	return v
}

func (r *segmentReader) fixed() uint64 {
	if len(r.data) < 8 {
		r.data, r.ok = nil, false
		return 0
	}
	v := binary.LittleEndian.Uint64(r.data)
	r.data = r.data[8:]
	return v
}

func (r *segmentReader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.data, r.ok = nil, false
		return nil
	}
	v := r.data[:n:n]
	r.data = r.data[n:]
	return v
}
