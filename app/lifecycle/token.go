package lifecycle

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// MaxTokenBytes is how long a customer's token may be.
const MaxTokenBytes = 2048

// Tokens makes and reads the tokens by which a customer's own page or app proves whose it is. A token is a JSON Web Token
// (RFC 7519) signed with HMAC-SHA-256 (HS256, RFC 7515), whose claims are
//
//	sub  the customer's user ID
//	exp  when it ends, in seconds since 1970
//
// so that a business's backend makes them with any library, or in three lines without one. Other claims are not looked at.
// Whoever has the key can speak for every customer: it stays in backends. The zero value reads none.
type Tokens struct{ key []byte }

// NewTokens returns tokens of a key.
func NewTokens(key []byte) Tokens { return Tokens{key} }

// tokenHeader is how our own tokens begin. Those of others may say typ or not, in any order.
const tokenHeader = `{"alg":"HS256","typ":"JWT"}`

// Sign returns a token for a user that ends at a moment, to the second.
func (t Tokens) Sign(user string, ends time.Time) string {
	claims, _ := json.Marshal(map[string]any{"sub": user, "exp": ends.Unix()}) // a text and a number only
	signed := base64.RawURLEncoding.EncodeToString([]byte(tokenHeader)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(t.mac(signed))
}

func (t Tokens) mac(signed string) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte(signed))
	return mac.Sum(nil)
}

// Read returns whose token it is and when it ends. One that is not signed with the key, says another algorithm, has no end
// or has ended is Unauthorized.
func (t Tokens) Read(token string, now time.Time) (user string, ends time.Time, err error) {
	refused := func(why string) (string, time.Time, error) {
		return "", time.Time{}, Errorf(Unauthorized, "the customer's token %s; have the backend make a new one", why)
	}
	parts := strings.Split(token, ".")
	if len(t.key) == 0 || len(token) > MaxTokenBytes || len(parts) != 3 {
		return refused("is no token of this server: a JSON Web Token has three parts")
	}
	strict := base64.RawURLEncoding.Strict()
	mac, err := strict.DecodeString(parts[2])
	// Line breaks are skipped by the decoder: they would make several tokens of one.
	if err != nil || strings.ContainsAny(token, "\r\n") || !hmac.Equal(mac, t.mac(parts[0]+"."+parts[1])) {
		return refused("is not signed with the key of this server")
	}
	var header struct {
		Algorithm string   `json:"alg"`
		Critical  []string `json:"crit"`
	}
	var claims struct {
		Subject string  `json:"sub"`
		Ends    float64 `json:"exp"`
		Begins  float64 `json:"nbf"`
	}
	for part, target := range map[string]any{parts[0]: &header, parts[1]: &claims} {
		data, err := strict.DecodeString(part)
		if err != nil || json.Unmarshal(data, target) != nil {
			return refused("cannot be read")
		}
	}
	const year9999 = 253402300799
	switch {
	case header.Algorithm != "HS256" || len(header.Critical) > 0:
		return refused("is signed by another algorithm than HS256")
	case claims.Subject == "" || len(claims.Subject) > MaxNameBytes:
		return refused("names no user in sub")
	case claims.Ends <= 0 || claims.Ends > year9999:
		return refused("says no end in exp, in seconds since 1970")
	}
	if ends = time.Unix(int64(claims.Ends), 0).UTC(); !now.Before(ends) {
		return refused("has ended")
	}
	if claims.Begins > float64(now.Add(time.Minute).Unix()) { // clocks differ a little
		return refused("is not valid yet")
	}
	return claims.Subject, ends, nil
}
