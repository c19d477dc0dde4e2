package lifecycle

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
)

// RecordWriter appends the parts of a stored record to a slice. The types that are stored with every event are written
// by hand with it, because reflection over their fields was a fifth of all work. A record is its version byte and its
// fields in a fixed order, without names: whoever adds or removes a field raises the version and keeps reading the
// versions before.
//
// A type that is stored so has three methods, which the store looks for:
//
//	RecordSize() int                  about how many bytes the record will have, rather too many than too few
//	AppendRecord(b []byte) []byte     appends the record; equal values are equal bytes
//	ReadRecord(data []byte) error     replaces the value by the one that was written; keeps nothing of data
//
// They are not called MarshalBinary and UnmarshalBinary, because MessagePack would then use them for records that
// contain such a type, and could no longer read what it wrote before.
type RecordWriter struct{ data []byte }

// NewRecordWriter returns a writer that appends to b.
func NewRecordWriter(b []byte) RecordWriter { return RecordWriter{b} }

// Result returns what was given to NewRecordWriter, with everything written behind it.
func (w *RecordWriter) Result() []byte { return w.data }

// Version writes the byte with which each record begins.
func (w *RecordWriter) Version(version byte) { w.data = append(w.data, version) }

// Uvarint writes a number that is mostly small, in 1 to 10 bytes.
func (w *RecordWriter) Uvarint(v uint64) { w.data = binary.AppendUvarint(w.data, v) }

// Varint writes a number that is mostly near zero, in 1 to 10 bytes.
func (w *RecordWriter) Varint(v int64) { w.data = binary.AppendVarint(w.data, v) }

// Uint64 writes a number that may be anything, such as a hash, in 8 bytes.
func (w *RecordWriter) Uint64(v uint64) { w.data = binary.BigEndian.AppendUint64(w.data, v) }

// Float writes a number with a fraction, in 8 bytes.
func (w *RecordWriter) Float(v float64) { w.Uint64(math.Float64bits(v)) }

// Flags writes one byte that says which of the optional parts follow.
func (w *RecordWriter) Flags(parts ...bool) {
	var flags byte
	for i, there := range parts {
		if there {
			flags |= 1 << i
		}
	}
	w.data = append(w.data, flags)
}

// Bool writes one byte.
func (w *RecordWriter) Bool(v bool) {
	if v {
		w.data = append(w.data, 1)
	} else {
		w.data = append(w.data, 0)
	}
}

// Text writes a text with its length before it.
func (w *RecordWriter) Text(v string) {
	w.Uvarint(uint64(len(v)))
	w.data = append(w.data, v...)
}

// Bytes writes bytes with their length before them. Nil and empty are the same.
func (w *RecordWriter) Bytes(v []byte) {
	w.Uvarint(uint64(len(v)))
	w.data = append(w.data, v...)
}

// ID writes the 16 bytes of an ID.
func (w *RecordWriter) ID(v ID) { w.data = append(w.data, v[:]...) }

// OptionalID writes an ID that is often not set, which then takes one byte.
func (w *RecordWriter) OptionalID(v ID) {
	w.Bool(!v.IsZero())
	if !v.IsZero() {
		w.ID(v)
	}
}

// What the byte before a time says.
const (
	timeZero  = 0 // nothing follows: the zero time
	timeNanos = 1 // 8 bytes: nanoseconds since 1970, for the years 1678 to 2261
	timeFar   = 2 // seconds since 1970 and nanoseconds, for all others: senders may name any year
)

// farSeconds is how far from 1970 a time may be to be counted in nanoseconds.
const farSeconds = math.MaxInt64/int64(time.Second) - 1

// Time writes a moment to the nanosecond, in 1 or 9 bytes. Its zone and its monotonic reading are not kept.
func (w *RecordWriter) Time(v time.Time) {
	seconds := v.Unix()
	switch {
	case v.IsZero():
		w.data = append(w.data, timeZero)
	case seconds < -farSeconds || seconds > farSeconds:
		w.data = append(w.data, timeFar)
		w.Varint(seconds)
		w.Uvarint(uint64(v.Nanosecond()))
	default:
		w.data = append(w.data, timeNanos)
		w.Uint64(uint64(v.UnixNano()))
	}
}

// List writes how many elements follow.
func (w *RecordWriter) List(length int) { w.Uvarint(uint64(length)) }

// windowBytes is how much text is copied at a time; no string that was read holds on to more than that and itself.
const windowBytes = 512

// RecordReader reads what a RecordWriter wrote. After the first error everything it reads is zero, so that it need be
// asked only at the end. What it returns is copied: the data may change or be unmapped afterwards. To copy cheaply,
// neighbouring strings share one piece of memory of at most 512 bytes, and all Bytes of a record share another; clone
// what is kept much longer than the rest.
type RecordReader struct {
	data   []byte
	at     int
	window string // the copy of data from windowAt on
	begins int
	own    []byte // the copy of data from owns on
	owns   int
	err    error
}

// NewRecordReader returns a reader of a record.
func NewRecordReader(data []byte) RecordReader { return RecordReader{data: data} }

// Err returns the first error, if any.
func (r *RecordReader) Err() error { return r.err }

// End returns the first error; that something is left over is one too.
func (r *RecordReader) End(what string) error {
	if r.err == nil && r.at != len(r.data) {
		r.Fail("%s ends %d bytes before its record does", what, len(r.data)-r.at)
	}
	return r.err
}

// Fail makes an error of what was read, unless there is one already.
func (r *RecordReader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = Errorf(Internal, "a stored record is damaged at byte %d: "+format, append([]any{r.at}, args...)...)
		r.at = len(r.data)
	}
}

