package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What a remembrance says besides when the erasure was.
const (
	erasedInPart = 0 // the identity is an address, or a browser's: others may have it later
	erasedWhole  = 1 // it names a person: nothing is sent to whoever has it
)

// keyedHash is what stays of an identity.
func (e *Engine) keyedHash(identity lifecycle.ID) lifecycle.ID {
	mac := hmac.New(sha256.New, e.options.ErasureKey)
	mac.Write(identity[:])
	return lifecycle.ID(mac.Sum(nil)[:16])
}

func erasedKey(keyed lifecycle.ID) []byte { return append([]byte{'E', 'h'}, keyed[:]...) }

func forgettingKey(id lifecycle.ID) []byte { return append([]byte{'E', 'j'}, id[:]...) }

func scrubKey(customer lifecycle.ID) []byte { return append([]byte{'E', 'f'}, customer[:]...) }

// remembrance is what is kept of an erased identity.
type remembrance struct {
	at    time.Time
	whole bool
}

func (r remembrance) bytes() []byte {
	kind := byte(erasedInPart)
	if r.whole {
		kind = erasedWhole
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(r.at.UnixNano())), kind)
}

func readRemembrance(data []byte) (remembrance, bool) {
	if len(data) != 9 {
		return remembrance{}, false
	}
	return remembrance{time.Unix(0, int64(binary.BigEndian.Uint64(data))).UTC(), data[8] == erasedWhole}, true
}

// remembered reports whether an identity was erased. It is asked where somebody new comes, by anybody.
func (e *Engine) remembered(tx store.Reader, identity lifecycle.ID) (remembrance, bool) {
	key := erasedKey(e.keyedHash(identity))
	if !tx.Has(key) {
		return remembrance{}, false
	}
	return readRemembrance(tx.Get(key))
}

// erased is remembered for the single writer of a partition, who knows whether there is anything to remember at all.
func (e *Engine) erased(tx store.Reader, identity lifecycle.ID) (remembrance, bool) {
	if !e.anyErasures(tx) {
		return remembrance{}, false
	}
	return e.remembered(tx, identity)
}

// leaving reports whether what lay under an ID is still being removed: nobody begins there meanwhile.
func (e *Engine) leaving(tx store.Reader, id lifecycle.ID) bool {
	return e.anyErasures(tx) && tx.Has(forgettingKey(id))
}

func (e *Engine) anyErasures(tx store.Reader) bool {
	part := &e.parts[tx.Partition()]
	if !part.erasuresKnown {
		part.erasuresKnown, part.erasures = true, false
		for _, kind := range []byte{'h', 'j'} {
			tx.Scan([]byte{'E', kind}, []byte{'E', kind + 1}, func(_, _ []byte) bool {
				part.erasures = true
				return false
			})
		}
	}
	return part.erasures
}

// keepErased remembers an erasure. Of two the later one holds.
func (e *Engine) keepErased(tx store.Tx, keyed lifecycle.ID, r remembrance) {
	part := &e.parts[tx.Partition()]
	part.erasuresKnown, part.erasures = true, true
	if was, ok := readRemembrance(tx.Get(erasedKey(keyed))); ok {
		r.whole = r.whole || was.whole
		r.at = later(r.at, was.at)
	}
	tx.Set(erasedKey(keyed), r.bytes())
}

// greet keeps everything from somebody new who was erased under this name.
func (e *Engine) greet(tx store.Reader, c *lifecycle.Customer) {
	if r, ok := e.erased(tx, c.ID); ok && r.whole {
		c.Suppress(lifecycle.Suppression{Reason: lifecycle.SuppressedErased, At: r.at})
	}
}

// erasedAddress returns what an erasure keeps from a customer who has got an erased address, or an erased name, and whether
// their claim is older than the erasure. It keeps nothing from whoever shared a place before: who says so later hears of it at once.
func (e *Engine) erasedAddress(tx store.Reader, in link) (list []lifecycle.Suppression, tooOld bool) {
	r, ok := e.erased(tx, in.Identity.Hash())
	if !ok || !in.Since.IsZero() && in.Since.Before(r.at) {
		return nil, false
	}
	channels := channelsTo(in.Identity.Kind)
	for _, channel := range channels {
		list = append(list, lifecycle.Suppression{Channel: channel, Address: in.Identity.Value, Reason: lifecycle.SuppressedErased, At: r.at})
	}
	if len(channels) == 0 && r.whole {
		list = append(list, lifecycle.Suppression{Reason: lifecycle.SuppressedErased, At: r.at})
	}
	return list, !in.At.After(r.at)
}
