package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// SegmentState is one segment as people see it.
type SegmentState struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Note    string        `json:"note,omitempty"`
	File    string        `json:"file"`
	Needs   []string      `json:"needs,omitempty"` // the segments that it asks for
	Members int64         `json:"members"`
	Failure *SegmentError `json:"failure,omitempty"` // the last time it failed, since the program started
}

// SegmentError is a predicate that failed. Whoever it failed for stays what they were.
type SegmentError struct {
	File    string          `json:"file"`
	Line    int             `json:"line"`
	Message string          `json:"message"`
	Hint    string          `json:"hint,omitempty"`
	At      time.Time       `json:"at"`
	Times   int64           `json:"times"`
	of      *script.Segment // of the version that failed
}

// SegmentsState is all segments, and how far a change has come.
type SegmentsState struct {
	Version   string         `json:"version"`
	Published time.Time      `json:"published,omitzero"`
	Segments  []SegmentState `json:"segments"`
	Walking   bool           `json:"walking"`   // customers are being asked anew
	Walked    int64          `json:"walked"`    // of Customers
	Customers int64          `json:"customers"` // about; only while Walking
}

// segmentFailed keeps the newest failure of a segment.
func (e *Engine) segmentFailed(segment *script.Segment, err error) {
	failure := &SegmentError{File: segment.File, Line: 1, Message: err.Error(), At: e.clock.Now(), Times: 1, of: segment}
	var known *lifecycle.Error
	if errors.As(err, &known) {
		failure.File, failure.Line, failure.Message, failure.Hint = known.File, known.Line, known.Message, known.Hint
	}
	for {
		was, known := e.segmentErrors.LoadOrStore(segment.Name, failure)
		if !known {
			break
		}
		// That it is asked no more in one partition says more than that it failed in another.
		before := was.(*SegmentError)
		again := *failure
		same := before.of == segment && strings.HasPrefix(before.Message, failure.Message)
		if same {
			again.Message, again.Times = before.Message, before.Times+1
		}
		if e.segmentErrors.CompareAndSwap(segment.Name, was, &again) {
			if same {
				return
			}
			break
		}
	}
	e.log.Warn("a segment failed; who is a member stays as it is", "segment", segment.Name, "error", err)
}

// segmentFigures asks a partition how many members there are, and how far a change has come.
type segmentFigures struct{}

type segmentFiguresAnswer struct {
	members map[[segmentHashBytes]byte]int64
	walking bool
	walked  int64
}

func segmentFiguresOf(tx store.Reader) (segmentFiguresAnswer, error) {
	table, err := readSegmentTable(tx)
	answer := segmentFiguresAnswer{members: map[[segmentHashBytes]byte]int64{}, walking: table != nil && table.Walking}
	if err != nil {
		return answer, err
	}
	answer.walked = table.Walked
	tx.Scan(segmentTableKey(), []byte{'T' + 1}, func(key, value []byte) bool {
		if len(key) == 1+segmentHashBytes {
			answer.members[[segmentHashBytes]byte(key[1:])] = memberCount(value)
		}
		return true
	})
	return answer, nil
}

// Segments returns all segments with the number of their members.
func (e *Engine) Segments(ctx context.Context) (SegmentsState, error) {
	table, err := e.segmentTable(ctx)
	if err != nil {
		return SegmentsState{}, err
	}
	state := SegmentsState{Version: table.Version, Published: table.Since, Segments: []SegmentState{}}
	if table.Version == "" {
		return state, nil
	}
	members := map[[segmentHashBytes]byte]int64{}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, segmentFigures{})
		if err != nil {
			return state, err
		}
		figures := answer.(segmentFiguresAnswer)
		state.Walking = state.Walking || figures.walking
		state.Walked += figures.walked
		for hash, n := range figures.members {
			members[hash] += n
		}
	}
	compiled, err := e.compiledSegments(table)
	if err != nil {
		return state, err
	}
	for _, segment := range compiled.List {
		one := SegmentState{Name: segment.Name, Title: segment.Title, Note: segment.Note, File: segment.File, Needs: segment.Needs,
			Members: members[[segmentHashBytes]byte(segmentHash(segment.Name))]}
		if failure, ok := e.segmentErrors.Load(segment.Name); ok {
			one.Failure = failure.(*SegmentError)
		}
		state.Segments = append(state.Segments, one)
	}
	return state, nil
}

