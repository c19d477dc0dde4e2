package engine

import (
	"bytes"
	"context"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Reading everything out, a partition after the other, in pages of about as many bytes as asked for. A page says where the
// next one begins; nil is the end of the partition. What changes meanwhile is there as it is when its page is read.

type exportCustomers struct {
	From  []byte
	Bytes int
}

// CustomerPage is a part of the customers of a partition.
type CustomerPage struct {
	Customers []*lifecycle.Customer
	Segments  [][]string // those that each customer is in, by name
	Next      []byte
}

func (e *Engine) exportCustomers(tx store.Reader, q exportCustomers) (page CustomerPage, failed error) {
	from, read := []byte{'c'}, 0
	if len(q.From) > 0 {
		from = q.From
	}
	table, failed := readSegmentTable(tx)
	if failed != nil {
		return page, failed
	}
	tx.Scan(from, []byte{'c' + 1}, func(key, value []byte) bool {
		if read >= q.Bytes {
			page.Next = bytes.Clone(key)
			return false
		}
		read += len(value)
		c := &lifecycle.Customer{}
		if failed = store.Decode(value, c); failed != nil {
			return false
		}
		if !c.Applicant() {
			page.Customers, page.Segments = append(page.Customers, c), append(page.Segments, table.of(c))
		}
		return true
	})
	return page, failed
}

// ExportCustomers reads customers of a partition, by their IDs.
func (e *Engine) ExportCustomers(ctx context.Context, partition int, from []byte, size int) (CustomerPage, error) {
	answer, err := e.store.Ask(ctx, partition, exportCustomers{from, size})
	if err != nil {
		return CustomerPage{}, err
	}
	return answer.(CustomerPage), nil
}

type exportTimeline struct {
	From  []byte
	Bytes int
}

// Lived is an entry of a customer's timeline, with the names by which people know the customer.
type Lived struct {
	Customer            lifecycle.ID
	UserID, AnonymousID string
	Late                bool // history that came when the customer's time was past it
	TimelineEntry
}

// TimelinePage is a part of the timelines of a partition.
type TimelinePage struct {
	Entries []Lived
	Next    []byte
}

func (e *Engine) exportTimeline(tx store.Reader, q exportTimeline) (page TimelinePage, failed error) {
	from, read := []byte{'e'}, 0
	if len(q.From) > 0 {
		from = q.From
	}
	var whose lifecycle.Customer
	tx.Scan(from, []byte{'e' + 1}, func(key, value []byte) bool {
		if read >= q.Bytes {
			page.Next = bytes.Clone(key)
			return false
		}
		read += len(value)
		if id := lifecycle.ID(key[1:17]); id != whose.ID {
			whose = lifecycle.Customer{ID: id}
			if data := tx.Get(customerKey(id)); data != nil { // a merged one has none, whose past is still on its way
				if failed = store.Decode(data, &whose); failed != nil {
					return false
				}
			} else if _, erased := e.remembered(tx, id); erased {
				whose.ID = lifecycle.ID{} // what is left of it goes at this moment
				return true
			}
		}
		if whose.Applicant() {
			return true
		}
		lived := Lived{Customer: whose.ID, UserID: whose.UserID(), AnonymousID: whose.AnonymousID()}
		if failed = store.Decode(value, &lived.TimelineEntry); failed != nil {
			return false
		}
		lived.Late = lived.late()
		page.Entries = append(page.Entries, lived)
		return true
	})
	return page, failed
}

// ExportTimeline reads the timelines of a partition, customer by customer, each newest first.
func (e *Engine) ExportTimeline(ctx context.Context, partition int, from []byte, size int) (TimelinePage, error) {
	answer, err := e.store.Ask(ctx, partition, exportTimeline{from, size})
	if err != nil {
		return TimelinePage{}, err
	}
	return answer.(TimelinePage), nil
}
