package push

import (
	"crypto/ecdh"
	"encoding/base64"
)

// Seal encrypts with a given key and salt, as the example of RFC 8291 does.
func Seal(to, plain, private, salt string) (string, error) {
	address, err := parseAddress(to)
	if err != nil {
		return "", err
	}
	raw, _ := decodeBase64(private)
	key, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return "", err
	}
	saltBytes, _ := decodeBase64(salt)
	out, err := address.subscription.seal([]byte(plain), key, saltBytes)
	return base64.RawURLEncoding.EncodeToString(out), err
}
