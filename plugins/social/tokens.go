package social

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// tokens keeps Zalo's access token, which lives for about a day, and the refresh token with which the next one is had.
// Each refresh token is good for one use, and the answer holds the one after it: whoever loses it must ask the operator.
// So the state is written before the change, to know that this works, and after it, before the new token is used; and a
// change that has begun is never cut off.
type tokens struct {
	line   *line
	target string // where tokens are changed
	app    string
	secret string
	path   string
	seed   string // of the refresh token in the settings
	seal   cipher.AEAD

	mu       sync.Mutex
	state    tokenState
	file     []byte        // as it was last read or written
	changing chan struct{} // closed when the change under way has ended; nil when there is none
	failed   *channel.Receipt
	broken   error // the state could not be written
}

// tokenState is what the file holds, encrypted; see seal.go.
type tokenState struct {
	Seed    string    `json:"seed"` // hash of the refresh token with which it began; another one in the settings begins anew
	Access  string    `json:"access_token"`
	Refresh string    `json:"refresh_token"`
	Expires time.Time `json:"expires"`
	Changes int       `json:"changes"` // since the beginning: of two states the one with more is the newer
}

// early is how long before its end a token is changed.
const early = 10 * time.Minute

// newTokens reads the state, or begins with the refresh token of the settings.
func newTokens(l *line, target, app, secret, refresh, path string) (*tokens, error) {
	sum := sha256.Sum256([]byte(refresh))
	t := &tokens{line: l, target: target, app: app, secret: secret, path: path, seed: hex.EncodeToString(sum[:8])}
	t.state = tokenState{Seed: t.seed, Refresh: refresh}
	var err error
	if t.seal, err = newSeal(refresh); err != nil {
		return nil, fmt.Errorf("zalo.state cannot be encrypted: %w", err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return nil, errors.New("zalo.state: the folder of this file does not exist")
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("zalo.state cannot be read: %w", err)
	}
	t.file = text
	plain, sealed := opened(t.seal, text)
	if sealed && plain == nil { // it began with another refresh token
		return t, nil
	}
	var kept tokenState
	if err := json.Unmarshal(plain, &kept); err != nil {
		return nil, errors.New("zalo.state is a file of something else; name one of its own")
	}
	if kept.Seed != t.seed || kept.Refresh == "" {
		return t, nil
	}
	t.state = kept
	if !sealed { // of an earlier version: no token stays readable
		if err := t.save(); err != nil {
			return nil, fmt.Errorf("zalo.state cannot be encrypted: %w", err)
		}
	}
	return t, nil
}

// get returns a valid access token, or the receipt of a message that has to wait for one.
func (t *tokens) get(ctx context.Context) (string, *channel.Receipt) {
	t.mu.Lock()
	if t.broken != nil && t.changing == nil {
		t.broken = t.save()
	}
	if t.valid() {
		defer t.mu.Unlock()
		return t.state.Access, nil
	}
	if t.changing == nil {
		t.changing = make(chan struct{})
		go t.change(context.WithoutCancel(ctx), t.changing)
	}
	ended := t.changing
	t.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
		return "", receipt(channel.Untried("Zalo's access token is being changed", time.Second))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		return "", t.failed
	}
	return t.state.Access, nil
}

func (t *tokens) valid() bool {
	return t.state.Access != "" && t.line.now().Before(t.state.Expires.Add(-early))
}

// expire says that an access token was refused.
func (t *tokens) expire(access string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.Access == access {
		t.state.Expires = time.Time{}
	}
}

