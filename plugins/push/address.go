package push

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// Bounds of an address.
const (
	maxAddress = 4 << 10
	authBytes  = 16 // RFC 8291, 3.2
)

// address is where a notification goes: one of the two is set.
type address struct {
	token        string // a registration token of FCM
	subscription *subscription
}

// subscription is what a browser's PushSubscription says of itself, as toJSON() of the Push API writes it.
type subscription struct {
	endpoint *url.URL
	key      *ecdh.PublicKey // p256dh, the browser's
	auth     []byte          // the secret it shares with us
}

// parseAddress reads "fcm:TOKEN", or {"endpoint": …, "keys": {"p256dh": …, "auth": …}}. What else is in the object is
// left alone: browsers add to it. Its errors quote nothing, because an endpoint is a secret.
func parseAddress(text string) (address, error) {
	if len(text) > maxAddress {
		return address{}, errors.New("the address is too long to be one")
	}
	if token, ok := strings.CutPrefix(text, "fcm:"); ok {
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return address{}, errors.New(`the address has no registration token after "fcm:"`)
		}
		return address{token: token}, nil
	}
	var in struct {
		Endpoint string `json:"endpoint"`
		Keys     struct {
			P256DH string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return address{}, errors.New(`the address is neither "fcm:" and a token nor the JSON of a browser's subscription`)
	}
	endpoint, err := parseEndpoint(in.Endpoint)
	if err != nil {
		return address{}, err
	}
	raw, err := decodeBase64(in.Keys.P256DH)
	if err != nil {
		return address{}, errors.New("the subscription's key p256dh is not base64url")
	}
	key, err := ecdh.P256().NewPublicKey(raw)
	if err != nil {
		return address{}, errors.New("the subscription's key p256dh is no point of the curve P-256")
	}
	auth, err := decodeBase64(in.Keys.Auth)
	if err != nil || len(auth) != authBytes {
		return address{}, errors.New("the subscription's key auth is not 16 bytes in base64url")
	}
	return address{subscription: &subscription{endpoint, key, auth}}, nil
}

// parseEndpoint checks an endpoint as far as this can be done without looking its host up.
func parseEndpoint(text string) (*url.URL, error) {
	endpoint, err := url.Parse(text)
	if err != nil || endpoint.Scheme != "https" && endpoint.Scheme != "http" || endpoint.Hostname() == "" || endpoint.User != nil {
		return nil, errors.New("the subscription's endpoint is not an https address")
	}
	if port := endpoint.Port(); port != "" {
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
			return nil, errors.New("the subscription's endpoint has a port that is none")
		}
	}
	endpoint.Fragment, endpoint.RawFragment = "", ""
	return endpoint, nil
}

// origin is what a VAPID token is made for (RFC 8292, 2): scheme, host and a port that is not the usual one.
func (s *subscription) origin() string {
	host := strings.ToLower(s.endpoint.Host)
	if s.endpoint.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return s.endpoint.Scheme + "://" + host
}

// decodeBase64 reads base64url, and what older scripts make of a key: with padding, or in the other alphabet.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}
