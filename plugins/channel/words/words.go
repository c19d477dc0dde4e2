// Package words reads the words by which people end and begin a subscription in what they write: one reader for all channels on
// which they answer, as who wants to hear no more writes the same everywhere. Connectors of others may use it too.
package words

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// What people send to end and to begin again. The English ones are those that carriers know (CTIA Messaging Principles and
// Best Practices, 5.1), and the button that WhatsApp puts below advertising; "TC", từ chối, is the word of Vietnam's Decree
// 91/2020, beside hủy, to cancel, and DK, đăng ký, to register. YES is none of them: it is the answer to many a question.
var (
	stopWords  = []string{"STOP", "STOPALL", "STOPPROMOTIONS", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "TC", "TUCHOI", "HUY"}
	startWords = []string{"START", "UNSTOP", "SUBSCRIBE", "OPTIN", "DK", "DANGKY"}
	helpWords  = []string{"HELP", "INFO", "TROGIUP"}
)

// marked are stop words only as they are written: without its mark dừng, to stop, may be đúng, right.
var marked = []string{"DỪNG"}

// addressed are the words that one more word may follow, of what they are about: "STOP SHOP", "TC QC". The others are
// ordinary words: who cancels an order does not unsubscribe.
var addressed = []string{"STOP", "UNSUBSCRIBE", "TC", "START", "DK"}

// Meaning is what an incoming text asks for.
type Meaning int

const (
	Says Meaning = iota // something else: a reply
	Stop
	Start
	Help
)

// Known are the words that are read, as Fold writes them, together.
type Known map[string]Meaning

// New returns the words above with further ones of a language.
func New(stop, start, help []string) Known {
	k := Known{}
	for _, list := range []struct {
		meaning      Meaning
		known, added []string
	}{{Help, helpWords, help}, {Start, startWords, start}, {Stop, stopWords, stop}} {
		for _, word := range append(list.known[:len(list.known):len(list.known)], list.added...) {
			k[strings.Join(Fold(word), "")] = list.meaning // who adds START to the stop words means it
		}
	}
	return k
}

// Read finds out what a text means: its words together are one of the words ("opt-out", "Từ chối", "Hủy!"), or its first is
// one that a word may follow. Longer texts are said to somebody.
func (k Known) Read(text string) Meaning {
	if len(text) > 200 {
		return Says
	}
	said := Fold(text)
	if len(said) == 0 {
		return Says
	}
	if m := k[strings.Join(said, "")]; m != Says {
		return m
	}
	if bare := strings.TrimFunc(norm.NFC.String(text), func(r rune) bool { return !unicode.IsLetter(r) }); slices.Contains(marked, strings.ToUpper(bare)) {
		return Stop
	}
	if len(said) == 2 && slices.Contains(addressed, said[0]) {
		return k[said[0]]
	}
	return Says
}

// Fold cuts a text into words of capital letters and digits without marks.
func Fold(text string) []string {
	return strings.FieldsFunc(strings.ToUpper(Unmark(text)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// letters are those that are written without their mark where the alphabet has none, as Vietnamese is in text messages.
var letters = strings.NewReplacer("đ", "d", "Đ", "D", "₫", "d", "ł", "l", "Ł", "L", "ı", "i", "œ", "oe", "Œ", "OE", "ð", "d", "þ", "th")

// Unmark takes all marks off.
func Unmark(text string) string {
	return letters.Replace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text)))
}
