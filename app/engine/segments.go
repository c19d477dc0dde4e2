package engine

import (
	"context"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// Segments: who is a member is decided in the commit of whatever changes it. Reading order: segments.go (which there are, as
// a partition keeps them), segment_state.go (what a customer's record keeps of them), segment_assess.go (when a customer is
// asked about), segment_look.go (what predicates see), segment_walk.go (everybody after a change), segment_list.go (who the
// members are).

// Keys of segments:
//
//	T                    -> segmentTable
//	T segment hash       -> how many members there are in this partition
//	S segment hash, customer -> a member who is no test person
const segmentHashBytes = 8

func segmentTableKey() []byte { return []byte{'T'} }

func segmentHash(name string) []byte {
	id := lifecycle.HashID("segment", name)
	return id[:segmentHashBytes]
}

func memberCountKey(hash []byte) []byte { return append([]byte{'T'}, hash...) }

func memberPrefix(hash []byte) []byte { return append([]byte{'S'}, hash...) }

func memberKey(hash []byte, customer lifecycle.ID) []byte {
	return append(memberPrefix(hash), customer[:]...)
}

// segmentTable is what a partition keeps of the segments that were published, and how far it has come with telling everybody.
type segmentTable struct {
	Epoch   uint64                  `msgpack:"e"` // grows with every change; customers' records name it
	Version string                  `msgpack:"v"`
	Packed  []byte                  `msgpack:"p"` // the source
	Former  map[uint64][]segmentRef `msgpack:"f"` // what the epochs mean that customers may still name, this one included
	Walking bool                    `msgpack:"w"` // customers from Cursor on may not know of the change
	Cursor  lifecycle.ID            `msgpack:"c"`
	Walked  int64                   `msgpack:"n"` // customers looked at since the change
	Dropped []string                `msgpack:"d"` // segments that are gone, whose members are still listed
	Since   time.Time               `msgpack:"s"` // when it was published
	Past    []SegmentsPast          `msgpack:"h"` // which versions there were and which there is, oldest first
}

// SegmentsPast is which version of the segments held from a moment on. The sources are in the first partition, as those of
// journeys are.
type SegmentsPast struct {
	At      time.Time `msgpack:"a"`
	Version string    `msgpack:"v"`
	Walked  time.Time `msgpack:"w"`           // when everybody knew it; zero: not yet, or the next version came before
	Overdue time.Time `msgpack:"o,omitempty"` // since when timers waited that were overdue then; zero: none was
}

// maxSegmentsPast is how many changes are remembered, for replays.
const maxSegmentsPast = 100

// segmentRef names one version of a segment.
type segmentRef struct {
	Name    string `msgpack:"n"`
	Version string `msgpack:"v"`
}

// segmentPart is what the single writer of a partition keeps in memory of segments.
type segmentPart struct {
	set     *segmentSet // nil: there are none
	current bool        // set is what is stored
	walking atomic.Bool // there may be customers who do not know of a change
	scratch segmentState
	steps   int // that predicates have taken so far
}

// segmentSet is the segments of one epoch, ready to be asked.
type segmentSet struct {
	*script.Segments
	epoch  uint64
	former map[uint64][]segmentRef
	hashes [][]byte
	index  map[string][]segmentTouch // by a name that is written out in them
	needed [][]int                   // by segment: those that ask for it
}

// segmentTouch is a segment that may look at a name, and the bits under which it does.
type segmentTouch struct {
	at   int
	bits uint64
}

func newSegmentSet(compiled *script.Segments, table *segmentTable) *segmentSet {
	set := &segmentSet{Segments: compiled, epoch: table.Epoch, former: table.Former, index: map[string][]segmentTouch{},
		hashes: make([][]byte, len(compiled.List)), needed: make([][]int, len(compiled.List))}
	for at, segment := range compiled.List {
		set.hashes[at] = segmentHash(segment.Name)
		segment.Names(func(name string) {
			set.index[name] = append(set.index[name], segmentTouch{at, segment.Touches(name)})
		})
		for _, need := range segment.Needs {
			_, other := compiled.Find(need)
			set.needed[other] = append(set.needed[other], at)
		}
	}
	return set
}

func readSegmentTable(tx store.Reader) (*segmentTable, error) {
	table := &segmentTable{}
	data := tx.Get(segmentTableKey())
	if data == nil {
		return table, nil
	}
	if err := store.Decode(data, table); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the segments of partition %d cannot be read", tx.Partition())
	}
	return table, nil
}

