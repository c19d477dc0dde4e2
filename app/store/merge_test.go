package store_test

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"stagecraft/app/store"
)

// While inputs come in, merging works a quarter of the time, however many merge at once; otherwise it does not wait.
func TestMergingGivesWayToInputs(t *testing.T) {
	var inputs uint64
	var behind bool
	pace := store.NewMergePace(func() uint64 { return inputs }, func() bool { return behind })
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	next := func(took, want time.Duration) {
		t.Helper()
		if got := pace.Pause(took, now); got != want {
			t.Errorf("after a table that took %v it waits %v, want %v", took, got, want)
		}
	}
	next(40*time.Millisecond, 0) // nothing happens

	inputs++
	next(40*time.Millisecond, 120*time.Millisecond)
	inputs++
	next(40*time.Millisecond, 240*time.Millisecond) // another one at the same time waits for the first one's pause to end
	now = now.Add(time.Second)
	inputs++
	next(40*time.Millisecond, 120*time.Millisecond)
	inputs++
	next(time.Hour, 2*time.Second)

	now = now.Add(time.Second)
	inputs++
	behind = true
	next(40*time.Millisecond, 0)
	behind = false
	inputs++
	next(40*time.Millisecond, 120*time.Millisecond)
	next(40*time.Millisecond, 0) // nothing has come in since
	inputs++
	next(40*time.Millisecond, 120*time.Millisecond)
}

// Badger says each time when a table has come out of a merge, how long it took, and goes on when the log returns: the pace
// of merging hangs by that.
func TestBadgerTellsOfMergedTables(t *testing.T) {
	var tables, longest atomic.Int64
	settings := badger.DefaultOptions(t.TempDir()).WithMemTableSize(1 << 20).WithValueThreshold(1 << 10).WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(4).
		WithBaseTableSize(256 << 10).WithBaseLevelSize(1 << 20).WithNumCompactors(2).
		WithLogger(store.MergeLog(func(took time.Duration) {
			tables.Add(1)
			longest.Store(max(longest.Load(), int64(took)))
		}))
	db, err := badger.OpenManaged(settings)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for commit := range uint64(300) {
		txn := db.NewTransactionAt(commit, true)
		for range 500 {
			key := binary.BigEndian.AppendUint64(nil, random.Uint64())
			if err := txn.Set(key, make([]byte, 64)); err != nil {
				t.Fatal(err)
			}
		}
		if err := txn.CommitAt(commit+1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if tables.Load() < 10 || longest.Load() > int64(time.Minute) {
		t.Errorf("it told of %d tables, the slowest of which took %v", tables.Load(), time.Duration(longest.Load()))
	}
}
