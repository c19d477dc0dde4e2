package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// The first byte of every encoded value says how it is encoded.
const (
	asMessagePack = 1
	asRecord      = 2
)

// Record is a type that is stored so often that it has an encoding of its own; lifecycle.RecordWriter says how one is
// made. All others are stored as MessagePack. A value whose type became a Record later is still read as what it is.
type Record interface {
	// RecordSize returns about how many bytes AppendRecord will append.
	RecordSize() int
	// AppendRecord appends the value to b. It changes neither the value nor what b has already.
	AppendRecord(b []byte) []byte
	// ReadRecord replaces the value by what AppendRecord appended. It keeps nothing of data, which may be gone
	// afterwards.
	ReadRecord(data []byte) error
}

// Encode writes a value as a byte that names the encoding and the encoded value. Give it a pointer, because records
// are records by their pointers. It panics on types that cannot be encoded, which only a programming error can bring
// about.
func Encode(value any) []byte {
	if record, ok := value.(Record); ok {
		data := make([]byte, 1, 1+record.RecordSize())
		data[0] = asRecord
		return record.AppendRecord(data)
	}
	data, err := msgpack.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%T cannot be encoded: %v", value, err))
	}
	return append([]byte{asMessagePack}, data...)
}

// Decode reads what Encode wrote into target, a pointer. It keeps nothing of data. Nil data is an error.
func Decode(data []byte, target any) error {
	if len(data) == 0 {
		return fmt.Errorf("a stored %T is empty", target)
	}
	switch data[0] {
	case asMessagePack:
		return msgpack.Unmarshal(data[1:], target)
	case asRecord:
		if record, ok := target.(Record); ok {
			return record.ReadRecord(data[1:])
		}
		return fmt.Errorf("a stored %T is a record, which its type cannot read", target)
	}
	return fmt.Errorf("a stored %T has encoding version %d, this program reads up to %d", target, data[0], asRecord)
}

// AppendTime appends a time to a key so that keys sort by time: nanoseconds since 1970, shifted to be unsigned.
func AppendTime(key []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(key, uint64(at.UnixNano())^1<<63)
}

// AppendTimeNewestFirst appends a time to a key so that the newest sorts first.
func AppendTimeNewestFirst(key []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(key, ^(uint64(at.UnixNano()) ^ 1<<63))
}

// KeyTime reads what AppendTime appended.
func KeyTime(data []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(data)^1<<63)).UTC()
}

// KeyTimeNewestFirst reads what AppendTimeNewestFirst appended.
func KeyTimeNewestFirst(data []byte) time.Time {
	return time.Unix(0, int64(^binary.BigEndian.Uint64(data)^1<<63)).UTC()
}
