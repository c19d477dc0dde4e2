package engine

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// JourneyPast is what a journey became at a moment: which version was the newest from then on, and what it was allowed to
// do. Every partition keeps its own, so that a customer's life can be told by the scripts that were live in it.
type JourneyPast struct {
	At      time.Time      `msgpack:"a" json:"at"`
	Journey string         `msgpack:"j" json:"journey"`
	Version string         `msgpack:"v" json:"version"`
	Mode    lifecycle.Mode `msgpack:"m" json:"mode"`
	Drained bool           `msgpack:"d,omitempty" json:"drained,omitempty"` // runs of other versions ended
	Overdue time.Time      `msgpack:"o,omitempty" json:"-"`                 // since when timers waited that were overdue then; zero: none was
}

func journeyPastKey(at time.Time, journey string) []byte {
	return append(store.AppendTime([]byte{'W'}, at), journey...)
}

// keepPast writes down that a journey changed; journeys change seldom.
func (e *Engine) keepPast(tx store.Tx, at time.Time, state *JourneyState) {
	if at.IsZero() {
		return
	}
	tx.Set(journeyPastKey(at, state.Name), store.Encode(&JourneyPast{At: at, Journey: state.Name, Version: state.Version, Mode: state.Mode,
		Drained: len(state.Keep) > 0, Overdue: e.overdue(tx, at)}))
}

// readJourneyPasts returns what journeys became in a partition, oldest first.
func readJourneyPasts(tx store.Reader) (all []JourneyPast, failed error) {
	tx.Scan([]byte{'W'}, []byte{'W' + 1}, func(_, value []byte) bool {
		var past JourneyPast
		failed = store.Decode(value, &past)
		all = append(all, past)
		return failed == nil
	})
	return all, failed
}

// maxLifeRead is how many timeline entries of one customer are read to tell or replay their life; the newest ones are.
const maxLifeRead = 20_000

// Life is what a store knows of one customer's life.
type Life struct {
	Customer *lifecycle.Customer
	Entries  []LifeEntry   // oldest first
	Cut      bool          // there are older entries
	Gone     time.Time     // what happened before it was removed, as it is kept only so long; zero: the timeline begins where the life did
	Past     []JourneyPast // of the journeys, oldest first
	Now      []JourneyState
	imports  []importRecord
	scores   []ScoresPast // what was declared of scores, oldest first
	said     []Said       // words of consent, oldest first

	Members        map[string]string // how they stand in segments they are in, by name; nil: they have yet to be asked
	segments       []SegmentsPast    // oldest first
	ranks          []RanksPast       // oldest first
	walks          map[int]walks     // by the partitions in which the customer, and those who became part of them, have lived
	unranked       bool              // nobody has a rank
	segmentsNow    string            // the version of segmentsPacked
	segmentsPacked []byte            // the present ones
	asked          map[uint64]bool   // numbers of entries whose event tells of a segment that is asked again

	adoptions map[lifecycle.ID]adoption // of those who became part of the customer
}

// LifeEntry is a timeline entry with its number.
type LifeEntry struct {
	Seq uint64
	TimelineEntry
}

type lifeOf struct{ Customer *lifecycle.Customer }

// askHomes completes what a partition knows of imports by what the partitions of their own IDs do.
func (e *Engine) askHomes(ctx context.Context, imports []importRecord) error {
	for i, record := range imports {
		answer, err := e.store.Ask(ctx, sourceID(record.Source).Partition(), importState{record.Source})
		if err != nil {
			return err
		}
		if home := answer.(importRecord); home.State != "" {
			imports[i] = home
		}
	}
	return nil
}

