package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// encodingVersion is the first byte of every encoded value.
const encodingVersion = 1

// Encode writes a value as the version of the encoding and MessagePack. It panics on types that cannot be encoded,
// which only a programming error can bring about.
func Encode(value any) []byte {
	data, err := msgpack.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%T cannot be encoded: %v", value, err))
	}
	return append([]byte{encodingVersion}, data...)
}

// Decode reads what Encode wrote into target, a pointer. Nil data is an error.
func Decode(data []byte, target any) error {
	if len(data) == 0 {
		return fmt.Errorf("a stored %T is empty", target)
	}
	if data[0] != encodingVersion {
		return fmt.Errorf("a stored %T has encoding version %d, this program reads %d", target, data[0], encodingVersion)
	}
	return msgpack.Unmarshal(data[1:], target)
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
