package lifecycle

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// asStart is the purpose of the codes with which customers begin a chat; they are part of the network's links and none of ours.
const asStart Purpose = 't'

// startPrefix begins the names of those of whom nothing is known but a chat.
const startPrefix = "chat:"

// MaxStartLife is how long a code to begin a chat with is good at most, and one in a message is.
const MaxStartLife = 30 * 24 * time.Hour

// StartCode returns the code with which a customer begins a chat, so that its address becomes theirs: 48 letters, digits, - and _,
// which Telegram takes in t.me/BOT?start=CODE (at most 64). Whoever has the code can give the customer a chat until it
// ends, to the second. It is "" without a key.
func (l Links) StartCode(customer ID, ends time.Time) string {
	return l.token(asStart, binary.BigEndian.AppendUint32(append([]byte(nil), customer[:]...), uint32(max(0, ends.Unix()))))
}

// ReadStart returns whose code it is; false if it is none of ours, or has ended.
func (l Links) ReadStart(code string, now time.Time) (ID, bool) {
	payload, err := l.payload("/"+string(rune(asStart))+"/"+code, asStart)
	if err != nil || len(payload) != len(ID{})+4 || now.Unix() >= int64(binary.BigEndian.Uint32(payload[16:])) {
		return ID{}, false
	}
	return ID(payload[:16]), true
}

// Stranger returns the anonymous ID of somebody of whom only a chat's address is known. It tells nothing about the address, and
// nobody can make it without the key; it is "" without one.
func (l Links) Stranger(address string) string {
	if l.signers == nil {
		return ""
	}
	return startPrefix + hex.EncodeToString(l.mac(nil, append([]byte{byte(asStart)}, address...)))
}

// ChatTrait returns the trait in which a customer has an address of a channel of chat, and its value there: telegram and 4711 of
// "telegram:4711". A further channel that is not named after a network has a trait of its own name. It is false for
// channels of other kinds.
func ChatTrait(channel, address string) (trait, value string, ok bool) {
	if KindOf(channel) != "social" {
		return "", "", false
	}
	for _, known := range socialTraits {
		rest, is := cutNetwork(address, known.provider)
		switch {
		case !is || rest == "":
		case channel == "social" || channel == "social-"+known.provider:
			return known.trait, rest, true
		default:
			return channel, address, true
		}
	}
	return "", "", false
}

func cutNetwork(address, network string) (rest string, ok bool) {
	if len(address) <= len(network) || address[:len(network)] != network || address[len(network)] != ':' {
		return "", false
	}
	return address[len(network)+1:], true
}
