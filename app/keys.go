package app

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// keys are what callers prove themselves with, and what we prove ourselves with to those who get webhooks. They are kept
// in keys.json in the data folder, readable by its owner only; a key that is configured counts before the one in the
// file.
type keys struct {
	Write   string `json:"write"`
	Browser string `json:"browser"` // sends events from public pages, where everybody can read it
	Admin   string `json:"admin"`
	Links   string `json:"links"`   // signs the links of messages; changing it breaks those that were sent
	Webhook string `json:"webhook"` // signs webhooks; whsec_ and 32 bytes in base64, as Standard Webhooks writes secrets
	// FormerWebhook signs webhooks besides, while receivers change over to the new secret.
	FormerWebhook string `json:"webhookFormer,omitempty"`
	InApp         string `json:"inapp"` // signs the tokens of customers who look at their inboxes; the backend of the business has it too
	// Settings encrypts the settings of connectors; 32 bytes in base64. Without it they have to be set again.
	Settings string `json:"settings"`
	// Erased makes the hashes that stay of who was erased. Without it nobody can be told who comes back with an older backup.
	Erased string `json:"erased"`
	drawn  bool   // this start made the first two
}

func loadKeys(dir string, write, browser, admin config.Secret) (keys, error) {
	path := filepath.Join(dir, "keys.json")
	var k keys
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err = json.Unmarshal(data, &k); err != nil {
			return k, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be read; mend it, or remove it to have new keys drawn", path)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return k, lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be opened", path)
	}
	known := k
	if k.Write == "" || k.Admin == "" {
		k.Write, k.Admin, k.drawn = rand.Text(), rand.Text(), true
	}
	if k.Browser == "" {
		k.Browser = rand.Text()
	}
	if k.Webhook == "" { // also in the folder of a version that knew none
		k.Webhook = newWebhookSecret()
	}
	if k.Links == "" {
		k.Links = rand.Text() + rand.Text()
	}
	if k.Settings == "" {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		k.Settings = base64.StdEncoding.EncodeToString(key)
	}
	if k.InApp == "" {
		k.InApp = rand.Text() + rand.Text()
	}
	if k.Erased == "" {
		k.Erased = rand.Text() + rand.Text()
	}
	if k != known {
		if data, err = json.MarshalIndent(k, "", "  "); err == nil {
			err = writeDurably(path, append(data, '\n'))
		}
		if err != nil {
			return k, lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be written", path)
		}
	}
	if write != "" {
		k.Write = write.Reveal()
	}
	if browser != "" {
		k.Browser = browser.Reveal()
	}
	if admin != "" {
		k.Admin = admin.Reveal()
	}
	return k, nil
}

func newWebhookSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(secret)
}

// settingsKey returns the key of the settings of connectors.
func (k keys) settingsKey() ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(k.Settings)
	if err != nil || len(key) != 32 {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "the key \"settings\" in keys.json is not 32 bytes in base64; bring back the one that was there, or remove it and the folder channels to set all channels again")
	}
	return key, nil
}
