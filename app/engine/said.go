package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A customer's record keeps of each word of consent the newest. What was said before, and how it can be proven, is kept
// beside it, one key a word, and stays when words are replaced and customers merged. A word that comes late, and one more name,
// may change what holds: then it is worked out from all of them (Customer.Settle).
//
//	U customer, time, n -> Said

// Bounds of what proves a word.
const (
	maxSaidProof = 8 << 10
	maxSaidText  = 400
	maxSaidMoved = 2000 // words that go with a customer who is merged: the newest, and of older ones everybody's last of a kind
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
	By        lifecycle.ID    `json:"-" msgpack:"b"`               // the name under which it was said
}

func saidPrefix(customer lifecycle.ID) []byte { return append([]byte{'U'}, customer[:]...) }

func saidKey(customer lifecycle.ID, said *Said) []byte {
	name := lifecycle.HashID("said", said.MessageID, said.Event, said.Channel, said.Topic, said.Source, time.Duration(said.At.UnixNano()).String(),
		said.By.Part(), strconv.FormatBool(said.Granted))
	return append(store.AppendTime(saidPrefix(customer), said.At), name[:8]...)
}

// sayWord takes a word of the event being handled and writes it down. One that was said this moment lifts the trait
// unsubscribed if it allows something.
func (s *session) sayWord(word lifecycle.Consent, event *lifecycle.Event, now bool) {
	c := s.customer
	word = word.Strict()
	said := Said{Consent: word, Received: s.at, By: c.ID}
	late := len(c.Joins) > 0 && !word.At.After(c.Joins[len(c.Joins)-1].At) // it was said by one of those who are one by now
	for i := range c.Consents {
		late = late || len(c.Joins) > 0 && !word.At.After(c.Consents[i].At)
	}
	if event != nil {
		if name := event.Identity(); name.Value != "" {
			said.By = name.Hash()
		}
		said.Event, said.MessageID = event.Name, event.MessageID
		said.IP, said.UserAgent = senderIn(event.Context)
		if said.IP == "" {
			said.IP, _ = senderIn(event.Properties)
		}
		s.refuseAddress(word, event)
		if said.Proof = bytes.Clone(event.Properties); len(said.Proof) > maxSaidProof || !json.Valid(said.Proof) {
			said.Proof = nil
		}
	}
	if no := c.Lifts(word); now && no != nil {
		lifted := said
		lifted.Consent = *no
		s.keepSaid(&lifted)
		c.SayOptOut(lifecycle.OptOut{By: lifecycle.Voice(said.By), At: word.At, Above: true})
		late = late || len(c.Joins) > 0
	}
	s.keepSaid(&said)
	if now {
		c.SayNow(word)
	} else {
		c.Say(word)
	}
	if late {
		s.settle()
	}
	if !word.Granted && s.known { // nothing is kept of who was not there before
		s.withdrawRefused()
	}
}

func (s *session) keepSaid(said *Said) {
	data := store.Encode(said)
	s.written += len(data) + costOfKey
	s.tx.Set(saidKey(s.customer.ID, said), data)
	if !s.known {
		s.said = append(s.said, *said)
	}
}

// settle works out what holds from all that was said.
func (s *session) settle() {
	c, all := s.customer, s.said
	if s.known {
		var err error
		if all, _, err = saidBy(s.tx, c.ID); err != nil {
			s.failed = cmp.Or(s.failed, err)
			return
		}
	}
	words := make([]lifecycle.Word, len(all))
	for i := range all {
		words[i] = lifecycle.Word{Consent: all[i].Consent, By: all[i].speaker(c.ID)}
	}
	c.Settle(words)
}

// speaker returns the name under which a word of a customer was said. Of words from before that was written down, it is the
// customer's who said them.
func (w *Said) speaker(customer lifecycle.ID) lifecycle.ID {
	switch {
	case !w.By.IsZero():
		return w.By
	case !w.From.IsZero():
		return w.From
	}
	return customer
}

// unkept returns the words that hold for a customer and stand nowhere else: those of whoever filled a form in and never
// confirmed it, and those from before all were written down. Once names were joined there are none.
func unkept(c *lifecycle.Customer, all []Said) (words []Said) {
	if len(c.Joins) > 0 {
		return nil
	}
	for _, word := range c.Consents {
		if !slices.ContainsFunc(all, func(said Said) bool {
			return said.Channel == word.Channel && said.Topic == word.Topic && said.Granted == word.Granted && said.At.Equal(word.At)
		}) {
			words = append(words, Said{Consent: word, Received: word.At, By: c.ID})
		}
	}
	return words
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
		said.Consent = said.Strict() // those of before there were kinds
		words, keys = append(words, said), append(keys, bytes.Clone(key))
		return true
	})
	return words, keys, failed
}

// takeSaid takes what a customer said out of their partition, for whoever they become.
func takeSaid(tx store.Tx, c *lifecycle.Customer) ([]Said, error) {
	customer := c.ID
	words, keys, err := saidBy(tx, customer)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		tx.Delete(key)
	}
	words = append(lastSaid(words, customer), unkept(c, words)...)
	for i := range words {
		words[i].By = words[i].speaker(customer)
		if words[i].From.IsZero() {
			words[i].From = customer
		}
	}
	return words, nil
}

// lastSaid returns the newest words, and of those before them whatever nobody has taken back since: the last word of each
// name about each kind of message.
func lastSaid(words []Said, customer lifecycle.ID) []Said {
	if len(words) <= maxSaidMoved {
		return words
	}
	type kind struct {
		by             lifecycle.ID
		channel, topic string
	}
	newest, met := len(words)-maxSaidMoved, map[kind]bool{}
	var last []Said
	for i := len(words) - 1; i >= 0; i-- {
		about := kind{words[i].speaker(customer), words[i].Channel, words[i].Topic}
		if i >= newest || !met[about] {
			last = append(last, words[i])
		}
		met[about] = true
	}
	slices.Reverse(last)
	return last
}
