package engine

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// MaxMatches bounds the customers of whom one text is an identity.
const MaxMatches = 50

// CustomerMatch is a customer whom a search has found.
type CustomerMatch struct {
	Customer *lifecycle.Customer
	By       lifecycle.Identity // the identity that the text is; none: it is the customer's own ID
	Leads    bool               // the identity leads to this customer; false: they have only said that it is theirs
}

// SearchCustomers finds everybody who has a text as one of their identities, those first to whom it leads: it may be the
// user ID of one and the anonymous ID of another, and several may have given the same mail address. At most so many are looked for. Nobody is no error.
func (e *Engine) SearchCustomers(ctx context.Context, text string, most int) ([]CustomerMatch, error) {
	var leads, others []CustomerMatch
	seen := map[lifecycle.ID]bool{}
	add := func(list *[]CustomerMatch, id lifecycle.ID, by lifecycle.Identity, to bool) error {
		if len(leads)+len(others) >= most || seen[id] {
			return nil
		}
		c, err := e.Record(ctx, id)
		switch {
		case lifecycle.CodeOf(err) == lifecycle.NotFound:
			return nil
		case err != nil:
			return err
		case !seen[c.ID]:
			*list = append(*list, CustomerMatch{c, by, to})
		}
		seen[id], seen[c.ID] = true, true
		return nil
	}
	var claims []WhoHas
	for _, identity := range identitiesIn(text) {
		who, err := e.WhoHas(ctx, identity)
		if err != nil {
			return nil, err
		}
		if !who.Customer.IsZero() {
			if err = add(&leads, who.Customer, identity, true); err != nil {
				return nil, err
			}
		}
		claims = append(claims, who)
	}
	if id, err := lifecycle.ParseID(text); err == nil {
		if err = add(&leads, id, lifecycle.Identity{}, true); err != nil {
			return nil, err
		}
	}
	for _, who := range claims {
		for _, id := range append(slices.Clone(who.Others), who.Unproven...) {
			if err := add(&others, id, who.Identity, false); err != nil {
				return nil, err
			}
		}
	}
	return append(leads, others...), nil
}

// OneCustomer finds the one customer to whom a text leads as an identity of a kind; of kind "id" it is their own ID. Without a
// kind it may be any, and a text that leads to several people is a Conflict: nobody should be given, or lose, what is
// somebody else's.
func (e *Engine) OneCustomer(ctx context.Context, text, kind string) (*lifecycle.Customer, error) {
	if kind == "id" {
		id, err := lifecycle.ParseID(text)
		if err != nil {
			return nil, err
		}
		return e.Record(ctx, id)
	}
	if kind != "" {
		identity, ok := lifecycle.ParseIdentity(lifecycle.IdentityKind(kind), text)
		if !ok {
			return nil, &lifecycle.Error{Code: lifecycle.Invalid, Field: "kind", Message: fmt.Sprintf("%.80q is no identity of kind %.40q; kinds are id, user, anonymous, email, phone, device and external:NAME", text, kind)}
		}
		found, err := e.Customer(ctx, identity)
		if lifecycle.CodeOf(err) != lifecycle.NotFound {
			return found.Customer, err
		}
		claims, err := e.SearchCustomers(ctx, text, MaxMatches)
		if err != nil {
			return nil, err
		}
		return onlyClaimant(text, slices.DeleteFunc(claims, func(match CustomerMatch) bool { return match.By != identity }))
	}
	found, err := e.SearchCustomers(ctx, text, MaxMatches)
	if err != nil {
		return nil, err
	}
	var one *lifecycle.Customer
	var kinds []string
	for _, match := range found {
		if match.Leads {
			one, kinds = match.Customer, append(kinds, cmp.Or(string(match.By.Kind), "id"))
		}
	}
	switch len(kinds) {
	case 0:
		return onlyClaimant(text, found)
	case 1:
		return one, nil
	}
	return nil, &lifecycle.Error{Code: lifecycle.Conflict, Field: "kind", Message: fmt.Sprintf("%.80q leads to %d people: it is the %s of different ones", text, len(kinds), strings.Join(kinds, ", the ")),
		Hint: "say which is meant by its kind, as in ?kind=" + kinds[0]}
}

