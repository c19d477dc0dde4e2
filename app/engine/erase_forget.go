package engine

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What is left of somebody who was erased is removed a part at a time, in the partition of each of their identities.

// Bounds of a chunk of forgetting.
const (
	forgetKeys  = 500
	forgetLook  = 500
	forgetSteps = 20 // before the partition's other chores have their turn
)

// The shortest texts that are looked for in what cannot be told apart otherwise: names, and places, which may be any text.
const (
	minNeedle = 4
	minPlace  = 8
)

// forget is the input "forget what you have of this identity of an erased customer". One that is for everywhere is about
// what a partition could not take, and one for a friend about what is said of them there.
type forget struct {
	Hash       lifecycle.ID // of the identity
	Customer   lifecycle.ID // who had it
	IDs        []lifecycle.ID
	Values     []string
	At         time.Time
	Whole      bool // the identity names a person
	Owner      bool // something may lie under it as under a customer's ID
	Retire     bool
	Everywhere int    // partition + 1
	Pass       int    // of what is for everywhere
	Reached    []byte // where the next pass goes on among the first names; empty until the rest is done
	Friend     bool
	Shared     bool // it is a company's: it is remembered of nobody
	Place      bool
	Others     []lifecycle.ID // who have said that the place is theirs too, and are asked one after the other whether it is
	Alone      bool           // it is nobody's of them
}

// cause names what is for everywhere.
func (f *forget) cause() lifecycle.ID {
	return lifecycle.HashID("forget everywhere", f.Customer.Part(), f.Hash.Part(), strconv.Itoa(f.Everywhere), strconv.Itoa(f.Pass))
}

func (f forget) of(identity lifecycle.Identity, hash lifecycle.ID, whole bool) forget {
	f.Hash, f.Whole, f.Owner = hash, whole, identity.Kind.ByName()
	f.Shared, f.Place = identity.OfCompany(), identity.Kind.IsPlace()
	f.Values = nil // only what is looked for everywhere needs them, which of a place is not before it is known to be nobody else's
	if f.Place && tellsPlace(identity) {
		f.Values = []string{identity.Value}
	}
	return f
}

// tellsPlace reports whether a text that names a place is about it. One that is short or a plain word may be about anything, and where
// letters go is written in too many ways.
func tellsPlace(place lifecycle.Identity) bool {
	return place.Kind.PlaceOf() != "letter" && len(place.Value) >= minPlace && strings.ContainsFunc(place.Value, func(r rune) bool { return !unicode.IsLetter(r) })
}

func (f *forget) partition() int {
	switch {
	case f.Everywhere > 0:
		return f.Everywhere - 1
	case len(f.Others) > 0:
		return f.Others[0].Partition()
	}
	return f.Hash.Partition()
}

// forgetting is what is still to be removed of one identity.
type forgetting struct {
	forget
	Phase int
	From  []byte
}

func (e *Engine) forget(tx store.Tx, in forget) error {
	switch {
	case in.Everywhere > 0:
		return e.forgetRefused(tx, in)
	case in.Friend:
		return e.forgetFriend(tx, in)
	case len(in.Others) > 0:
		return e.forgetUnlessOthers(tx, in)
	case in.Alone:
		e.rememberErased(tx, in)
		return nil
	}
	theirs := !in.Shared
	if err := e.dropApplicant(tx, in.Hash); err != nil {
		return err
	}
	if tx.Has(customerKey(in.Hash)) {
		theirs = false // it is somebody's own first name, whoever else said it
	} else if leads := tx.Get(identityKey(in.Hash)); leads != nil {
		if theirs = slices.Contains(in.IDs, lifecycle.ID(leads)); theirs {
			tx.Delete(identityKey(in.Hash))
		}
	}
	if data := tx.Get(claimedKey(in.Hash)); data != nil {
		var known claimed
		if err := store.Decode(data, &known); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "what is known of an identity cannot be read")
		}
		known.By = slices.DeleteFunc(known.By, func(by claimant) bool { return slices.Contains(in.IDs, by.Customer) })
		if in.Place && theirs && !in.Retire {
			e.askOthers(tx, in, known.By)
		}
		theirs = theirs && len(known.By) == 0
		bare := len(known.By)+len(known.Suppressed)+len(known.Words)+len(known.Allowed) == 0
		if theirs && !in.Retire || (theirs || in.Shared) && bare { // nothing is remembered of who is retired: the address's own word stays
			tx.Delete(claimedKey(in.Hash))
		} else {
			tx.Set(claimedKey(in.Hash), known.bytes())
		}
	}
	if theirs {
		e.rememberErased(tx, in)
	}
	tx.Set(forgettingKey(in.Hash), store.Encode(&forgetting{forget: in}))
	part := &e.parts[tx.Partition()]
	part.erasuresKnown, part.erasures = true, true
	e.rouseForgetting(tx)
	return nil
}

