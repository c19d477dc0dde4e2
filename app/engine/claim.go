package engine

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What is said of an identity is kept in the partition of its own hash: whom it leads to (a redirect), who else has said
// that it is theirs, and whether anything may go there if it is an address.

// Bounds of one identity.
const (
	maxClaims     = 64 // customers remembered besides the one it leads to
	defaultUsers  = 5
	defaultJoined = 50
)

// IdentityLimits are how far one identity is believed.
type IdentityLimits struct {
	Users  int // user IDs that may say that it is theirs, before it joins nobody any more; 0: 5
	Joined int // customers of whom it may be said; 0: 50
}

func (l IdentityLimits) orDefaults() IdentityLimits {
	return IdentityLimits{cmp.Or(l.Users, defaultUsers), cmp.Or(l.Joined, defaultJoined)}
}

// link is the input "this identity belongs to that customer", first for the partition of the identity, then, where it
// leads to somebody else already, for the partition of that one: From.
type link struct {
	Identity lifecycle.Identity
	Customer lifecycle.ID
	At       time.Time
	Join     bool         // by an alias call, which also joins two who are both known by user IDs
	From     lifecycle.ID // who is to become one with the customer; zero: the identity has not been asked yet
	Named    bool         // the customer's ID is that of a user ID
	Hearsay  bool         // whoever says so proves nothing: nobody is joined by it
	Question bool         // it was claimed before, and is only asked about again
	Again    int          `msgpack:",omitempty"` // how often From was not done yet with what was due by then
	Former   bool         `msgpack:",omitempty"` // it is a place, and its former form is asked about
	Since    time.Time    `msgpack:",omitempty"` // since when somebody is known who is at the place; see knownAt

	// Recognised: whose event it was was known by it. The new name is theirs already, and only counts.
	Recognised bool `msgpack:",omitempty"`
}

func (l *link) partition() int {
	if !l.From.IsZero() {
		return l.From.Partition()
	}
	if l.Former {
		former, _ := l.Identity.Former()
		return former.Hash().Partition()
	}
	return l.Identity.Hash().Partition()
}

// claimed is what the partition of an identity remembers of it beside the redirect, once there is something.
type claimed struct {
	Identity   lifecycle.Identity      `msgpack:"i"`
	By         []claimant              `msgpack:"b,omitempty"` // the latest ones, but for the one it leads to
	Users      int                     `msgpack:"u,omitempty"` // how many of all were known by user IDs
	Joined     int                     `msgpack:"j,omitempty"` // how many it has brought together
	Suppressed []lifecycle.Suppression `msgpack:"s,omitempty"`
	Words      []lifecycle.Consent     `msgpack:"w,omitempty"` // withdrawals that came from the address itself, one per channel and topic, and of names that join nobody per source
	Allowed    []lifecycle.Consent     `msgpack:"l,omitempty"` // what such names have allowed, the latest ones
}

type claimant struct {
	Customer lifecycle.ID `msgpack:"c"`
	Hearsay  bool         `msgpack:"h,omitempty"`
}

func claimedKey(id lifecycle.ID) []byte { return append([]byte{'A'}, id[:]...) }

func readClaimed(tx store.Reader, identity lifecycle.Identity) (claimed, error) {
	known := claimed{Identity: identity}
	if data := tx.Get(claimedKey(identity.Hash())); data != nil {
		if err := store.Decode(data, &known); err != nil {
			return known, lifecycle.Wrap(lifecycle.Internal, err, "what is known of an identity cannot be read")
		}
		known.Identity = identity
		for i := range known.Words { // those of before there were kinds
			known.Words[i] = known.Words[i].Strict()
		}
		for i := range known.Suppressed {
			known.Suppressed[i].Channel = lifecycle.KindOf(known.Suppressed[i].Channel)
			if identity.Kind.IsPlace() { // which is not kept, see bytes
				known.Suppressed[i].Address = identity.Value
			}
		}
	}
	return known, nil
}

func (c *claimed) write(tx store.Tx) { tx.Set(claimedKey(c.Identity.Hash()), c.bytes()) }

// bytes is how it is kept. Of a place it does not say which: nothing of where somebody lives outlasts them here.
func (c *claimed) bytes() []byte {
	if !c.Identity.Kind.IsPlace() {
		return store.Encode(c)
	}
	kept := *c
	kept.Identity.Value, kept.Suppressed = "", slices.Clone(c.Suppressed)
	for i := range kept.Suppressed {
		kept.Suppressed[i].Address = ""
	}
	return store.Encode(&kept)
}

