package email

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
)

// returns makes the addresses that bounces come back to, a new one for each message (variable envelope return paths), and
// reads from what comes back which message it is about. Both the return path and the Message-ID carry the ID with a
// truncated HMAC-SHA-256, so that nobody can report a bounce of a message that they were not sent.
type returns struct {
	key           []byte
	local, domain string // of the return path
	plain         string // the return path without an ID
	sender        string // the domain of Message-IDs
}

const (
	macBytes      = 8
	maxPackedID   = 26 // bytes of an ID that fits into a return path: 26 + 8 bytes are 55 characters
	maxLocalBytes = 64 // of an address before its @ (RFC 5321 4.5.3.1.1)
)

// letters is base32 in lower case: some servers change the case of addresses.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func newReturns(secret []byte, path address, sender string) (*returns, error) {
	local, _, _ := strings.Cut(path.Address.Address, "@")
	r := &returns{local: strings.ToLower(local), domain: strings.ToLower(path.domain), plain: path.path, sender: strings.ToLower(sender)}
	room := maxLocalBytes - letters.EncodedLen(maxPackedID+macBytes) - 1
	if len(local) > room || strings.ContainsAny(local, "+\"@ ") || path.international {
		return nil, fmt.Errorf("return_path: %q must be at most %d plain ASCII letters before the @, so that the message's token fits behind it", local, room)
	}
	sum := sha256.Sum256(append([]byte("stagecraft return path\x00"), secret...))
	r.key = sum[:]
	return r, nil
}

func (r *returns) mac(purpose, id string) []byte {
	h := hmac.New(sha256.New, r.key)
	h.Write([]byte(purpose + "\x00" + id))
	return h.Sum(nil)[:macBytes]
}

// path is the return path of a message, in angle brackets. An ID that is no hex text or too long gets the plain one; its
// Message-ID still tells.
func (r *returns) path(id string) string {
	packed, err := hex.DecodeString(id)
	if err != nil || len(packed) == 0 || len(packed) > maxPackedID || hex.EncodeToString(packed) != id {
		return r.plain
	}
	return "<" + r.local + "+" + letters.EncodeToString(append(packed, r.mac("path", id)...)) + "@" + r.domain + ">"
}

// messageID is the left side of a Message-ID.
func (r *returns) messageID(id string) string {
	return id + "." + letters.EncodeToString(r.mac("message-id", id))
}

// fromPath finds a return path of ours in a text and returns the ID of its message; "" if there is none.
func (r *returns) fromPath(text string) string {
	text = strings.ToLower(text)
	for {
		_, after, found := strings.Cut(text, r.local+"+")
		if !found {
			return ""
		}
		text = after
		token, rest, found := strings.Cut(after, "@")
		if !found || len(token) > maxLocalBytes || !strings.HasPrefix(rest, r.domain) {
			continue
		}
		data, err := letters.DecodeString(token)
		if err != nil || len(data) <= macBytes || letters.EncodeToString(data) != token {
			continue
		}
		id := hex.EncodeToString(data[:len(data)-macBytes])
		if hmac.Equal(data[len(data)-macBytes:], r.mac("path", id)) {
			return id
		}
	}
}

// fromMessageID returns the ID of the message with that Message-ID; "" if it is not one of ours.
func (r *returns) fromMessageID(text string) string {
	text = strings.TrimSpace(text)
	text, closed := strings.CutSuffix(strings.TrimPrefix(text, "<"), ">")
	at := strings.LastIndexByte(text, '@')
	if !closed || at < 0 || !strings.EqualFold(text[at+1:], r.sender) {
		return ""
	}
	id, tag, found := strings.Cut(text[:at], ".")
	if !found || len(id) > 80 {
		return ""
	}
	data, err := letters.DecodeString(tag)
	if err != nil || letters.EncodeToString(data) != tag || !hmac.Equal(data, r.mac("message-id", id)) {
		return ""
	}
	return id
}

// spfDomain is the domain that receivers look up SPF for.
func (s *settings) spfDomain() string {
	if s.returns != nil {
		return s.returns.domain
	}
	return s.from.domain
}
