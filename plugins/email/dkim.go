package email

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signingKey is one DKIM key (RFC 6376, RFC 8463), as it stands in the settings and as it is used. Several at once sign
// each message with each: an Ed25519 key beside an RSA key, or the next key beside the one that is going out of use.
type signingKey struct {
	Selector string `json:"selector"`
	Domain   string `json:"domain"`   // the sender's if empty
	Key      string `json:"key"`      // PEM
	KeyFile  string `json:"key_file"` // instead of Key

	signer    crypto.Signer
	algorithm string // "rsa-sha256" or "ed25519-sha256"
}

// minRSABits is what verifiers must accept at least (RFC 8301 3.2).
const minRSABits = 1024

// signedFields are the fields that are signed where a message has them, in lower case. sealedFields are named in the
// signature once more than they occur, so that nobody can add a second one.
var (
	signedFields = []string{
		"from", "to", "subject", "date", "message-id", "reply-to", "sender", "list-id", "list-unsubscribe", "list-unsubscribe-post",
		"mime-version", "content-type",
	}
	sealedFields = []string{"from", "subject"}
)

// load reads the key.
func (k *signingKey) load(sender string) error {
	if k.Domain == "" {
		k.Domain = sender
	}
	if !isDomain(k.Selector) {
		return fmt.Errorf("dkim: selector %q is not a name; write it like s1", k.Selector)
	}
	if !isDomain(k.Domain) {
		return fmt.Errorf("dkim: domain %q of selector %s is not a domain", k.Domain, k.Selector)
	}
	text := []byte(k.Key)
	switch {
	case (k.Key == "") == (k.KeyFile == ""):
		return fmt.Errorf("dkim: selector %s needs either key or key_file", k.Selector)
	case k.KeyFile != "":
		var err error
		if text, err = os.ReadFile(k.KeyFile); err != nil {
			return fmt.Errorf("dkim: key_file of selector %s cannot be read: %w", k.Selector, err)
		}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("dkim: the key of selector %s is not in PEM form", k.Selector)
	}
	var key any
	var err error
	if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return fmt.Errorf("dkim: the key of selector %s is neither PKCS #8 nor PKCS #1", k.Selector)
		}
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < minRSABits {
			return fmt.Errorf("dkim: the RSA key of selector %s has %d bits; use 2048", k.Selector, key.N.BitLen())
		}
		k.signer, k.algorithm = key, "rsa-sha256"
	case ed25519.PrivateKey:
		k.signer, k.algorithm = key, "ed25519-sha256"
	default:
		return fmt.Errorf("dkim: the key of selector %s is neither RSA nor Ed25519", k.Selector)
	}
	return nil
}

// sign makes the DKIM-Signature of a message, with relaxed canonicalisation of header and body. It depends on nothing else
// than its arguments and the key, so that a retry sends the same bytes: body is the digest of relaxBody, date is the
// signature's time.
func (k *signingKey) sign(fields []field, body [sha256.Size]byte, date time.Time) (field, error) {
	names := make([]string, 0, len(signedFields)+len(sealedFields))
	signed := make([]byte, 0, 2<<10)
	for _, name := range signedFields {
		for _, f := range fields {
			if strings.EqualFold(f.name, name) {
				names = append(names, name)
				signed = append(relaxField(signed, f), "\r\n"...)
			}
		}
	}
	names = append(names, sealedFields...)
	var value bytes.Buffer
	value.Grow(1 << 10)
	value.WriteString("v=1; a=" + k.algorithm + "; c=relaxed/relaxed; d=" + k.Domain + ";\r\n s=" + k.Selector + ";")
	if !date.IsZero() {
		value.WriteString(" t=" + strconv.FormatInt(date.Unix(), 10) + ";")
	}
	before := "\r\n h="
	for names := range slices.Chunk(names, 5) {
		value.WriteString(before + strings.Join(names, ":"))
		before = ":\r\n  "
	}
	value.WriteString(";\r\n bh=" + base64.StdEncoding.EncodeToString(body[:]) + ";\r\n b=")
	digest := sha256.Sum256(relaxField(signed, field{"dkim-signature", value.String()}))
	// RFC 8463 3: Ed25519 signs the digest as if it were the message.
	var options crypto.SignerOpts = crypto.SHA256
	if k.algorithm == "ed25519-sha256" {
		options = crypto.Hash(0)
	}
	signature, err := k.signer.Sign(nil, digest[:], options)
	if err != nil {
		return field{}, err
	}
	text := base64.StdEncoding.EncodeToString(signature)
	for len(text) > 72 {
		value.WriteString(text[:72] + "\r\n ")
		text = text[72:]
	}
	value.WriteString(text)
	return field{"DKIM-Signature", value.String()}, nil
}

// record is what the key's TXT record has to hold (RFC 6376 3.6.1).
func (k *signingKey) record() (name, value string, err error) {
	name = k.Selector + "._domainkey." + k.Domain
	switch public := k.signer.Public().(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return "", "", err
		}
		return name, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), nil
	case ed25519.PublicKey:
		return name, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public), nil
	}
	return "", "", errors.New("the key is neither RSA nor Ed25519")
}

// relaxField appends a field in the form of RFC 6376 3.4.2, without a line break.
func relaxField(out []byte, f field) []byte {
	out = append(append(out, strings.ToLower(f.name)...), ':')
	gap, begun := false, false
	for i := 0; i < len(f.value); i++ {
		switch c := f.value[i]; c {
		case ' ', '\t', '\r', '\n':
			gap = true
		default:
			if gap && begun {
				out = append(out, ' ')
			}
			gap, begun = false, true
			out = append(out, c)
		}
	}
	return out
}

// relaxBody appends a body, whose lines end with CRLF, in the form of RFC 6376 3.4.4.
func relaxBody(out, body []byte) []byte {
	begin := len(out)
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\r\n"))
		body = rest
		if bytes.HasSuffix(line, []byte(" ")) || bytes.Contains(line, []byte("  ")) || bytes.IndexByte(line, '\t') >= 0 {
			out = relaxLine(out, line)
		} else {
			out = append(out, line...)
		}
		out = append(out, "\r\n"...)
	}
	for bytes.HasSuffix(out[begin:], []byte("\r\n\r\n")) {
		out = out[:len(out)-2]
	}
	if len(out)-begin == 2 {
		return out[:begin]
	}
	return out
}

// relaxLine appends a line with a space for each run of white space, and none at its end.
func relaxLine(out, line []byte) []byte {
	gap := false
	for _, c := range line {
		if c == ' ' || c == '\t' {
			gap = true
			continue
		}
		if gap {
			out, gap = append(out, ' '), false
		}
		out = append(out, c)
	}
	return out
}
