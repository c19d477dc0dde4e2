package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Sent returns a message as it stands, and the address to which it was handed over last, "" if it never was; nil if there
// is no such message, or if it was a test, of which nothing that comes back is an answer.
func (d *Delivery) Sent(tx store.Reader, decided time.Time, id lifecycle.ID) (message *lifecycle.Message, to string) {
	m, err := loadMessage(tx, decided, id)
	if err != nil || m == nil || isSample(&m.Message) {
		return nil, ""
	}
	if last, err := lastAttempt(tx, m); err == nil && last != nil {
		to = last.Rendered.To
	}
	return &m.Message, to
}

// answering are the channels on which people answer without naming a message: what they say is about everyone who was
// written to at their address.
func answering(channel string) bool { return channel == "sms" || channel == "social" }

func addressPrefix(channel, address string) []byte {
	hash := lifecycle.HashID("address", channel, address)
	return append(append(append([]byte{'w'}, channel...), 0), hash[:]...)
}

// rememberAddress keeps who was written to at an address of a channel that takes answers.
func rememberAddress(tx store.Tx, m *lifecycle.Message, to string) {
	if m.Test || !answering(m.Channel) {
		return
	}
	if key := append(addressPrefix(m.Channel, to), m.Customer[:]...); !tx.Has(key) {
		tx.Set(key, []byte{})
	}
}

// WrittenTo returns the customers of the partition to whom something went at an address of a channel that takes answers.
func (d *Delivery) WrittenTo(tx store.Reader, channel, address string) []lifecycle.ID {
	prefix := addressPrefix(channel, address)
	var customers []lifecycle.ID
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		customers = append(customers, lifecycle.ID(key[len(prefix):]))
		return true
	})
	return customers
}
