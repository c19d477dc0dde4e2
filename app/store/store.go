// Package store keeps everything in one folder: 64 partitions, each changed by one goroutine only, one shared
// committer that syncs whole groups to disk, and a small seam behind which a cluster could stand later. It is the
// only importer of Badger.
//
// What a caller gets is Do, DoAll and Ask; what a caller brings is one Machine. The machine is told of inputs; it
// answers and writes through a Tx; an input has been taken when Do returns, and then it is on disk.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"stagecraft/app/lifecycle"
)

// Machine is what the store runs. Apply is the only place where state changes: it has no clock, does no I/O and
// starts no goroutine; time and IDs come with the input, and every input is safe to repeat.
type Machine interface {
	// Apply changes the partition as the input says. An error undoes the input's writes, and theirs only.
	Apply(tx Tx, input any) (answer any, err error)
	// Ask reads; it may run at the same time as Apply and sees what was committed before.
	Ask(tx Reader, query any) (answer any, err error)
	// Own does what an owner of the partition does besides: due timers, outbox. It returns soon after ctx ends.
	Own(ctx context.Context, partition int)
}

// Item is one input for one partition.
type Item struct {
	Partition int
	Input     any
}

// Result is the answer to one Item.
type Result struct {
	Answer any
	Err    error
}

// Options of Open.
type Options struct {
	Dir      string // the folder; empty keeps everything in memory, for simulations
	MinFree  uint64 // bytes of free disk below which inputs are refused; default 256 MiB
	Log      *slog.Logger
	Records  uint64      // how far the records of the machine have come: a folder written with more is refused; 0: not looked at
	OnFailed func(error) // called once when the store has failed for good; the process should end and start anew
}

// Store is an open store.
type Store struct {
	db         *badger.DB
	log        *slog.Logger
	dir        string
	minFree    uint64
	machine    Machine
	partitions [lifecycle.Partitions]*partition
	commits    chan *group
	mark       *highWater
	onFailed   func(error)

	readable atomic.Uint64 // the number of the last commit that is on disk; readers see it and what was before
	applying atomic.Int64  // partitions that are working on a group
	failed   atomic.Pointer[error]
	full     atomic.Bool
	opened   time.Time
	checked  atomic.Int64 // when the disk was looked at, in nanoseconds after opened; 0: never
	closing  atomic.Bool
	reading  sync.RWMutex // held by whoever reads, so that Close and Rewrite do not take the files away under them
	closed   bool         // under reading
	owners   sync.WaitGroup
	workers  sync.WaitGroup
	stopOwn  context.CancelFunc
	commited sync.WaitGroup
	tidying  sync.WaitGroup
	stats    Stats

	stopTidying chan struct{}

	folder     string       // where the files are
	rewriting  sync.Mutex   // held while they are made anew
	committing sync.Mutex   // held by the committer while it works on db
	tidyLock   sync.Mutex   // held while a file of values is rewritten
	ending     sync.RWMutex // held, for reading, by whoever closes an iterator
	pinned     bool         // under committing: no version may be forgotten
}

// Stats are counts since the store was opened.
type Stats struct {
	Inputs  atomic.Uint64 // inputs applied
	Groups  atomic.Uint64 // partition groups committed
	Commits atomic.Uint64 // synced commits
	Entries atomic.Uint64 // keys written
	Bytes   atomic.Uint64 // key and value bytes written
}

// Open opens or creates the store. It refuses a folder that another process has open, one that was created with
// another number of partitions, and one that has lost commits it once had, or would lose them by being opened.
func Open(opts Options) (*Store, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.MinFree == 0 {
		opts.MinFree = 256 << 20
	}
	s := &Store{
		log: opts.Log, dir: opts.Dir, minFree: opts.MinFree, onFailed: opts.OnFailed, opened: time.Now(),
		commits: make(chan *group, lifecycle.Partitions), stopTidying: make(chan struct{}),
	}
	var err error
	var mark uint64
	markFile := filepath.Join(opts.Dir, "high-water")
	if opts.Dir != "" {
		if s.folder, err = currentFolder(opts.Dir); err == nil {
			mark, err = checkNewestValues(s.folder, markFile)
		}
		if err != nil {
			return nil, err
		}
	}
	if s.db, err = s.openFolder(s.folder); err != nil {
		return nil, err
	}
	sequence, err := checkFormat(s.db)
	if err == nil && opts.Dir != "" {
		s.mark, err = openHighWater(markFile, mark, sequence)
	}
	if err == nil && opts.Records > 0 {
		err = checkRecords(s.db, opts.Records, sequence)
	}
	if err == nil && opts.Dir != "" { // last: it is the right one, with all that it had
		err = removeFormer(opts.Dir, s.folder)
	}
	if err != nil {
		s.db.Close()
		return nil, err
	}
	for i := range s.partitions {
		s.partitions[i] = newPartition(i)
	}
	s.watchDisk()
	s.readable.Store(sequence)
	letGo(s.db, sequence)
	s.commited.Add(1)
	go s.commitLoop(sequence)
	if opts.Dir != "" {
		s.tidying.Go(func() { s.tidy(s.stopTidying) })
		s.tidying.Go(func() { s.giveBack(s.stopTidying) })
	}
	return s, nil
}

