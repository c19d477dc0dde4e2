package email

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// address is a mail address in the forms in which it is needed.
type address struct {
	mail.Address         // with the domain in ASCII
	domain        string // in ASCII
	path          string // in angle brackets, the local part quoted where needed, as MAIL and RCPT take it
	international bool   // the local part is not ASCII; only servers with SMTPUTF8 take it
}

// newAddress checks a parsed address against the limits of RFC 5321 4.5.3.1 and puts its domain into ASCII.
func newAddress(parsed *mail.Address) (address, error) {
	at := strings.LastIndexByte(parsed.Address, '@')
	if at <= 0 {
		return address{}, errors.New("the address has no @")
	}
	local, domain := parsed.Address[:at], parsed.Address[at+1:]
	if strings.ContainsAny(local, "\x00\r\n") {
		return address{}, errors.New("the address has control characters before its @")
	}
	if !strings.HasPrefix(domain, "[") {
		lookup := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))
		ascii, err := lookup.ToASCII(domain)
		if err != nil || ascii == "" {
			return address{}, fmt.Errorf("%q is not a domain", domain)
		}
		domain = ascii
	}
	if len(local) > 64 || len(domain) > 255 {
		return address{}, errors.New("the address is too long")
	}
	full := mail.Address{Address: local + "@" + domain}
	a := address{Address: mail.Address{Name: parsed.Name, Address: full.Address}, domain: domain, path: full.String()}
	for i := 0; i < len(local); i++ {
		a.international = a.international || local[i] >= 0x80
	}
	return a, nil
}