// change uses the refresh token. It runs on its own, one at a time.
func (t *tokens) change(ctx context.Context, ended chan struct{}) {
	t.mu.Lock()
	t.broken = t.save()
	broken, next, valid := t.broken, t.state, t.valid() // by now, where another process has changed it
	t.mu.Unlock()
	var failed *channel.Receipt
	switch {
	case broken != nil:
		failed = receipt(later("Zalo's token is not changed while its state cannot be kept: "+broken.Error(), setupRetry))
	case !valid:
		changes := next.Changes + 1
		next, failed = t.ask(ctx, next.Refresh)
		next.Changes = changes
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed = failed; failed == nil {
		t.state = next
		t.broken = t.save()
	}
	t.changing = nil
	close(ended)
}

// ask changes a refresh token (developers.zalo.me, OAuth v4, access_token from refresh_token).
func (t *tokens) ask(ctx context.Context, refresh string) (tokenState, *channel.Receipt) {
	form := url.Values{"refresh_token": {refresh}, "app_id": {t.app}, "grant_type": {"refresh_token"}}
	a, out := t.line.call(ctx, t.target, "application/x-www-form-urlencoded", map[string]string{"secret_key": t.secret}, []byte(form.Encode()))
	if out != nil { // no message has left, whatever became of the token
		return tokenState{}, receipt(t.line.limited("Zalo's access token cannot be changed: "+out.Reason, setupPause))
	}
	var got struct {
		Access      string      `json:"access_token"`
		Refresh     string      `json:"refresh_token"`
		Expires     json.Number `json:"expires_in"` // seconds, as text
		Error       json.Number `json:"error"`
		Name        string      `json:"error_name"`
		Description string      `json:"error_description"`
	}
	if json.Unmarshal(a.body, &got) == nil && got.Access != "" && got.Refresh != "" {
		lives, err := got.Expires.Int64()
		if err != nil || lives < 60 || lives > 1e8 {
			lives = 3600
		}
		life := time.Duration(lives) * time.Second
		return tokenState{Seed: t.seed, Access: got.Access, Refresh: got.Refresh, Expires: t.line.now().Add(max(life, early+time.Minute)).UTC()}, nil
	}
	if got.Error != "" && got.Error != "0" {
		reason := fmt.Sprintf("Zalo refuses the refresh token (%s %s)", got.Error, t.line.clean(strings.TrimSpace(got.Name+" "+got.Description)))
		return tokenState{}, receipt(t.line.misconfigured(reason+"; authorise the Official Account anew and set zalo.refresh_token", true))
	}
	bad := t.line.unexpected(a)
	return tokenState{}, receipt(t.line.limited("Zalo's access token cannot be changed: "+bad.Reason, max(bad.RetryAfter, setupPause)))
}

// save writes the state so that a crash leaves the old one or the new one. Only the owner may read it. If another process has
// written a newer one, that is taken instead; and what is of another authorisation is not written over.
func (t *tokens) save() error {
	if file, err := os.ReadFile(t.path); err == nil && !bytes.Equal(file, t.file) {
		var theirs tokenState
		plain, _ := opened(t.seal, file)
		if json.Unmarshal(plain, &theirs) != nil || theirs.Seed != t.seed || theirs.Refresh == "" {
			return errors.New("something else has written zalo.state since this process began; each channel needs a file of its own")
		}
		if theirs.Changes > t.state.Changes {
			t.state, t.file = theirs, file
			return nil
		}
	}
	text, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(t.path), ".zalo-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	text = sealed(t.seal, text)
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), t.path)
	}
	if err != nil {
		return err
	}
	t.file = text
	if folder, err := os.Open(filepath.Dir(t.path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
	return nil
}

func (t *tokens) trouble() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return "the tokens cannot be kept, and are lost when this process ends: " + t.broken.Error()
	}
	return ""
}

// wait lets a change that is under way end.
func (t *tokens) wait(limit time.Duration) {
	t.mu.Lock()
	ended := t.changing
	t.mu.Unlock()
	if ended == nil {
		return
	}
	select {
	case <-ended:
	case <-time.After(limit):
	}
}

// zaloSignature is what X-ZEvent-Signature holds after "mac=": hex of SHA-256.
func zaloSignature(app, body, stamp, secret string) string {
	sum := sha256.Sum256([]byte(app + body + stamp + secret))
	return hex.EncodeToString(sum[:])
}
