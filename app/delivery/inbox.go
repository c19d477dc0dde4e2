package delivery

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// inboxChannel is the channel of messages that customers read on pages and in apps of the business: each goes into the
// customer's inbox.
const inboxChannel = "inapp"

// Bounds of inboxes.
const (
	MaxInbox      = 100 // messages that one customer's inbox shows; the oldest make room
	maxInboxTitle = 300 // bytes; longer ones are cut
	maxInboxLabel = 80  // bytes of a button; longer ones are cut
)

// InApp returns the inboxes of customers, to be connected as the channel inapp: what the connector accepts is put into one.
func (d *Delivery) InApp(connector Connector) Connector {
	return &shelf{connector, d, func(m channels.Outgoing) any { return fileInbox{m.Ref, inboxTextOf(&m.Rendered), d.clock.Now()} }}
}

// inboxTextOf takes a message's words. What stands in its front matter counts: title, url and button.
func inboxTextOf(rendered *lifecycle.Rendered) inboxText {
	return inboxText{
		Title: cmp.Or(oneLine(rendered.Data["title"], maxInboxTitle), oneLine(rendered.Subject, maxInboxTitle)),
		Text:  strings.TrimSpace(rendered.Text), URL: strings.TrimSpace(rendered.Data["url"]), Button: oneLine(rendered.Data["button"], maxInboxLabel),
	}
}

// The keys of an inbox, in the partition of the customer for whom its messages were decided, are
//
//	n customer, 0          -> []inboxEntry: what is in the inbox, oldest first
//	n customer, 1, message -> inboxText: what a message says; gone when it was dismissed
//
// so that a message costs two keys and a mark one, however full the inbox is.
func inboxKey(customer lifecycle.ID) []byte { return append(append([]byte{'n'}, customer[:]...), 0) }

func inboxTextKey(customer, message lifecycle.ID) []byte {
	return append(append(append([]byte{'n'}, customer[:]...), 1), message[:]...)
}

// inboxEntry is a message in an inbox. One that was dismissed stays until it expires, so that a repeat does not bring it
// back.
type inboxEntry struct {
	ID        lifecycle.ID `msgpack:"i"`
	Decided   time.Time    `msgpack:"d"`
	At        time.Time    `msgpack:"a"`
	Expires   time.Time    `msgpack:"x"`
	Opened    time.Time    `msgpack:"o"`
	Clicked   time.Time    `msgpack:"c"`
	Dismissed time.Time    `msgpack:"n"`
	Line      int          `msgpack:"l,omitempty"` // where the send stands: of two that one handler has decided, the later one is newer
}

// older puts messages in the order in which they were decided, however they came here.
func (e inboxEntry) older(other inboxEntry) int {
	return cmp.Or(e.Decided.Compare(other.Decided), cmp.Compare(e.Line, other.Line))
}

// inboxText is what a message says. All of it is text, none is markup.
type inboxText struct {
	Title  string `msgpack:"t"`
	Text   string `msgpack:"x"`
	URL    string `msgpack:"u"`
	Button string `msgpack:"b"`
}

// Inbox asks for the messages in a customer's inbox. A customer who was merged has several: one for each ID that they had.
type Inbox struct {
	Customer lifecycle.ID
	At       time.Time // what has expired by then is left out
}

// InboxMessage is a message as it stands in an inbox.
type InboxMessage struct {
	Ref                      lifecycle.Ref
	At, Expires              time.Time
	Title, Text, URL, Button string // URL and Button may be empty
	Opened, Clicked          bool
}

func readInbox(tx store.Reader, customer lifecycle.ID) (entries []inboxEntry, err error) {
	data := tx.Get(inboxKey(customer))
	if data == nil {
		return nil, nil
	}
	if err = store.Decode(data, &entries); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "an inbox cannot be read")
	}
	return entries, nil
}

// inbox answers Inbox, the newest message first.
func (d *Delivery) inbox(tx store.Reader, q Inbox) ([]InboxMessage, error) {
	entries, err := readInbox(tx, q.Customer)
	if err != nil {
		return nil, err
	}
	list := make([]InboxMessage, 0, len(entries))
	for _, e := range slices.Backward(entries) {
		if !e.shown(q.At) {
			continue
		}
		var text inboxText
		if err := store.Decode(tx.Get(inboxTextKey(q.Customer, e.ID)), &text); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "a message of an inbox cannot be read")
		}
		list = append(list, InboxMessage{Ref: lifecycle.Ref{Partition: tx.Partition(), Decided: e.Decided.UTC(), ID: e.ID}, At: e.At.UTC(), Expires: e.Expires.UTC(),
			Title: text.Title, Text: text.Text, URL: text.URL, Button: text.Button, Opened: !e.Opened.IsZero(), Clicked: !e.Clicked.IsZero()})
	}
	return list, nil
}

