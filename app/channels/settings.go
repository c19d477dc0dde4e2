package channels

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"stagecraft/app/lifecycle"
)

// settingsMagic begins every file of settings: what it is, and in which version.
const settingsMagic = "stagecraft settings 1\n"

// Settings keeps the settings of connectors encrypted, in one file for each channel: AES-256-GCM with a nonce drawn for
// every file, which also vouches for the channel's name. They are decrypted for the connector only, and travel over its
// private socket; to people they are shown by Redact.
type Settings struct {
	dir  string
	aead cipher.AEAD
}

// Connection says which connector serves a channel and how.
type Connection struct {
	Connector string          `json:"connector"`
	Settings  json.RawMessage `json:"settings"` // a JSON object
}

// NewSettings keeps settings in a folder of our own, made with the first. The key has 32 bytes and is kept elsewhere.
func NewSettings(dir string, key []byte) (*Settings, error) {
	if len(key) != 32 {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "the key of settings has %d bytes instead of 32", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "settings cannot be encrypted")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "settings cannot be encrypted")
	}
	return &Settings{dir, aead}, nil
}

// Dir is where they are kept.
func (s *Settings) Dir() string { return s.dir }

// Save replaces the settings of a channel.
func (s *Settings) Save(channel string, c Connection) error {
	if !channelName.MatchString(channel) || !channelName.MatchString(c.Connector) {
		return lifecycle.Errorf(lifecycle.Invalid, "channel %.80q with connector %.80q: names are lower case letters, digits and dashes", channel, c.Connector)
	}
	if err := json.Unmarshal(c.Settings, &map[string]json.RawMessage{}); err != nil || !bytes.HasPrefix(bytes.TrimSpace(c.Settings), []byte("{")) {
		return lifecycle.Errorf(lifecycle.Invalid, "the settings of channel %s must be a JSON object", channel)
	}
	plain, err := json.Marshal(c)
	if err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err == nil {
		err = replaceFile(s.file(channel), s.aead.Seal([]byte(settingsMagic), nil, plain, aad(channel)))
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the settings of channel %s cannot be written", channel)
	}
	return nil
}

// Load returns the settings of a channel; the error has the code NotFound where there are none.
func (s *Settings) Load(channel string) (Connection, error) {
	var c Connection
	if !channelName.MatchString(channel) {
		return c, lifecycle.Errorf(lifecycle.NotFound, "there is no channel %.80q", channel)
	}
	data, err := os.ReadFile(s.file(channel))
	if errors.Is(err, fs.ErrNotExist) {
		return c, lifecycle.Errorf(lifecycle.NotFound, "channel %s has no settings", channel)
	}
	if err != nil {
		return c, lifecycle.Wrap(lifecycle.Unavailable, err, "the settings of channel %s cannot be read", channel)
	}
	sealed, ok := bytes.CutPrefix(data, []byte(settingsMagic))
	if !ok {
		return c, lifecycle.Errorf(lifecycle.Invalid, "%s holds no settings that this version knows; remove it and set them again", s.file(channel))
	}
	plain, err := s.aead.Open(nil, nil, sealed, aad(channel))
	if err == nil {
		err = json.Unmarshal(plain, &c)
	}
	if err != nil {
		// Not the cause's own words: they could quote what is inside.
		return Connection{}, lifecycle.Errorf(lifecycle.Invalid, "%s was changed, or the key in keys.json is not the one it was written with; bring the key back, or remove the file and set the settings again", s.file(channel))
	}
	return c, nil
}

// Remove forgets the settings of a channel.
func (s *Settings) Remove(channel string) error {
	if !channelName.MatchString(channel) {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no channel %.80q", channel)
	}
	switch err := os.Remove(s.file(channel)); {
	case errors.Is(err, fs.ErrNotExist):
		return lifecycle.Errorf(lifecycle.NotFound, "channel %s has no settings", channel)
	case err != nil:
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the settings of channel %s cannot be removed", channel)
	}
	return nil
}

func (s *Settings) file(channel string) string { return filepath.Join(s.dir, channel+".settings") }

func aad(channel string) []byte { return []byte(settingsMagic + channel) }
