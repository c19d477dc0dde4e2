package lifecycle

import (
	"encoding/json"
	"time"
)

// customerRecord is the version in which customers are written, with their identities, visits, timers and waiting
// runs.
const customerRecord = 1

// How few bytes the elements of a customer's lists take.
const (
	leastIdentity = 2
	leastVisit    = 8
	leastTimer    = 7
	leastRunRef   = 20
)

// RecordSize returns about how many bytes AppendRecord appends.
func (c *Customer) RecordSize() int {
	size := 96 + len(c.Import)
	for i := range c.Identities {
		size += 4 + len(c.Identities[i].Kind) + len(c.Identities[i].Value)
	}
	for i := range c.Visits {
		v := &c.Visits[i]
		size += 32 + len(v.Journey) + len(v.Stage) + len(v.Version)
		for j := range v.Timers {
			size += 48 + len(v.Timers[j].Event) + len(v.Timers[j].Stage)
		}
		for j := range v.Runs {
			size += 32 + len(v.Runs[j].Handler) + len(v.Runs[j].Stage) + len(v.Runs[j].Version)
		}
	}
	for name, value := range c.Traits {
		size += 6 + len(name) + len(value)
	}
	return size
}

// AppendRecord appends the customer as it is stored. Traits that were decoded are not kept decoded.
func (c *Customer) AppendRecord(b []byte) []byte {
	w := NewRecordWriter(b)
	w.Version(customerRecord)
	w.ID(c.ID)
	w.List(len(c.Identities))
	for i := range c.Identities {
		w.Text(string(c.Identities[i].Kind))
		w.Text(c.Identities[i].Value)
	}
	w.Time(c.Created)
	w.Time(c.Clock)
	w.Uvarint(c.Seq)
	w.Text(c.Import)
	w.Uint64(c.TraitsHash)
	w.Time(c.Due)
	w.List(len(c.Visits))
	for i := range c.Visits {
		c.Visits[i].write(&w)
	}
	var stack [64]string
	names := sortedKeys(stack[:0], c.Traits)
	w.List(len(names))
	for _, name := range names {
		w.Text(name)
		w.Bytes(c.Traits[name])
	}
	return w.Result()
}

// ReadRecord reads what AppendRecord appended.
func (c *Customer) ReadRecord(data []byte) error {
	r := NewRecordReader(data)
	r.Version("a customer", customerRecord)
	*c = Customer{
		ID:         r.ID(),
		Identities: readIdentities(&r),
		Created:    r.Time(),
		Clock:      r.Time(),
		Seq:        r.Uvarint(),
		Import:     r.Text(),
		TraitsHash: r.Uint64(),
		Due:        r.Time(),
		Visits:     readVisits(&r),
		Traits:     readMap(&r, func() json.RawMessage { return r.Bytes() }),
	}
	return r.End("a customer")
}

func readIdentities(r *RecordReader) []Identity {
	n := r.List(leastIdentity)
	if n == 0 {
		return nil
	}
	identities := make([]Identity, n)
	for i := range identities {
		identities[i] = Identity{Kind: IdentityKind(r.Text()), Value: r.Text()}
	}
	return identities
}

func (v *Visit) write(w *RecordWriter) {
	w.Text(v.Journey)
	w.Text(v.Stage)
	w.Time(v.Entered)
	w.Uvarint(v.Number)
	w.Bool(v.Converted)
	w.Text(v.Version)
	w.List(len(v.Timers))
	for i := range v.Timers {
		t := &v.Timers[i]
		w.Time(t.Due)
		w.Uvarint(t.Seq)
		w.OptionalID(t.Run)
		w.Text(t.Event)
		w.Varint(int64(t.After))
		w.Text(t.Stage)
		w.Bool(t.Fired)
	}
	w.List(len(v.Runs))
	for i := range v.Runs {
		run := &v.Runs[i]
		w.ID(run.ID)
		w.Text(run.Handler)
		w.Text(run.Stage)
		w.Uvarint(run.Visit)
		w.Text(run.Version)
	}
}

func readVisits(r *RecordReader) []Visit {
	n := r.List(leastVisit)
	if n == 0 {
		return nil
	}
	visits := make([]Visit, n)
	for i := range visits {
		visits[i] = Visit{
			Journey:   r.Text(),
			Stage:     r.Text(),
			Entered:   r.Time(),
			Number:    r.Uvarint(),
			Converted: r.Bool(),
			Version:   r.Text(),
			Timers:    readTimers(r),
			Runs:      readRunRefs(r),
		}
	}
	return visits
}

func readTimers(r *RecordReader) []Timer {
	n := r.List(leastTimer)
	if n == 0 {
		return nil
	}
	timers := make([]Timer, n)
	for i := range timers {
		timers[i] = Timer{
			Due:   r.Time(),
			Seq:   r.Uvarint(),
			Run:   r.OptionalID(),
			Event: r.Text(),
			After: time.Duration(r.Varint()),
			Stage: r.Text(),
			Fired: r.Bool(),
		}
	}
	return timers
}

func readRunRefs(r *RecordReader) []RunRef {
	n := r.List(leastRunRef)
	if n == 0 {
		return nil
	}
	runs := make([]RunRef, n)
	for i := range runs {
		runs[i] = RunRef{ID: r.ID(), Handler: r.Text(), Stage: r.Text(), Visit: r.Uvarint(), Version: r.Text()}
	}
	return runs
}
