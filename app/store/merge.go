package store

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Merging the newest tables into the base level is seconds of work for a processor. Done at once it would take what
// those who wait for a commit need; done a table at a time, with pauses between, it takes a small part of one processor for
// longer, and nobody feels it.
const (
	mergePause   = 3               // times as long as a table took, while there is other work: a quarter of a processor
	longPause    = 24              // the same while merging has all the time
	maxMergeWait = 2 * time.Second // in one go
)

// mergePace says how long merging waits after each table, over all that merge at the same time. What merging takes from a busy
// machine is felt by everybody. So it waits long while few newest tables have come, and ever shorter with each that comes: while
// everything is in one level until there are too many; in a store with more levels, which has more to merge, until the next merge of
// newest tables has to begin. When there are too many it does not wait at all.
type mergePace struct {
	inputs func() uint64 // how many were applied so far
	levels func() (newest int, more bool)
	stop   <-chan struct{}

	mu     sync.Mutex
	seen   uint64    // inputs
	booked time.Time // until when the pauses of all last
}

// levelsOf returns how many newest tables wait to be merged, and whether the others are in more than one level.
func levelsOf(db *badger.DB) (newest int, more bool) {
	others := 0
	for _, level := range db.Levels() {
		switch {
		case level.Level == 0:
			newest = level.NumTables
		case level.NumTables > 0:
			others++
		}
	}
	return newest, others > 1
}

// pause returns how long to wait at a moment, after a table that took some time: not at all if nothing else happened
// meanwhile, or merging has fallen behind.
func (m *mergePace) pause(took time.Duration, now time.Time) time.Duration {
	newest, more := m.levels()
	until := tooMany
	if more {
		until = manyTables
	}
	wait := max(mergePause*took, longPause*took*time.Duration(min(until-newest, manyTables))/manyTables)
	m.mu.Lock()
	defer m.mu.Unlock()
	inputs := m.inputs()
	idle := inputs == m.seen
	m.seen = inputs
	if idle || newest >= tooMany {
		m.booked = time.Time{}
		return 0
	}
	if m.booked.Before(now) {
		m.booked = now
	}
	m.booked = m.booked.Add(wait)
	return min(m.booked.Sub(now), maxMergeWait)
}

// merged is called by whoever merges, between two tables.
func (m *mergePace) merged(took time.Duration) {
	wait := m.pause(took, time.Now())
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.stop:
	}
}

// letGo lets merges drop the versions that were overwritten before a commit, and deletions. Not while everything is in level 0:
// Badger merges tables of that level with each other, also while older ones are on their way down, and asks only the levels below
// whether there is anything that a deletion hides. With nothing there yet it drops the deletion, and what was deleted is back.
func letGo(db *badger.DB, before uint64) {
	for _, level := range db.Levels() {
		if level.Level > 0 && level.NumTables > 0 { // each commit writes the sequence: from then on there is something in the range of all tables
			db.SetDiscardTs(before)
			return
		}
	}
}

// mergers is how many of Badger's workers merge, besides the first one, who is sent home after its first merge: it alone would merge
// newest tables with each other while others of them are on their way down. That is one table of whatever size, built in memory at
// once and without a pause, and buffers of that size are kept; and whatever is in it has to be merged again.
const mergers = 2

// badgerLog passes Badger's errors on and keeps the rest quiet. What Badger does is only heard of here: that values could
// not be synced, which for us is the end; that a table has come out of a merge, while the merge waits for us; and that a worker has
// ended a merge and holds nothing, so that the first one can end, and runs what it has deferred.
type badgerLog struct {
	log    *slog.Logger
	failed func(error)
	merged func(took time.Duration)
}

func (l badgerLog) Errorf(f string, v ...any) {
	l.log.Error("badger: " + fmt.Sprintf(f, v...))
	if strings.HasPrefix(f, "Error while curlf sync") {
		l.failed(fmt.Errorf(strings.TrimSpace(f), v...))
	}
}

func (l badgerLog) Warningf(f string, v ...any) { l.log.Debug("badger: " + fmt.Sprintf(f, v...)) }
func (l badgerLog) Infof(string, ...any)        {}

func (l badgerLog) Debugf(f string, v ...any) {
	switch {
	case len(v) == 0:
	case strings.HasPrefix(f, "[%d] LOG Compact. Added"):
		if took, ok := v[len(v)-1].(time.Duration); ok {
			l.merged(took)
		}
	case strings.HasPrefix(f, "[Compactor: %d] Compaction for level: %d DONE") && v[0] == 0:
		runtime.Goexit()
	}
}
