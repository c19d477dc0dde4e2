package lifecycle

// Newcomer is a customer of whose record nothing is read but the ID and since when there is one: for those who look
// through many.
type Newcomer struct{ Customer }

// ReadRecord reads the beginning of what Customer.AppendRecord appended.
func (n *Newcomer) ReadRecord(data []byte) error {
	r := NewRecordReader(data)
	r.Version("a customer", customerRecord)
	n.ID = r.ID()
	for range r.List(leastIdentity) {
		r.TextIs("")
		r.TextIs("")
	}
	n.Created = r.Time()
	return r.Err()
}
