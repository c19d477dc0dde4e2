package app

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"

	"stagecraft/app/lifecycle"
)

// webhookSecrets are what webhooks are signed with: a secret, and, while receivers change over to it, the former one too.
// They are kept in keys.json.
type webhookSecrets struct {
	dir     string
	allow   []string // hosts of the own network
	channel *lazyChannel

	mu     sync.Mutex
	secret string
	former string // "": there is one only
}

// settings are those of the connector.
func (w *webhookSecrets) settings() (json.RawMessage, error) {
	values := map[string]any{"secret": w.secret}
	if w.former != "" {
		values["former_secret"] = w.former
	}
	if len(w.allow) > 0 {
		values["allow"] = w.allow
	}
	return encoded(values)
}

// Changing reports whether webhooks are signed with two secrets.
func (w *webhookSecrets) Changing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.former != ""
}

// Rotate draws a new secret and returns it. From now on webhooks are signed with it and with the one that was in force,
// until Finish.
func (w *webhookSecrets) Rotate(ctx context.Context) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.former != "" {
		return "", lifecycle.Errorf(lifecycle.Conflict, "a change of the secret is under way; finish it first, when all receivers know the new one")
	}
	next := newWebhookSecret()
	if err := w.change(ctx, next, w.secret); err != nil {
		return "", err
	}
	return next, nil
}

// Finish ends the use of the former secret. It is safe to repeat.
func (w *webhookSecrets) Finish(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.former == "" {
		return nil
	}
	return w.change(ctx, w.secret, "")
}

// change writes the secrets down, and then has the connector sign with them.
func (w *webhookSecrets) change(ctx context.Context, secret, former string) error {
	if err := keepWebhookSecrets(w.dir, secret, former); err != nil {
		return err
	}
	w.secret, w.former = secret, former
	settings, err := w.settings()
	if err != nil {
		return err
	}
	w.channel.reset(ctx, settings)
	return nil
}

// keepWebhookSecrets changes two of the keys in keys.json and leaves the others, of which a setting may overrule some, as
// they are. The file is replaced at once, so that a crash leaves the old one or the new one.
func keepWebhookSecrets(dir, secret, former string) error {
	path := filepath.Join(dir, "keys.json")
	var k keys
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be read", path)
	}
	k.Webhook, k.FormerWebhook = secret, former
	if data, err = json.MarshalIndent(k, "", "  "); err == nil {
		err = replaceFile(path, append(data, '\n'))
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be written", path)
	}
	return nil
}

func replaceFile(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // readable by its owner only
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // of no effect once it has its name
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	return err
}
