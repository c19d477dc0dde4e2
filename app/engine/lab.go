package engine

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// What a laboratory needs: a store without owners, in which nothing happens by itself. Its inputs are the engine's own,
// given one at a time with the time that the laboratory says it is; so the time of one customer can pass without that of
// the others.

// ReceiveAt takes one event as if it had just come in at a moment. It has been validated, and has a message ID.
func (e *Engine) ReceiveAt(ctx context.Context, event lifecycle.Event, at time.Time) error {
	identity := event.Identity()
	in := Receive{Event: event, At: at, Mark: lifecycle.HashID("message", string(identity.Kind), identity.Value, event.MessageID)}
	e.recognise(ctx, &in)
	partition := in.partition()
	if _, err := e.store.Do(ctx, partition, in); err != nil {
		return err
	}
	return e.Settle(ctx, partition)
}

// FireAt fires a customer's timers up to a moment, at most as many as one input may fire.
func (e *Engine) FireAt(ctx context.Context, customer lifecycle.ID, at time.Time) error {
	if _, err := e.store.Do(ctx, customer.Partition(), fire{Customer: customer, At: at}); err != nil {
		return err
	}
	return e.Settle(ctx, customer.Partition())
}

// Settle carries out what a partition has left for others, what they leave in turn, and so on until nothing is left.
func (e *Engine) Settle(ctx context.Context, partition int) error {
	for open := []int{partition}; len(open) > 0; {
		answer, err := e.store.Ask(ctx, open[0], instructions{Limit: 256})
		if err != nil {
			return err
		}
		pending := answer.(instructionsAnswer)
		if len(pending.Keys)+len(pending.Broken) == 0 {
			open = open[1:]
			continue
		}
		for _, in := range pending.Instructions {
			if next := in.item().Partition; !slices.Contains(open, next) {
				open = append(open, next)
			}
		}
		if _, err := e.deliverInstructions(ctx, open[0], time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// Record returns a customer's record by the hash of one of their identities, following links.
func (e *Engine) Record(ctx context.Context, id lifecycle.ID) (*lifecycle.Customer, error) {
	for range 64 {
		answer, err := e.store.Ask(ctx, id.Partition(), recordOf{id})
		if err != nil {
			return nil, err
		}
		found := answer.(recordAnswer)
		if found.Customer != nil {
			return found.Customer, nil
		}
		id = found.Redirect
	}
	return nil, lifecycle.Errorf(lifecycle.Internal, "the identity leads in a circle")
}

type recordOf struct{ ID lifecycle.ID }

type recordAnswer struct {
	Customer *lifecycle.Customer
	Redirect lifecycle.ID
}

func (e *Engine) recordOf(tx store.Reader, q recordOf) (recordAnswer, error) {
	id, data, here := e.find(tx, q.ID)
	switch {
	case !here:
		return recordAnswer{Redirect: id}, nil
	case data == nil:
		return recordAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	answer := recordAnswer{Customer: &lifecycle.Customer{}}
	return answer, store.Decode(data, answer.Customer)
}

// Past is what was stored of one customer's life: an event and when it came in or, of imported history, happened.
type Past struct {
	Customer lifecycle.ID    `json:"customer"`
	At       time.Time       `json:"at"`
	Event    lifecycle.Event `json:"event"`
}

// PastEvents reads what a partition has stored, customer by customer, each newest first, from a place on (nil: the
// beginning), until about as many bytes are gathered as asked for. It returns the place to go on from, nil at the end.
// Events that scripts or the engine itself made are left out: running the scripts makes them again. So are test people.
func (e *Engine) PastEvents(ctx context.Context, partition int, from []byte, bytes int) (past []Past, next []byte, err error) {
	answer, err := e.store.Ask(ctx, partition, pastEvents{from, bytes})
	if err != nil {
		return nil, nil, err
	}
	page := answer.(pastPage)
	return page.Past, page.Next, nil
}

type pastEvents struct {
	From  []byte
	Bytes int
}

type pastPage struct {
	Past []Past
	Next []byte
}

func (e *Engine) pastEvents(tx store.Reader, q pastEvents) (page pastPage, failed error) {
	from, looked := []byte{'e'}, 0
	var whose lifecycle.ID
	test := false
	if len(q.From) > 0 {
		from = q.From
	}
	tx.Scan(from, []byte{'e' + 1}, func(key, value []byte) bool {
		if looked >= q.Bytes {
			page.Next = bytes.Clone(key)
			return false
		}
		looked += len(value)
		if id := lifecycle.ID(key[1:17]); id != whose {
			var customer lifecycle.Customer
			if data := tx.Get(customerKey(id)); data != nil { // a merged one has none, whose past is still on its way
				if failed = store.Decode(data, &customer); failed != nil {
					return false
				}
			}
			whose, test = id, customer.Test()
		}
		if test {
			return true
		}
		var entry TimelineEntry
		if failed = store.Decode(value, &entry); failed != nil {
			return false
		}
		if event := entry.Event; event != nil && event.Depth == 0 && event.Name != messageAccepted && event.Name != messageFailed {
			page.Past = append(page.Past, Past{Customer: lifecycle.ID(key[1:17]), At: entry.At, Event: *entry.Event})
		}
		return true
	})
	return page, failed
}

// Copy is one customer with everything that happened to them lately, and with the segments, scores and ranks that hold for
// them, taken out of a store to be put into another one.
type Copy struct {
	Customer *lifecycle.Customer
	Sources  []script.Source // the versions with which the customer's runs began
	keys     [][]byte
	values   [][]byte
}

// maxCopied is how many timeline entries a copy has.
const maxCopied = 2000

// tablesKeys are the keys of what holds for all customers of a partition, and what their records name by its epoch.
func tablesKeys() [][]byte { return [][]byte{segmentTableKey(), scoresKey(), ranksKey()} }

// CopyOf takes a copy of a customer. The store that it comes from does not change.
func (e *Engine) CopyOf(ctx context.Context, id lifecycle.ID) (*Copy, error) {
	c, err := e.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	answer, err := e.store.Ask(ctx, c.ID.Partition(), copyOf{c})
	if err != nil {
		return nil, err
	}
	return answer.(*Copy), nil
}

type copyOf struct{ Customer *lifecycle.Customer }

func (e *Engine) copyOf(tx store.Reader, q copyOf) (*Copy, error) {
	c := &Copy{Customer: q.Customer}
	c.Customer.Questions = nil // who is asked is not copied, and cannot answer
	take := func(prefix []byte, limit int) {
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
			c.keys, c.values = append(c.keys, bytes.Clone(key)), append(c.values, bytes.Clone(value))
			limit--
			return limit > 0
		})
	}
	for _, key := range tablesKeys() {
		if data := tx.Get(key); data != nil {
			c.keys, c.values = append(c.keys, key), append(c.values, bytes.Clone(data))
		}
	}
	take(timelinePrefix(c.Customer.ID), maxCopied)
	take(runKey(c.Customer.ID, lifecycle.ID{})[:17], maxCopied)
	seen := map[string]bool{}
	for _, visit := range c.Customer.Visits {
		for _, run := range visit.Runs {
			if seen[run.Version] {
				continue
			}
			seen[run.Version] = true
			source, err := e.Source(tx, run.Version)
			if err != nil {
				return nil, err
			}
			c.Sources = append(c.Sources, source)
		}
	}
	return c, nil
}

// Paste is the input "this customer is here now". It is for stores that hold nothing else.
type paste struct{ Copy *Copy }

// Paste puts a copy into the engine's store.
func (e *Engine) Paste(ctx context.Context, c *Copy) error {
	_, err := e.store.Do(ctx, c.Customer.ID.Partition(), paste{c})
	return err
}

func (e *Engine) paste(tx store.Tx, in paste) error {
	defer e.forgetTables(tx) // also if this is undone
	for i, key := range in.Copy.keys {
		tx.Set(key, in.Copy.values[i])
	}
	e.forgetTables(tx)
	customer := in.Copy.Customer.Clone()
	customer.Import, customer.Due = "", time.Time{} // the due index is that of another store
	tx.Set(customerKey(customer.ID), store.Encode(customer))
	s, err := e.open(tx, customer.ID)
	if err != nil {
		return err
	}
	return s.save()
}

// forgetTables lets the next input read what holds for all customers anew.
func (e *Engine) forgetTables(tx store.Reader) {
	e.forgetSegments(tx)
	e.forgetScores(tx)
	e.forgetRanks(tx)
}

// applyLab handles the inputs of laboratories; handled is false for an input of someone else.
func (e *Engine) applyLab(tx store.Tx, input any) (answer any, handled bool, err error) {
	switch in := input.(type) {
	case paste:
		return nil, true, e.paste(tx, in)
	case awarded:
		return nil, true, e.awarded(tx, in)
	case greeted:
		e.greeted(tx, in)
		return nil, true, nil
	case passBy:
		return nil, true, e.passBy(tx, in)
	case becomePart:
		return nil, true, e.becomePart(tx, in)
	case passOn:
		return nil, true, e.passOn(tx, in)
	}
	return nil, false, nil
}

// askLab answers their questions.
func (e *Engine) askLab(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case recordOf:
		answer, err = e.recordOf(tx, q)
	case pastEvents:
		answer, err = e.pastEvents(tx, q)
	case copyOf:
		answer, err = e.copyOf(tx, q)
	case withPoints:
		answer, err = e.withPoints(tx, q)
	case adoptionOf:
		answer = e.adoptionOf(tx, q)
	case walksOf:
		answer, err = e.walksOf(tx)
	default:
		return nil, false, nil
	}
	return answer, true, err
}