// rememberErased keeps that an identity was erased that is nobody else's. Where it is a place, what is kept elsewhere and names it goes
// now: before it might have been somebody else's.
func (e *Engine) rememberErased(tx store.Tx, in forget) {
	if key := suspicionKey(in.Hash); tx.Has(key) {
		tx.Delete(key)
	}
	if in.Retire {
		return
	}
	e.keepErased(tx, e.keyedHash(in.Hash), remembrance{in.At, in.Whole})
	if len(in.Values) == 0 {
		return
	}
	for p := range lifecycle.Partitions {
		all := forget{Customer: in.Customer, Hash: in.Hash, Place: true, Values: in.Values, At: in.At, Everywhere: p + 1}
		e.instruct(tx, in.At, all.cause(), 37, instruction{Forget: &all})
	}
	tx.Set(scrubKey(in.Hash), store.Encode(&Scrub{Customer: in.Hash, Values: in.Values, Place: true}))
}

// askOthers asks whoever has said that a place is theirs too: it may have been a mistake, or anybody's word.
func (e *Engine) askOthers(tx store.Tx, in forget, by []claimant) {
	for _, other := range by {
		in.Others = append(in.Others, other.Customer)
	}
	if len(in.Others) > 0 {
		e.instruct(tx, in.At, lifecycle.HashID("others", in.Customer.Part(), in.Hash.Part()), 35, instruction{Forget: &in})
	}
}

// forgetUnlessOthers asks the first of the others who is left. Once somebody has the place, it is remembered of nobody.
func (e *Engine) forgetUnlessOthers(tx store.Tx, in forget) error {
	id, record, here := e.find(tx, in.Others[0])
	if !here {
		in.Others[0] = id
	} else {
		if record != nil {
			var c lifecycle.Customer
			if err := store.Decode(record, &c); err != nil {
				return lifecycle.Wrap(lifecycle.Internal, err, "customer %s cannot be read", id)
			}
			if isAt(&c, in.Hash) {
				return nil
			}
		}
		in.Others = in.Others[1:]
		in.Alone = len(in.Others) == 0
	}
	e.instruct(tx, in.At, lifecycle.HashID("others", in.Customer.Part(), in.Hash.Part()), 35, instruction{Forget: &in})
	return nil
}

func (e *Engine) rouseForgetting(tx store.Tx) {
	part := &e.parts[tx.Partition()]
	tx.After(func() { part.forgetting.Store(true) })
	e.hint(tx, time.Unix(0, 0))
}

// forgetStep is the input "remove the next part".
type forgetStep struct{ Hash lifecycle.ID }

// What is removed of an identity, one after the other. Messages come last, and take longest.
const (
	forgetOwn = iota
	forgetLists
	forgetLetters
	forgetMessages
	forgotten
)

