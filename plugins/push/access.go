package push

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Times of access tokens.
const (
	assertionLife = time.Hour        // the most that Google takes
	renewBefore   = 5 * time.Minute  // a token is replaced so long before it ends
	denied        = 10 * time.Second // how long a refusal is remembered, so that a batch does not ask a hundred times
)

const messagingScope = "https://www.googleapis.com/auth/firebase.messaging"

// account is what is needed of the key file of a service account.
type account struct {
	Project string `json:"project_id"`
	Email   string `json:"client_email"`
	KeyID   string `json:"private_key_id"`
	Key     string `json:"private_key"`
	Tokens  string `json:"token_uri"`

	key *rsa.PrivateKey
}

// parseAccount reads a key file. Its errors never quote it.
func parseAccount(text string) (*account, error) {
	a := &account{}
	if err := json.Unmarshal([]byte(text), a); err != nil {
		return nil, errors.New("is not the JSON of a service account's key file")
	}
	if a.Project == "" || a.Email == "" || !isServer(a.Tokens) {
		return nil, errors.New("lacks project_id, client_email or token_uri; paste the whole key file")
	}
	block, _ := pem.Decode([]byte(a.Key))
	if block == nil {
		return nil, errors.New("has a private_key that is not in PEM form; paste the whole key file")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := parsed.(*rsa.PrivateKey); err == nil && ok {
		a.key = key
		return a, nil
	}
	return nil, errors.New("has a private_key that is not an RSA key in PKCS #8; paste the whole key file")
}

// assertion is the signed wish for a token (RFC 7523, 3), with RS256.
func (a *account) assertion(now time.Time) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid,omitempty"`
	}{"RS256", "JWT", a.KeyID})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{a.Email, messagingScope, a.Tokens, now.Unix(), now.Add(assertionLife).Unix()})
	if err != nil {
		return "", err
	}
	text := encodeToken(string(header), claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// access holds the OAuth 2 token of a service account, and gets the next when it is needed.
type access struct {
	account *account
	client  *http.Transport
	turn    chan struct{} // holds one: a lock that can be waited for as long as a context lasts

	bearer  string
	until   time.Time // when the token, or the refusal, is not good any more
	refusal error
}

func newAccess(a *account, client *http.Transport) *access {
	return &access{account: a, client: client, turn: make(chan struct{}, 1)}
}

// token returns a token that is good for some minutes. One caller gets it, the others wait for that.
func (a *access) token(ctx context.Context, now time.Time) (string, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if now.Before(a.until) {
		return a.bearer, a.refusal
	}
	bearer, life, err := a.fetch(ctx, now)
	if err != nil {
		if ctx.Err() == nil {
			a.bearer, a.refusal, a.until = "", err, now.Add(denied)
		}
		return "", err
	}
	a.bearer, a.refusal, a.until = bearer, nil, now.Add(max(life-renewBefore, life/2))
	return bearer, nil
}

// forget drops a token that was refused, unless it has been replaced already.
func (a *access) forget(bearer string) {
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	if a.bearer == bearer {
		a.until = time.Time{}
	}
}

// fetch asks for a token (RFC 7523, 2.1).
func (a *access) fetch(ctx context.Context, now time.Time) (string, time.Duration, error) {
	assertion, err := a.account.assertion(now)
	if err != nil {
		return "", 0, err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	request, err := http.NewRequest(http.MethodPost, a.account.Tokens, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, receipt := exchange(ctx, a.client, request)
	if receipt.Outcome != 0 {
		return "", 0, errors.New(receipt.Reason)
	}
	var out struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
		Error   string `json:"error"`
		Detail  string `json:"error_description"`
	}
	err = json.Unmarshal(answer.body, &out)
	switch {
	case answer.status != http.StatusOK && out.Error != "":
		return "", 0, fmt.Errorf("fcm_service_account is refused by %s: %s (%s)", request.URL.Hostname(), quoted(out.Error), quoted(out.Detail))
	case answer.status != http.StatusOK:
		return "", 0, errors.New(answer.reason(request.URL.Hostname()))
	case err != nil || out.Token == "" || out.Seconds <= 0 || strings.ContainsFunc(out.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", 0, fmt.Errorf("%s answered without a token", request.URL.Hostname())
	}
	return out.Token, time.Duration(min(out.Seconds, 86400)) * time.Second, nil
}
