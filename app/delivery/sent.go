package delivery

import (
	"slices"
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
// written to at their address. Channels of others are among them, for nobody here knows what they can tell.
func answering(channel string) bool {
	kind := lifecycle.KindOf(channel)
	return kind == "sms" || kind == "social" || !lifecycle.IsOwnChannel(kind)
}

func addressPrefix(channel, address string) []byte {
	hash := lifecycle.HashID("address", channel, address)
	return append(append(append([]byte{'w'}, channel...), 0), hash[:]...)
}

// rememberAddress keeps who was written to at an address of channels of a kind that takes answers, and by which message last: what
// went out by one channel is answered at another one of its kind.
//
//	w kind 0 hash(address) customer -> when it was handed over, when it was decided, message
//
// Those of earlier versions have the name of the channel in place of its kind, and may hold nothing.
func rememberAddress(tx store.Tx, m *lifecycle.Message, to string, at time.Time) {
	if m.Test || !answering(m.Channel) {
		return
	}
	value := make([]byte, 0, 8+8+len(m.ID))
	value = append(store.AppendTime(store.AppendTime(value, at), m.Decided), m.ID[:]...)
	tx.Set(append(addressPrefix(lifecycle.KindOf(m.Channel), to), m.Customer[:]...), value)
}

// WrittenTo returns the customers of the partition to whom something went at an address of a channel that takes answers, by
// any channel of its kind, and the newest message of each.
func (d *Delivery) WrittenTo(tx store.Reader, channel, address string) []lifecycle.Addressee {
	kind := lifecycle.KindOf(channel)
	all := writtenTo(tx, nil, kind, address)
	if kind != channel {
		all = writtenTo(tx, all, channel, address)
	}
	return all
}

// writtenTo adds those who are known under one name, with the newer of the messages of whoever is among them already.
func writtenTo(tx store.Reader, all []lifecycle.Addressee, name, address string) []lifecycle.Addressee {
	prefix := addressPrefix(name, address)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		one := lifecycle.Addressee{Customer: lifecycle.ID(key[len(prefix):])}
		if len(value) == 8+8+len(lifecycle.ID{}) {
			one.At = store.KeyTime(value[:8])
			one.Last = lifecycle.Ref{Partition: tx.Partition(), Decided: store.KeyTime(value[8:16]), ID: lifecycle.ID(value[16:])}
		}
		switch at := slices.IndexFunc(all, func(other lifecycle.Addressee) bool { return other.Customer == one.Customer }); {
		case at < 0:
			all = append(all, one)
		case one.At.After(all[at].At):
			all[at] = one
		}
		return true
	})
	return all
}