// Life returns a customer's life by any of their IDs.
func (e *Engine) Life(ctx context.Context, id lifecycle.ID) (*Life, error) {
	for range 8 {
		c, err := e.Record(ctx, id)
		if err != nil {
			return nil, err
		}
		answer, err := e.store.Ask(ctx, c.ID.Partition(), lifeOf{c})
		if err != nil {
			return nil, err
		}
		if life := answer.(*Life); life != nil {
			if err = e.askHomes(ctx, life.imports); err != nil {
				return nil, err
			}
			if err = e.askWalks(ctx, life); err != nil {
				return nil, err
			}
			life.adoptions, err = e.adoptions(ctx, life.ids())
			return life, err
		}
		id = c.ID // merged in between
	}
	return nil, lifecycle.Errorf(lifecycle.Busy, "the customer is being merged; try again in a moment")
}

// lived reads a life in one snapshot; nil if the customer is not here any more.
func (e *Engine) lifeOf(tx store.Reader, q lifeOf) (*Life, error) {
	data := tx.Get(customerKey(q.Customer.ID))
	if data == nil {
		return nil, nil
	}
	life := &Life{Customer: &lifecycle.Customer{}}
	if err := store.Decode(data, life.Customer); err != nil {
		return nil, err
	}
	var failed error
	prefix := timelinePrefix(q.Customer.ID)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		if life.Cut = len(life.Entries) == maxLifeRead; life.Cut {
			return false
		}
		entry := LifeEntry{Seq: ^binary.BigEndian.Uint64(key[len(prefix):])}
		if failed = store.Decode(value, &entry.TimelineEntry); failed != nil {
			return false
		}
		life.Entries = append(life.Entries, entry)
		return true
	})
	slices.Reverse(life.Entries)
	life.Gone = life.gone(readEntriesGone(tx))
	tx.Scan([]byte{'H'}, []byte{'H' + 1}, func(key, value []byte) bool {
		if len(key) != len(importKey(lifecycle.ID{})) { // a mapping
			return true
		}
		var record importRecord
		if failed == nil {
			failed = store.Decode(value, &record)
		}
		life.imports = append(life.imports, record)
		return failed == nil
	})
	if failed == nil {
		life.Past, failed = readJourneyPasts(tx)
	}
	if failed != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, failed, "the life of customer %s cannot be read", q.Customer.ID)
	}
	table, err := readScoreTable(tx)
	if err != nil {
		return nil, err
	}
	life.scores = table.Past
	segments, err := readSegmentTable(tx)
	if err != nil {
		return nil, err
	}
	life.keepMembers(tx, segments)
	now, err := readRanks(tx)
	if err != nil {
		return nil, err
	}
	if life.ranks, err = readRanksPast(tx); err != nil {
		return nil, err
	}
	life.unranked = now.Customers == 0
	life.walks = map[int]walks{tx.Partition(): {segments.Past, life.ranks, pausesOf(life.Past, life.scores, life.segments, life.ranks)}}
	if life.said, _, err = saidBy(tx, q.Customer.ID); err != nil {
		return nil, err
	}
	life.Now, err = e.journeyStates(tx)
	return life, err
}

// gone returns up to when entries of the life were removed, of all that are gone up to a moment. The entry with the first number is
// that with which the life began.
func (l *Life) gone(before time.Time) time.Time {
	c := l.Customer
	if c.Seq == 0 || !c.Created.Before(before) || len(l.Entries) > 0 && (l.Entries[0].Seq == 1 || l.Entries[0].At.Before(before)) {
		return time.Time{}
	}
	return before
}

// VersionAt returns which version of a journey was the newest at a moment, and its mode; false if there was none.
func (l *Life) VersionAt(journey string, at time.Time) (JourneyPast, bool) {
	var found JourneyPast
	for _, past := range l.Past {
		if past.Journey == journey && !past.At.After(at) {
			found = past
		}
	}
	return found, found.Journey != ""
}

// lives parts the timeline into what happened to the customer and to each of those who became part of them, in the order in
// which it was written down.
func (l *Life) lives(ids []lifecycle.ID) [][]LifeEntry {
	lives := make([][]LifeEntry, len(ids))
	for _, entry := range l.Entries {
		i := 0
		if !entry.From.IsZero() {
			i = slices.Index(ids, entry.From)
		}
		lives[i] = append(lives[i], entry)
	}
	return lives
}
