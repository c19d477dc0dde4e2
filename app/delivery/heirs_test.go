package delivery_test

import (
	"slices"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// heir takes what is handed on to it, by the owners of partitions. What was taken over, and who was erased, stands in the store.
type heir struct {
	got  chan lifecycle.ID
	over bool // broadcasts are
}

func (h heir) Inherit(_ store.Tx, m *lifecycle.Message, _ *lifecycle.Rendered, _ time.Time) bool {
	h.got <- m.ID
	return true
}

func (h heir) LetInInstead(_ store.Tx, m *lifecycle.Message, _ time.Time) bool {
	if !h.over {
		h.got <- m.ID
	}
	return !h.over
}

func adoptedKey(customer, from lifecycle.ID) []byte {
	return append(append([]byte("test adopted"), customer[:]...), from[:]...)
}

func erasedKey(customer lifecycle.ID) []byte { return append([]byte("test erased"), customer[:]...) }

func (h heir) Adopted(tx store.Reader, customer, from lifecycle.ID) bool {
	return tx.Has(adoptedKey(customer, from))
}

func (h heir) Erased(tx store.Reader, customer lifecycle.ID, _ time.Time) bool {
	return tx.Has(erasedKey(customer))
}

// heirs lets a post ask whoever customers have become.
func heirs(p *post) {
	connect := p.connect
	p.connect = func(d *delivery.Delivery) {
		if connect != nil {
			connect(d)
		}
		d.SetHeirs(heir{got: make(chan lifecycle.ID, 64)})
	}
}

// redirects lets a customer be part of another one from now on, who does not know it yet.
func (p *post) redirects(from, to lifecycle.ID) {
	p.t.Helper()
	p.do(from.Partition(), func(tx store.Tx) {
		tx.Delete(append([]byte{'c'}, from[:]...))
		tx.Set(append([]byte{'i'}, from[:]...), to[:])
	})
}

// adopts lets a customer take over what is known of another one.
func (p *post) adopts(customer, from lifecycle.ID) {
	p.t.Helper()
	p.do(customer.Partition(), func(tx store.Tx) { tx.Set(adoptedKey(customer, from), []byte{}) })
}

// changes changes a customer's record.
func (p *post) changes(customer lifecycle.ID, change func(c *lifecycle.Customer)) {
	p.t.Helper()
	p.do(customer.Partition(), func(tx store.Tx) {
		key := append([]byte{'c'}, customer[:]...)
		var c lifecycle.Customer
		if err := store.Decode(tx.Get(key), &c); err != nil {
			panic(err)
		}
		change(&c)
		tx.Set(key, store.Encode(&c))
	})
}

// What was owed to somebody who has become part of another customer is handed on; marketing ends with them.
func TestWhatIsOwedIsHandedOn(t *testing.T) {
	h := heir{got: make(chan lifecycle.ID, 8)}
	p := newPost(t, newConnector(), func(p *post) {
		p.connect = func(d *delivery.Delivery) { d.SetHeirs(h) }
	})
	p.run()
	gone := lifecycle.HashID("gone")
	receipt, offer := p.send(gone, owed, "hello"), p.send(gone, wanted, "hello")
	if full := p.becomes(receipt, lifecycle.Suppressed); full.Reason == "merged" {
		t.Error("it is not said that the message goes on")
	}
	if full := p.becomes(offer, lifecycle.Suppressed); full.Reason != "merged" {
		t.Errorf("marketing ended because of %q", full.Reason)
	}
	close(h.got)
	var got []lifecycle.ID
	for id := range h.got {
		got = append(got, id)
	}
	if !slices.Equal(got, []lifecycle.ID{receipt.ID}) {
		t.Errorf("handed on were %v", got)
	}
}
