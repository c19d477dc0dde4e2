package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"github.com/dgraph-io/badger/v4"

	"stagecraft/app/lifecycle"
)

// format is what a store was created with. It never changes for a folder.
var format = fmt.Sprintf("stagecraft store 1, %d partitions, sha256/16", lifecycle.Partitions)

// The store's own keys stand behind all partitions.
func formatKey() []byte   { return []byte{0xff, 0xff, 'f'} }
func sequenceKey() []byte { return []byte{0xff, 0xff, 's'} }
func recordsKey() []byte  { return []byte{0xff, 0xff, 'r'} }

// checkFormat writes the format into a new store, refuses a store of another one, and returns the number of the last
// commit.
func checkFormat(db *badger.DB) (sequence uint64, err error) {
	txn := db.NewTransactionAt(math.MaxUint64, true)
	defer txn.Discard()
	item, err := txn.Get(formatKey())
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		if err = txn.Set(formatKey(), []byte(format)); err == nil {
			err = txn.CommitAt(1, nil)
		}
		sequence = 1
	case err == nil:
		if err = item.Value(func(value []byte) error {
			if string(value) != format {
				return fmt.Errorf("this folder was made by %q, this program reads %q", value, format)
			}
			return nil
		}); err == nil {
			sequence, err = lastSequence(txn)
		}
	}
	if err != nil {
		return 0, lifecycle.Wrap(lifecycle.Conflict, err, "the store cannot be used")
	}
	return sequence, nil
}

// checkRecords refuses a store in which a newer program has written, before anything is half understood, and notes that this one
// will. sequence is the number of the last commit.
func checkRecords(db *badger.DB, records, sequence uint64) error {
	txn := db.NewTransactionAt(math.MaxUint64, true)
	defer txn.Discard()
	written := uint64(0)
	item, err := txn.Get(recordsKey())
	if err == nil {
		err = item.Value(func(value []byte) error {
			written = binary.BigEndian.Uint64(value)
			return nil
		})
	} else if errors.Is(err, badger.ErrKeyNotFound) {
		err = nil
	}
	if err == nil && written > records {
		return lifecycle.Errorf(lifecycle.Conflict, "a newer stagecraft has written in this data folder (records %d; this one reads up to %d): use that one, or a backup from before", written, records)
	}
	if err == nil && written < records {
		if err = txn.Set(recordsKey(), binary.BigEndian.AppendUint64(nil, records)); err == nil {
			err = txn.CommitAt(sequence, nil)
		}
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Conflict, err, "the store cannot be used")
	}
	return nil
}

func lastSequence(txn *badger.Txn) (sequence uint64, err error) {
	item, err := txn.Get(sequenceKey())
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 1, nil // nothing but the format was written yet
	}
	if err == nil {
		err = item.Value(func(value []byte) error {
			sequence = binary.BigEndian.Uint64(value)
			return nil
		})
	}
	return sequence, err
}

// highWater is a file beside the store that holds the number of the last commit. Badger cuts a damaged log short
// without a word; a store that is behind its mark has lost commits that somebody was told are safe.
type highWater struct{ file *os.File }

// readHighWater returns the number in the mark at path, 0 if there is none.
func readHighWater(path string) (uint64, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, lifecycle.Wrap(lifecycle.Unavailable, err, "the high-water mark cannot be read")
	}
	if len(data) < 8 {
		return 0, nil
	}
	return binary.BigEndian.Uint64(data), nil
}

// openHighWater opens the mark at path, which was read before, for a store that ends at a commit.
func openHighWater(path string, mark, sequence uint64) (*highWater, error) {
	if sequence < mark {
		return nil, lifecycle.Errorf(lifecycle.Conflict, "the store ends at commit %d, but commit %d was reported as safe: "+
			"its files were damaged or replaced. Restore a backup, or remove %s to go on without the %d lost commits",
			sequence, mark, path, mark-sequence)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the high-water mark cannot be opened")
	}
	return &highWater{file}, nil
}

// raise needs no sync: the mark guards against damage to the log, and one that is a little old does no harm.
func (h *highWater) raise(sequence uint64) error {
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], sequence)
	_, err := h.file.WriteAt(buf[:], 0)
	return err
}

func (h *highWater) close() error { return h.file.Close() }
