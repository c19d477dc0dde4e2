package lifecycle

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
	"sync"
	"time"
)

// Ref is where a message is found again however long after: the partition of the customer for whom it was decided, when
// it was decided, and its ID.
type Ref struct {
	Partition int
	Decided   time.Time
	ID        ID
}

// refBytes is how long a reference is: a byte, a time in nanoseconds, an ID.
const refBytes = 1 + 8 + len(ID{})

// Ref returns the message's reference.
func (m *Message) Ref() Ref { return Ref{m.Customer.Partition(), m.Decided, m.ID} }

// IsZero reports whether the reference is to no message.
func (r Ref) IsZero() bool { return r.ID.IsZero() }

// String returns 50 lower-case hex digits, by which connectors know the message.
func (r Ref) String() string {
	var room [refBytes]byte
	return hex.EncodeToString(r.append(room[:0]))
}

func (r Ref) append(b []byte) []byte {
	b = append(b, byte(r.Partition))
	return append(binary.BigEndian.AppendUint64(b, uint64(r.Decided.UnixNano())), r.ID[:]...)
}

// ParseRef reads what String returned.
func ParseRef(text string) (Ref, error) {
	var room [refBytes]byte
	if len(text) == 2*refBytes {
		if _, err := hex.Decode(room[:], []byte(text)); err == nil && room[0] < Partitions {
			return readRef(room[:]), nil
		}
	}
	return Ref{}, Errorf(NotFound, "%.80q is no reference to a message", text)
}

func readRef(b []byte) Ref {
	return Ref{int(b[0]), time.Unix(0, int64(binary.BigEndian.Uint64(b[1:9]))).UTC(), ID(b[9:refBytes])}
}

// Purpose is what a link is for. It is the first element of the link's path.
type Purpose byte

// The purposes.
const (
	ToUnsubscribe Purpose = 'u'
	ToPreferences Purpose = 'p'
	ToClick       Purpose = 'c' // a tracked link of a message
	ToOpen        Purpose = 'o' // the picture that shows that a message was opened
	ToShort       Purpose = 's' // a short link, which stands for one of those above
)

// MaxLinkURL is how long an address may be that is tracked.
const MaxLinkURL = 2000

// Links makes the signed links of messages and reads them. A link holds all that it says, and nobody can make or change
// one without the key: its path is /PURPOSE/TOKEN, and the token is base64url(payload, MAC), where the MAC is the first 16
// bytes of HMAC-SHA-256 over purpose and payload. The zero value makes none.
type Links struct {
	signers *sync.Pool // nil without a key
	base    string
}

// signer is an HMAC that has the key already, which is half of the work of a short one, and room to write.
type signer struct {
	mac  hash.Hash
	sum  [sha256.Size]byte
	room []byte
}

// sign appends the MAC of what is signed to b.
func (s *signer) sign(b, signed []byte) []byte {
	s.mac.Reset()
	s.mac.Write(signed)
	return append(b, s.mac.Sum(s.sum[:0])[:macBytes]...)
}

// NewLinks returns links below the public URL of the server, which has no slash at its end.
func NewLinks(key []byte, publicURL string) Links {
	if len(key) == 0 {
		return Links{}
	}
	key = bytes.Clone(key)
	return Links{&sync.Pool{New: func() any { return &signer{mac: hmac.New(sha256.New, key)} }}, publicURL}
}

// At returns links with the same key below another URL.
func (l Links) At(publicURL string) Links { return Links{l.signers, publicURL} }

// Enabled reports whether links can be made.
func (l Links) Enabled() bool { return l.signers != nil && l.base != "" }

// Link is what a link says.
type Link struct {
	Purpose  Purpose
	Customer ID     // of ToUnsubscribe and ToPreferences
	Message  Ref    // of all but ToPreferences; zero where there is none
	Channel  string // of ToUnsubscribe
	Topic    string // of ToUnsubscribe; empty: all topics
	URL      string // of ToClick
}

// Unsubscribe returns the link by which a customer takes back the consent to messages on a channel about a topic.
func (l Links) Unsubscribe(customer ID, message Ref, channel, topic string) string {
	return l.sign(Link{Purpose: ToUnsubscribe, Customer: customer, Message: message, Channel: channel, Topic: topic})
}

// Preferences returns the link to a customer's own page.
func (l Links) Preferences(customer ID) string {
	return l.sign(Link{Purpose: ToPreferences, Customer: customer})
}

