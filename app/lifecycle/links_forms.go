package lifecycle

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// The purposes of the links of forms and referrals.
const (
	ToConfirm  Purpose = 'y' // confirms a mail address
	ToDownload Purpose = 'd' // a reward
	ToReferral Purpose = 'r' // a customer's own link for friends
	asForm     Purpose = 'f' // says when a form was shown; it is a field of the page and no link
	asApplied  Purpose = 'a' // names somebody by a mail address that is not confirmed
)

// Confirm returns the link by which the owner of a mail address confirms what was sent with it: an application of an
// applicant.
func (l Links) Confirm(applicant, application ID) string {
	return l.link(ToConfirm, append(append([]byte(nil), applicant[:]...), application[:]...))
}

// ReadConfirm reads the path of a link of Confirm.
func (l Links) ReadConfirm(path string) (applicant, application ID, err error) {
	payload, err := l.payload(path, ToConfirm)
	if err == nil && len(payload) != 2*len(ID{}) {
		err = badLink()
	}
	if err != nil {
		return ID{}, ID{}, err
	}
	return ID(payload[:16]), ID(payload[16:]), nil
}

// Reward is what a link to a reward says.
type Reward struct {
	Form string
	For  ID        // names what it was given for
	Who  string    // the anonymous ID of whom it was given to
	Ends time.Time // to the second
}

// Download returns the link to a reward.
func (l Links) Download(r Reward) string {
	b := binary.BigEndian.AppendUint64(append([]byte(nil), r.For[:]...), uint64(r.Ends.Unix()))
	b = append(binary.AppendUvarint(b, uint64(len(r.Form))), r.Form...)
	return l.link(ToDownload, append(b, r.Who...))
}

// ReadDownload reads the path of a link of Download, which may have ended.
func (l Links) ReadDownload(path string) (Reward, error) {
	b, err := l.payload(path, ToDownload)
	if err != nil {
		return Reward{}, err
	}
	if len(b) > 24 {
		r := Reward{For: ID(b[:16]), Ends: time.Unix(int64(binary.BigEndian.Uint64(b[16:24])), 0).UTC()}
		if n, read := binary.Uvarint(b[24:]); read > 0 && n <= uint64(len(b)-24-read) {
			rest := b[24+read:]
			r.Form, r.Who = string(rest[:n]), string(rest[n:])
			return r, nil
		}
	}
	return Reward{}, badLink()
}

// Referral returns a customer's own link for friends.
func (l Links) Referral(customer ID) string { return l.link(ToReferral, customer[:]) }

// ReferralCode returns what stands behind /r/ in it, by which pages name who recommended them.
func (l Links) ReferralCode(customer ID) string { return l.token(ToReferral, customer[:]) }

// ReadReferral returns whose the code is.
func (l Links) ReadReferral(code string) (ID, bool) {
	payload, err := l.payload("/"+string(rune(ToReferral))+"/"+code, ToReferral)
	if err != nil || len(payload) != len(ID{}) {
		return ID{}, false
	}
	return ID(payload), true
}

// Shown returns the word of a form's page that it was shown at a moment.
func (l Links) Shown(form string, at time.Time) string {
	return l.token(asForm, append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli())), form...))
}

// ReadShown returns when the page was shown; false if it was not this form's.
func (l Links) ReadShown(form, word string) (time.Time, bool) {
	payload, err := l.payload("/"+string(rune(asForm))+"/"+word, asForm)
	if err != nil || len(payload) < 8 || string(payload[8:]) != form {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(payload[:8]))).UTC(), true
}

// applicantPrefix begins the names of those who have sent a form and have not confirmed their address, subscriberPrefix of
// those who have.
const (
	applicantPrefix  = "applicant:"
	subscriberPrefix = "subscriber:"
)

// Applicant returns the name of whoever sends a form with a mail address. It tells nothing about the address, and nobody
// can make it without the key. Small and capital letters are the same.
func (l Links) Applicant(email string) string { return applicantPrefix + l.nameOf(email) }

// Subscriber returns the anonymous ID of whoever has confirmed a mail address and is not known by another name.
func (l Links) Subscriber(email string) string { return subscriberPrefix + l.nameOf(email) }

func (l Links) nameOf(email string) string {
	return hex.EncodeToString(l.mac(nil, append([]byte{byte(asApplied)}, mailbox(email)...)))
}

// Applicant reports whether this is nobody yet but a mail address that waits to be confirmed: no journey begins for them,
// and nothing but the question goes there.
func (c *Customer) Applicant() bool {
	return len(c.Identities) == 1 && c.Identities[0].Kind == AnonymousID && strings.HasPrefix(c.Identities[0].Value, applicantPrefix)
}

func badLink() error {
	return Errorf(NotFound, "this link is not one of ours, or not all of it has come; take it from the message once more")
}

func (l Links) link(purpose Purpose, payload []byte) string {
	if !l.Enabled() {
		return ""
	}
	return l.base + "/" + string(rune(purpose)) + "/" + l.token(purpose, payload)
}

// token signs what a link says.
func (l Links) token(purpose Purpose, payload []byte) string {
	if l.signers == nil {
		return ""
	}
	signed := append([]byte{byte(purpose)}, payload...) // the purpose is signed with the rest, but stands elsewhere
	return base64.RawURLEncoding.EncodeToString(l.mac(signed, signed)[1:])
}

// payload returns what the path of a link says, with the slash before it.
func (l Links) payload(path string, purpose Purpose) ([]byte, error) {
	if l.signers == nil || len(path) < 3 || path[0] != '/' || path[1] != byte(purpose) || path[2] != '/' || len(path) > MaxLinkURL || strings.ContainsAny(path, "\r\n") {
		return nil, badLink()
	}
	token, err := base64.RawURLEncoding.Strict().AppendDecode([]byte{byte(purpose)}, []byte(path[3:]))
	at := len(token) - macBytes
	if err != nil || at < 1 || !hmac.Equal(token[at:], l.mac(nil, token[:at])) {
		return nil, badLink()
	}
	return token[1:at], nil
}
