package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of lists.
const (
	MaxMembers   = 50_000    // put on a list at once
	maxListed    = 2_000_000 // of one partition
	MaxRow       = 8 << 10   // bytes of what a list says of a customer
	emailLook    = 2000      // customers looked at in one question
	maxNotThere  = 20        // named in an answer
	membersAtOne = 500       // in one commit
)

// Member is one row of a list: a customer by user ID or by mail address, and what else is said of them.
type Member struct {
	UserID string
	Email  string
	Row    json.RawMessage // an object; its fields are event.properties of the message
}

func (m *Member) named() string { return cmp.Or(m.UserID, m.Email) }

// Added is what became of rows.
type Added struct {
	Added   int      `json:"added"`
	Again   int      `json:"again"`   // on the list already; the newer row counts
	Unknown int      `json:"unknown"` // there is no such customer
	Names   []string `json:"names"`   // some of those
}

// addToList is the input "these are on the list". Who is not in this partition is answered with where to ask.
type addToList struct {
	Name    string
	Members []listed
}

type listed struct {
	at  int // which member of the request
	id  lifecycle.ID
	row json.RawMessage
}

type addedAnswer struct {
	Next         []listed // with the ID to ask for instead
	Unknown      []int
	Added, Again int
}

func (e *Engine) addToList(tx store.Tx, in addToList) (answer addedAnswer, err error) {
	b, err := readShare(tx, in.Name)
	if err != nil {
		return answer, err
	}
	if b == nil {
		b = &broadcastShare{Name: in.Name, State: BroadcastDraft}
	}
	if b.Dropped {
		return answer, errStillRemoved(in.Name)
	}
	if b.State != BroadcastDraft {
		return answer, lifecycle.Errorf(lifecycle.Conflict, "broadcast %s was started; its list cannot be changed", in.Name)
	}
	for _, m := range in.Members {
		id, record, here := e.find(tx, m.id)
		switch {
		case !here:
			m.id = id
			answer.Next = append(answer.Next, m)
		case record == nil:
			answer.Unknown = append(answer.Unknown, m.at)
		default:
			key := listKey(in.Name, id)
			if tx.Has(key) {
				answer.Again++
			} else if answer.Added++; b.Listed+int64(answer.Added) > maxListed {
				return answer, lifecycle.Errorf(lifecycle.TooLarge, "the list is too long")
			}
			tx.Set(key, append([]byte{}, m.row...))
		}
	}
	b.Listed += int64(answer.Added)
	tx.Set(shareKey(b.Name), store.Encode(b))
	return answer, nil
}

// AddToBroadcast puts customers on the list of a draft and says who is not known. It may be repeated.
func (e *Engine) AddToBroadcast(ctx context.Context, name string, members []Member) (Added, error) {
	sum := Added{Names: []string{}}
	b, err := e.Broadcast(ctx, name)
	if err != nil {
		return sum, err
	}
	if !b.Audience.List {
		return sum, lifecycle.Errorf(lifecycle.Conflict, "broadcast %s goes to %s, not to a list", name, b.Audience.Text())
	}
	return e.addMembers(ctx, members, func() error { _, err := e.Broadcast(ctx, name); return err },
		func(list []listed) any { return addToList{name, list} })
}

