package engine

import (
	"bytes"
	"context"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Person is everything that the engine keeps of one customer, for them to have.
type Person struct {
	Customer     *lifecycle.Customer
	IDs          []lifecycle.ID // under which anything of theirs may lie: those of all their identities
	Said         []Said         // oldest first
	Timeline     []TimelineEntry
	Applications []Application
	SetAside     []DeadLetter
	Identities   []WhoHas // what else is known of their identities
	Lists        []Listing
}

// Listing is a place on the list of a broadcast or a bulk, with what the list says of the customer.
type Listing struct {
	List string
	Row  []byte // JSON; may be empty
}

// personPage asks for what a partition keeps under an ID, a part at a time.
type personPage struct {
	id   lifecycle.ID
	ids  []lifecycle.ID
	seen bool   // what lies in the partition beside them is known, of another ID
	from []byte // of the timeline
}

type personPart struct {
	person Person
	next   []byte
}

const personPageBytes = 1 << 20

func (e *Engine) personPage(tx store.Reader, q personPage) (part personPart, err error) {
	p := &part.person
	if q.from == nil {
		if data := tx.Get(customerKey(q.id)); data != nil {
			p.Customer = &lifecycle.Customer{}
			if err = store.Decode(data, p.Customer); err != nil {
				return part, lifecycle.Wrap(lifecycle.Internal, err, "a customer's record cannot be read")
			}
		}
		if p.Said, _, err = saidBy(tx, q.id); err != nil {
			return part, err
		}
		if err = e.personBeside(tx, q, p); err != nil {
			return part, err
		}
	}
	from, prefix, read := q.from, timelinePrefix(q.id), 0
	if from == nil {
		from = prefix
	}
	tx.Scan(from, store.PrefixEnd(prefix), func(key, value []byte) bool {
		if read >= personPageBytes {
			part.next = bytes.Clone(key)
			return false
		}
		read += len(value)
		var entry TimelineEntry
		if err = store.Decode(value, &entry); err != nil {
			return false
		}
		p.Timeline = append(p.Timeline, entry)
		return true
	})
	return part, err
}

// personBeside adds what lies beside the customer.
func (e *Engine) personBeside(tx store.Reader, q personPage, p *Person) (err error) {
	prefix := applicationPrefix(q.id)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var a Application
		if store.Decode(value, &a) == nil {
			p.Applications = append(p.Applications, a)
		}
		return true
	})
	if q.seen {
		return nil
	}
	tx.Scan([]byte{'x'}, []byte{'x' + 1}, func(_, value []byte) bool {
		if letter := letterOf(value, q.ids); letter != nil {
			p.SetAside = append(p.SetAside, *letter)
		}
		return true
	})
	return shares(tx, func(b *broadcastShare) {
		for _, id := range q.ids {
			if key := listKey(b.Name, id); tx.Has(key) {
				p.Lists = append(p.Lists, Listing{b.Name, tx.Get(key)})
			}
		}
	})
}

// Person returns everything that is kept of a customer, under all the IDs that they ever had. Timelines are newest first.
func (e *Engine) Person(ctx context.Context, id lifecycle.ID) (Person, error) {
	found, err := e.customerAt(ctx, id)
	if err != nil {
		return Person{}, err
	}
	c := found.Customer
	all := Person{Customer: c, IDs: []lifecycle.ID{c.ID}}
	named := []lifecycle.ID{c.ID}
	identities, err := e.identitiesOf(ctx, c)
	if err != nil {
		return all, err
	}
	for _, identity := range identities {
		if applicant, is := e.applicant(identity); is {
			all.IDs, named = append(all.IDs, applicant.Hash()), append(named, applicant.Hash())
		}
		if hash := identity.Hash(); !slices.Contains(all.IDs, hash) {
			all.IDs = append(all.IDs, hash)
			if identity.Kind.ByName() {
				named = append(named, hash)
			}
		}
		who, err := e.WhoHas(ctx, identity)
		if err != nil {
			return all, err
		}
		all.Identities = append(all.Identities, who)
	}
	seen := map[int]bool{}
	for _, id := range named {
		q := personPage{id: id, ids: all.IDs, seen: seen[id.Partition()]}
		for {
			answer, err := e.store.Ask(ctx, id.Partition(), q)
			if err != nil {
				return all, err
			}
			part := answer.(personPart)
			if other := part.person.Customer; other != nil && id != c.ID && !other.Applicant() {
				break // the name is somebody else's
			}
			all.Said, all.Timeline = append(all.Said, part.person.Said...), append(all.Timeline, part.person.Timeline...)
			all.Applications, all.SetAside = append(all.Applications, part.person.Applications...), append(all.SetAside, part.person.SetAside...)
			all.Lists = append(all.Lists, part.person.Lists...)
			seen[id.Partition()] = true
			if q.from = part.next; q.from == nil {
				break
			}
		}
	}
	slices.SortStableFunc(all.Said, func(a, b Said) int { return a.At.Compare(b.At) })
	return all, nil
}

// ConsentHistory returns what a customer said about being written to, oldest first.
func (e *Engine) ConsentHistory(ctx context.Context, id lifecycle.ID) ([]Said, error) {
	found, err := e.customerAt(ctx, id)
	if err != nil {
		return nil, err
	}
	answer, err := e.store.Ask(ctx, found.Customer.ID.Partition(), personPage{id: found.Customer.ID})
	if err != nil {
		return nil, err
	}
	return answer.(personPart).person.Said, nil
}
