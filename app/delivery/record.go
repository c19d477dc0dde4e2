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
	return a.Rendered.AppendRecord(w.Result())
}

// ReadRecord reads what AppendRecord appended.
func (a *attempt) ReadRecord(data []byte) error {
	r := lifecycle.NewRecordReader(data)
	r.Version("an attempt", attemptRecord)
	*a = attempt{Number: r.Int(), Boot: r.Text(), At: r.Time()}
	a.Rendered.ReadRecordFrom(&r)
	return r.End("an attempt")
}