// SegmentSource returns the files of the published segments, with the helpers that they use.
func (e *Engine) SegmentSource(ctx context.Context) (script.Source, error) {
	table, err := e.segmentTable(ctx)
	if err != nil || table.Version == "" {
		return script.Source{Name: script.SegmentsFolder}, err
	}
	compiled, err := e.compiledSegments(table)
	if err != nil {
		return script.Source{}, err
	}
	return compiled.Source(), nil
}

// membersOf asks a partition for members of a segment, from a customer on.
type membersOf struct {
	Segment string
	From    lifecycle.ID
	Limit   int
}

type membersAnswer struct {
	members []*lifecycle.Customer
	next    lifecycle.ID
	more    bool
}

func (e *Engine) membersOf(tx store.Reader, q membersOf) (answer membersAnswer, failed error) {
	hash := segmentHash(q.Segment)
	var ids []lifecycle.ID
	tx.Scan(memberKey(hash, q.From), store.PrefixEnd(memberPrefix(hash)), func(key, _ []byte) bool {
		id := lifecycle.ID(key[1+segmentHashBytes:])
		if answer.more = len(ids) == q.Limit; answer.more {
			answer.next = id
			return false
		}
		ids = append(ids, id)
		return true
	})
	for _, id := range ids {
		data := tx.Get(customerKey(id))
		if data == nil {
			continue
		}
		c := &lifecycle.Customer{}
		if err := store.Decode(data, c); err != nil {
			return answer, lifecycle.Wrap(lifecycle.Internal, err, "customer %s cannot be read", id)
		}
		answer.members = append(answer.members, c)
	}
	return answer, nil
}

// MemberCursor is a place in the list of a segment's members: a partition, and the customer to go on from.
type MemberCursor struct {
	Partition int
	From      lifecycle.ID
}

// Members returns members of a segment from a place on, about as many as asked for, in the order of their partitions and IDs,
// and the place to go on from; its Partition is lifecycle.Partitions at the end. Test people are none.
func (e *Engine) Members(ctx context.Context, segment string, from MemberCursor, limit int) ([]*lifecycle.Customer, MemberCursor, error) {
	if err := e.knowsSegment(ctx, segment); err != nil {
		return nil, from, err
	}
	var list []*lifecycle.Customer
	for from.Partition < lifecycle.Partitions && len(list) < limit {
		answer, err := e.store.Ask(ctx, from.Partition, membersOf{segment, from.From, limit - len(list)})
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

// knowsSegment refuses a name that no published segment has.
func (e *Engine) knowsSegment(ctx context.Context, name string) error {
	table, err := e.segmentTable(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(table.Former[table.Epoch], func(ref segmentRef) bool { return ref.Name == name }) {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no segment %q", cut(name))
	}
	return nil
}

// isMember reports whether a customer of the partition is on the list of a segment.
func isMember(tx store.Reader, segment string, customer lifecycle.ID) bool {
	return tx.Has(memberKey(segmentHash(segment), customer))
}

// SegmentsOf returns the segments in which a customer is, by name, as the record says.
func (e *Engine) SegmentsOf(ctx context.Context, c *lifecycle.Customer) ([]string, error) {
	if len(c.Segments) == 0 {
		return []string{}, nil
	}
	answer, err := e.store.Ask(ctx, c.ID.Partition(), segmentTableOf{})
	if err != nil {
		return []string{}, err
	}
	return answer.(*segmentTable).of(c), nil
}

// of returns the segments in which a customer is, by name, as the record says.
func (t *segmentTable) of(c *lifecycle.Customer) []string {
	names := []string{}
	var state segmentState
	if !state.read(bytes.Clone(c.Segments)) {
		return names
	}
	for at, ref := range t.Former[state.epoch] {
		if at < len(state.ones) && state.ones[at].member {
			names = append(names, ref.Name)
		}
	}
	return names
}