// Click returns the link that leads on to an address, and tells that the message's reader went there.
func (l Links) Click(message Ref, url string) string {
	return l.sign(Link{Purpose: ToClick, Message: message, URL: url})
}

// Open returns the address of the picture that tells that the message was opened.
func (l Links) Open(message Ref) string { return l.sign(Link{Purpose: ToOpen, Message: message}) }

// Owns reports whether an address is one of these links.
func (l Links) Owns(url string) bool {
	rest, ok := strings.CutPrefix(url, l.base+"/")
	return ok && len(rest) > 2 && rest[1] == '/' && strings.IndexByte("upcosydr", rest[0]) >= 0
}

// macBytes is how much of the HMAC a token holds.
const macBytes = 16

func (l Links) sign(link Link) string {
	if !l.Enabled() {
		return ""
	}
	signer := l.signers.Get().(*signer)
	defer l.signers.Put(signer)
	token := link.append(signer.room[:0]) // the purpose is signed with the rest, but it stands in the path
	token = signer.sign(token, token)
	out := append(append(token, l.base...), '/', byte(link.Purpose), '/')
	out = base64.RawURLEncoding.AppendEncode(out, token[1:])
	signer.room = out
	return string(out[len(token):])
}

// append writes what the link says, as it is signed.
func (link *Link) append(b []byte) []byte {
	b = append(b, byte(link.Purpose))
	switch link.Purpose {
	case ToUnsubscribe:
		b = link.Message.append(append(b, link.Customer[:]...))
		b = append(binary.AppendUvarint(b, uint64(len(link.Channel))), link.Channel...)
		return append(b, link.Topic...)
	case ToPreferences:
		return append(b, link.Customer[:]...)
	case ToClick:
		return append(link.Message.append(b), link.URL...)
	case ToOpen:
		return link.Message.append(b)
	}
	return b
}

// mac appends the MAC of what is signed to b.
func (l Links) mac(b, signed []byte) []byte {
	signer := l.signers.Get().(*signer)
	defer l.signers.Put(signer)
	return signer.sign(b, signed)
}

// Read reads the path of a link, with the slash before it. Whatever was not signed with the key is NotFound, down to the
// last bit.
func (l Links) Read(path string) (Link, error) {
	link, ok := l.read(path)
	if !ok {
		return Link{}, Errorf(NotFound, "this link is not one of ours, or not all of it has come; take it from the message once more")
	}
	return link, nil
}

func (l Links) read(path string) (link Link, ok bool) {
	if !l.Enabled() || len(path) < 3 || path[0] != '/' || path[2] != '/' || len(path) > 2*MaxLinkURL {
		return link, false
	}
	// Line breaks are skipped by the decoder: they would make several tokens of one.
	text, strict := path[3:], base64.RawURLEncoding.Strict()
	if strings.ContainsAny(text, "\r\n") {
		return link, false
	}
	token := make([]byte, 1, 1+strict.DecodedLen(len(text)))
	token[0] = path[1]
	token, err := strict.AppendDecode(token, []byte(text))
	at := len(token) - macBytes
	if err != nil || at < 1 || !hmac.Equal(token[at:], l.mac(nil, token[:at])) {
		return link, false
	}
	return readLink(token[:at])
}

// readLink reads what append wrote.
func readLink(b []byte) (link Link, ok bool) {
	if len(b) == 0 {
		return link, false
	}
	link.Purpose, b = Purpose(b[0]), b[1:]
	switch {
	case link.Purpose == ToUnsubscribe && len(b) > len(ID{})+refBytes:
		link.Customer, b = ID(b[:16]), b[16:]
		link.Message, b = readRef(b), b[refBytes:]
		n, read := binary.Uvarint(b)
		if read <= 0 || n > uint64(len(b)-read) {
			return Link{}, false
		}
		link.Channel, link.Topic = string(b[read:read+int(n)]), string(b[read+int(n):])
	case link.Purpose == ToPreferences && len(b) == len(ID{}):
		link.Customer = ID(b)
	case link.Purpose == ToClick && len(b) > refBytes:
		link.Message, link.URL = readRef(b), string(b[refBytes:])
	case link.Purpose == ToOpen && len(b) == refBytes:
		link.Message = readRef(b)
	default:
		return Link{}, false
	}
	return link, true
}
