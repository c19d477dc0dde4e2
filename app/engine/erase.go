package engine

import (
	"maps"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Somebody who is erased is gone with the commit that takes their record: nobody finds them any more, nothing of theirs
// fires or leaves. What else there is of them goes in chunks right after it, in the partitions of all their identities. A
// keyed hash of each identity stays: what happened before is not taken again from anywhere, and nothing is sent to them if
// they come back. What was counted stays counted.
//
// Keys of erasures:
//
//	E h keyed hash -> remembrance, in the partition of the identity
//	E j hash       -> forgetting: what is still to be removed
//	E f customer   -> scrub: what is still to be removed from files beside the store

// Forgetter removes what the outbox keeps of a customer who had these IDs, a part at a time, inside Apply; and takes back what
// has not left of what is not wanted any more.
type Forgetter interface {
	// Forget looks at so much from a position on, and returns where to go on; nil at the end.
	Forget(tx store.Tx, ids []lifecycle.ID, from []byte, look int) (next []byte, err error)
	// ForgetBodies takes out of messages decided in [since, before) what they said.
	ForgetBodies(tx store.Tx, since, before time.Time, from []byte, look int) (next []byte, err error)
	// WithdrawRefused takes messages back that connectors keep, where the customer's consent or a suppression is against them.
	WithdrawRefused(tx store.Tx, customer *lifecycle.Customer, at time.Time) error
}

// SetForgetter names who forgets messages. It is called before anything happens.
func (e *Engine) SetForgetter(f Forgetter) { e.forgetter = f }

// SetApplicants says by which anonymous ID whoever sends a form with a mail address is kept until it is confirmed. It is
// called before anything happens.
func (e *Engine) SetApplicants(name func(email string) string) { e.applicants = name }

// applicant returns who has sent forms with a mail address; false for another identity.
func (e *Engine) applicant(identity lifecycle.Identity) (lifecycle.Identity, bool) {
	if e.applicants == nil || identity.Kind != lifecycle.EmailIdentity {
		return lifecycle.Identity{}, false
	}
	return lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: e.applicants(identity.Value)}, true
}

// applyErasures handles the inputs of erasing and of keeping only so long; handled is false for others.
func (e *Engine) applyErasures(tx store.Tx, input any) (answer any, handled bool, err error) {
	switch in := input.(type) {
	case erase:
		answer, err = e.erase(tx, in)
	case forget:
		answer, err = nil, e.forget(tx, in)
	case forgetStep:
		answer, err = nil, e.forgetStep(tx, in)
	case takeErasures:
		answer, err = nil, e.takeErasures(tx, in)
	case scrubbed:
		tx.Delete(scrubKey(in.Customer))
	case dropEntries:
		e.dropEntries(tx, in)
	case dropListed:
		answer = e.dropListed(tx, in)
	case resumeList:
		answer = e.resumeList(tx)
	case keepList:
		e.keepList(tx)
	case dropBodies:
		answer, err = e.dropBodies(tx, in)
	default:
		return nil, false, nil
	}
	return answer, true, err
}

// askErasures answers questions about them.
func (e *Engine) askErasures(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case firstForgetting:
		answer = e.firstForgetting(tx)
	case erasuresOf:
		answer = e.erasuresOf(tx)
	case scrubs:
		answer, err = e.scrubs(tx)
	case surplusOf:
		answer, err = surplus(tx, q.Customer)
	case wasErasedHere:
		_, answer = e.remembered(tx, q.Customer)
	case oldEntries:
		answer, err = e.oldEntries(tx, q)
	case idleAnonymous:
		answer, err = e.idleAnonymous(tx, q)
	case bodiesSince:
		answer = readBodiesSince(tx)
	case personPage:
		answer, err = e.personPage(tx, q)
	default:
		return nil, false, nil
	}
	return answer, true, err
}

// maxScrubMessages is how many messages are looked for in files by their IDs, the newest.
const maxScrubMessages = 20_000

