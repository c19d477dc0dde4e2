package lifecycle

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scope is something that an API key may do.
type Scope string

const (
	ScopeIngest Scope = "ingest" // bring in events, customers and consent
	ScopeRead   Scope = "read"   // look at everything but keys
	ScopeSend   Scope = "send"   // send one message, move one customer, open one inbox
	ScopeAdmin  Scope = "admin"  // all of it, and change everything
)

// Scopes are all there are.
var Scopes = []Scope{ScopeIngest, ScopeRead, ScopeSend, ScopeAdmin}

// Bounds of API keys.
const (
	MaxAPIKeys    = 1000
	MaxAPIKeyRate = 100_000 // requests a second
)

// apiKeyPrefix begins every secret, so that people and programs that look for secrets recognise one.
const apiKeyPrefix = "sc_"

// APIKey is a key of a program that uses the API. Its secret is shown once and not kept: only its hash is.
type APIKey struct {
	ID      string    `msgpack:"i" json:"id"`
	Name    string    `msgpack:"n" json:"name"` // for people; no two keys have the same
	Scopes  []Scope   `msgpack:"s" json:"scopes"`
	Hash    []byte    `msgpack:"h" json:"-"`                // SHA-256 of the secret
	Hint    string    `msgpack:"t" json:"hint"`             // how the secret begins
	Rate    int       `msgpack:"r" json:"rate"`             // requests a second; 0: as many as the server's setting says
	By      string    `msgpack:"b" json:"by"`               // who made it
	Created time.Time `msgpack:"c" json:"created"`          // when
	Expires time.Time `msgpack:"e" json:"expires,omitzero"` // zero: never
	Used    time.Time `msgpack:"u" json:"used,omitzero"`    // about when it was used last; zero: never
}

// HashAPIKey returns the hash by which a secret is known. The secret has 130 random bits, so that a plain hash will do.
func HashAPIKey(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// NewAPIKey draws a secret for a key and fills in what follows from it. An error names the field that is wrong.
func NewAPIKey(k APIKey, at time.Time) (secret string, key APIKey, err error) {
	k.Name = strings.TrimSpace(k.Name)
	wrong := func(field, format string, args ...any) (string, APIKey, error) {
		return "", APIKey{}, &Error{Code: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	if k.Name == "" || len(k.Name) > MaxNameBytes || strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return wrong("name", "name the key after the program that will use it, in at most %d bytes", MaxNameBytes)
	}
	if len(k.Scopes) == 0 {
		return wrong("scopes", "say what the key may do: ingest, read, send or admin")
	}
	for _, scope := range k.Scopes {
		if !slices.Contains(Scopes, scope) {
			return wrong("scopes", "there is no scope %.40q; there are ingest, read, send and admin", scope)
		}
	}
	if k.Rate < 0 || k.Rate > MaxAPIKeyRate {
		return wrong("rate", "rate is a number of requests a second, from 1 to %d, or 0 for the server's setting", MaxAPIKeyRate)
	}
	if !k.Expires.IsZero() && !k.Expires.After(at) {
		return wrong("expires", "a key that expires has to do so later than now")
	}
	k.Scopes = slices.Clone(k.Scopes)
	slices.SortFunc(k.Scopes, func(a, b Scope) int { return slices.Index(Scopes, a) - slices.Index(Scopes, b) })
	k.Scopes = slices.Compact(k.Scopes)
	secret = apiKeyPrefix + rand.Text()
	hash := HashAPIKey(secret)
	k.Hash, k.ID, k.Hint = hash[:], hex.EncodeToString(hash[:6]), secret[:len(apiKeyPrefix)+4]
	k.Created, k.Used = at, time.Time{}
	return secret, k, nil
}
