package lifecycle

import "slices"

// messageRecord is the version in which messages are written. Version 1 had no options, was for nobody under test, and
// nobody waited for it; version 2 did not say whether it was decided while leaving.
const messageRecord = 3

// RecordSize returns about how many bytes AppendRecord appends.
func (m *Message) RecordSize() int {
	size := 0
	for name, value := range m.Options {
		size += 6 + len(name) + len(value)
	}
	return size + 128 + len(m.User) + len(m.Journey) + len(m.Version) + len(m.Stage) + len(m.Name) + len(m.File) +
		len(m.Channel) + len(m.Kind) + len(m.State) + len(m.Reason) + m.Event.RecordSize()
}

// AppendRecord appends the message as it is stored.
func (m *Message) AppendRecord(b []byte) []byte {
	w := NewRecordWriter(b)
	w.Version(messageRecord)
	w.ID(m.ID)
	w.ID(m.Customer)
	w.Text(m.User)
	w.Text(m.Journey)
	w.Text(m.Version)
	w.Text(m.Stage)
	w.Text(m.Name)
	w.Text(m.File)
	w.Varint(int64(m.Line))
	w.Text(m.Channel)
	w.Text(string(m.Kind))
	w.Time(m.Decided)
	w.Time(m.Due)
	w.Time(m.Expires)
	w.Text(string(m.State))
	w.Text(m.Reason)
	w.Varint(int64(m.Attempts))
	w.Varint(int64(m.InDoubt))
	w.Time(m.Settled)
	w.Flags(m.Watched, m.Test, len(m.Options) > 0, m.Direct, m.Leaving)
	if len(m.Options) > 0 {
		w.textMap(m.Options)
	}
	return m.Event.AppendRecord(w.Result())
}

// ReadRecord reads what AppendRecord appended.
func (m *Message) ReadRecord(data []byte) error {
	r := NewRecordReader(data)
	version := r.Version("a message", messageRecord)
	*m = Message{
		ID:       r.ID(),
		Customer: r.ID(),
		User:     r.Text(),
		Journey:  r.Text(),
		Version:  r.Text(),
		Stage:    r.Text(),
		Name:     r.Text(),
		File:     r.Text(),
		Line:     r.Int(),
		Channel:  r.Text(),
		Kind:     MessageKind(r.Text()),
		Decided:  r.Time(),
		Due:      r.Time(),
		Expires:  r.Time(),
		State:    MessageState(r.Text()),
		Reason:   r.Text(),
		Attempts: r.Int(),
		InDoubt:  r.Int(),
		Settled:  r.Time(),
	}
	m.Leaving = version < 3 // nobody knows, and what leaves a stage is to be said
	if version > 1 {
		parts := r.Flags(min(int(version)+2, 5))
		m.Watched, m.Test, m.Direct, m.Leaving = parts.Has(0), parts.Has(1), parts.Has(3), m.Leaving || parts.Has(4)
		if parts.Has(2) {
			m.Options = readMap(&r, r.Text)
		}
	}
	m.Event.ReadRecordFrom(&r)
	return r.End("a message")
}

// renderedRecord is the version in which rendered messages are written. Version 1 had no data.
const renderedRecord = 2

// RecordSize returns about how many bytes AppendRecord appends.
func (m *Rendered) RecordSize() int {
	size := 64 + len(m.To) + len(m.Subject) + len(m.Text) + len(m.HTML) + len(m.Preheader) + len(m.Locale)
	for name, value := range m.Headers {
		size += 4 + len(name) + len(value)
	}
	for name, value := range m.Data {
		size += 4 + len(name) + len(value)
	}
	return size
}

// AppendRecord appends the rendered message as it is stored.
func (m *Rendered) AppendRecord(b []byte) []byte {
	w := NewRecordWriter(b)
	w.Version(renderedRecord)
	w.Text(m.To)
	w.Text(m.Subject)
	w.Text(m.Text)
	w.Text(m.HTML)
	w.textMap(m.Headers)
	w.Time(m.Date)
	w.Varint(int64(m.Layout))
	w.Text(m.Preheader)
	w.Text(m.Locale)
	w.textMap(m.Data)
	return w.Result()
}

// ReadRecord reads what AppendRecord appended.
func (m *Rendered) ReadRecord(data []byte) error {
	r := NewRecordReader(data)
	m.ReadRecordFrom(&r)
	return r.End("a rendered message")
}

// ReadRecordFrom reads a rendered message that is part of another record.
func (m *Rendered) ReadRecordFrom(r *RecordReader) {
	version := r.Version("a rendered message", renderedRecord)
	*m = Rendered{
		To:        r.Text(),
		Subject:   r.Text(),
		Text:      r.Text(),
		HTML:      r.Text(),
		Headers:   readMap(r, r.Text),
		Date:      r.Time(),
		Layout:    r.Int(),
		Preheader: r.Text(),
		Locale:    r.Text(),
	}
	if version > 1 {
		m.Data = readMap(r, r.Text)
	}
}

// textMap writes a map in the order of its keys.
func (w *RecordWriter) textMap(m map[string]string) {
	var stack [16]string
	names := sortedKeys(stack[:0], m)
	w.List(len(names))
	for _, name := range names {
		w.Text(name)
		w.Text(m[name])
	}
}

// sortedKeys appends the keys of a map in order.
func sortedKeys[V any](keys []string, m map[string]V) []string {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// mapHint bounds what is allocated for a map before its entries have been read.
const mapHint = 256

// readMap reads a map whose keys were written in order.
func readMap[V any](r *RecordReader, value func() V) map[string]V {
	n := r.List(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]V, min(n, mapHint))
	last := ""
	for i := range n {
		key := r.Text()
		if i > 0 && key <= last {
			r.Fail("the keys of a map are out of order")
		}
		v := value()
		if r.Err() != nil {
			return nil
		}
		m[key], last = v, key
	}
	return m
}
