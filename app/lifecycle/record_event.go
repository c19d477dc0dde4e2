package lifecycle

// eventRecord is the version in which events are written. Version 1 had no depth, version 2 did not say whether the event
// came with a public key, version 3 not from which source, version 4 not whether that is a key.
const eventRecord = 5

// RecordSize returns about how many bytes AppendRecord appends.
func (e *Event) RecordSize() int {
	return 48 + len(e.Type) + len(e.Name) + len(e.MessageID) + len(e.UserID) + len(e.AnonymousID) +
		len(e.Properties) + len(e.Traits) + len(e.Context) + len(e.Source)
}

// AppendRecord appends the event as it is stored.
func (e *Event) AppendRecord(b []byte) []byte {
	w := NewRecordWriter(b)
	w.Version(eventRecord)
	w.Text(string(e.Type))
	w.Text(e.Name)
	w.Text(e.MessageID)
	w.Text(e.UserID)
	w.Text(e.AnonymousID)
	w.Time(e.Timestamp)
	w.Time(e.Received)
	w.Bytes(e.Properties)
	w.Bytes(e.Traits)
	w.Bytes(e.Context)
	w.Flags(e.Depth != 0, e.Public, e.Source != "", e.Keyed)
	if e.Depth != 0 {
		w.Varint(int64(e.Depth))
	}
	if e.Source != "" {
		w.Text(e.Source)
	}
	return w.Result()
}

// ReadRecord reads what AppendRecord appended.
func (e *Event) ReadRecord(data []byte) error {
	r := NewRecordReader(data)
	e.ReadRecordFrom(&r)
	return r.End("an event")
}

// ReadRecordFrom reads an event that is part of another record.
func (e *Event) ReadRecordFrom(r *RecordReader) {
	version := r.Version("an event", eventRecord)
	*e = Event{
		Type:        EventType(r.Text()),
		Name:        r.Text(),
		MessageID:   r.Text(),
		UserID:      r.Text(),
		AnonymousID: r.Text(),
		Timestamp:   r.Time(),
		Received:    r.Time(),
		Properties:  r.Bytes(),
		Traits:      r.Bytes(),
		Context:     r.Bytes(),
	}
	switch {
	case version > 2:
		parts := r.Flags(int(version) - 1) // each version since has had one more
		if e.Public = parts.Has(1); parts.Has(0) {
			e.Depth = r.Int()
		}
		if parts.Has(2) {
			e.Source = r.Text()
		}
		e.Keyed = parts.Has(3)
	case version > 1:
		e.Depth = r.Int()
	}
}

// factRecord is the version in which facts are written, and leastFact how few bytes one takes. Version 1 had no amount
// and no hold-out group, version 2 named no message, version 3 did not tell since when somebody who was placed is where
// they are. How long a customer stayed is not kept, nor which script version a line belongs to unless it is a message's.
const (
	factRecord = 4
	leastFact  = 10
)

// RecordSize returns about how many bytes AppendRecord appends.
func (f *Fact) RecordSize() int {
	size := 48 + len(f.Kind) + len(f.Journey) + len(f.From) + len(f.To) + len(f.Name) + len(f.Reason) + len(f.File)
	if !f.Message.IsZero() {
		size += 18 + len(f.Version)
	}
	if !f.Entered.IsZero() {
		size += 16
	}
	return size
}

// AppendRecord appends the fact as it is stored.
func (f *Fact) AppendRecord(b []byte) []byte {
	w := NewRecordWriter(b)
	w.Version(factRecord)
	w.Text(string(f.Kind))
	w.Time(f.At)
	w.Text(f.Journey)
	w.Text(f.From)
	w.Text(f.To)
	w.Text(f.Name)
	w.Text(f.Reason)
	w.Text(f.File)
	w.Varint(int64(f.Line))
	w.Flags(f.Heldout, f.Amount != 0, !f.Message.IsZero(), !f.Entered.IsZero())
	if f.Amount != 0 {
		w.Float(f.Amount)
	}
	if !f.Message.IsZero() {
		w.ID(f.Message)
		w.Text(f.Version)
	}
	if !f.Entered.IsZero() {
		w.Time(f.Entered)
	}
	return w.Result()
}

// ReadRecord reads what AppendRecord appended.
func (f *Fact) ReadRecord(data []byte) error {
	r := NewRecordReader(data)
	f.ReadRecordFrom(&r)
	return r.End("a fact")
}

// ReadRecordFrom reads a fact that is part of another record.
func (f *Fact) ReadRecordFrom(r *RecordReader) {
	version := r.Version("a fact", factRecord)
	*f = Fact{
		Kind:    FactKind(r.Text()),
		At:      r.Time(),
		Journey: r.Text(),
		From:    r.Text(),
		To:      r.Text(),
		Name:    r.Text(),
		Reason:  r.Text(),
		File:    r.Text(),
		Line:    r.Int(),
	}
	if version > 1 {
		parts := r.Flags(int(version)) // each version since has had one more
		f.Heldout = parts.Has(0)
		if parts.Has(1) {
			f.Amount = r.Float()
		}
		if parts.Has(2) {
			if f.Message, f.Version = r.ID(), r.Text(); f.Message.IsZero() {
				r.Fail("a fact names a message without ID")
			}
		}
		if parts.Has(3) {
			if f.Entered = r.Time(); f.Entered.IsZero() {
				r.Fail("a fact places somebody without a time")
			}
		}
	}
}

// BeginsWithFact reads the beginning of a list of facts, and reports whether its first one is of a kind. It is for who
// needs nothing else of the record.
func BeginsWithFact(r *RecordReader, kind FactKind) bool {
	if r.List(leastFact) == 0 {
		return false
	}
	r.Version("a fact", factRecord)
	return r.TextIs(string(kind))
}

// ReadFacts reads a list of facts, each of which AppendRecord wrote, with List before them.
func ReadFacts(r *RecordReader) []Fact {
	n := r.List(leastFact)
	if n == 0 {
		return nil
	}
	facts := make([]Fact, n)
	for i := range facts {
		facts[i].ReadRecordFrom(r)
	}
	return facts
}