// add notes a claim and reports whether it is new.
func (c *claimed) add(by claimant) bool {
	for i := range c.By {
		if c.By[i].Customer == by.Customer {
			c.By[i].Hearsay = c.By[i].Hearsay && by.Hearsay
			return false
		}
	}
	if c.By = append(c.By, by); len(c.By) > maxClaims {
		c.By = slices.Delete(c.By, 0, 1)
	}
	return true
}

// hear keeps what speaks against writing to the address, for whoever gets it later, or lifts it. It reports whether that is
// new.
func (c *claimed) hear(word *lifecycle.Consent, suppressed *lifecycle.Suppression) (changed bool) {
	if suppressed != nil && !slices.ContainsFunc(c.Suppressed, func(s lifecycle.Suppression) bool { return s.Channel == suppressed.Channel }) {
		c.Suppressed, changed = append(c.Suppressed, *suppressed), true
	}
	if word == nil {
		return changed
	}
	if word.Granted && slices.ContainsFunc(c.Words, func(said lifecycle.Consent) bool {
		return said.Channel == word.Channel && said.Topic == word.Topic && said.At.After(word.At)
	}) {
		return changed // it was said before the refusal
	}
	before := len(c.Words)
	c.Words = slices.DeleteFunc(c.Words, func(said lifecycle.Consent) bool { return said.Channel == word.Channel && said.Topic == word.Topic })
	if !word.Granted {
		c.Words = append(c.Words, *word)
	}
	return changed || !word.Granted || len(c.Words) != before
}

// refuse keeps what somebody refuses who is known by the address alone, one word for each source, the newest, whichever comes in last.
func (c *claimed) refuse(word lifecycle.Consent) {
	if slices.ContainsFunc(c.Allowed, func(said lifecycle.Consent) bool { return said.At.After(word.At) && takesBack(said, word) }) {
		return
	}
	for i, said := range c.Words {
		if said.Channel == word.Channel && takesBack(said, word) {
			if said.At.Before(word.At) {
				c.Words[i] = word
			}
			return
		}
	}
	if len(c.Words) >= lifecycle.MaxConsents {
		c.hear(&word, nil)
		return
	}
	c.Words = append(c.Words, word)
}

// lift forgets what the same source refused before of all that it allows now, and keeps that for what it refused before and is heard
// of later.
func (c *claimed) lift(word lifecycle.Consent) {
	c.Words = slices.DeleteFunc(c.Words, func(said lifecycle.Consent) bool { return said.At.Before(word.At) && takesBack(word, said) })
	c.Allowed = slices.DeleteFunc(c.Allowed, func(said lifecycle.Consent) bool { return !said.At.After(word.At) && takesBack(word, said) })
	if c.Allowed = append(c.Allowed, word); len(c.Allowed) > lifecycle.MaxConsents {
		c.Allowed = slices.Delete(c.Allowed, 0, 1)
	}
}

// takesBack reports whether a word is of the source of another one, and about all that it is about.
func takesBack(word, said lifecycle.Consent) bool {
	return (word.Channel == "" || word.Channel == said.Channel) && word.Topic == said.Topic && word.Source == said.Source
}

// revive forgets that the address bounced before it was heard from at a time. It reports whether it did.
func (c *claimed) revive(channel string, heard time.Time) bool {
	before := len(c.Suppressed)
	c.Suppressed = slices.DeleteFunc(c.Suppressed, func(s lifecycle.Suppression) bool {
		return s.Reason == lifecycle.SuppressedBounce && s.At.Before(heard) && s.Channel == lifecycle.KindOf(channel)
	})
	return len(c.Suppressed) < before
}

// having returns whoever has said that the identity is theirs, as far as is remembered.
func (c *claimed) having(tx store.Reader) []lifecycle.ID {
	having := make([]lifecycle.ID, 0, len(c.By)+1)
	if leads := tx.Get(identityKey(c.Identity.Hash())); leads != nil {
		having = append(having, lifecycle.ID(leads))
	}
	for _, by := range c.By {
		if !slices.Contains(having, by.Customer) {
			having = append(having, by.Customer)
		}
	}
	return having
}

// link takes a claim, or goes on with one. The answer says what speaks against writing to whoever has the identity; nil
// where nobody asks.
func (e *Engine) link(tx store.Tx, in link) (*finding, error) {
	if !in.From.IsZero() {
		return nil, e.meet(tx, in)
	}
	if in.Former {
		return e.againstFormer(tx, in)
	}
	known, err := readClaimed(tx, in.Identity)
	if err != nil {
		return nil, err
	}
	if in.Recognised {
		if !tx.Has(identityKey(in.Identity.Hash())) && !tx.Has(customerKey(in.Identity.Hash())) {
			return nil, nil // they were erased meanwhile, and nothing of it is kept
		}
		known.Joined++
		known.write(tx)
		e.isCapped(tx, in, &known)
		return nil, nil
	}
	a, tooOld := e.against(tx, in, &known)
	if tooOld || in.Question && !in.Identity.Kind.IsPlace() || in.Identity.Hash() == in.Customer {
		return a, nil
	}
	return a, e.believe(tx, in, known)
}

