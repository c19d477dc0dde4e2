package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// useEvery is how often it is written down that a key is in use.
const useEvery = 10 * time.Minute

// scopes is a set of lifecycle.Scopes, in their order; who may do what admins do may do all.
type scopes uint8

const (
	mayIngest scopes = 1 << iota
	mayRead
	maySend
	mayAdmin
	mayAll = mayIngest | mayRead | maySend | mayAdmin
)

var scopeBits = map[lifecycle.Scope]scopes{lifecycle.ScopeIngest: mayIngest, lifecycle.ScopeRead: mayRead, lifecycle.ScopeSend: maySend, lifecycle.ScopeAdmin: mayAll}

func (s scopes) any(of scopes) bool { return s&of != 0 }

// String names the scopes for people.
func (s scopes) String() string {
	var names []string
	for i, scope := range lifecycle.Scopes {
		if s&(1<<i) != 0 {
			names = append(names, string(scope))
		}
	}
	return strings.Join(names, " or ")
}

// holder is who shows a key: what it may do, and whose it is.
type holder struct {
	scopes scopes
	public bool   // the browser key, which everybody can read
	admin  bool   // the admin key of the configuration
	made   bool   // one that was made for a program, and that can be revoked
	id     string // of a key that was made
	name   string
	hash   [sha256.Size]byte
	until  time.Time // when it expires; zero: never
	bucket *bucket   // nil: without a limit
	used   atomic.Int64
	views  atomic.Int64 // live views that are open with it
}

