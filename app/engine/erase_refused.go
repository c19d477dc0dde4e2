package engine

import (
	"bytes"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// forgetRefused removes what a partition could not take, if it is about the customer: instructions that were set aside,
// what sources sent, and under which name it was taken. What was answered to requests goes whoever it was about: it need not name them.
func (e *Engine) forgetRefused(tx store.Tx, in forget) error {
	var more bool
	var err error
	if len(in.Reached) == 0 && !in.Place {
		if more, err = forgetReplies(tx); err != nil {
			return err
		}
	}
	if len(in.Reached) == 0 {
		more = forgetUntaken(tx, in) || more
	}
	if !more && !in.Place { // the rest went with who was there
		in.Reached, err = forgetFirstNames(tx, in.IDs, in.Reached)
		more = len(in.Reached) > 0
	}
	if err == nil && more {
		in.Pass++
		e.instruct(tx, in.At, in.cause(), 37, instruction{Forget: &in})
	}
	return err
}

// forgetUntaken removes what was set aside and what sources sent. It reports whether there may be more.
func forgetUntaken(tx store.Tx, in forget) (more bool) {
	var keys [][]byte
	for _, prefix := range [][]byte{{'F'}, {'P', 'r'}} {
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
			if lifecycle.MentionsAny(value, in.IDs) || Names(value, in.Values, in.Place) {
				keys = append(keys, bytes.Clone(key))
			}
			return len(keys) < maxForgetRefused
		})
	}
	for _, key := range keys {
		tx.Delete(key)
	}
	return len(keys) >= maxForgetRefused
}

const maxForgetRefused = 1000

// Names reports whether a text has one of the values in it as a whole word, however it is written in capitals: "ada@x.example"
// is not in "nada@x.example". That of a place may have white space in it.
func Names(text []byte, values []string, place bool) bool {
	if place && Names(bytes.Join(bytes.Fields(text), nil), values, false) {
		return true
	}
	lower := bytes.ToLower(text)
	for _, value := range values {
		needle := bytes.ToLower([]byte(value))
		for at := 0; len(needle) > 0; {
			found := bytes.Index(lower[at:], needle)
			if found < 0 {
				break
			}
			begin, end := at+found, at+found+len(needle)
			if (begin == 0 || !wordByte(lower[begin-1])) && (end == len(lower) || !wordByte(lower[end])) {
				return true
			}
			at = begin + 1
		}
	}
	return false
}

func wordByte(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 0x80 }
