package delivery

import "stagecraft/app/lifecycle"

// attemptRecord is the version in which attempts are written.
const attemptRecord = 1

// RecordSize returns about how many bytes AppendRecord appends.
func (a *attempt) RecordSize() int { return 32 + len(a.Boot) + a.Rendered.RecordSize() }

// AppendRecord appends the attempt as it is stored.
func (a *attempt) AppendRecord(b []byte) []byte {
	w := lifecycle.NewRecordWriter(b)
	w.Version(attemptRecord)
	w.Varint(int64(a.Number))
	w.Text(a.Boot)
	w.Time(a.At)
	if rendered := a.Rendered; rendered.Layout == markupLayout { // its text is made again when it is wanted
		rendered.Text = ""
		return rendered.AppendRecord(w.Result())
	}
	return a.Rendered.AppendRecord(w.Result())
}

// ReadRecord reads what AppendRecord appended.
func (a *attempt) ReadRecord(data []byte) error {
	r := lifecycle.NewRecordReader(data)
	a.readRecordFrom(&r)
	return r.End("an attempt")
}

func (a *attempt) readRecordFrom(r *lifecycle.RecordReader) {
	r.Version("an attempt", attemptRecord)
	*a = attempt{Number: r.Int(), Boot: r.Text(), At: r.Time()}
	if a.Rendered.ReadRecordFrom(r); a.Rendered.Layout == markupLayout {
		a.Rendered.Text = ""
	}
}

// decidedRecord is the version in which decided messages are written.
const decidedRecord = 1

// RecordSize returns about how many bytes AppendRecord appends.
func (m *decided) RecordSize() int {
	size := 2 + m.Message.RecordSize()
	if m.Attempt != nil {
		size += m.Attempt.RecordSize()
	}
	return size
}

// AppendRecord appends the message as it is stored.
func (m *decided) AppendRecord(b []byte) []byte {
	w := lifecycle.NewRecordWriter(b)
	w.Version(decidedRecord)
	w.Bool(m.Attempt != nil)
	b = w.Result()
	if m.Attempt != nil {
		b = m.Attempt.AppendRecord(b)
	}
	return m.Message.AppendRecord(b)
}

// ReadRecord reads what AppendRecord appended.
func (m *decided) ReadRecord(data []byte) error {
	r := lifecycle.NewRecordReader(data)
	r.Version("a decided message", decidedRecord)
	m.Attempt = nil
	if r.Bool() {
		m.Attempt = &attempt{}
		m.Attempt.readRecordFrom(&r)
	}
	rest := r.Rest()
	if err := r.End("a decided message"); err != nil {
		return err
	}
	return m.Message.ReadRecord(rest)
}

// standingRecord is the version in which standings are written.
const standingRecord = 1

// RecordSize returns about how many bytes AppendRecord appends.
func (s *standing) RecordSize() int { return 32 + len(s.State) + len(s.Reason) }

// AppendRecord appends the standing as it is stored.
func (s *standing) AppendRecord(b []byte) []byte {
	w := lifecycle.NewRecordWriter(b)
	w.Version(standingRecord)
	w.Time(s.Due)
	w.Text(string(s.State))
	w.Text(s.Reason)
	w.Varint(int64(s.Attempts))
	w.Varint(int64(s.InDoubt))
	w.Time(s.Settled)
	w.Bool(s.Watched)
	return w.Result()
}

// ReadRecord reads what AppendRecord appended.
func (s *standing) ReadRecord(data []byte) error {
	r := lifecycle.NewRecordReader(data)
	r.Version("a message's standing", standingRecord)
	*s = standing{Due: r.Time(), State: lifecycle.MessageState(r.Text()), Reason: r.Text(), Attempts: r.Int(), InDoubt: r.Int(), Settled: r.Time(), Watched: r.Bool()}
	return r.End("a message's standing")
}
