package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A customer's record keeps of each word of consent the newest. What was said before, and how it can be proven, is kept
// beside it, one key a word, and stays when words are replaced and customers merged:
//
//	U customer, time, n -> Said

// Bounds of what proves a word.
const (
	maxSaidProof = 8 << 10
	maxSaidText  = 400
	maxSaidMoved = 2000 // words that go with a customer who is merged, the newest
)

// Said is a word of consent with its proof.
type Said struct {
	lifecycle.Consent
	Received  time.Time       `json:"received" msgpack:"r"`
	Event     string          `json:"event,omitempty" msgpack:"e"` // the event that said so
	MessageID string          `json:"messageId,omitempty" msgpack:"m"`
	IP        string          `json:"ip,omitempty" msgpack:"i"`
	UserAgent string          `json:"userAgent,omitempty" msgpack:"u"`
	Proof     json.RawMessage `json:"proof,omitempty" msgpack:"p"` // what the event said: the form and its version, the page, a text
	From      lifecycle.ID    `json:"from,omitzero" msgpack:"f"`   // the merged customer who said it; zero: this one
}

func saidPrefix(customer lifecycle.ID) []byte { return append([]byte{'U'}, customer[:]...) }

func saidKey(customer lifecycle.ID, said *Said) []byte {
	name := lifecycle.HashID("said", said.MessageID, said.Event, said.Channel, said.Topic, said.Source, time.Duration(said.At.UnixNano()).String())
	return append(store.AppendTime(saidPrefix(customer), said.At), name[:8]...)
}

// sayWord takes a word of the event being handled and writes it down. One that was said this moment lifts the trait
// unsubscribed if it allows something.
func (s *session) sayWord(word lifecycle.Consent, event *lifecycle.Event, now bool) {
	if now {
		s.customer.SayNow(word)
	} else {
		s.customer.Say(word)
	}
	said := Said{Consent: word, Received: s.at}
	if event != nil {
		said.Event, said.MessageID = event.Name, event.MessageID
		said.IP, said.UserAgent = senderIn(event.Context)
		if said.IP == "" {
			said.IP, _ = senderIn(event.Properties)
		}
		if said.Proof = bytes.Clone(event.Properties); len(said.Proof) > maxSaidProof || !json.Valid(said.Proof) {
			said.Proof = nil
		}
	}
	s.keepSaid(&said)
}

func (s *session) keepSaid(said *Said) {
	data := store.Encode(said)
	s.written += len(data) + costOfKey
	s.tx.Set(saidKey(s.customer.ID, said), data)
}

// senderIn returns which machine an object says that it comes from.
func senderIn(raw []byte) (ip, userAgent string) {
	var object struct {
		IP        string `json:"ip"`
		Confirmed string `json:"confirmed_ip"`
		Submitted string `json:"submitted_ip"`
		UserAgent string `json:"userAgent"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &object) != nil {
		return "", ""
	}
	ip = cmp.Or(object.IP, object.Confirmed, object.Submitted)
	return ip[:min(len(ip), maxSaidText)], object.UserAgent[:min(len(object.UserAgent), maxSaidText)]
}

// saidBy returns the words of a customer, oldest first.
func saidBy(tx store.Reader, customer lifecycle.ID) (words []Said, keys [][]byte, failed error) {
	prefix := saidPrefix(customer)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var said Said
		if failed = store.Decode(value, &said); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "a word of consent cannot be read")
			return false
		}
		words, keys = append(words, said), append(keys, bytes.Clone(key))
		return true
	})
	return words, keys, failed
}

// takeSaid takes what a customer said out of their partition, for whoever they become.
func takeSaid(tx store.Tx, customer lifecycle.ID) ([]Said, error) {
	words, keys, err := saidBy(tx, customer)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		tx.Delete(key)
	}
	words = words[max(0, len(words)-maxSaidMoved):]
	for i := range words {
		if words[i].From.IsZero() {
			words[i].From = customer
		}
	}
	return words, nil
}
