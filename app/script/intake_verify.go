package script

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// hmacFields are what verify.hmac_sha256 knows.
var hmacFields = []field{{name: "header"}, {name: "secret"}, {name: "encoding"}, {name: "prefix"}, {name: "scheme"}, {name: "payload"}, {name: "tolerance"}}

// tokenFields are what verify.token knows.
var tokenFields = []field{{name: "header"}, {name: "query"}, {name: "secret"}, {name: "prefix"}}

const (
	hmacForm  = `as in verify.hmac_sha256 { header = "X-Signature", secret = "signing", encoding = "hex" }`
	tokenForm = `as in verify.token { header = "X-Token", secret = "token" }`
	// defaultTolerance is how old a signature may be that says when it was made, as Stripe and Standard Webhooks have it.
	defaultTolerance = 5 * time.Minute
)

// verifyHMAC is verify.hmac_sha256 { … }: the body, or payload, signed with one of the secret's values. scheme is stripe
// (https://docs.stripe.com/webhooks#verify-manually) or standard (https://www.standardwebhooks.com), which sign a time
// too. The comparison takes the same time whatever is wrong.
func (m *intakeMachine) verifyHMAC(L *lua.LState) int {
	o := m.verifyOptions(L, "verify.hmac_sha256", hmacForm, hmacFields)
	tolerance := defaultTolerance
	if o["tolerance"] != "" {
		d, err := lifecycle.ParseDuration(o["tolerance"])
		if err != nil || d <= 0 {
			m.fail(L, `as in tolerance = "5 minutes"`, "%q is no tolerance", cut(o["tolerance"], 40))
		}
		tolerance = d
	}
	if m.request == nil || m.request.Trust {
		return m.proved(L)
	}
	secrets := m.secret(L, o["secret"])
	body := string(m.raw)
	if payload, ok := o["payload"]; ok {
		body = payload
	}
	m.charge(L, len(body)/costBytes)
	var signed string
	var signatures [][]byte
	switch scheme := o["scheme"]; scheme {
	case "":
		signatures = append(signatures, m.signature(L, o))
		signed = body
	case "stripe":
		if o["header"] == "" {
			o["header"] = "Stripe-Signature"
		}
		var at string
		for part := range strings.SplitSeq(m.header(L, o["header"]), ",") {
			switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
			case "t":
				at = value
			case "v1":
				if sum, err := hex.DecodeString(value); err == nil {
					signatures = append(signatures, sum)
				}
			}
		}
		m.fresh(L, at, tolerance)
		signed = at + "." + body
	case "standard":
		at := m.header(L, "Webhook-Timestamp")
		for one := range strings.FieldsSeq(m.header(L, "Webhook-Signature")) {
			if value, ok := strings.CutPrefix(one, "v1,"); ok {
				if sum, err := base64.StdEncoding.DecodeString(value); err == nil {
					signatures = append(signatures, sum)
				}
			}
		}
		m.fresh(L, at, tolerance)
		signed = m.header(L, "Webhook-Id") + "." + at + "." + body
		for i, secret := range secrets {
			if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err == nil {
				secrets[i] = string(key)
			}
		}
	default:
		m.fail(L, hmacForm, "scheme %q is neither stripe nor standard", cut(scheme, 40))
	}
	if len(signatures) > 20 {
		signatures = signatures[:20]
	}
	good := 0
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(signed))
		want := mac.Sum(nil)
		for _, got := range signatures {
			good |= subtle.ConstantTimeCompare(got, want)
		}
	}
	if good == 0 {
		m.unproved(L, "the signature does not match")
	}
	return m.proved(L)
}

// signature reads one signature from its header.
func (m *intakeMachine) signature(L *lua.LState, o map[string]string) []byte {
	if o["header"] == "" {
		m.fail(L, hmacForm, "verify.hmac_sha256 needs the name of a header")
	}
	text, ok := strings.CutPrefix(m.header(L, o["header"]), o["prefix"])
	if !ok {
		m.unproved(L, "the signature does not begin with "+strconv.Quote(cut(o["prefix"], 40)))
	}
	var sum []byte
	var err error
	switch o["encoding"] {
	case "", "hex":
		sum, err = hex.DecodeString(strings.TrimSpace(text))
	case "base64":
		sum, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	default:
		m.fail(L, hmacForm, "encoding %q is neither hex nor base64", cut(o["encoding"], 40))
	}
	if err != nil {
		m.unproved(L, "the signature cannot be read")
	}
	return sum
}

// fresh refuses a signature that was made too long ago, or in the future.
func (m *intakeMachine) fresh(L *lua.LState, at string, tolerance time.Duration) {
	if at == "" {
		m.unproved(L, "the request has no signature that says when it was made; its sender, or a proxy on the way, left the header out")
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		m.unproved(L, "the signature does not say when it was made")
	}
	if off := m.now.Sub(time.Unix(seconds, 0)); off > tolerance || off < -tolerance {
		m.unproved(L, "the signature was made more than "+tolerance.String()+" from now, by this server's clock")
	}
}

// verifyToken is verify.token { … }: a header, or a part of the query, that is the secret itself.
func (m *intakeMachine) verifyToken(L *lua.LState) int {
	o := m.verifyOptions(L, "verify.token", tokenForm, tokenFields)
	if (o["header"] == "") == (o["query"] == "") {
		m.fail(L, tokenForm, "verify.token needs the name of a header or of a part of the query")
	}
	if m.request == nil || m.request.Trust {
		return m.proved(L)
	}
	secrets := m.secret(L, o["secret"])
	got := m.request.Query[o["query"]]
	if o["header"] != "" {
		got = m.header(L, o["header"])
	}
	got, prefixed := strings.CutPrefix(got, o["prefix"])
	x, good := sha256.Sum256([]byte(got)), 0
	for _, secret := range secrets {
		y := sha256.Sum256([]byte(secret))
		good |= subtle.ConstantTimeCompare(x[:], y[:])
	}
	if good == 0 || !prefixed || got == "" {
		m.unproved(L, "the token does not match")
	}
	return m.proved(L)
}

func (m *intakeMachine) verifyOptions(L *lua.LState, word, form string, known []field) map[string]string {
	if m.toplevel {
		m.fail(L, "put it into receive", "%s is called while the file is loaded", word)
	}
	if _, ok := L.Get(1).(*lua.LTable); !ok {
		m.fail(L, form, "%s needs a table, not %s", word, kindOf(L, 1))
	}
	o := map[string]string{}
	for name, value := range m.options(L, 1, word, form, known) {
		text, ok := value.(lua.LString)
		if !ok {
			m.fail(L, form, "%s of %s must be a text, not %s", name, word, value.Type())
		}
		o[name] = string(text)
	}
	if o["secret"] == "" {
		m.fail(L, form, "%s needs the name of a secret; its value is set apart from the script", word)
	}
	return o
}

func (m *intakeMachine) header(L *lua.LState, name string) string {
	m.charge(L, len(name)/costBytes)
	return m.request.Headers[strings.ToLower(name)]
}

// secret returns the values of a secret, which the script never sees.
func (m *intakeMachine) secret(L *lua.LState, name string) []string {
	values, err := m.request.Secret(name)
	if err != nil {
		m.refuseNow(L, err)
	}
	return append([]string(nil), values...)
}

func (m *intakeMachine) proved(L *lua.LState) int {
	m.verified = true
	L.Push(lua.LTrue)
	return 1
}

func (m *intakeMachine) unproved(L *lua.LState, why string) {
	m.refuseNow(L, lifecycle.Errorf(lifecycle.Unauthorized, "%s", why))
}
