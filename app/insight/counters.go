package insight

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Insight's keys within a partition are k, the journey, the metric and its words, with a zero between them. What a
// value holds follows from the metric:
//
//	message, name                     -> counts by state; written before there were counts by line, and still summed
//	send, name, version, file, line   -> counts by state of the messages that this line decided
//	answer, name, version, file, line -> what came back of those messages, counted by answer
//	cell, from, to                    -> a Cell, see cell.go
//	waits | failed at, version, file, line -> one count; that of waits goes when it is zero
//	chose, name, value                -> one count
//	because, name, state, reason      -> one count; of broadcasts only
//	anything else                     -> one count, signed, 8 bytes
//
// Of stages there were single counts once (in, entered, move, exited, refused, converted, held-out entered and held-out converted)
// and a coarse histogram of stays (stayed); they are still summed. The days of a journey are under K, see day.go.
const (
	metricMessage = "message"
	metricSend    = "send"
	metricAnswer  = "answer"
	metricCell    = "cell"
	metricStayed  = "stayed"
)

// counterKey makes a key. It is called for every message: one allocation.
func counterKey(journey string, words ...string) []byte {
	size := 1 + len(journey)
	for _, word := range words {
		size += 1 + len(word)
	}
	key := append(append(make([]byte, 0, size), 'k'), journey...)
	for _, word := range words {
		key = append(append(key, 0), word...)
	}
	return key
}

func add(tx store.Tx, by int64, journey string, words ...string) {
	key := counterKey(journey, words...)
	tx.Set(key, binary.BigEndian.AppendUint64(nil, uint64(count(tx.Get(key))+by)))
}

func count(data []byte) int64 {
	if len(data) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(data))
}

// addAtLine counts something at a place in a script. A count that comes to zero is removed, so that versions on which
// nobody is any more leave nothing behind.
func addAtLine(tx store.Tx, by int64, metric string, f *lifecycle.Fact) {
	key := counterKey(f.Journey, metric, f.Version, f.File, strconv.Itoa(f.Line))
	if sum := count(tx.Get(key)) + by; sum != 0 {
		tx.Set(key, binary.BigEndian.AppendUint64(nil, uint64(sum)))
	} else {
		tx.Delete(key)
	}
}

// messageStates is the order in which a message's counts stand in their one record, 8 bytes each. Append only.
var messageStates = [...]string{"decided", string(lifecycle.Queued), string(lifecycle.Accepted), string(lifecycle.Failed),
	string(lifecycle.Suppressed), string(lifecycle.Expired), string(lifecycle.Held), "in doubt", string(lifecycle.Cancelled)}

// addMessage adds one to up to two of the counts of a line's message and takes one from another; "" is none. All its
// states share a record: every message passes through several.
func addMessage(tx store.Tx, f *lifecycle.Fact, more, alsoMore, less string) {
	key := counterKey(f.Journey, metricSend, f.Name, f.Version, f.File, strconv.Itoa(f.Line))
	record := make([]byte, 8*len(messageStates))
	copy(record, tx.Get(key))
	for i, state := range messageStates {
		count := binary.BigEndian.Uint64(record[8*i:])
		switch state {
		case more, alsoMore:
			count++
		case less:
			count--
		}
		binary.BigEndian.PutUint64(record[8*i:], count)
	}
	tx.Set(key, record)
}

// answers is the order in which the counts of what came back stand in their one record, 8 bytes each. Append only. It is
// not the record of the states, which is written for every message: most messages have no answer.
var answers = [...]string{string(lifecycle.Delivered), string(lifecycle.Opened), string(lifecycle.Clicked), string(lifecycle.Replied),
	string(lifecycle.Bounced), string(lifecycle.Complained), string(lifecycle.Converted)}

// addAnswer counts what came back of a line's message.
func addAnswer(tx store.Tx, f *lifecycle.Fact) {
	i := slices.Index(answers[:], f.To)
	if i < 0 {
		return
	}
	key := counterKey(f.Journey, metricAnswer, f.Name, f.Version, f.File, strconv.Itoa(f.Line))
	record := make([]byte, 8*len(answers))
	copy(record, tx.Get(key))
	binary.BigEndian.PutUint64(record[8*i:], binary.BigEndian.Uint64(record[8*i:])+1)
	tx.Set(key, record)
}

// Scripts may give a choice whatever name and value they like, one for each customer even. So texts are cut, and beyond
// some hundreds of pairs in a partition further ones are counted together.
const (
	maxChoiceBytes = 64
	maxChoices     = 500
)

// addChoice counts what a split or a choice gave.
func addChoice(tx store.Tx, f *lifecycle.Fact) {
	key := counterKey(f.Journey, "chose", choiceWord(f.Name), choiceWord(f.Reason))
	if tx.Get(key) == nil {
		if count(tx.Get(counterKey(f.Journey, "choices"))) >= maxChoices {
			add(tx, 1, f.Journey, "chose", OtherChoices, OtherChoices)
			return
		}
		add(tx, 1, f.Journey, "choices")
	}
	tx.Set(key, binary.BigEndian.AppendUint64(nil, uint64(count(tx.Get(key))+1)))
}

// addReason counts why a message of a broadcast did not leave.
func addReason(tx store.Tx, f *lifecycle.Fact) {
	if !lifecycle.IsBroadcast(f.Journey) {
		return
	}
	switch lifecycle.MessageState(f.To) {
	case lifecycle.Suppressed, lifecycle.Expired, lifecycle.Cancelled, lifecycle.Failed:
	default:
		return
	}
	reason := f.Reason
	if f.To == string(lifecycle.Failed) {
		reason = impersonal(reason)
	}
	key := counterKey(f.Journey, "because", f.Name, f.To, choiceWord(reason))
	if tx.Get(key) == nil {
		if count(tx.Get(counterKey(f.Journey, "reasons"))) >= maxChoices {
			add(tx, 1, f.Journey, "because", f.Name, f.To, OtherChoices)
			return
		}
		add(tx, 1, f.Journey, "reasons")
	}
	tx.Set(key, binary.BigEndian.AppendUint64(nil, uint64(count(tx.Get(key))+1)))
}

// choiceWord makes a text fit into a key.
func choiceWord(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	if len(text) <= maxChoiceBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxChoiceBytes], "") + "…"
}

// counters asks for the counts of a partition, of one journey or of all.
type counters struct{ journey string }

// counter is one record, with the words of its key.
type counter struct {
	words []string // journey, metric, …
	value []byte
}

// Ask answers insight's questions; handled is false for a question of someone else.
func (i *Insight) Ask(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case counters:
		return q.answer(tx), true, nil
	case dayQuery:
		return q.answer(tx), true, nil
	}
	return nil, false, nil
}

func (q counters) answer(tx store.Reader) []counter {
	var all []counter
	prefix := []byte{'k'}
	if q.journey != "" {
		prefix = append(append(prefix, q.journey...), 0)
	}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		all = append(all, counter{strings.Split(string(key[1:]), "\x00"), append([]byte(nil), value...)})
		return true
	})
	return all
}