// becauseErased is why an erased customer leaves segments.
const becauseErased = "erased"

// erase is the input "forget this customer". One who is retired is forgotten without a trace: they may come back.
type erase struct {
	Customer lifecycle.ID
	At       time.Time
	Messages []lifecycle.ID // by which connectors know them
	Retire   bool
	Idle     time.Time // of one who is retired: only if nothing happened to them since
}

type eraseAnswer struct {
	Redirect lifecycle.ID // where the customer has gone; zero: here
	Customer lifecycle.ID
	Gone     bool
}

func (e *Engine) erase(tx store.Tx, in erase) (eraseAnswer, error) {
	id, record, here := e.find(tx, in.Customer)
	switch {
	case !here:
		return eraseAnswer{Redirect: id}, nil
	case record == nil:
		return eraseAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return eraseAnswer{}, err
	}
	c := s.customer
	if in.Retire && (!anonymous(c) || c.LastSeen().After(in.Idle)) {
		return eraseAnswer{Customer: id}, nil
	}
	s.at, s.now = in.At, later(c.Lapsed(in.At), c.Clock)
	if !c.Applicant() { // whom nothing counts
		s.leaveFigures()
	}
	s.leaveSegments(becauseErased)
	if !c.Due.IsZero() {
		tx.Delete(timerKey(c.Due, id))
	}
	s.release()
	tx.Delete(customerKey(id))
	s.fold()
	for i := range c.Visits {
		for _, ref := range c.Visits[i].Runs {
			tx.Delete(runKey(id, ref.ID))
		}
	}
	further, err := takeSurplus(tx, id)
	if err != nil {
		return eraseAnswer{}, err
	}
	identities := slices.Concat(c.Identities, further)
	for _, known := range addressTraits {
		if identity, ok := traitIdentity(c.Traits[known.trait], known.channel); ok && !slices.Contains(identities, identity) {
			identities = append(identities, identity)
		}
	}
	identities = append(identities, socialIdentities(c.Traits)...)
	for _, address := range e.written(c) {
		if !slices.Contains(identities, address) {
			identities = append(identities, address)
		}
	}
	order := forget{Customer: id, IDs: []lifecycle.ID{id}, At: in.At, Retire: in.Retire}
	if err = e.forgetIdentities(tx, &order, identities, c.Named() && !c.Called); err != nil {
		return eraseAnswer{}, err
	}
	if c.Acquired != nil && !c.Acquired.By.IsZero() && !c.Referred.IsZero() {
		friend := order
		friend.Hash, friend.Friend = c.Acquired.By, true
		e.instruct(tx, in.At, lifecycle.HashID("forget friend", id.Part()), 36, instruction{Forget: &friend})
	}
	if !in.Retire {
		for p := range lifecycle.Partitions {
			all := order
			all.Everywhere = p + 1
			e.instruct(tx, in.At, all.cause(), 37, instruction{Forget: &all})
		}
		tx.Set(scrubKey(id), store.Encode(&Scrub{Customer: id, Values: order.Values, Messages: in.Messages[:min(len(in.Messages), maxScrubMessages)]}))
	}
	return eraseAnswer{Customer: id, Gone: true}, nil
}

// forgetIdentities lets the partitions of all identities of somebody forget them, and this one.
func (e *Engine) forgetIdentities(tx store.Tx, order *forget, identities []lifecycle.Identity, named bool) error {
	for _, identity := range slices.Clone(identities) {
		if applicant, is := e.applicant(identity); is && !slices.Contains(identities, applicant) {
			identities = append(identities, applicant)
		}
	}
	for _, identity := range identities {
		if hash := identity.Hash(); !slices.Contains(order.IDs, hash) {
			order.IDs = append(order.IDs, hash)
		}
		if len(identity.Value) >= minNeedle && !identity.Kind.IsPlace() { // see rememberErased
			order.Values = append(order.Values, identity.Value)
		}
	}
	for _, identity := range identities {
		if hash := identity.Hash(); hash != order.Customer {
			one := order.of(identity, hash, namesPerson(identity.Kind))
			e.instruct(tx, order.At, lifecycle.HashID("forget", order.Customer.Part(), hash.Part()), 35, instruction{Forget: &one})
		}
	}
	return e.forget(tx, order.of(lifecycle.Identity{Kind: lifecycle.UserID}, order.Customer, named))
}