// addMembers gives customers, in the partitions where they are, to inputs that put them on a list. Nothing is started or removed
// meanwhile; there asks whether it was before.
func (e *Engine) addMembers(ctx context.Context, members []Member, there func() error, input func([]listed) any) (Added, error) {
	sum := Added{Names: []string{}}
	if len(members) > MaxMembers {
		return sum, lifecycle.Errorf(lifecycle.TooLarge, "%d rows at once are too many; send at most %d in one request", len(members), MaxMembers)
	}
	byEmail, err := e.idsByEmail(ctx, members)
	if err != nil {
		return sum, err
	}
	e.publishing.Lock()
	defer e.publishing.Unlock()
	if err = there(); err != nil {
		return sum, err
	}
	var pending []listed
	unknown := func(i int) {
		if sum.Unknown++; len(sum.Names) < maxNotThere {
			sum.Names = append(sum.Names, cut(members[i].named()))
		}
	}
	for i := range members {
		m := &members[i]
		id, known := byEmail[emailOf(m.Email)]
		if m.UserID != "" {
			id, known = (lifecycle.Identity{Kind: lifecycle.UserID, Value: m.UserID}).Hash(), true
		}
		if !known {
			unknown(i)
			continue
		}
		pending = append(pending, listed{i, id, m.Row})
	}
	for range 8 {
		if len(pending) == 0 {
			return sum, nil
		}
		var parts [lifecycle.Partitions][]listed
		for _, m := range pending {
			parts[m.id.Partition()] = append(parts[m.id.Partition()], m)
		}
		pending = nil
		var items []store.Item
		for p, list := range parts {
			for len(list) > 0 {
				n := min(len(list), membersAtOne)
				items = append(items, store.Item{Partition: p, Input: input(list[:n])})
				list = list[n:]
			}
		}
		for _, result := range e.store.DoAll(ctx, items) {
			if result.Err != nil {
				return sum, result.Err
			}
			answer := result.Answer.(addedAnswer)
			sum.Added, sum.Again, pending = sum.Added+answer.Added, sum.Again+answer.Again, append(pending, answer.Next...)
			for _, i := range answer.Unknown {
				unknown(i)
			}
		}
	}
	return sum, lifecycle.Errorf(lifecycle.Internal, "an identity leads in a circle")
}

func emailOf(text string) string {
	if identity, ok := lifecycle.ParseIdentity(lifecycle.EmailIdentity, text); ok {
		return identity.Value
	}
	return strings.ToLower(strings.TrimSpace(text))
}

// whoHasEmail asks a partition which of its customers have one of these mail addresses.
type whoHasEmail struct {
	Emails map[string]bool
	From   lifecycle.ID
}

type emailsAnswer struct {
	found []hasEmail
	next  lifecycle.ID
	more  bool
}

type hasEmail struct {
	email string
	id    lifecycle.ID
	clock time.Time
}

func (e *Engine) whoHasEmail(tx store.Reader, q whoHasEmail) (answer emailsAnswer, failed error) {
	looked := 0
	tx.Scan(customerKey(q.From), []byte{'c' + 1}, func(key, value []byte) bool {
		if looked++; looked > emailLook {
			answer.next, answer.more = lifecycle.ID(key[1:]), true
			return false
		}
		var c lifecycle.Customer
		if failed = store.Decode(value, &c); failed != nil {
			return false
		}
		text, _ := c.Trait("email").(string)
		if email := emailOf(text); q.Emails[email] && !c.Test() && !c.Applicant() {
			answer.found = append(answer.found, hasEmail{email, c.ID, c.Clock})
		}
		return true
	})
	return answer, failed
}

// idsByEmail looks through all customers for the mail addresses of rows that have nothing else. Of several customers with
// one address it is the one who was heard of last.
func (e *Engine) idsByEmail(ctx context.Context, members []Member) (map[string]lifecycle.ID, error) {
	emails := map[string]bool{}
	for i := range members {
		if m := &members[i]; m.UserID == "" && m.Email != "" {
			emails[emailOf(m.Email)] = true
		}
	}
	if len(emails) == 0 {
		return nil, nil
	}
	ids, latest := map[string]lifecycle.ID{}, map[string]time.Time{}
	for p := range lifecycle.Partitions {
		for q := (whoHasEmail{Emails: emails}); ; {
			got, err := e.store.Ask(ctx, p, q)
			if err != nil {
				return nil, err
			}
			answer := got.(emailsAnswer)
			for _, one := range answer.found {
				if before, known := latest[one.email]; !known || one.clock.After(before) {
					ids[one.email], latest[one.email] = one.id, one.clock
				}
			}
			if !answer.more {
				break
			}
			q.From = answer.next
		}
	}
	return ids, nil
}
