package web

import (
	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// routeIdentities serves the questions of who is who.
func (s *Server) routeIdentities() {
	api := s.fiber.Group("/v1/identities", s.guardConsole)
	api.Get("/", s.whoHas)
	api.Get("/suspicious", s.suspicious)
	api.Post("/forgive", s.forgive)
}

// whoHas answers what is known of one identity: ?kind=email&value=ada@example.com.
func (s *Server) whoHas(c *fiber.Ctx) error {
	identity, err := identityOf(c.Query("kind"), c.Query("value"))
	if err != nil {
		return err
	}
	who, err := s.Engine.WhoHas(c.UserContext(), identity)
	if err != nil {
		return err
	}
	return c.JSON(who)
}

// suspicious lists identities that join nobody any more, the latest first: ?limit= (100, at most 1000) and ?cursor=.
func (s *Server) suspicious(c *fiber.Ctx) error {
	limit, err := limitOf(c, 100, 1000)
	if err != nil {
		return err
	}
	place, err := cursor(c, "suspicious", engine.IsSuspicionPlace)
	if err != nil {
		return err
	}
	list, next, err := s.Engine.Suspicions(c.UserContext(), place, limit)
	if err != nil {
		return err
	}
	if list == nil {
		list = []engine.Suspicion{}
	}
	return c.JSON(struct {
		Suspicious []engine.Suspicion `json:"suspicious"`
		Next       string             `json:"next,omitempty"`
	}{list, cursorOf("suspicious", next)})
}

// forgive lets an identity join people again.
func (s *Server) forgive(c *fiber.Ctx) error {
	var request lifecycle.Identity
	err := decodeStrictBody(c, maxSingle, &request)
	if err != nil {
		return err
	}
	identity, err := identityOf(string(request.Kind), request.Value)
	if err != nil {
		return err
	}
	if err = s.Engine.Forgive(c.UserContext(), identity); err != nil {
		return err
	}
	s.Log.Info("a suspicious identity may join people again", "kind", identity.Kind)
	return c.JSON(fiber.Map{"identity": identity})
}

// identityOf reads an identity as people write it.
func identityOf(kind, value string) (lifecycle.Identity, error) {
	identity, ok := lifecycle.ParseIdentity(lifecycle.IdentityKind(string([]byte(kind))), string([]byte(value)))
	if !ok {
		return identity, fieldError("value", "name an identity by its kind (user, anonymous, email, phone, device or external:NAME) and its value; %.40q %.80q is none", kind, value)
	}
	return identity, nil
}