// Sizes of the tree. Small tables of the newest keys take little memory, and many of them at a time make merging rare. A merge
// brings all of them into the base level, and what it writes is memory of the process until it ends: as long as that level is
// small, merges are too.
const (
	newestTable = 5 << 20 // bytes; a commit may write 15 % of it
	mergedTable = 2 << 20 // up to eight buffers of twice that are kept for tables to be written; a newest one fits into one
	baseLevel   = 16 << 20
	inMemory    = 16 << 20 // newestTable without files, where values are in the tree as well
	manyTables  = 16       // newest ones before they are merged
	tooMany     = 2 * manyTables
	farTooMany  = 3 * manyTables // nothing is written until there are fewer
)

// openFolder opens the database in a folder, in memory if that is empty, in the mode in which we number commits ourselves.
// In the other one every reader waits for the commit in flight, and nothing could be applied meanwhile.
func (s *Store) openFolder(folder string) (*badger.DB, error) {
	var db *badger.DB
	var err error
	var opened atomic.Pointer[badger.DB]
	pace := &mergePace{inputs: s.stats.Inputs.Load, stop: s.stopTidying, levels: func() (int, bool) {
		if db := opened.Load(); db != nil {
			return levelsOf(db)
		}
		return tooMany, false // nothing else goes on while it is being opened
	}}
	settings := badger.DefaultOptions(folder).WithMemTableSize(newestTable)
	if folder == "" {
		settings = settings.WithInMemory(true).WithMemTableSize(inMemory)
	} else {
		settings.ValueThreshold = longValue
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the data folder %s cannot be made", s.dir)
		}
	}
	settings = settings.
		WithSyncWrites(folder != "").
		WithDetectConflicts(false). // one writer per customer: there are none
		WithValueLogFileSize(valueFileSize).
		WithVerifyValueChecksum(true).
		// Blocks that are not compressed are read where the files are mapped, so they need no cache; compressing them takes
		// several times the memory of what is written.
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithNumMemtables(3).
		WithNumCompactors(1 + mergers).
		WithNumLevelZeroTables(manyTables).
		WithNumLevelZeroTablesStall(farTooMany).
		WithBaseTableSize(mergedTable).
		WithBaseLevelSize(baseLevel).
		WithMetricsEnabled(false).
		WithLogger(badgerLog{s.log, s.fail, pace.merged})
	settings.TableSizeMultiplier = 1
	// Right after a kill the first Open may stumble over a file of zero length, and mends it.
	for range 3 {
		if db, err = badger.OpenManaged(settings); err == nil {
			opened.Store(db)
			return db, nil
		}
	}
	if strings.Contains(err.Error(), "Another process is using") {
		return nil, lifecycle.Errorf(lifecycle.Unavailable, "another stagecraft is using the data folder %s; stop it, or use another folder with --data", s.dir)
	}
	return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the store in %s cannot be opened", s.dir)
}

// Start lets the machine work: inputs are applied from now on, and every partition has its owner.
func (s *Store) Start(machine Machine) {
	s.machine = machine
	ctx, stop := context.WithCancel(context.Background())
	s.stopOwn = stop
	for i := range s.partitions {
		s.workers.Add(1)
		go s.work(s.partitions[i])
		s.owners.Add(1)
		go func() {
			defer s.owners.Done()
			machine.Own(ctx, i)
		}()
	}
}

// Durable reports whether what is committed is kept in a folder.
func (s *Store) Durable() bool { return s.dir != "" }

// Partitions returns how many partitions there are.
func (s *Store) Partitions() int { return lifecycle.Partitions }

// Stats returns the running counts.
func (s *Store) Stats() *Stats { return &s.stats }