func (h *holder) usedAt() time.Time {
	if n := h.used.Load(); n > 0 {
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

// keyring holds the keys that are good, by their hashes, in memory: no request reads the store for its key. Looking a hash
// up takes a time that tells nothing about the keys there are.
type keyring struct {
	changing sync.Mutex
	byHash   atomic.Pointer[map[[sha256.Size]byte]*holder]
}

// fixedKeys are those of the configuration.
func (s *Server) fixedKeys() map[[sha256.Size]byte]*holder {
	all := map[[sha256.Size]byte]*holder{}
	add := func(secret string, h *holder) {
		if secret != "" {
			h.hash = lifecycle.HashAPIKey(secret)
			all[h.hash] = h
		}
	}
	add(s.BrowserKey, &holder{public: true, name: "the browser key"})
	add(s.WriteKey, &holder{scopes: mayIngest | maySend, name: "the write key"})
	add(s.AdminKey, &holder{scopes: mayAll, admin: true, name: "the admin key"}) // a key that is both is the admin's, who may do all
	return all
}

// ReadKeys takes the keys that were made into memory. It is called before the server listens, and after every change.
func (s *Server) ReadKeys(ctx context.Context) error {
	keys, err := s.Engine.APIKeys(ctx)
	if err != nil {
		return err
	}
	known, all := *s.keys.byHash.Load(), s.fixedKeys()
	for i := range keys {
		h := s.holderOf(&keys[i])
		if before := known[h.hash]; before != nil && before.made { // a change of another key leaves its limit and its use as they are
			h = before
		}
		all[h.hash] = h
	}
	s.keys.byHash.Store(&all)
	return nil
}

func (s *Server) holderOf(key *lifecycle.APIKey) *holder {
	h := &holder{made: true, id: key.ID, name: key.Name, hash: [sha256.Size]byte(key.Hash), until: key.Expires}
	for _, scope := range key.Scopes {
		h.scopes |= scopeBits[scope]
	}
	rate := key.Rate
	if rate == 0 {
		rate = s.RateLimit
	}
	if rate > 0 {
		h.bucket = newBucket(rate)
	}
	if !key.Used.IsZero() {
		h.used.Store(key.Used.Unix())
	}
	return h
}

// holderOfSecret returns who has a secret; nil: nobody.
func (s *Server) holderOfSecret(secret string) *holder {
	if secret == "" {
		return nil
	}
	if h := (*s.keys.byHash.Load())[lifecycle.HashAPIKey(secret)]; s.isGood(h) {
		return h
	}
	return nil
}

// isGood reports whether a key is there, has not been revoked and has not expired.
func (s *Server) isGood(h *holder) bool {
	return h != nil && (*s.keys.byHash.Load())[h.hash] == h && (h.until.IsZero() || s.Clock.Now().Before(h.until))
}

// holderOfHeader returns who shows a key in an Authorization header: as a bearer token, or as the user name of HTTP Basic
// authentication, or as its password, which browsers ask for. bearer reports the first: no page can make a browser send it.
func (s *Server) holderOfHeader(authorization string) (h *holder, bearer bool) {
	if scheme, token, found := strings.Cut(authorization, " "); found && strings.EqualFold(scheme, "Bearer") {
		return s.holderOfSecret(strings.TrimSpace(token)), true
	}
	user, password, ok := basicOf(authorization)
	if !ok {
		return nil, false
	}
	if h = s.holderOfSecret(user); h == nil || h.public {
		if better := s.holderOfSecret(password); better != nil && better.scopes.any(mayRead) { // the console's way
			h = better
		}
	}
	return h, false
}

func (s *Server) holder(c *fiber.Ctx) (h *holder, bearer bool) {
	return s.holderOfHeader(c.Get(fiber.HeaderAuthorization))
}

// admitted counts a request of a key: it is refused above the key's limit, and the key is noted as used.
func (s *Server) admitted(c *fiber.Ctx, h *holder) error {
	if !h.made {
		return nil
	}
	now := s.Clock.Now()
	if last := h.used.Load(); now.Unix()-last >= int64(useEvery/time.Second) && h.used.CompareAndSwap(last, now.Unix()) {
		if err := s.Engine.UseAPIKey(c.UserContext(), h.hash[:], now); err != nil {
			s.Log.Warn("it could not be written down that a key is in use", "key", h.name, "error", err)
		}
	}
	if h.bucket == nil {
		return nil
	}
	return h.bucket.take(c, now)
}

// need lets those in whose key has one of the scopes.
func (s *Server) need(wanted scopes) fiber.Handler {
	return func(c *fiber.Ctx) error {
		h, bearer := s.holder(c)
		// A browser adds the key that its user gave the console to whatever any page sends here.
		if origin := c.Get(fiber.HeaderOrigin); origin != "" && !bearer && !s.ownOrigin(origin, string(c.Request().Host())) {
			return lifecycle.Errorf(lifecycle.Forbidden, "pages of %s may not do this; a page sends events with the browser key, and everything else goes through a server of yours", origin)
		}
		switch {
		case h == nil && c.Get(fiber.HeaderAuthorization) != "":
			return errUnknownKey("the write key, or another that may %s", wanted)
		case h == nil:
			return lifecycle.Errorf(lifecycle.Unauthorized, "send the write key, or another key with the scope %s, as the user name of HTTP Basic authentication or as a bearer token", wanted)
		}
		if err := may(h, wanted); err != nil {
			return err
		}
		if err := s.admitted(c, h); err != nil {
			return err
		}
		if err := s.checkQuery(c); err != nil {
			return err
		}
		return s.once(c, h.id+" "+h.name)
	}
}

// errUnknownKey answers who sent a key that nobody has here, or has any more.
func errUnknownKey(instead string, args ...any) error {
	return lifecycle.Errorf(lifecycle.Unauthorized, "this key is not known: it is another server's, was revoked or has expired; send "+instead, args...)
}

// may refuses a key that has none of the scopes.
func may(h *holder, wanted scopes) error {
	if h.scopes.any(wanted) {
		return nil
	}
	err := lifecycle.Errorf(lifecycle.Forbidden, "%s may not do this: it takes a key with the scope %s", called(h), wanted)
	err.Hint = "stagecraft keys new makes one"
	return err
}

func called(h *holder) string {
	if h.made {
		return "key " + h.name
	}
	return h.name
}

func basic(c *fiber.Ctx) (user, password string, ok bool) {
	return basicOf(c.Get(fiber.HeaderAuthorization))
}

// basicOf reads a header for HTTP Basic authentication.
func basicOf(authorization string) (user, password string, ok bool) {
	scheme, encoded, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	user, password, _ = strings.Cut(string(decoded), ":")
	return user, password, true
}
