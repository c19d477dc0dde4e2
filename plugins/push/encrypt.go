package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of RFC 8188, 2.1 and RFC 8291, 4: one record, whose header holds our public key.
const (
	saltBytes   = 16
	recordSize  = 4096 // what every push service must take (RFC 8030, 7.2)
	headerBytes = saltBytes + 4 + 1 + 65
	maxPlain    = recordSize - headerBytes - 1 - 16 // without the delimiter and the tag of AES-GCM
)

// errTooLarge is the error of a notification that no push service takes.
var errTooLarge = errors.New("too large")

// encrypt makes the body of a push message that only the browser behind the subscription can read. Each has a key and a
// salt of its own.
func (s *subscription) encrypt(plain []byte) ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	return s.seal(plain, key, salt)
}

// seal is RFC 8291, 3.4: from the secret that both sides can compute follow the record's key and nonce.
func (s *subscription) seal(plain []byte, key *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("%w: the notification has %d bytes with its title, text and addresses, and Web Push takes %d", errTooLarge, len(plain), maxPlain)
	}
	shared, err := key.ECDH(s.key)
	if err != nil {
		return nil, err
	}
	own := key.PublicKey().Bytes()
	secret, err := derive(shared, s.auth, "WebPush: info\x00"+string(s.key.Bytes())+string(own), 32)
	if err != nil {
		return nil, err
	}
	contentKey, err := derive(secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := derive(secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, headerBytes+len(plain)+1+seal.Overhead())
	out = append(out, salt...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(append(out, byte(len(own))), own...)
	last := append(append(make([]byte, 0, len(plain)+1), plain...), 2) // the delimiter of the last record
	return seal.Seal(out, nonce, last, nil), nil
}

// derive is HKDF with SHA-256 (RFC 5869).
func derive(secret, salt []byte, info string, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, salt, info, size)
}