// onlyClaimant returns the one customer who has a text as an address that proves nothing, because a page or a form said so, and
// that leads to nobody. Several are a Conflict that lists them.
func onlyClaimant(text string, found []CustomerMatch) (*lifecycle.Customer, error) {
	var one *lifecycle.Customer
	var names []string
	for _, match := range found {
		if c := match.Customer; !match.Leads && hasAddress(c, match.By) {
			one, names = c, append(names, strings.TrimSpace(cmp.Or(c.UserID(), c.AnonymousID())+" (id "+c.ID.String()+")"))
		}
	}
	switch len(names) {
	case 0:
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no customer %.80q", text)
	case 1:
		return one, nil
	}
	more := ""
	if n := len(names); n > maxNamed {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n-maxNamed)
	}
	return nil, &lifecycle.Error{Code: lifecycle.Conflict, Field: "kind", Message: fmt.Sprintf("%.80q leads to nobody, and several have given it: %s%s", text, strings.Join(names, ", "), more),
		Hint: "name the one who is meant by their own ID"}
}

// maxNamed is how many people an error lists.
const maxNamed = 10

// hasAddress reports whether an address is what a customer can be written to at, or known by.
func hasAddress(c *lifecycle.Customer, address lifecycle.Identity) bool {
	if c.Knows(address) {
		return true
	}
	return slices.ContainsFunc(addressTraits[:], func(known struct{ trait, channel string }) bool {
		identity, ok := traitIdentity(c.Traits[known.trait], known.channel)
		return ok && identity == address
	})
}

// customersFrom asks a partition for customers, from one on.
type customersFrom struct {
	From  lifecycle.ID
	Limit int
}

func (e *Engine) customersFrom(tx store.Reader, q customersFrom) (answer membersAnswer, failed error) {
	tx.Scan(customerKey(q.From), []byte{'c' + 1}, func(key, value []byte) bool {
		if answer.more = len(answer.members) == q.Limit; answer.more {
			answer.next = lifecycle.ID(key[1:])
			return false
		}
		c := &lifecycle.Customer{}
		if failed = store.Decode(value, c); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "customer %s cannot be read", lifecycle.ID(bytes.Clone(key[1:])))
			return false
		}
		if !c.Applicant() {
			answer.members = append(answer.members, c)
		}
		return true
	})
	return answer, failed
}

// Customers returns customers from a place on, as many as asked for, in the order of their partitions and IDs, and the place
// to go on from; its Partition is lifecycle.Partitions at the end.
func (e *Engine) Customers(ctx context.Context, from MemberCursor, limit int) ([]*lifecycle.Customer, MemberCursor, error) {
	var list []*lifecycle.Customer
	for from.Partition < lifecycle.Partitions && len(list) < limit {
		answer, err := e.store.Ask(ctx, from.Partition, customersFrom{from.From, limit - len(list)})
		if err != nil {
			return nil, from, err
		}
		page := answer.(membersAnswer)
		list = append(list, page.members...)
		if from.From = page.next; !page.more {
			from = MemberCursor{Partition: from.Partition + 1}
		}
	}
	return list, from, nil
}

// askCustomers answers the questions of lists of customers and of their lives; handled is false for a question of someone
// else.
func (e *Engine) askCustomers(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case newestOf:
		answer, err = e.newestOf(tx)
	case customersFrom:
		answer, err = e.customersFrom(tx, q)
	case livedBefore:
		answer, err = e.livedBefore(tx, q)
	case stageHistory:
		answer, err = e.stageHistory(tx, q)
	case marksFrom:
		return e.marksFrom(tx, q), true, nil
	case missedEvents:
		answer, err = e.missedEvents(tx)
	case eventsPage:
		answer = e.eventsPage(tx, q)
	case eventsAt:
		answer, err = e.eventsAt(tx, q)
	default:
		return nil, false, nil
	}
	return answer, true, err
}

// SegmentTitles returns the titles of the published segments by their names.
func (e *Engine) SegmentTitles(ctx context.Context) (map[string]string, error) {
	titles := map[string]string{}
	table, err := e.segmentTable(ctx)
	if err != nil || table.Version == "" {
		return titles, err
	}
	compiled, err := e.compiledSegments(table)
	if err != nil {
		return nil, err
	}
	for _, segment := range compiled.List {
		titles[segment.Name] = segment.Title
	}
	return titles, nil
}
