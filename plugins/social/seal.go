package social

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// The file with Zalo's tokens is encrypted with AES-256-GCM. Its key is made by HKDF-SHA-256 of the refresh token in the
// settings. Those the host keeps encrypted with a key of its own, and hands over on the private socket only: so whoever has
// the file, and the whole data folder but not that key, has no token. Another refresh token in the settings begins anew, and
// what was written with the one before need not be read any more.

// sealMagic begins the file: what it is, and in which version.
const sealMagic = "stagecraft zalo tokens 1\n"

func newSeal(refresh string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(refresh), nil, sealMagic, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func sealed(seal cipher.AEAD, plain []byte) []byte {
	return seal.Seal([]byte(sealMagic), nil, plain, []byte(sealMagic))
}

// opened returns what the file holds: nil if it was sealed with another key, or changed. A file that was never sealed is
// returned as it is.
func opened(seal cipher.AEAD, file []byte) (plain []byte, wasSealed bool) {
	text, wasSealed := bytes.CutPrefix(file, []byte(sealMagic))
	if !wasSealed {
		return file, false
	}
	plain, err := seal.Open(nil, nil, text, []byte(sealMagic))
	if err != nil {
		return nil, true
	}
	return plain, true
}