func (e *Engine) forgetStep(tx store.Tx, in forgetStep) error {
	key := forgettingKey(in.Hash)
	data := tx.Get(key)
	if data == nil {
		return nil
	}
	var job forgetting
	if err := store.Decode(data, &job); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "an erasure cannot be read")
	}
	var next []byte
	var err error
	switch job.Phase {
	case forgetOwn:
		next, err = e.forgetOwn(tx, &job)
	case forgetLists:
		err = e.forgetLists(tx, &job)
	case forgetLetters:
		next, err = e.forgetLetters(tx, &job)
	case forgetMessages:
		if e.forgetter != nil {
			next, err = e.forgetter.Forget(tx, job.IDs, job.From, forgetLook)
		}
	}
	if err != nil {
		return err
	}
	if job.From = next; next == nil {
		job.Phase++
	}
	if job.Phase == forgetLists && !job.Owner || job.Phase >= forgotten {
		tx.Delete(key)
		return nil
	}
	tx.Set(key, store.Encode(&job))
	return nil
}

// forgetOwn removes what lies under an ID: the timeline, runs, words of consent, applications.
func (e *Engine) forgetOwn(tx store.Tx, job *forgetting) (next []byte, err error) {
	id := job.Hash
	if tx.Has(customerKey(id)) {
		job.Owner = false // somebody came under this name meanwhile, or it was somebody else's all the time
		return nil, nil
	}
	var keys [][]byte
	var given []string // forms that wait for nobody any more
	var listed listedEntries
	for _, prefix := range [][]byte{timelinePrefix(id), append([]byte{'r'}, id[:]...), saidPrefix(id), applicationPrefix(id), askedKey(id)} {
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
			if prefix[0] == 'e' {
				e.forgetNamed(tx, job, value)
				listed.read(key, value)
			}
			var a Application
			if string(prefix[:2]) == "Op" && store.Decode(value, &a) == nil && a.Confirmed.IsZero() {
				given = append(given, a.Form)
			}
			keys = append(keys, bytes.Clone(key))
			return len(keys) < forgetKeys
		})
		if len(keys) >= forgetKeys {
			next = []byte{}
			break
		}
	}
	for _, key := range keys {
		tx.Delete(key)
	}
	e.unlist(tx, listed)
	for _, form := range given {
		if err = countForm(tx, form, func(c *FormCounts) { c.Expired++ }); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// forgetNamed looks in an entry of the timeline for addresses that the customer had once, and for who has become part of
// them: one who has very many identities does not have all of them in their record.
func (e *Engine) forgetNamed(tx store.Tx, job *forgetting, value []byte) {
	var entry TimelineEntry
	if store.Decode(value, &entry) != nil {
		return
	}
	too := func(identity lifecycle.Identity, hash lifecycle.ID) {
		if slices.Contains(job.IDs, hash) {
			return
		}
		job.IDs = append(job.IDs, hash)
		one := job.of(identity, hash, false)
		one.IDs = job.IDs
		e.instruct(tx, job.At, lifecycle.HashID("forget", job.Customer.Part(), hash.Part()), 35, instruction{Forget: &one})
	}
	if !entry.From.IsZero() {
		too(lifecycle.Identity{Kind: lifecycle.AnonymousID}, entry.From)
	}
	if entry.Event == nil {
		return
	}
	passing, _ := contextTraits(entry.Event.Context)
	for _, raw := range [][]byte{entry.Event.Traits, passing} {
		for _, identity := range e.addressesIn(raw) {
			too(identity, identity.Hash())
			if applicant, is := e.applicant(identity); is {
				too(applicant, applicant.Hash())
			}
		}
	}
}

// forgetLists takes the customer off the lists of broadcasts and bulks, and counts them there as gone.
func (e *Engine) forgetLists(tx store.Tx, job *forgetting) error {
	off := func(list string) (gone int64) {
		for _, id := range job.IDs {
			if key := listKey(list, id); tx.Has(key) {
				tx.Delete(key)
				gone++
			}
		}
		return gone
	}
	var changed []*broadcastShare
	if err := shares(tx, func(b *broadcastShare) { changed = append(changed, b) }); err != nil {
		return err
	}
	for _, b := range changed {
		if gone := off(b.Name); gone > 0 {
			b.Gone += gone
			tx.Set(shareKey(b.Name), store.Encode(b))
		}
	}
	var names []string
	prefix := bulkShareKey("")
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		names = append(names, string(key[len(prefix):]))
		return true
	})
	for _, name := range names {
		gone := off(bulkList(name))
		if gone == 0 {
			continue
		}
		b, err := readBulkShare(tx, name)
		if err != nil {
			return err
		}
		b.Counts.Gone += gone
		tx.Set(bulkShareKey(name), store.Encode(b))
	}
	return nil
}

