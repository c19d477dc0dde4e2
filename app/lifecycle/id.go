package lifecycle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Partitions is how many partitions a store has. It is fixed when a store is created and never changes.
const Partitions = 64

// ID is a 128-bit name that is derived, never drawn: the first 16 bytes of a SHA-256 over the parts that make the
// thing what it is. The same cause therefore always has the same ID, which is what makes repeats harmless.
type ID [16]byte

// HashID derives an ID. Each part is written with its length before it, so that ("ab","c") and ("a","bc") differ.
func HashID(parts ...string) ID {
	var stack [256]byte
	buf := stack[:0]
	for _, part := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	sum := sha256.Sum256(buf)
	return ID(sum[:16])
}

// Part returns the ID as a part for HashID.
func (id ID) Part() string { return string(id[:]) }

// String returns 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the ID was never set.
func (id ID) IsZero() bool { return id == ID{} }

// Partition returns which of the 64 partitions the ID belongs to.
func (id ID) Partition() int { return int(id[0]) % Partitions }

// MarshalText writes the ID as hex, for JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

// MentionsAny reports whether a stored value has one of the IDs in it: as its 16 bytes, as records have them, or as its hex
// digits, as everything else has that is stored.
func MentionsAny(value []byte, ids []ID) bool {
	var digits [2 * len(ID{})]byte
	for i := range ids {
		hex.Encode(digits[:], ids[i][:])
		if bytes.Contains(value, ids[i][:]) || bytes.Contains(value, digits[:]) {
			return true
		}
	}
	return false
}

// ParseID reads 32 hex digits.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 32 {
		return id, fmt.Errorf("an ID has 32 hex digits, this one has %d characters", len(text))
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return id, fmt.Errorf("an ID has 32 hex digits: %w", err)
	}
	return id, nil
}