// segments returns the segments of a partition; nil if there are none. Only the partition's single writer calls it. Those
// that do not compile any more are left as they are: they must not stand in the way of everything else.
func (e *Engine) segments(tx store.Reader) *segmentSet {
	part := &e.parts[tx.Partition()].segments
	if part.current {
		return part.set
	}
	var set *segmentSet
	table, err := readSegmentTable(tx)
	if err == nil && table.Version != "" {
		var compiled *script.Segments
		if compiled, err = e.compiledSegments(table); err == nil && len(compiled.List) > 0 {
			set = newSegmentSet(compiled, table)
		}
	}
	if err != nil {
		e.log.Error("the segments cannot be used; who is a member stays as it is", "partition", tx.Partition(), "error", err)
	}
	part.set, part.current = set, true
	return set
}

// compiledSegments returns the segments of a table, compiled once for all partitions.
func (e *Engine) compiledSegments(table *segmentTable) (*script.Segments, error) {
	if known, ok := e.segmentSets.Load(table.Version); ok {
		return known.(*script.Segments), nil
	}
	files, err := unpack(table.Packed)
	if err != nil {
		return nil, err
	}
	return e.rememberSegments(script.Source{Name: script.SegmentsFolder, Files: files})
}

func (e *Engine) rememberSegments(src script.Source) (*script.Segments, error) {
	if known, ok := e.segmentSets.Load(src.Version()); ok {
		return known.(*script.Segments), nil
	}
	compiled, err := e.host.CompileSegments(src)
	if err != nil {
		return nil, err
	}
	known, _ := e.segmentSets.LoadOrStore(compiled.Version, compiled)
	return known.(*script.Segments), nil
}

// publishSegments is the input "these are the segments from now on". It is safe to repeat.
type publishSegments struct {
	Version string
	Packed  []byte
	List    []segmentRef
	At      time.Time
}

func (e *Engine) publishSegments(tx store.Tx, in publishSegments) error {
	table, err := readSegmentTable(tx)
	if err != nil || table.Version == in.Version {
		return err
	}
	in.At = e.afterAll(tx, in.At) // what came since it was read is committed by the former ones
	for _, was := range table.Former[table.Epoch] {
		if !slices.ContainsFunc(in.List, func(now segmentRef) bool { return now.Name == was.Name }) && !slices.Contains(table.Dropped, was.Name) {
			table.Dropped = append(table.Dropped, was.Name)
		}
	}
	if table.Former == nil {
		table.Former = map[uint64][]segmentRef{}
	}
	table.keepUnkept(tx)
	table.Epoch++
	table.Version, table.Packed, table.Former[table.Epoch], table.Since = in.Version, in.Packed, in.List, in.At
	table.Cursor, table.Walked = lifecycle.ID{}, 0
	table.Walking = anyCustomer(tx)
	table.keepPast(tx, in.At, e.overdue(tx, in.At))
	e.cameIn(tx, in.At)
	tx.Set(segmentTableKey(), store.Encode(table))
	e.rouseWalk(tx)
	return nil
}

// keepPast writes down from when on the version in force holds, with its source. What is not remembered any more goes with
// its own.
func (t *segmentTable) keepPast(tx store.Tx, at, overdue time.Time) {
	past := SegmentsPast{At: at, Version: t.Version, Overdue: overdue}
	if !t.Walking {
		past.Walked = at
	}
	t.Past = append(t.Past, past)
	forgotten := t.Past[:max(0, len(t.Past)-maxSegmentsPast)]
	t.Past = t.Past[len(forgotten):]
	if tx.Partition() != 0 {
		return
	}
	t.storeSource(tx)
	for _, old := range forgotten {
		if !slices.ContainsFunc(t.Past, func(kept SegmentsPast) bool { return kept.Version == old.Version }) {
			tx.Delete(versionKey(old.Version))
		}
	}
}