// Do gives one input to its partition and returns when what it caused is on disk. If ctx ends before, the outcome is
// unknown; repeating the input is safe.
func (s *Store) Do(ctx context.Context, partition int, input any) (any, error) {
	result := s.DoAll(ctx, []Item{{partition, input}})
	return result[0].Answer, result[0].Err
}

// DoAll gives many inputs to their partitions at once, each partition in the order given, and returns when all are on
// disk or refused.
func (s *Store) DoAll(ctx context.Context, items []Item) []Result {
	results := make([]Result, len(items))
	if err := s.usable(); err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	wait := &waiter{results: results, done: make(chan struct{})}
	wait.left.Store(int64(len(items)))
	for i, item := range items {
		s.partitions[item.Partition].push(job{item.Input, wait, i})
	}
	if len(items) == 0 {
		return results
	}
	select {
	case <-wait.done:
		return results
	case <-ctx.Done():
		// The workers still write into results, so the caller gets a slice of its own.
		unknown := make([]Result, len(items))
		err := lifecycle.Wrap(lifecycle.Unavailable, ctx.Err(), "the outcome is unknown; repeating is safe")
		for i := range unknown {
			unknown[i].Err = err
		}
		return unknown
	}
}

// Ask reads one partition as it was committed last.
func (s *Store) Ask(ctx context.Context, partition int, query any) (any, error) {
	if err := s.broken(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the question came too late")
	}
	s.reading.RLock()
	defer s.reading.RUnlock()
	if s.closed {
		return nil, lifecycle.Errorf(lifecycle.Unavailable, "the store is closed")
	}
	tx := s.newTx(partition)
	defer tx.discard()
	answer, err := s.ask(tx, query)
	if tx.err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, tx.err, "partition %d cannot be read", partition)
	}
	return answer, err
}

// ask turns a panic of the machine into an error of that question alone.
func (s *Store) ask(tx *txn, query any) (answer any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("a question made the machine panic", "query", fmt.Sprintf("%T", query), "panic", cause,
				"stack", string(debug.Stack()))
			answer, err = nil, lifecycle.Errorf(lifecycle.Internal, "the question could not be answered: %v", cause)
		}
	}()
	return s.machine.Ask(tx, query)
}

func (s *Store) broken() error {
	if cause := s.failed.Load(); cause != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, *cause, "the store has failed and must be opened anew")
	}
	return nil
}

func (s *Store) usable() error {
	if err := s.broken(); err != nil {
		return err
	}
	if s.closing.Load() {
		return lifecycle.Errorf(lifecycle.Unavailable, "the store is closing")
	}
	if s.full.Load() {
		s.watchDisk()
	}
	if s.full.Load() {
		return lifecycle.Errorf(lifecycle.Full, "less than %d MiB of disk are free under %s; nothing is accepted until there is room",
			s.minFree>>20, s.dir)
	}
	return nil
}

// Accepting returns why inputs are refused: Full while too little of the disk is free, Unavailable when the store has failed
// or is closing. It is nil while they are taken. The disk is looked at now, at most once in a second.
func (s *Store) Accepting() error {
	s.watchDisk()
	return s.usable()
}

// StopOwning ends the owners and waits for them; inputs are still taken.
func (s *Store) StopOwning() {
	if s.stopOwn != nil {
		s.stopOwn()
	}
	s.owners.Wait()
}

// Close ends the owners, applies and commits what was given before, and closes the folder.
func (s *Store) Close() error {
	s.StopOwning()
	if s.closing.Swap(true) {
		return nil
	}
	for _, p := range s.partitions {
		p.close()
	}
	s.workers.Wait()
	close(s.commits)
	s.commited.Wait()
	close(s.stopTidying)
	s.tidying.Wait()
	s.rewriting.Lock() // one under way sees that the store is closing
	defer s.rewriting.Unlock()
	s.reading.Lock()
	s.closed = true
	s.reading.Unlock()
	var err error
	if cause := s.failed.Load(); cause == nil || !errors.Is(*cause, fs.ErrNotExist) { // without a folder Badger would try for ever
		err = s.db.Close()
	}
	if s.mark != nil {
		if e := s.mark.close(); err == nil {
			err = e
		}
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the store did not close cleanly")
	}
	return nil
}

// fail stops the store for good: after a failed commit nobody knows what is on disk.
func (s *Store) fail(err error) {
	if s.failed.CompareAndSwap(nil, &err) {
		s.log.Error("the store has failed", "error", err)
		if s.onFailed != nil {
			go s.onFailed(err)
		}
	}
}
