package store_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"stagecraft/app/store"
)

// While inputs come in, merging waits between two tables, however many merge at once: the less, the more newest tables wait, and
// shorter where there are more levels. It does not wait if there is nothing else to do, or there are too many.
func TestMergingGivesWayToInputs(t *testing.T) {
	var inputs uint64
	newest, more := 16, false
	pace := store.NewMergePace(func() uint64 { return inputs }, func() (int, bool) { return newest, more })
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	next := func(took, want time.Duration) {
		t.Helper()
		if got := pace.Pause(took, now); got != want {
			t.Errorf("after a table that took %v, with %d newest ones, it waits %v, want %v", took, newest, got, want)
		}
	}
	next(20*time.Millisecond, 0) // nothing happens

	inputs++
	next(20*time.Millisecond, 480*time.Millisecond)
	inputs++
	next(20*time.Millisecond, 960*time.Millisecond) // another one at the same time waits for the first one's pause to end
	now = now.Add(time.Second)
	inputs++
	next(20*time.Millisecond, 480*time.Millisecond)
	inputs++
	next(time.Hour, 2*time.Second)
	next(20*time.Millisecond, 0) // nothing has come in since

	waits := func(tables int, want time.Duration) {
		t.Helper()
		now = now.Add(2 * time.Hour * 24)
		inputs++
		newest = tables
		next(20*time.Millisecond, want*time.Millisecond)
	}
	for tables, want := range map[int]time.Duration{3: 480, 16: 480, 20: 360, 24: 240, 31: 60, 32: 0, 40: 0} {
		waits(tables, want)
	}
	more = true // at least a quarter of a processor, as long as there are not too many
	for tables, want := range map[int]time.Duration{0: 480, 3: 390, 8: 240, 15: 60, 16: 60, 31: 60, 32: 0} {
		waits(tables, want)
	}
}

// Badger says each time when a table has come out of a merge, how long it took, and goes on when the log returns: the pace
// of merging hangs by that.
func TestBadgerTellsOfMergedTables(t *testing.T) {
	var tables, longest atomic.Int64
	settings := badger.DefaultOptions(t.TempDir()).WithMemTableSize(1 << 20).WithValueThreshold(1 << 10).WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(4).
		WithBaseTableSize(256 << 10).WithBaseLevelSize(1 << 20).WithNumCompactors(store.Workers).
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

// What was deleted stays deleted while the first tables of a store are merged: Badger alone brings it back where that takes more
// than the ten seconds after which it merges newer tables with each other.
func TestTheDeletedStayDeletedInAYoungStore(t *testing.T) {
	slow := make(chan struct{})
	y := openYoung(t, store.MergeLog(func(time.Duration) { <-slow }))
	const gone = 100
	key := func(i int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(i)*600) }
	y.commit(func(txn *badger.Txn) error {
		for i := range gone {
			if err := txn.Set(key(i), []byte("here")); err != nil {
				return err
			}
		}
		return nil
	})
	y.fill(9)
	time.Sleep(2 * time.Second) // the first merge begins within one
	y.commit(func(txn *badger.Txn) error {
		for i := range gone {
			if err := txn.Delete(key(i)); err != nil {
				return err
			}
		}
		return nil
	})
	y.fill(15)
	store.LetGo(y.db, y.sequence)
	time.Sleep(11 * time.Second)
	close(slow)
	for y.tables() > 8 {
		time.Sleep(20 * time.Millisecond)
	}
	store.LetGo(y.db, y.sequence)
	if err := y.db.Flatten(2); err != nil {
		t.Fatal(err)
	}
	txn := y.db.NewTransactionAt(y.sequence, false)
	defer txn.Discard()
	for i := range gone {
		if _, err := txn.Get(key(i)); err != badger.ErrKeyNotFound {
			t.Fatalf("what was deleted is back: %v", err)
		}
	}
}

// Badger's first worker alone merges newest tables with each other, where others are on their way down for more than ten seconds. Once
// it has ended a merge it is gone, and newest tables wait.
func TestNewestTablesAreNotMergedWithEachOther(t *testing.T) {
	heard := &workers{slow: make(chan struct{})}
	heard.Logger = store.MergeLog(func(time.Duration) {
		if heard.first.Load() > 0 {
			<-heard.slow
		}
	})
	y := openYoung(t, heard)
	defer close(heard.slow) // before the database is closed
	for heard.first.Load() == 0 {
		y.fill(1)
		y.fill(9)
		time.Sleep(100 * time.Millisecond)
	}
	y.fill(10)
	for heard.merging.Load()+heard.late.Load() == 0 { // of all that there are now, by another worker
		y.fill(y.tables() + 1)
		time.Sleep(100 * time.Millisecond)
	}
	before := y.tables() + 6
	y.fill(before)
	time.Sleep(11 * time.Second)
	if now := y.tables(); now < before {
		t.Errorf("of %d newest tables %d are left while a merge waits", before, now)
	}
	if n := heard.late.Load(); n > 0 {
		t.Errorf("the first worker has made %d tables after it was sent home", n)
	}
}

// workers is a log that counts what Badger's workers say of their merges.
type workers struct {
	badger.Logger
	slow                 chan struct{}
	first, late, merging atomic.Int64 // merges of the first one, what it made later, tables of others since
}

func (w *workers) Debugf(f string, v ...any) {
	switch {
	case strings.HasPrefix(f, "[Compactor: %d] Compaction for level: %d DONE") && v[0] == 0:
		w.first.Add(1)
	case !strings.HasPrefix(f, "[%d] LOG Compact. Added") || w.first.Load() == 0:
	case v[0] == 0:
		w.late.Add(1)
	default:
		w.merging.Add(1)
	}
	w.Logger.Debugf(f, v...)
}

// young is a database of few and small tables, with as many workers as a store has.
type young struct {
	t        *testing.T
	db       *badger.DB
	random   *rand.Rand
	sequence uint64
}

func openYoung(t *testing.T, log badger.Logger) *young {
	t.Helper()
	settings := badger.DefaultOptions(t.TempDir()).WithMemTableSize(1 << 20).WithValueThreshold(1 << 10).WithNumLevelZeroTables(8).WithNumLevelZeroTablesStall(40).
		WithBaseTableSize(512 << 10).WithBaseLevelSize(16 << 20).WithNumCompactors(store.Workers).WithLogger(log)
	db, err := badger.OpenManaged(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &young{t: t, db: db, random: rand.New(rand.NewPCG(1, 2))}
}

// tables returns how many newest tables there are.
func (y *young) tables() int { return y.db.Levels()[0].NumTables }

// commit writes with the next number, which is written too.
func (y *young) commit(write func(txn *badger.Txn) error) {
	y.t.Helper()
	txn := y.db.NewTransactionAt(y.sequence, true)
	defer txn.Discard()
	y.sequence++
	err := write(txn)
	if err == nil {
		err = txn.Set([]byte{0xff, 0xff, 's'}, binary.BigEndian.AppendUint64(nil, y.sequence))
	}
	if err == nil {
		err = txn.CommitAt(y.sequence, nil)
	}
	if err != nil {
		y.t.Fatal(err)
	}
}

// fill writes until there are so many newest tables.
func (y *young) fill(tables int) {
	y.t.Helper()
	for y.tables() < tables {
		y.commit(func(txn *badger.Txn) error {
			for range 500 {
				if err := txn.Set(binary.BigEndian.AppendUint64(nil, y.random.Uint64()), make([]byte, 64)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