// forgetLetters removes steps that were set aside.
func (e *Engine) forgetLetters(tx store.Tx, job *forgetting) (next []byte, err error) {
	from := []byte{'x'}
	if len(job.From) > 0 {
		from = job.From
	}
	var keys [][]byte
	look := forgetLook
	tx.Scan(from, []byte{'x' + 1}, func(key, value []byte) bool {
		if look--; look < 0 {
			next = bytes.Clone(key)
			return false
		}
		if letterOf(value, job.IDs) != nil {
			keys = append(keys, bytes.Clone(key))
		}
		return true
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	return next, nil
}

// letterOf reads a step that was set aside if it is of a customer who had one of these IDs; nil if it is somebody else's,
// who may well mention them.
func letterOf(value []byte, ids []lifecycle.ID) *DeadLetter {
	var letter DeadLetter
	if !lifecycle.MentionsAny(value, ids) || store.Decode(value, &letter) != nil || !slices.Contains(ids, letter.Customer) {
		return nil
	}
	return &letter
}

// forgetFriend takes the friend's name out of what told somebody that a friend whom they brought has ordered.
func (e *Engine) forgetFriend(tx store.Tx, in forget) error {
	id, here := e.follow(tx, in.Hash)
	if !here {
		in.Hash = id
		e.instruct(tx, in.At, lifecycle.HashID("forget friend", in.Customer.Part(), id.Part()), 36, instruction{Forget: &in})
		return nil
	}
	type change struct {
		key   []byte
		value []byte
	}
	var changes []change
	prefix := timelinePrefix(id)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var entry TimelineEntry
		if !bytes.Contains(value, []byte(referralConverted)) || store.Decode(value, &entry) != nil || entry.Event == nil {
			return true
		}
		if entry.Event.Name == referralConverted && slices.ContainsFunc(in.IDs, func(id lifecycle.ID) bool {
			return bytes.Contains(entry.Event.Properties, []byte(id.String()))
		}) {
			entry.Event.Properties = []byte(`{}`)
			changes = append(changes, change{bytes.Clone(key), store.Encode(&entry)})
		}
		return len(changes) < forgetKeys
	})
	for _, c := range changes {
		tx.Set(c.key, c.value)
	}
	return nil
}

// forgetSome does the next part of what is to be forgotten in a partition.
func (e *Engine) forgetSome(ctx context.Context, p int, _ time.Time) (bool, error) {
	part := &e.parts[p]
	if !part.forgetting.Swap(false) {
		return false, nil
	}
	answer, err := e.store.Ask(ctx, p, firstForgetting{})
	if err == nil && answer.(lifecycle.ID).IsZero() {
		return false, nil
	}
	part.forgetting.Store(true)
	for range forgetSteps {
		if err == nil && !answer.(lifecycle.ID).IsZero() {
			if _, err = e.store.Do(ctx, p, forgetStep{answer.(lifecycle.ID)}); err == nil {
				answer, err = e.store.Ask(ctx, p, firstForgetting{})
			}
		}
	}
	return true, err
}

// firstForgetting asks for an identity of which something is still to be removed.
type firstForgetting struct{}

func (e *Engine) firstForgetting(tx store.Reader) (first lifecycle.ID) {
	prefix := []byte{'E', 'j'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		first = lifecycle.ID(key[2:])
		return false
	})
	return first
}
