package engine

import (
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What came back of a message is counted at the line that sent it. The message is looked for in the customer's timeline,
// newest entries first, and only when there is something to count: nothing is kept for it when a message is decided, but
// its ID and version in the fact that the timeline has anyway. The facts written here stand in the same timeline, so
// that a repeat finds that it was counted.
const (
	maxSought   = 1000 // timeline entries looked at; the message of an older one is not found
	maxCredited = 16   // lines that share in one conversion, the latest ones
)

// countAnswer counts what the session's event says of a message of this customer, if it says something: "Email Clicked",
// with the message's ID in the property "message". Each message counts an answer once.
func (s *session) countAnswer() {
	answer := answerNamed(s.event.Name)
	if answer == "" {
		return
	}
	id := aboutMessage(s.event)
	if id.IsZero() {
		return
	}
	var sent lifecycle.Fact
	counted, here := false, false
	s.seek(id[:], func(entry *soughtEntry) bool {
		inOrder := entry.From.IsZero() // what came with a merged customer is not; answers may stand behind their message
		for _, f := range entry.Facts {
			switch {
			case f.Message != id:
			case f.Kind == lifecycle.FactMessage:
				sent, here = f, inOrder
				return !inOrder
			case f.Kind == lifecycle.FactReceipt && f.To == string(answer):
				counted = true
				return false
			}
		}
		return true
	})
	if sent.Message == id && sent.Reason != string(lifecycle.Suppressed) && !counted {
		s.answered(&sent, answer)
		if listed, is := s.engine.outbox.(Listed); is && here { // else it lies with whom they have become one with
			listed.Answered(s.tx, sent.At, sent.Message, answer)
		}
	}
}

// creditLines counts a conversion at every line that has written to the customer in this visit, of whichever handler.
// Each line counts once per visit. What was sent to somebody who has been merged since is left out: it lies in another
// partition, and whether it has left is not known here. What this very event made a script send comes too late to have a
// part in it, and so does what waits in the outbox.
func (s *session) creditLines(visit *lifecycle.Visit) {
	if !visit.Touched {
		return
	}
	since := s.customer.Real(visit.Entered)
	var credited []lifecycle.Fact
	s.seek([]byte(visit.Stage), func(entry *soughtEntry) bool { // the stage is named by its messages and by its entry
		if entry.wasLate || entry.late() || !entry.From.IsZero() {
			return true
		}
		if entry.At.Before(since) {
			return false
		}
		for _, f := range slices.Backward(entry.Facts) {
			if (f.Kind == lifecycle.FactEntered || f.Kind == lifecycle.FactPlaced) && f.Journey == visit.Journey && f.To == visit.Stage {
				return false // several visits may begin at one moment
			}
			if f.Kind != lifecycle.FactMessage || f.Message.IsZero() || f.Journey != visit.Journey || f.From != visit.Stage ||
				f.At.Before(since) || slices.ContainsFunc(credited, func(c lifecycle.Fact) bool { return sameLine(&c, &f) }) {
				continue
			}
			if s.engine.outbox.Left(s.tx, f.At, f.Message) {
				credited = append(credited, f)
			}
		}
		return len(credited) < maxCredited
	})
	for i := range credited[:min(len(credited), maxCredited)] {
		s.answered(&credited[i], lifecycle.Converted)
	}
}

// seek visits the newest entries of the customer's timeline until visit returns false. Of those that do not hold the
// bytes sought it has only the place.
func (s *session) seek(sought []byte, visit func(entry *soughtEntry) bool) {
	prefix, left := timelinePrefix(s.customer.ID), maxSought
	s.tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		entry := soughtEntry{name: sought}
		left--
		return store.Decode(value, &entry) == nil && visit(&entry) && left > 0
	})
}

// answered notes that something came back of a message, by the fact of its decision.
func (s *session) answered(sent *lifecycle.Fact, answer lifecycle.Answer) {
	s.note(lifecycle.Fact{Kind: lifecycle.FactReceipt, Journey: sent.Journey, From: sent.From, To: string(answer), Name: sent.Name,
		File: sent.File, Line: sent.Line, Version: sent.Version, Message: sent.Message})
}

func sameLine(a, b *lifecycle.Fact) bool {
	return a.Line == b.Line && a.File == b.File && a.Version == b.Version
}

// answerNamed returns what an event's name says of a message, such as "Sms Delivered"; "" if it says nothing.
func answerNamed(event string) lifecycle.Answer {
	space := strings.LastIndexByte(event, ' ')
	if space <= 0 {
		return ""
	}
	for _, answer := range [...]lifecycle.Answer{lifecycle.Delivered, lifecycle.Opened, lifecycle.Clicked, lifecycle.Replied,
		lifecycle.Bounced, lifecycle.Complained} {
		if strings.EqualFold(event[space+1:], string(answer)) {
			return answer
		}
	}
	return ""
}
