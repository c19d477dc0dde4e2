package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// sweepForms is the input "forget the applications that can be confirmed no longer".
type sweepForms struct {
	At    time.Time
	From  []byte
	Limit int
}

// sweepForms returns where the next one goes on; nil when there is no more. With their last application an applicant is
// forgotten, address and all.
func (e *Engine) sweepForms(tx store.Tx, in sweepForms) (next []byte, err error) {
	prefix := []byte("Op")
	if in.From == nil {
		in.From = prefix
	}
	type expired struct {
		key       []byte
		applicant lifecycle.ID
		a         Application
	}
	var gone []expired
	seen := 0
	tx.Scan(in.From, store.PrefixEnd(prefix), func(key, value []byte) bool {
		seen++
		one := expired{key: bytes.Clone(key), applicant: lifecycle.ID(key[2:18])}
		if failed := store.Decode(value, &one.a); failed != nil || !in.At.Before(one.a.Expires) {
			gone = append(gone, one)
		}
		next = bytes.Clone(key)
		return seen < in.Limit
	})
	if next = append(next, 0); seen < in.Limit {
		next = nil
	}
	for _, one := range gone {
		tx.Delete(one.key)
		if one.a.Confirmed.IsZero() && one.a.Form != "" {
			if err = countForm(tx, one.a.Form, func(c *FormCounts) { c.Expired++ }); err != nil {
				return nil, err
			}
		}
		if err = e.forgetApplicant(tx, one.applicant); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// forgetApplicant forgets somebody who has no application any more.
func (e *Engine) forgetApplicant(tx store.Tx, id lifecycle.ID) error {
	left := false
	prefix := applicationPrefix(id)
	tx.Scan(prefix, store.PrefixEnd(prefix), func([]byte, []byte) bool { left = true; return false })
	if left {
		return nil
	}
	tx.Delete(askedKey(id))
	return e.dropApplicant(tx, id)
}

// dropApplicant removes the record and the timeline of an applicant, and nobody else's.
func (e *Engine) dropApplicant(tx store.Tx, id lifecycle.ID) error {
	data := tx.Get(customerKey(id))
	if data == nil {
		return nil
	}
	var c lifecycle.Customer
	if err := store.Decode(data, &c); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "an applicant's record cannot be read")
	}
	if !c.Applicant() {
		return nil
	}
	if !c.Due.IsZero() {
		tx.Delete(timerKey(c.Due, id))
	}
	tx.Delete(customerKey(id))
	var keys [][]byte
	var listed listedEntries
	entries := timelinePrefix(id)
	tx.Scan(entries, store.PrefixEnd(entries), func(key, value []byte) bool {
		keys = append(keys, bytes.Clone(key))
		listed.read(key, value)
		return len(keys) < 1000
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	e.unlist(tx, listed)
	return nil
}

func (e *Engine) sweepApplications(ctx context.Context, p int, now time.Time) error {
	var from []byte
	for {
		next, err := e.store.Do(ctx, p, sweepForms{now, from, 500})
		if err != nil {
			return err
		}
		if from = next.([]byte); from == nil {
			return nil
		}
	}
}
