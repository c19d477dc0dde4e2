package push

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"sync"
	"time"
)

// How long a token is valid, and when it is replaced. A day is the most that push services take; the half of it leaves
// room for clocks that differ.
const (
	tokenLife  = 12 * time.Hour
	tokenRenew = 6 * time.Hour
	maxOrigins = 256 // endpoints come from browsers, so anybody can name new ones
)

// NewKey draws a VAPID key for the setting vapid_private_key, and returns the public key that the web site subscribes with.
func NewKey() (private, public string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	raw, err := key.Bytes()
	if err != nil {
		return "", "", err
	}
	private = base64.RawURLEncoding.EncodeToString(raw)
	public, err = PublicKey(private)
	return private, public, err
}

// PublicKey is the public key of a private one, as pushManager.subscribe takes it for applicationServerKey.
func PublicKey(private string) (string, error) {
	key, err := newVAPID(private, "")
	if err != nil {
		return "", err
	}
	return key.public, nil
}

// vapid tells push services who we are (RFC 8292).
type vapid struct {
	key     *ecdsa.PrivateKey
	public  string // the uncompressed point in base64url
	contact string

	mu     sync.Mutex
	tokens map[string]token // by origin
}

type token struct {
	text    string
	expires time.Time
}

func newVAPID(private, contact string) (*vapid, error) {
	raw, err := decodeBase64(private)
	if err != nil || len(raw) != 32 {
		return nil, errors.New("is not 32 bytes in base64url")
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, errors.New("is not a private key of the curve P-256")
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return &vapid{key: key, public: base64.RawURLEncoding.EncodeToString(public), contact: contact, tokens: map[string]token{}}, nil
}

// authorization is the header of that name for a push service. A token is signed once and used for hours.
func (v *vapid) authorization(origin string, now time.Time) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.tokens[origin]
	if !ok || known.expires.Sub(now) < tokenRenew {
		if len(v.tokens) >= maxOrigins {
			clear(v.tokens)
		}
		known.expires = now.Add(tokenLife)
		text, err := v.sign(origin, known.expires)
		if err != nil {
			return "", err
		}
		known.text = "vapid t=" + text + ", k=" + v.public
		v.tokens[origin] = known
	}
	return known.text, nil
}

// sign makes a JSON Web Token with ES256 (RFC 7518, 3.4).
func (v *vapid) sign(origin string, expires time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
	}{origin, expires.Unix(), v.contact})
	if err != nil {
		return "", err
	}
	text := encodeToken(`{"typ":"JWT","alg":"ES256"}`, claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, v.key, sum[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// encodeToken is the part of a JSON Web Token that is signed.
func encodeToken(header string, claims []byte) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(claims)
}
