package lifecycle

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"time"
)

// Short links stand where every character counts, as in a text message. Their path is /s/CODE of 12 characters: base64url
// of the partition in which the link is kept and the first 8 bytes of HMAC-SHA-256 over 's', the partition and all that the
// link says. So nobody can guess one, and what is kept under a code leads nowhere unless the code was made of it.
//
// A link to unsubscribe has to work for as long as its message can be found, which may be for ever. So its code is made of
// everything but the message: a customer has one for each channel and topic, however many messages they get, and what is kept
// under it names the newest of them. Codes that were made of the message too, as they once were, are read as well.

// ShortBytes is how long a short link's code is: the partition, and 64 bits of the HMAC.
const ShortBytes = 1 + 8

// ShortCode is what a short link is known by.
type ShortCode [ShortBytes]byte

// Partition is where the link is kept: that of its message.
func (c ShortCode) Partition() int { return int(c[0]) }

// Short returns the short form of a link, with the code under which Said is to be kept in a partition; "" without a key.
func (l Links) Short(partition int, link Link) (url string, code ShortCode) {
	if !l.Enabled() || partition < 0 || partition >= Partitions {
		return "", code
	}
	code = l.shortCode(partition, link.lasting().Said())
	return l.base + "/" + string(rune(ToShort)) + "/" + base64.RawURLEncoding.EncodeToString(code[:]), code
}

func (l Links) shortCode(partition int, said []byte) (code ShortCode) {
	code[0] = byte(partition)
	copy(code[1:], l.mac(nil, append([]byte{byte(ToShort), byte(partition)}, said...)))
	return code
}

// lasting returns what of a link the code is made of.
func (link Link) lasting() Link {
	if link.Purpose == ToUnsubscribe {
		link.Message = Ref{Decided: time.Unix(0, 0)}
	}
	return link
}

// Said is what a link says, as it is kept under its code.
func (link Link) Said() []byte { return link.append(nil) }

// ReadShort reads the path of a short link, with the slash before it.
func (l Links) ReadShort(path string) (code ShortCode, err error) {
	var room [ShortBytes]byte
	text, ok := bytes.CutPrefix([]byte(path), []byte{'/', byte(ToShort), '/'})
	if ok && l.Enabled() && len(text) == base64.RawURLEncoding.EncodedLen(ShortBytes) {
		// Line breaks are skipped by the decoder; a code with one in it is too short.
		if n, err := base64.RawURLEncoding.Strict().Decode(room[:], text); err == nil && n == ShortBytes && room[0] < Partitions {
			return room, nil
		}
	}
	return code, noShort()
}

// OfShort reads what is kept under a code, if the code was made of it.
func (l Links) OfShort(code ShortCode, said []byte) (Link, error) {
	if l.Enabled() && code.Partition() < Partitions {
		if link, ok := readLink(said); ok {
			for _, of := range [...][]byte{said, link.lasting().Said()} {
				if made := l.shortCode(code.Partition(), of); hmac.Equal(made[:], code[:]) {
					return link, nil
				}
			}
		}
	}
	return Link{}, noShort()
}

func noShort() error {
	return Errorf(NotFound, "this link is not one of ours, or not all of it has come; take it from the message once more")
}
