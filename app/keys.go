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
	Admin   string `json:"admin"`
	Links   string `json:"links"`   // signs the links of messages; changing it breaks those that were sent
	Webhook string `json:"webhook"` // signs webhooks; whsec_ and 32 bytes in base64, as Standard Webhooks writes secrets
	drawn   bool   // this start made the first two
}

func loadKeys(dir string, write, admin config.Secret) (keys, error) {
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
	if k.Webhook == "" { // also in the folder of a version that knew none
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		k.Webhook = "whsec_" + base64.StdEncoding.EncodeToString(secret)
	}
	if k.Links == "" {
		k.Links = rand.Text() + rand.Text()
	}
	if k != known {
		if data, err = json.MarshalIndent(k, "", "  "); err == nil {
			err = os.WriteFile(path, append(data, '\n'), 0o600)
		}
		if err != nil {
			return k, lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be written", path)
		}
	}
	if write != "" {
		k.Write = write.Reveal()
	}
	if admin != "" {
		k.Admin = admin.Reveal()
	}
	return k, nil
}
