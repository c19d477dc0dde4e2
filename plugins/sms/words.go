package sms

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"stagecraft/plugins/channel"
)

// What people send to end and to begin again. The English ones are those that carriers know (CTIA Messaging Principles and
// Best Practices, 5.1); "TC", từ chối, is the word of Vietnam's Decree 91/2020, beside hủy, to cancel, and DK, đăng ký, to
// register. YES is none of them: it is the answer to many a question.
var (
	stopWords  = []string{"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "TC", "TUCHOI", "HUY"}
	startWords = []string{"START", "UNSTOP", "SUBSCRIBE", "OPTIN", "DK", "DANGKY"}
	helpWords  = []string{"HELP", "INFO", "TROGIUP"}
)

// marked are stop words only as they are written: without its mark dừng, to stop, may be đúng, right.
var marked = []string{"DỪNG"}

// addressed are the words that one more word may follow, of what they are about: "STOP SHOP", "TC QC". The others are
// ordinary words: who cancels an order does not unsubscribe.
var addressed = []string{"STOP", "UNSUBSCRIBE", "TC", "START", "DK"}

// meaning is what an incoming text asks for.
type meaning int

const (
	says meaning = iota // something else: a reply
	stop
	start
	help
)

// words are those of the settings and the known ones, as fold writes them.
type words map[string]meaning

func newWords(s *settings) words {
	w := words{}
	for _, list := range []struct {
		meaning      meaning
		known, added []string
	}{{help, helpWords, s.HelpWords}, {start, startWords, s.StartWords}, {stop, stopWords, s.StopWords}} {
		for _, word := range append(list.known[:len(list.known):len(list.known)], list.added...) {
			w[strings.Join(fold(word), "")] = list.meaning // who adds START to the stop words means it
		}
	}
	return w
}

// read finds out what a text means: its words together are one of the words ("opt-out", "Từ chối", "Hủy!"), or its first is
// one that a word may follow. Longer texts are said to somebody.
func (w words) read(text string) meaning {
	if len(text) > 200 {
		return says
	}
	said := fold(text)
	if len(said) == 0 {
		return says
	}
	if m := w[strings.Join(said, "")]; m != says {
		return m
	}
	if bare := strings.TrimFunc(norm.NFC.String(text), func(r rune) bool { return !unicode.IsLetter(r) }); slices.Contains(marked, strings.ToUpper(bare)) {
		return stop
	}
	if len(said) == 2 && slices.Contains(addressed, said[0]) {
		return w[said[0]]
	}
	return says
}

// fold cuts a text into words of capital letters and digits without marks.
func fold(text string) []string {
	plain := strings.ToUpper(letters.Replace(strip(text)))
	return strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// maxSaid is how much of an incoming text a report holds, in bytes.
const maxSaid = 2000

// report is what an incoming message says. HELP is a reply whose keyword is "help". id is the provider's, of the message; "" if it
// gives none.
func (m meaning) report(from, text, id string, now time.Time) channel.Report {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	r := channel.Report{From: from, Event: "replied", Date: now, Data: map[string]string{"text": text}}
	if id != "" && len(id) <= channel.MaxReferenceBytes {
		r.Data[channel.FactID] = id
	}
	switch m {
	case stop:
		r.Event, r.Reason = "unsubscribed", "they asked for it by SMS"
	case start:
		r.Event, r.Reason = "subscribed", "they asked for it by SMS"
	case help:
		r.Data["keyword"] = "help"
	}
	return r
}
