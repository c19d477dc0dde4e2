package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"stagecraft/app/lifecycle"
)

// When Badger opens a folder it reads the newest file of values up to the first record that is not whole, and cuts off what is
// behind. After a kill that is what was being written. After damage it may be everything since, so we look before it does.
//
// The file begins with a header of 20 bytes; then come records, and zeros. A record is (memtable.go of Badger v4):
//
//	meta, user meta | key length, value length, expiry: as uvarints | key, with the inverse of its version behind | value | CRC-32C
//
// All numbers of fixed size are big-endian. The version is the number of the commit, by which a record says itself whether it was
// reported as safe.
const (
	valueHeader  = 20
	longestStart = 2 + 3*binary.MaxVarintLen64 + 2 + maxKeyBytes + 8 // up to the value
	zeroBlock    = 4096
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// valueStart is what a record says of itself before its value.
type valueStart struct {
	size    int64  // of the whole record
	version uint64 // the number of its commit
}

// readValueStart reads a record's beginning; false if this is none.
func readValueStart(data []byte) (start valueStart, ok bool) {
	at := min(2, len(data))
	var lengths [3]uint64
	for i := range lengths {
		n := 0
		if lengths[i], n = binary.Uvarint(data[at:]); n <= 0 || lengths[i] > math.MaxUint32 {
			return start, false
		}
		at += n
	}
	key := int(lengths[0])
	if key < 8 || key > len(data)-at {
		return start, false
	}
	at += key
	return valueStart{int64(at) + int64(lengths[1]) + crc32.Size, math.MaxUint64 - binary.BigEndian.Uint64(data[at-8:])}, true
}

// valueReader reads a file of values from one end to the other.
type valueReader struct {
	file *os.File
	size int64
	at   int64
	*bufio.Reader
}

func (r *valueReader) seek(at int64) {
	r.at = at
	r.Reset(io.NewSectionReader(r.file, at, r.size-at))
}

func (r *valueReader) skip(n int) {
	skipped, _ := r.Discard(n)
	r.at += int64(skipped)
}

// start reads the beginning of the record here.
func (r *valueReader) start() (valueStart, bool) {
	data, _ := r.Peek(longestStart)
	start, ok := readValueStart(data)
	return start, ok && start.size <= r.size-r.at
}

// intact reads so many bytes as a record, and reports whether they are what was written.
func (r *valueReader) intact(size int64) bool {
	sum := uint32(0)
	for left := size - crc32.Size; left > 0; {
		data, _ := r.Peek(int(min(left, int64(r.Size()))))
		if len(data) == 0 {
			return false
		}
		sum, left = crc32.Update(sum, castagnoli, data), left-int64(len(data))
		r.skip(len(data))
	}
	data, _ := r.Peek(crc32.Size)
	if len(data) < crc32.Size || binary.BigEndian.Uint32(data) != sum {
		return false
	}
	r.skip(crc32.Size)
	return true
}

// records reads whole records to where they end, and returns the highest commit among them.
func (r *valueReader) records() (end int64, highest uint64) {
	for {
		end = r.at
		start, ok := r.start()
		if !ok || !r.intact(start.size) {
			return end, highest
		}
		highest = max(highest, start.version)
	}
}

// ended reports whether a record's end was written: where a kill came in between there are zeros.
func (r *valueReader) ended(at, size int64) bool {
	var sum [crc32.Size]byte
	_, err := r.file.ReadAt(sum[:], at+size-int64(len(sum)))
	return err == nil && sum != [crc32.Size]byte{}
}

// safeFrom looks for a record of a commit in [lowest, mark] from an offset on. The one at the offset is not whole: it need only say
// that it is one, and have been written to its end. Others have to be whole.
func (r *valueReader) safeFrom(from int64, lowest, mark uint64) (commit uint64, found bool) {
	zeros := make([]byte, zeroBlock)
	for r.seek(from); r.at < r.size; {
		if block, _ := r.Peek(zeroBlock); bytes.Equal(block, zeros[:len(block)]) {
			if len(block) == 0 {
				break
			}
			r.skip(len(block))
			continue
		}
		at := r.at
		if start, ok := r.start(); ok && start.version >= lowest && start.version <= mark {
			if at == from && r.ended(at, start.size) || at > from && r.intact(start.size) {
				return start.version, true
			}
			r.seek(at)
		}
		r.skip(1)
	}
	return 0, false
}

// checkNewestValues reads the mark at path, 0 if there is none, and refuses a folder whose newest file of values is damaged in front
// of something that was reported as safe. It changes nothing. Values that were being moved there, from a file that is tidied, when
// the program was killed have lower commits than those before them, and are still in that file: they are no reason to refuse.
func checkNewestValues(folder, path string) (mark uint64, err error) {
	if mark, err = readHighWater(path); err != nil || mark == 0 {
		return 0, err
	}
	entries, _ := os.ReadDir(folder)
	var files []string
	for _, entry := range entries { // in order
		if strings.HasSuffix(entry.Name(), ".vlog") {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	if len(files) == 0 {
		return mark, nil // the tree tells that commits are missing
	}
	newest := files[len(files)-1]
	r, err := openValues(newest)
	if err != nil {
		return 0, err
	}
	defer r.file.Close()
	end, lowest := r.records()
	closed := r.size < 2*valueFileSize // Badger makes it that long, and cuts it when it is closed: nothing was being written
	if closed {
		lowest = 0
	}
	commit, found := r.safeFrom(end, lowest, mark)
	if found && !closed { // what was being moved there, from the files before it, may be all that is in it
		for _, older := range files[:len(files)-1] {
			highest, err := highestCommit(older)
			if err != nil {
				return 0, err
			}
			lowest = max(lowest, highest+1)
		}
		commit, found = r.safeFrom(end, lowest, mark)
	}
	if found {
		return 0, lifecycle.Errorf(lifecycle.Conflict, "%s is damaged at byte %d: commit %d lies there or behind, and was reported as safe, as all up to %d were. "+
			"Nothing was changed. Restore a backup, or remove %s to go on without what is behind the damage", newest, end, commit, mark, path)
	}
	return mark, nil
}

// openValues opens a file of values at its first record.
func openValues(path string) (*valueReader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "a file of values cannot be read")
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "a file of values cannot be read")
	}
	r := &valueReader{file: file, size: info.Size(), Reader: bufio.NewReaderSize(nil, 256<<10)}
	r.seek(min(valueHeader, r.size))
	return r, nil
}

// highestCommit returns the highest commit of the records of a file of values, up to where they end.
func highestCommit(path string) (uint64, error) {
	r, err := openValues(path)
	if err != nil {
		return 0, err
	}
	defer r.file.Close()
	_, highest := r.records()
	return highest, nil
}