func (e *inboxEntry) shown(at time.Time) bool { return e.Dismissed.IsZero() && at.Before(e.Expires) }

// fileInbox is the input "put this message into its customer's inbox".
type fileInbox struct {
	Ref  lifecycle.Ref
	Text inboxText
	At   time.Time
}

// fileInbox answers nil, or why the message is not to be there now, a text: it was on its way to the connector and back, and what was
// said meanwhile holds.
func (d *Delivery) fileInbox(tx store.Tx, in fileInbox) (any, error) {
	m, err := loadMessage(tx, in.Ref.Decided, in.Ref.ID)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no message %s", in.Ref)
	}
	entries, err := readInbox(tx, m.Customer)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(entries, func(e inboxEntry) bool { return e.ID == m.ID }) {
		return nil, nil // it was put there before
	}
	if reason, err := d.unwelcome(tx, &m.Message, in.At); reason != "" || err != nil {
		return reason, err
	}
	e := inboxEntry{ID: m.ID, Decided: m.Decided, At: in.At, Expires: m.Expires, Line: m.Line}
	if e.Expires.IsZero() {
		e.Expires = in.At.Add(lifecycle.InboxLife)
	}
	tx.Set(inboxTextKey(m.Customer, m.ID), store.Encode(&in.Text))
	entries = append(entries, e)
	slices.SortStableFunc(entries, inboxEntry.older)
	d.saveInbox(tx, m.Customer, entries, in.At)
	return nil, nil
}

// unwelcome says why a message that was claimed is not to be shown after all, or "": it was cancelled or is held since, or the customer
// does not want it any more.
func (d *Delivery) unwelcome(tx store.Tx, m *lifecycle.Message, at time.Time) (string, error) {
	if i := d.cancelOf(tx, m); i >= 0 {
		return d.controlled(tx).Cancels[i].reason("cancelled"), nil
	}
	if holder, reason := d.heldBy(tx, m); holder != "" {
		return reason, nil
	}
	data := tx.Get(append([]byte{'c'}, m.Customer[:]...))
	if data == nil {
		return "", nil // they have become one with somebody else
	}
	customer := &lifecycle.Customer{}
	if err := store.Decode(data, customer); err != nil {
		return "", lifecycle.Wrap(lifecycle.Internal, err, "the customer's record cannot be read")
	}
	q := d.question(m, customer, nil, at)
	q.late = true
	for _, ask := range []gate{(*Delivery).suppression, (*Delivery).consent, (*Delivery).stillWanted} {
		if v := ask(d, tx, q); !v.passes() {
			return v.reason, nil
		}
	}
	return "", nil
}

// saveInbox writes an inbox without what has expired, and without the oldest messages beyond what it may hold.
func (d *Delivery) saveInbox(tx store.Tx, customer lifecycle.ID, entries []inboxEntry, at time.Time) {
	shown, dismissed := 0, 0
	kept := make([]inboxEntry, 0, len(entries))
	for _, e := range slices.Backward(entries) {
		count := &shown
		if !e.Dismissed.IsZero() {
			count = &dismissed
		}
		if *count++; at.Before(e.Expires) && *count <= MaxInbox {
			kept = append(kept, e)
		} else if e.Dismissed.IsZero() {
			tx.Delete(inboxTextKey(customer, e.ID))
		}
	}
	slices.Reverse(kept)
	tx.Set(inboxKey(customer), store.Encode(&kept))
	tx.After(func() { d.inboxes.changed(customer) })
}

// InboxMark is the input "the customer did this with a message of their inbox". Its answer is nothing; a repeat changes
// nothing.
type InboxMark struct {
	Customer lifecycle.ID // whose inbox it is
	Message  lifecycle.ID
	Deed     lifecycle.Answer // lifecycle.Opened, Clicked or Dismissed
	At       time.Time
}

func (d *Delivery) markInbox(tx store.Tx, in InboxMark) error {
	entries, err := readInbox(tx, in.Customer)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e inboxEntry) bool { return e.ID == in.Message })
	if i < 0 || !entries[i].shown(in.At) {
		return nil
	}
	e := &entries[i]
	first := func(at *time.Time) {
		if at.IsZero() {
			*at = in.At
		}
	}
	first(&e.Opened) // whoever clicks or dismisses a message has seen it
	switch in.Deed {
	case lifecycle.Clicked:
		first(&e.Clicked)
	case lifecycle.Dismissed:
		first(&e.Dismissed)
		tx.Delete(inboxTextKey(in.Customer, in.Message))
	}
	d.saveInbox(tx, in.Customer, entries, in.At)
	return nil
}
