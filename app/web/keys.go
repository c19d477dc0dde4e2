package web

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// routeKeys has the keys of the API: making, listing and revoking them.
func (s *Server) routeKeys() {
	keys := s.fiber.Group("/v1/keys", s.guardKeys, s.guardConsole)
	keys.Get("/", s.listKeys)
	keys.Post("/", s.makeKey)
	keys.Delete("/:id", s.revokeKey)
}

func (s *Server) listKeys(c *fiber.Ctx) error {
	keys, err := s.Engine.APIKeys(c.UserContext())
	if err != nil {
		return err
	}
	known := *s.keys.byHash.Load()
	for i := range keys { // what is in memory is newer
		if h := known[[32]byte(keys[i].Hash)]; h != nil && h.made && h.usedAt().After(keys[i].Used) {
			keys[i].Used = h.usedAt()
		}
	}
	return c.JSON(fiber.Map{"keys": append([]lifecycle.APIKey{}, keys...), "rate": s.RateLimit})
}

// wireNewKey asks for a key.
type wireNewKey struct {
	Name    string            `json:"name"`
	Scopes  []lifecycle.Scope `json:"scopes"`
	Rate    int               `json:"rate"`
	Expires time.Time         `json:"expires"`
}

// makeKey draws a key and answers with its secret, this once.
func (s *Server) makeKey(c *fiber.Ctx) error {
	c.Locals(secretAnswer, true)
	var w wireNewKey
	err := decodeStrictBody(c, maxSingle, &w)
	if err != nil {
		return err
	}
	wanted := lifecycle.APIKey{Name: w.Name, Scopes: w.Scopes, Rate: w.Rate, Expires: w.Expires.UTC(), By: s.operator(c, "")}
	secret, key, err := lifecycle.NewAPIKey(wanted, s.Clock.Now().UTC())
	if err != nil {
		return err
	}
	s.keys.changing.Lock()
	defer s.keys.changing.Unlock()
	if err = s.Engine.SaveAPIKey(c.UserContext(), key); err != nil {
		return err
	}
	if err = s.ReadKeys(c.UserContext()); err != nil {
		return err
	}
	s.Log.Info("a key of the API was made", "key", key.ID, "name", key.Name, "scopes", key.Scopes, "by", key.By)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderLocation, "/v1/keys/"+key.ID)
	return c.Status(fiber.StatusCreated).JSON(struct {
		lifecycle.APIKey
		Secret string `json:"secret"`
	}{key, secret})
}

// revokeKey ends a key at once, by its ID or name. What it has begun is finished.
func (s *Server) revokeKey(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	s.keys.changing.Lock()
	defer s.keys.changing.Unlock()
	key, err := s.Engine.DropAPIKey(c.UserContext(), id)
	if err != nil {
		return err
	}
	if err = s.ReadKeys(c.UserContext()); err != nil {
		return err
	}
	s.Log.Info("a key of the API was revoked", "key", key.ID, "name", key.Name, "by", s.operator(c, ""))
	return c.SendStatus(fiber.StatusNoContent)
}
