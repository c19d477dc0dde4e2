package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Erasure is what stays of an erased identity: a keyed hash, in the partition of the identity. A list of them is kept
// beside the store too, so that an older store forgets again whom a newer one had forgotten.
type Erasure struct {
	Partition int
	Hash      lifecycle.ID // keyed
	At        time.Time
	Whole     bool
}

// Erase forgets a customer. When it returns without an error they are gone from the store; from its files they go when it
// is rewritten next. It waits until everything is removed, or ctx ends: then the rest goes on by itself.
// messages are the IDs of theirs, newest first.
func (e *Engine) Erase(ctx context.Context, customer lifecycle.ID, messages []lifecycle.ID) error {
	now := e.clock.Now()
	if err := e.joinFirst(ctx, now); err != nil {
		return err
	}
	id := customer
	for range 8 {
		answer, err := e.store.Do(ctx, id.Partition(), erase{Customer: id, At: now, Messages: messages})
		if err != nil {
			return err
		}
		done := answer.(eraseAnswer)
		if done.Redirect.IsZero() {
			return e.forgottenUntil(ctx, now)
		}
		id = done.Redirect
	}
	return lifecycle.Errorf(lifecycle.Internal, "the customer's ID leads in a circle")
}

// joiningTime is how long an erasure waits for what was said before it. What is on its way for longer does not hold it up.
const joiningTime = 5 * time.Second

// joinFirst waits until what was said until a moment has come to all partitions: whoever was becoming one with the customer
// is forgotten with them, and does not stay behind as somebody of their own.
func (e *Engine) joinFirst(ctx context.Context, at time.Time) error {
	for began := time.Now(); time.Since(began) < joiningTime; {
		pending, err := e.instructionsUntil(ctx, at)
		if ctx.Err() != nil { // nobody waits any more, and they are still to be erased
			return nil
		}
		if err != nil || !pending {
			return err
		}
		if (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(5*time.Millisecond)) != nil {
			return nil
		}
	}
	return nil
}

// forgottenUntil waits until nothing is to be forgotten any more that began until a moment.
func (e *Engine) forgottenUntil(ctx context.Context, at time.Time) error {
	for {
		pending, err := e.instructionsUntil(ctx, at)
		for p := 0; p < lifecycle.Partitions && !pending && err == nil; p++ {
			var answer any
			if answer, err = e.store.Ask(ctx, p, firstForgetting{}); err == nil {
				pending = !answer.(lifecycle.ID).IsZero()
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil || !pending {
			return err
		}
		if lifecycle.Sleep(ctx, lifecycle.WallClock{}, time.Now().Add(5*time.Millisecond), nil); ctx.Err() != nil {
			return nil
		}
	}
}

// AwaitForgotten waits until nothing is left in the store of who was erased before. Busy: that takes longer than ctx.
func (e *Engine) AwaitForgotten(ctx context.Context) error {
	if err := e.forgottenUntil(ctx, e.clock.Now()); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return lifecycle.Errorf(lifecycle.Busy, "what was erased is still being removed; try again in a moment")
	}
	return nil
}

// erasuresOf asks a partition for what stays of erased identities.
type erasuresOf struct{}

func (e *Engine) erasuresOf(tx store.Reader) (list []Erasure) {
	prefix := []byte{'E', 'h'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		if r, ok := readRemembrance(value); ok {
			list = append(list, Erasure{tx.Partition(), lifecycle.ID(key[2:]), r.at, r.whole})
		}
		return true
	})
	return list
}

// Erasures returns what stays of all erased identities.
func (e *Engine) Erasures(ctx context.Context) (list []Erasure, err error) {
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, erasuresOf{})
		if err != nil {
			return nil, err
		}
		list = append(list, answer.([]Erasure)...)
	}
	return list, nil
}

// wasErasedHere asks whether a customer who is not there was erased.
type wasErasedHere struct{ Customer lifecycle.ID }

// isErased reports whether a customer was erased.
func (e *Engine) isErased(ctx context.Context, customer lifecycle.ID) bool {
	answer, err := e.store.Ask(ctx, customer.Partition(), wasErasedHere{customer})
	return err == nil && answer.(bool)
}

// target is the customer to whom something was to happen; zero where nobody may be missing.
func (i instruction) target() lifecycle.ID {
	switch {
	case i.Receive != nil:
		return i.Receive.Target
	case i.Change != nil:
		return i.Change.Change.Customer
	case i.Referred != nil:
		return i.Referred.Referrer
	case i.Inherit != nil:
		return i.Inherit.Customer
	case i.LetIn != nil:
		return i.LetIn.Customer
	}
	return lifecycle.ID{}
}

// takeErasures is the input "these were erased".
type takeErasures struct{ Erasures []Erasure }

