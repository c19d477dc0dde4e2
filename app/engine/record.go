package engine

import (
	"bytes"

	"stagecraft/app/lifecycle"
)

// entryRecord is the version in which timeline entries are written.
// Version 1 had no mark.
const entryRecord = 2

// Records is how far the records of this package have come, over all kinds.
const Records = entryRecord + segmentRecord

// RecordSize returns about how many bytes AppendRecord appends.
func (t *TimelineEntry) RecordSize() int {
	size := 48
	for i := range t.Facts {
		size += t.Facts[i].RecordSize()
	}
	if t.Event != nil {
		size += t.Event.RecordSize()
	}
	return size
}

// AppendRecord appends the entry as it is stored.
func (t *TimelineEntry) AppendRecord(b []byte) []byte {
	w := lifecycle.NewRecordWriter(b)
	w.Version(entryRecord)
	w.Time(t.At)
	w.OptionalID(t.From)
	w.List(len(t.Facts))
	for i := range t.Facts {
		w = lifecycle.NewRecordWriter(t.Facts[i].AppendRecord(w.Result()))
	}
	w.Flags(t.Event != nil, !t.Mark.IsZero())
	if !t.Mark.IsZero() {
		w.ID(t.Mark)
	}
	if t.Event == nil {
		return w.Result()
	}
	return t.Event.AppendRecord(w.Result())
}

// ReadRecord reads what AppendRecord appended.
func (t *TimelineEntry) ReadRecord(data []byte) error {
	r := lifecycle.NewRecordReader(data)
	version := r.Version("a timeline entry", entryRecord)
	*t = TimelineEntry{At: r.Time(), From: r.OptionalID(), Facts: lifecycle.ReadFacts(&r)}
	parts := r.Flags(int(version))
	if parts.Has(1) {
		t.Mark = r.ID()
	}
	if parts.Has(0) {
		t.Event = &lifecycle.Event{}
		t.Event.ReadRecordFrom(&r)
	}
	return r.End("a timeline entry")
}

// soughtEntry is a timeline entry of which nothing but its place is read unless it has an event of a name. Looking for
// an event means passing by many others.
type soughtEntry struct {
	TimelineEntry
	name    []byte
	wasLate bool
}

// ReadRecord reads what AppendRecord appended.
func (s *soughtEntry) ReadRecord(data []byte) error {
	if bytes.Contains(data, s.name) {
		return s.TimelineEntry.ReadRecord(data)
	}
	r := lifecycle.NewRecordReader(data)
	r.Version("a timeline entry", entryRecord)
	s.TimelineEntry = TimelineEntry{At: r.Time(), From: r.OptionalID()}
	s.wasLate = lifecycle.BeginsWithFact(&r, lifecycle.FactLate)
	return r.Err()
}
