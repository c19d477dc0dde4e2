package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What came back of messages is kept beside them, so that they are listed with it, and found by it without looking at others:
//
//	ur decided (newest first), message -> a byte with a bit for each of answers, in their order
//
// It is written when the first answer of a kind comes in, where the message lies. Messages of before that was kept have none.

// Answers are what can come back of a message, as far as the ledger tells of it.
func Answers() []lifecycle.Answer {
	return []lifecycle.Answer{lifecycle.Delivered, lifecycle.Opened, lifecycle.Clicked, lifecycle.Replied, lifecycle.Bounced, lifecycle.Complained,
		lifecycle.Dismissed}
}

func answersPrefix() []byte { return []byte("ur") }

func answersKey(decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTimeNewestFirst(answersPrefix(), decided), id[:]...)
}

// answerBit returns that of an answer; 0 if nothing is kept of it.
func answerBit(answer lifecycle.Answer) byte {
	for i, one := range Answers() {
		if one == answer {
			return 1 << i
		}
	}
	return 0
}

// Answered notes what came back of a message of this partition. What is none of Answers is passed over. It is called inside Apply.
func (d *Delivery) Answered(tx store.Tx, decided time.Time, id lifecycle.ID, answer lifecycle.Answer) {
	bit := answerBit(answer)
	if bit == 0 {
		return
	}
	key := answersKey(decided, id)
	if had := answerBits(tx.Get(key)); had&bit == 0 {
		tx.Set(key, []byte{had | bit})
	}
}

func answerBits(value []byte) byte {
	if len(value) != 1 {
		return 0
	}
	return value[0]
}

// answersTo returns what came back of a message, in the order of Answers; nil if nothing did.
func answersTo(tx store.Reader, decided time.Time, id lifecycle.ID) (list []lifecycle.Answer) {
	key := answersKey(decided, id)
	if !tx.Has(key) {
		return nil
	}
	bits := answerBits(tx.Get(key))
	for i, answer := range Answers() {
		if bits&(1<<i) != 0 {
			list = append(list, answer)
		}
	}
	return list
}