// keepUnkept writes down the version in force where it was published before any past was kept, ahead of the next one.
func (t *segmentTable) keepUnkept(tx store.Tx) {
	if len(t.Past) > 0 || t.Version == "" || t.Since.IsZero() {
		return
	}
	t.Past = []SegmentsPast{{At: t.Since, Version: t.Version}}
	if tx.Partition() == 0 {
		t.storeSource(tx)
	}
}

// storeSource keeps the source of the version in force beside those of journeys.
func (t *segmentTable) storeSource(tx store.Tx) {
	if key := versionKey(t.Version); !tx.Has(key) {
		tx.Set(key, store.Encode(&storedVersion{Name: script.SegmentsFolder, Packed: t.Packed}))
	}
}

// askAllAgain lets everybody be asked anew by the segments as they are. The caller forgets the segments.
func (e *Engine) askAllAgain(tx store.Tx) error {
	table, err := readSegmentTable(tx)
	if err != nil {
		return err
	}
	table.Former[table.Epoch+1] = table.Former[table.Epoch]
	table.Epoch++
	table.Cursor, table.Walked, table.Walking = lifecycle.ID{}, 0, anyCustomer(tx)
	tx.Set(segmentTableKey(), store.Encode(table))
	e.rouseWalk(tx)
	return nil
}

// forgetSegments lets the next input read the segments anew.
func (e *Engine) forgetSegments(tx store.Reader) { e.parts[tx.Partition()].segments.current = false }

// PublishSegments gives segments to all partitions. Who is a member from the beginning is found in the background and is
// told to nobody; a segment that is known already goes on as it was.
func (e *Engine) PublishSegments(ctx context.Context, src script.Source) error {
	compiled, err := e.rememberSegments(src)
	if err != nil {
		return err
	}
	e.publishing.Lock()
	defer e.publishing.Unlock()
	in := publishSegments{Version: compiled.Version, Packed: pack(src), List: make([]segmentRef, len(compiled.List)), At: e.clock.Now()}
	for i, segment := range compiled.List {
		in.List[i] = segmentRef{segment.Name, segment.Version}
	}
	table, err := e.segmentTable(ctx)
	if err != nil || table.Version == "" && len(in.List) == 0 {
		return err // there never were any
	}
	return e.everywhere(ctx, in)
}

// segmentTableOf asks a partition for its table.
type segmentTableOf struct{}

// segmentTable returns the table of the first partition, which is told last.
func (e *Engine) segmentTable(ctx context.Context) (*segmentTable, error) {
	answer, err := e.store.Ask(ctx, 0, segmentTableOf{})
	if err != nil {
		return nil, err
	}
	return answer.(*segmentTable), nil
}

// countMember adds to the number of members in the partition.
func countMember(tx store.Tx, hash []byte, by int64) {
	key := memberCountKey(hash)
	count := max(0, memberCount(tx.Get(key))+by)
	tx.Set(key, binary.BigEndian.AppendUint64(nil, uint64(count)))
}

func memberCount(data []byte) int64 {
	if len(data) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(data))
}

// applySegments handles the inputs about segments; handled is false for an input of someone else.
func (e *Engine) applySegments(tx store.Tx, input any) (answer any, handled bool, err error) {
	switch in := input.(type) {
	case publishSegments:
		defer e.forgetSegments(tx)
		return nil, true, e.publishSegments(tx, in)
	case walkSegments:
		defer e.forgetSegments(tx)
		answer, err = e.walkSegments(tx, in)
		return answer, true, err
	}
	return nil, false, nil
}

// askSegments answers the questions about them.
func (e *Engine) askSegments(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case segmentTableOf:
		answer, err = readSegmentTable(tx)
	case segmentFigures:
		answer, err = segmentFiguresOf(tx)
	case membersOf:
		answer, err = e.membersOf(tx, q)
	default:
		return nil, false, nil
	}
	return answer, true, err
}