// believe takes a claim.
func (e *Engine) believe(tx store.Tx, in link, known claimed) (err error) {
	id := in.Identity.Hash()
	nobody := in.Identity.Meaningless()
	leads := tx.Get(identityKey(id))
	isCustomer := leads == nil && tx.Has(customerKey(id))
	switch {
	case nobody || in.Hearsay || in.Identity.Kind.IsPlace():
		if leads == nil || lifecycle.ID(leads) != in.Customer {
			if known.add(claimant{in.Customer, true}) {
				known.write(tx)
			}
		}
		if nobody {
			e.suspect(tx, Suspicion{Identity: in.Identity, Customers: len(known.By), Since: in.At, Reason: "a value with which people try things out, or that means nobody"})
		}
		return nil
	case leads == nil && !isCustomer && in.Identity.Kind == lifecycle.UserID && !in.Named:
		// Whoever has a user ID has an ID of a user's: that keeps two known ones from becoming one by a third who is not.
		if err = e.beginNamed(tx, in); err != nil {
			return err
		}
		isCustomer = true
	case leads == nil && !isCustomer:
		tx.Set(identityKey(id), bytes.Clone(in.Customer[:]))
		return nil
	}
	in.From = id
	if leads != nil {
		if in.From, _ = e.follow(tx, id); in.From == in.Customer {
			return nil
		}
	}
	if isCustomer {
		return e.meet(tx, in) // it is their own first name: nothing is shared
	}
	if known.add(claimant{Customer: in.Customer}) {
		known.Joined++
		if in.Named {
			known.Users++
		}
	}
	known.write(tx)
	if !in.Join && e.isCapped(tx, in, &known) {
		return nil
	}
	return e.meet(tx, in)
}

// isCapped reports whether an identity joins nobody any more, and has people see why.
func (e *Engine) isCapped(tx store.Tx, in link, known *claimed) bool {
	one := Suspicion{Identity: in.Identity, Users: known.Users, Customers: known.Joined, Since: in.At}
	if one.Customer = in.From; in.Recognised {
		one.Customer = in.Customer
	}
	switch {
	case known.Users >= e.identities.Users:
		one.Reason = "shared by many user IDs"
	case known.Joined >= e.identities.Joined:
		one.Reason = "said of many customers"
	default:
		return false
	}
	e.suspect(tx, one)
	return true
}

// beginNamed makes a customer of a user ID that nobody has used yet.
func (e *Engine) beginNamed(tx store.Tx, in link) error {
	s, err := e.open(tx, in.Identity.Hash())
	if err != nil {
		return err
	}
	c := s.customer
	c.Identities, c.Created, c.Clock = []lifecycle.Identity{in.Identity}, in.At, in.At
	s.at, s.now = in.At, in.At
	s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	return s.save()
}

// meet lets two become one, in the partition of one of them. Who is known by a user ID stays, and of two alike the one
// with the smaller ID: redirects lead that way only, so that none leads in a circle however claims cross on their way. Two
// who are both known by user IDs become one by an alias call only.
func (e *Engine) meet(tx store.Tx, in link) error {
	id, here := e.follow(tx, in.From)
	if in.From = id; id == in.Customer {
		return nil
	}
	next := in
	if here {
		data := tx.Get(customerKey(id))
		if data == nil {
			return nil // erased
		}
		var c lifecycle.Customer
		if err := store.Decode(data, &c); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "customer %s cannot be read", id)
		}
		named := c.Named()
		if named && in.Named && !in.Join {
			return nil
		}
		if !stays(id, named, in.Customer, in.Named) {
			if e.apart[id] {
				return nil
			}
			return e.become(tx, id, in)
		}
		next.From, next.Customer, next.Named = in.Customer, id, named
	}
	n := byte(18)
	if in.Join {
		n = 19
	}
	e.instruct(tx, in.At, lifecycle.HashID("meet", next.From.Part(), next.Customer.Part()), n, instruction{Link: &next})
	return nil
}

// stays reports whether one of two who become one is who stays. named is whether somebody is known by a user ID.
func stays(one lifecycle.ID, named bool, other lifecycle.ID, otherNamed bool) bool {
	return named && !otherNamed || named == otherNamed && bytes.Compare(one[:], other[:]) < 0
}
