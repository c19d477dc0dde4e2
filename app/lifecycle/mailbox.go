package lifecycle

import (
	"strings"

	"golang.org/x/net/idna"
)

// lookup maps a domain as whoever looks it up does (RFC 5895, UTS 46).
var lookup = idna.New(idna.MapForLookup(), idna.BidiRule())

// mailbox is the form in which mail addresses are compared. The part before the @ may be told apart by its case (RFC 5321,
// 2.4), but nobody does: an address does not come free again by being written in capitals. Nor by another spelling of its
// domain: müller.example is xn--mller-kva.example, where its mail goes.
func mailbox(address string) string {
	address = strings.ToLower(address)
	at := strings.LastIndexByte(address, '@')
	if at < 0 || isASCII(address[at:]) {
		return address
	}
	domain, err := lookup.ToASCII(address[at+1:])
	if err != nil {
		return address
	}
	return address[:at+1] + domain
}

// sameMailbox reports whether two mail addresses are one as far as anybody but the receiving server can tell.
func sameMailbox(a, b string) bool {
	return len(a) == len(b) && strings.EqualFold(a, b) || !(isASCII(a) && isASCII(b)) && mailbox(a) == mailbox(b)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