// forgetLoser forgets somebody who was becoming one with a customer when that one was erased.
func (e *Engine) forgetLoser(tx store.Tx, in adopt) error {
	if in.Loser == nil {
		return nil // of their timeline there is nothing but what came here
	}
	order := forget{Customer: in.Customer, IDs: []lifecycle.ID{in.Customer, in.From}, At: in.At}
	return e.forgetIdentities(tx, &order, slices.Concat(in.Loser.Identities, in.Surplus, e.written(in.Loser)), in.Loser.Named() && !in.Loser.Called)
}

// written returns where a customer lives, where else they have been written to or could be by channels of others, and which addresses of
// theirs are suppressed, each once.
func (e *Engine) written(c *lifecycle.Customer) []lifecycle.Identity {
	list := c.Places()
	add := func(identity lifecycle.Identity, ok bool) {
		if ok && !slices.Contains(list, identity) {
			list = append(list, identity)
		}
	}
	for _, trait := range slices.Sorted(maps.Keys(c.Traits)) {
		if trait == "address" || e.isPlace(trait) {
			add(placeOf(c, trait))
		}
	}
	for _, s := range c.Suppressions {
		add(lifecycle.AddressIdentity(s.Channel, s.Address))
	}
	return list
}

// placeOf returns the place of which a customer's trait says that they are there. Any trait may be the address of a channel of others, which
// need not be set up just now.
func placeOf(c *lifecycle.Customer, trait string) (lifecycle.Identity, bool) {
	channel := trait
	switch {
	case trait == "address":
		channel = "letter"
	case lifecycle.IsAddressTrait(trait) || lifecycle.KindOf(trait) == "letter" || !lifecycle.HasPlaces(trait):
		return lifecycle.Identity{}, false
	}
	address, problem := c.Address(channel)
	if problem != "" {
		return lifecycle.Identity{}, false
	}
	return lifecycle.AddressIdentity(channel, address)
}

// isAt reports whether a customer is at a place by the word of somebody who is to be believed.
func isAt(c *lifecycle.Customer, place lifecycle.ID) bool {
	for trait := range c.Traits {
		if at, ok := placeOf(c, trait); ok && at.Hash() == place {
			if origin, _ := c.Origin(trait); !lifecycle.IsUnproved(origin.Source) {
				return true
			}
		}
	}
	return false
}

// knownAt returns since when a customer is known, if they are at a place of a channel of others. They may have said so before the channel
// was set up, when nobody kept who else was there. Whoever has another's letters has their name as well.
func knownAt(c *lifecycle.Customer, place lifecycle.Identity) time.Time {
	if kind := place.Kind.PlaceOf(); kind == "" || kind == "letter" || !isAt(c, place.Hash()) {
		return time.Time{}
	}
	return c.Created
}

// anonymous reports whether nobody knows more of a customer than a browser or an app.
func anonymous(c *lifecycle.Customer) bool {
	for _, identity := range c.Identities {
		if identity.Kind != lifecycle.AnonymousID && identity.Kind != lifecycle.DeviceIdentity {
			return false
		}
	}
	_, mail := c.Traits["email"]
	_, phone := c.Traits["phone"]
	return !mail && !phone
}

// namesPerson reports whether nobody else gets an identity later.
func namesPerson(kind lifecycle.IdentityKind) bool {
	return kind == lifecycle.UserID || kind.External() != ""
}
