package delivery

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of reading the ledger.
const (
	MaxLedgerPage = 200    // messages of one answer
	maxLooked     = 20_000 // messages that one answer looks at, over all partitions
	lookedAtOnce  = 2_000  // in one partition, before others are looked at
	positionBytes = 24
)

// Filter says which messages are asked for; what is empty does not matter.
type Filter struct {
	Channel   string
	Journey   string
	Name      string
	State     lifecycle.MessageState
	InDoubt   bool             // an attempt has no known result
	Answer    lifecycle.Answer // this came back of it; one of Answers
	Kind      lifecycle.MessageKind
	Customers []lifecycle.ID // one of these: a customer, and whoever has become part of them
	From      time.Time      // decided then or later
	Until     time.Time      // decided before
}

// asDecided reports whether what was decided for good fits.
func (f *Filter) asDecided(m *lifecycle.Message) bool {
	return (f.Channel == "" || f.Channel == m.Channel) && (f.Journey == "" || f.Journey == m.Journey) && (f.Name == "" || f.Name == m.Name) &&
		(f.Kind == "" || f.Kind == m.Kind) && (len(f.Customers) == 0 || slices.Contains(f.Customers, m.Customer))
}

// Ledger is a part of the list of messages, newest first.
type Ledger struct {
	Messages []Listed
	Next     []byte    // where the list goes on; nil: there is no more
	Looked   int       // how many messages were looked at for it
	Back     time.Time // everything decided after this was looked at; zero: everything was
}

// ledgerPage asks a partition for the messages that fit, from a position on.
type ledgerPage struct {
	Filter
	Position []byte // the end of a message's key; empty: the newest
	Limit    int    // messages
	Look     int    // messages looked at
}

type placed struct {
	position []byte
	Listed
}

type ledgerPart struct {
	found  []placed
	next   []byte // the position of what was not looked at; nil: there is no more
	looked int
}

// listed is a message as it stands: one that waits is not said to be paused any more once that was taken back.
func listed(tx store.Reader, ref string, m lifecycle.Message, decided time.Time, id lifecycle.ID) Listed {
	if m.State == lifecycle.Queued && strings.HasPrefix(m.Reason, "paused by ") && readControls(tx).pauseOf(&m) == nil {
		m.Reason = ""
	}
	l := Listed{Ref: ref, Message: m, Answers: answersTo(tx, decided, id)}
	if m.Channel == callChannel && m.State == lifecycle.Accepted {
		if call, err := loadCall(tx, m.ID); err == nil {
			l.Call = call.State
		}
	}
	return l
}

func (d *Delivery) ledgerPage(tx store.Reader, q ledgerPage) (part ledgerPart, failed error) {
	prefix, bit := []byte{'m'}, answerBit(q.Answer)
	if bit != 0 { // nothing else is to be looked at
		prefix = answersPrefix()
	}
	begin, end := append(bytes.Clone(prefix), q.Position...), store.PrefixEnd(prefix)
	if !q.Until.IsZero() { // times are kept to the nanosecond: this is the newest that fits
		if newest := store.AppendTimeNewestFirst(bytes.Clone(prefix), q.Until.Add(-1)); bytes.Compare(newest, begin) > 0 {
			begin = newest
		}
	}
	tx.Scan(begin, end, func(key, value []byte) bool {
		place := key[len(prefix):]
		decidedAt, id := store.KeyTimeNewestFirst(place[:8]), lifecycle.ID(place[8:])
		if !q.From.IsZero() && decidedAt.Before(q.From) {
			return false
		}
		if len(part.found) == q.Limit || part.looked == q.Look {
			part.next = bytes.Clone(place)
			return false
		}
		part.looked++
		if bit != 0 {
			if answerBits(value)&bit == 0 {
				return true
			}
			if value = tx.Get(messageKey(decidedAt, id)); value == nil {
				return true
			}
		}
		m := &decided{}
		if err := store.Decode(value, m); err != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, err, "a message cannot be read")
			return false
		}
		if !q.asDecided(&m.Message) {
			return true
		}
		if failed = m.stands(tx, decidedAt, id); failed != nil {
			return false
		}
		if (q.State == "" || q.State == m.State) && (!q.InDoubt || m.InDoubt > 0) {
			ref := refTo(tx.Partition(), messageKey(decidedAt, id))
			part.found = append(part.found, placed{bytes.Clone(place), listed(tx, ref, m.Message, decidedAt, id)})
		}
		return true
	})
	return part, failed
}

// Ledger lists messages that fit, newest first over all partitions, beginning where an earlier answer's Next says. It
// looks at a bounded number of messages: of a filter that few fit it may return none, and a Next.
func (d *Delivery) Ledger(ctx context.Context, f Filter, position []byte, limit int) (Ledger, error) {
	if f.Answer != "" && answerBit(f.Answer) == 0 {
		return Ledger{}, lifecycle.Errorf(lifecycle.Invalid, "nothing is kept of messages that were %q", f.Answer)
	}
	if limit <= 0 || limit > MaxLedgerPage {
		limit = MaxLedgerPage
	}
	partitions := make([]int, 0, lifecycle.Partitions)
	if len(f.Customers) == 0 {
		for p := range d.store.Partitions() {
			partitions = append(partitions, p)
		}
	}
	for _, id := range f.Customers {
		if p := id.Partition(); !slices.Contains(partitions, p) {
			partitions = append(partitions, p)
		}
	}
	ledger := Ledger{Messages: []Listed{}}
	for {
		// A little from everywhere, until there is enough: what is newest lies in any of them.
		each := max(limit/len(partitions)*2, 8)
		look := max(min(maxLooked/len(partitions), lookedAtOnce), each)
		var found []placed
		var edge []byte // the newest that was not looked at
		for _, p := range partitions {
			answer, err := d.store.Ask(ctx, p, ledgerPage{f, position, each, look})
			if err != nil {
				return Ledger{}, err
			}
			part := answer.(ledgerPart)
			found, ledger.Looked = append(found, part.found...), ledger.Looked+part.looked
			if part.next != nil && (edge == nil || bytes.Compare(part.next, edge) < 0) {
				edge = part.next
			}
		}
		slices.SortFunc(found, func(a, b placed) int { return bytes.Compare(a.position, b.position) })
		for _, m := range found {
			if edge != nil && bytes.Compare(m.position, edge) >= 0 {
				break
			}
			if len(ledger.Messages) == limit {
				edge = m.position
				break
			}
			ledger.Messages = append(ledger.Messages, m.Listed)
		}
		if edge == nil {
			return ledger, nil
		}
		if position = edge; len(ledger.Messages) == limit || ledger.Looked >= maxLooked {
			ledger.Next, ledger.Back = edge, store.KeyTimeNewestFirst(edge[:8])
			return ledger, nil
		}
	}
}

// IsLedgerPlace reports whether bytes may be where a list of messages goes on.
func IsLedgerPlace(place []byte) bool { return len(place) == positionBytes }