// take returns the next n bytes of the record itself, or nil.
func (r *RecordReader) take(n int) []byte {
	if n > len(r.data)-r.at {
		r.Fail("it is cut short")
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *RecordReader) byte() byte {
	if r.at >= len(r.data) {
		r.Fail("it is cut short")
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

// Records is how far the records of this package have come, over all kinds: it grows with every new version of one.
const Records = customerRecord + eventRecord + factRecord + messageRecord + renderedRecord

// Version reads the byte with which the record of a thing begins. One that is newer than this program is an error.
func (r *RecordReader) Version(what string, newest byte) byte {
	version := r.byte()
	if r.err == nil && (version == 0 || version > newest) {
		r.err = Errorf(Internal, "%s is stored in version %d; this program reads versions up to %d, use a newer one",
			what, version, newest)
		r.at = len(r.data)
	}
	return version
}

// Uvarint reads a number.
func (r *RecordReader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.data[r.at:])
	if n <= 0 {
		r.Fail("a number is cut short or too long")
		return 0
	}
	r.at += n
	return v
}

// Varint reads a number.
func (r *RecordReader) Varint() int64 {
	v, n := binary.Varint(r.data[r.at:])
	if n <= 0 {
		r.Fail("a number is cut short or too long")
		return 0
	}
	r.at += n
	return v
}

// Int reads a number that Varint wrote.
func (r *RecordReader) Int() int {
	v := r.Varint()
	if int64(int(v)) != v {
		r.Fail("%d is too large for this machine", v)
		return 0
	}
	return int(v)
}

// Uint64 reads a number of 8 bytes.
func (r *RecordReader) Uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Float reads a number that Float wrote.
func (r *RecordReader) Float() float64 { return math.Float64frombits(r.Uint64()) }

// Flags says which of so many optional parts follow. Parts that this version does not know are an error.
func (r *RecordReader) Flags(known int) Flags {
	flags := Flags(r.byte())
	if flags>>known != 0 {
		r.Fail("%b names parts that are not known", flags)
		return 0
	}
	return flags
}

// Flags says which optional parts of a record are there.
type Flags byte

// Has reports whether the part is there, counted from zero in the order in which they were written.
func (f Flags) Has(part int) bool { return f&(1<<part) != 0 }

// Bool reads one byte, which must be 0 or 1.
func (r *RecordReader) Bool() bool {
	b := r.byte()
	if b > 1 {
		r.Fail("%d is neither yes nor no", b)
	}
	return b == 1
}

// length reads a length that the rest of the record has room for.
func (r *RecordReader) length() int {
	n := r.Uvarint()
	if n > uint64(len(r.data)-r.at) {
		r.Fail("a length of %d is more than the record has", n)
		return 0
	}
	return int(n)
}

// Text reads a text.
func (r *RecordReader) Text() string {
	n := r.length()
	if n == 0 {
		return ""
	}
	from := r.at
	r.at += n
	if n > windowBytes/2 {
		return string(r.data[from:r.at])
	}
	if from < r.begins || r.at > r.begins+len(r.window) {
		r.begins, r.window = from, string(r.data[from:min(from+windowBytes, len(r.data))])
	}
	return r.window[from-r.begins : r.at-r.begins]
}

// TextIs reads a text, copies nothing, and reports whether it is the one given.
func (r *RecordReader) TextIs(text string) bool {
	n := r.length()
	r.at += n
	return string(r.data[r.at-n:r.at]) == text
}

// Bytes reads bytes; none are nil. Appending to them copies them.
func (r *RecordReader) Bytes() []byte {
	n := r.length()
	if n == 0 {
		return nil
	}
	if r.own == nil {
		r.owns, r.own = r.at, bytes.Clone(r.data[r.at:])
	}
	from := r.at - r.owns
	r.at += n
	return r.own[from : from+n : from+n]
}

// Rest returns what has not been read yet, which is another record. It is part of the data, not a copy.
func (r *RecordReader) Rest() []byte { return r.take(len(r.data) - r.at) }

// ID reads an ID.
func (r *RecordReader) ID() (id ID) {
	copy(id[:], r.take(len(id)))
	return id
}

// OptionalID reads what OptionalID wrote.
func (r *RecordReader) OptionalID() (id ID) {
	if r.Bool() {
		return r.ID()
	}
	return id
}

// The first and the last second that JSON can write (RFC 3339 has four digits for a year).
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// Time reads a moment, in UTC. One that JSON cannot write is read as the nearest that it can, so that what has come in once can be
// shown and exported.
func (r *RecordReader) Time() time.Time {
	switch kind := r.byte(); kind {
	case timeZero:
		return time.Time{}
	case timeNanos:
		if b := r.take(8); b != nil {
			return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
		}
		return time.Time{}
	case timeFar:
		seconds, nanos := r.Varint(), r.Uvarint()
		if nanos >= uint64(time.Second) {
			r.Fail("%d nanoseconds are more than a second", nanos)
		}
		if r.err != nil {
			return time.Time{}
		}
		switch {
		case seconds < firstSecond:
			return time.Unix(firstSecond, 1).UTC() // not zero, which is no moment
		case seconds > lastSecond:
			return time.Unix(lastSecond, 0).UTC()
		}
		return time.Unix(seconds, int64(nanos)).UTC()
	default:
		r.Fail("%d is no kind of time", kind)
		return time.Time{}
	}
}

// List reads how many elements follow, each of which takes at least so many bytes: there cannot be more of them than
// the rest of the record has room for, so that a damaged length allocates little.
func (r *RecordReader) List(least int) int {
	n := r.Uvarint()
	if n > uint64((len(r.data)-r.at)/least) {
		r.Fail("a list of %d elements is more than the record has", n)
		return 0
	}
	return int(n)
}