func (e *Engine) takeErasures(tx store.Tx, in takeErasures) error {
	for _, one := range in.Erasures {
		e.keepErased(tx, one.Hash, remembrance{one.At, one.Whole})
	}
	return nil
}

// ReplayErasures lets the store forget whom it has although they were erased: it is older than the list. It returns how
// many customers that were. It reads every customer, if there is anything to be done at all.
func (e *Engine) ReplayErasures(ctx context.Context, list []Erasure, erase func(context.Context, lifecycle.ID) error) (int, error) {
	known, err := e.Erasures(ctx)
	if err != nil {
		return 0, err
	}
	have := map[lifecycle.ID]time.Time{}
	for _, one := range known {
		have[one.Hash] = one.At
	}
	missing := map[lifecycle.ID]time.Time{}
	byPartition := make([][]Erasure, lifecycle.Partitions)
	for _, one := range list {
		// Who was erased twice had come back: the store may know of the first time alone.
		if at, is := have[one.Hash]; !is || at.Before(one.At) {
			missing[one.Hash] = one.At
			byPartition[one.Partition] = append(byPartition[one.Partition], one)
		}
	}
	if len(missing) == 0 {
		return 0, nil
	}
	erased := 0
	for p := range lifecycle.Partitions {
		for from := []byte(nil); ; {
			page, err := e.ExportCustomers(ctx, p, from, 1<<20)
			if err != nil {
				return erased, err
			}
			for _, c := range page.Customers {
				if !e.wasErased(c, missing) {
					continue
				}
				if err = erase(ctx, c.ID); err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
					return erased, err
				}
				erased++
			}
			if from = page.Next; from == nil {
				break
			}
		}
	}
	// Last: a start that was interrupted begins anew.
	for p, list := range byPartition {
		for len(list) > 0 {
			n := min(len(list), 1000)
			if _, err = e.store.Do(ctx, p, takeErasures{list[:n]}); err != nil {
				return erased, err
			}
			list = list[n:]
		}
	}
	return erased, nil
}

// wasErased reports whether a customer who came before the erasure has an identity that was erased then. A name decides, and
// so does an address; a browser may be somebody else's.
func (e *Engine) wasErased(c *lifecycle.Customer, missing map[lifecycle.ID]time.Time) bool {
	for _, identity := range c.Identities {
		if at, is := missing[e.keyedHash(identity.Hash())]; is && !c.Created.After(at) {
			return true
		}
	}
	return false
}

// Scrub is what is to be removed from files beside the store.
type Scrub struct {
	Customer lifecycle.ID // or a place of theirs that is nobody else's
	Values   []string     // by which lines of files are theirs
	Place    bool         // that is what they name
	Messages []lifecycle.ID
}

// scrubs asks a partition for scrubs that are to be done.
type scrubs struct{}

func (e *Engine) scrubs(tx store.Reader) (list []Scrub, failed error) {
	prefix := []byte{'E', 'f'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var one Scrub
		if failed = store.Decode(value, &one); failed == nil {
			list = append(list, one)
		}
		return failed == nil
	})
	return list, failed
}

// scrubbed is the input "that is done".
type scrubbed struct{ Customer lifecycle.ID }

// Scrubs returns what is to be removed from files beside the store.
func (e *Engine) Scrubs(ctx context.Context) (list []Scrub, err error) {
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, scrubs{})
		if err != nil {
			return nil, err
		}
		list = append(list, answer.([]Scrub)...)
	}
	return list, nil
}

// Scrubbed notes that files hold nothing of a customer any more.
func (e *Engine) Scrubbed(ctx context.Context, customer lifecycle.ID) error {
	_, err := e.store.Do(ctx, customer.Partition(), scrubbed{customer})
	return err
}

// traitIdentity returns the address that a trait holds.
func traitIdentity(value json.RawMessage, channel string) (lifecycle.Identity, bool) {
	var text string
	if len(value) == 0 {
		return lifecycle.Identity{}, false
	}
	if json.Unmarshal(value, &text) != nil {
		text = string(bytes.TrimSpace(value)) // a push subscription is an object
	}
	return lifecycle.AddressIdentity(channel, text)
}

// addressesIn returns the addresses that traits hold.
func (e *Engine) addressesIn(raw []byte) (list []lifecycle.Identity) {
	var traits map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &traits) != nil {
		return nil
	}
	for _, known := range addressTraits {
		if identity, ok := traitIdentity(traits[known.trait], known.channel); ok {
			list = append(list, identity)
		}
	}
	for _, trait := range slices.Sorted(maps.Keys(traits)) {
		if identity, ok := e.placeIdentity(trait, traits[trait]); ok {
			list = append(list, identity)
		}
	}
	return append(list, socialIdentities(traits)...)
}
