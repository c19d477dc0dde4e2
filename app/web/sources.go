package web

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Sources are what brings events in besides the API: programs of providers that post, and files that are fetched.
type Sources interface {
	// Take gives a request to a source. An error of code Unavailable says that the sender should come again.
	Take(ctx context.Context, name string, request script.Request) (SourceAnswer, error)
	// View returns all there is to say about them, by name.
	View(ctx context.Context) ([]SourceView, error)
	// Try returns what a source would make of a request, and does nothing.
	Try(ctx context.Context, name string, request script.Request) (script.Taken, error)
	// Fetch fetches now what a source fetches by itself, and says what came of it.
	Fetch(ctx context.Context, name string) (SourceFetched, error)
	// SetSecret keeps the value of a secret; the one before counts too if keep says so. An empty value removes it.
	SetSecret(ctx context.Context, name, secret, value string, keep bool) error
}

// Rejected is what sources did not take.
type Rejected interface {
	// Rejects returns it, newest first.
	Rejects(ctx context.Context, name string) ([]engine.SourceReject, error)
	// Again gives what was not taken to the source once more; what it takes is forgotten here.
	Again(ctx context.Context, name string, id lifecycle.ID) (SourceAnswer, error)
	// Forget drops one, or all if id is zero.
	Forget(ctx context.Context, name string, id lifecycle.ID) error
}

// SourceAnswer is what became of a request.
type SourceAnswer struct {
	Accepted int           `json:"accepted"`          // events that were taken
	Repeats  int           `json:"repeats,omitempty"` // events that were known already
	Refused  string        `json:"refused,omitempty"` // why nothing came of it, or not all; sending it again would not help
	Errors   []SourceError `json:"errors,omitempty"`
	Text     string        `json:"-"` // what the provider wants to read
}

// SourceFetched is what came of a fetch.
type SourceFetched struct {
	Unchanged bool `json:"unchanged,omitempty"` // it is what it was last time, and was not read
	Accepted  int  `json:"accepted"`            // events that were taken
	Repeats   int  `json:"repeats"`             // events that were known already
	Rejected  int  `json:"rejected"`            // rows that were not taken
	Old       int  `json:"old"`                 // rows that were passed over because they happened too long ago
}

// SourceError is why one event was not taken.
type SourceError struct {
	Event   string         `json:"event"`
	Code    lifecycle.Code `json:"code"`
	Message string         `json:"message"`
}

// SourceView is a source as people see it.
type SourceView struct {
	Name    string           `json:"name"`
	Title   string           `json:"title"`
	File    string           `json:"file"`
	Problem *lifecycle.Error `json:"problem,omitempty"` // why the newest version does not run
	Open    bool             `json:"open"`
	Address string           `json:"address,omitempty"` // where the provider posts to
	Secrets []SecretView     `json:"secrets"`
	Pull    *PullView        `json:"pull,omitempty"`

	Requests uint64     `json:"requests"`
	Events   uint64     `json:"events"`
	Repeats  uint64     `json:"repeats"`
	Refused  uint64     `json:"refused"`
	Last     *time.Time `json:"last,omitempty"`
	Rejects  int        `json:"rejects"`        // that are kept
	Rank     int        `json:"rank,omitempty"` // in the order of precedence, 1 is the first; 0: not in it
}

// SecretView says whether a secret is set, and no more.
type SecretView struct {
	Name   string `json:"name"`
	Set    bool   `json:"set"`
	Former bool   `json:"former"` // the one before counts too
}

// PullView is what a source fetches.
type PullView struct {
	URL      string     `json:"url"`
	Every    string     `json:"every"`
	Cursor   string     `json:"cursor,omitempty"`
	Value    string     `json:"value,omitempty"` // of the cursor
	Old      uint64     `json:"old"`
	Fetched  *time.Time `json:"fetched,omitempty"`
	Next     time.Time  `json:"next"`
	Failures int        `json:"failures"`
	Problem  string     `json:"problem,omitempty"`
}

// routeSources takes what providers post. There is no key of ours: the source checks who calls.
func (s *Server) routeSources() { s.fiber.All("/v1/sources/:name", s.source) }

// routeSourcesConsole is what operators do about sources.
func (s *Server) routeSourcesConsole(api fiber.Router) {
	api.Get("/sources", s.sourcesView)
	api.Post("/sources/:name/try", s.trySource)
	api.Post("/sources/:name/fetch", s.fetchSource)
	api.Put("/sources/:name/secrets/:secret", s.setSourceSecret)
	api.Delete("/sources/:name/secrets/:secret", s.removeSourceSecret)
	api.Get("/sources/:name/rejects", s.sourceRejects)
	api.Post("/sources/:name/rejects/:id/replay", s.replayReject)
	api.Delete("/sources/:name/rejects", s.forgetRejects)
	api.Delete("/sources/:name/rejects/:id", s.forgetRejects)
}

// source gives a request to a source, byte by byte as it came: it was signed like that.
func (s *Server) source(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	raw := c.Request().Body()
	if len(raw) > script.MaxIntakeBytes {
		return lifecycle.Errorf(lifecycle.TooLarge, "the body has more than %d bytes", script.MaxIntakeBytes)
	}
	request := script.Request{Method: strings.Clone(c.Method()), Headers: map[string]string{}, Query: map[string]string{}, Body: bytes.Clone(raw)}
	c.Request().Header.VisitAll(func(key, value []byte) { request.Headers[strings.ToLower(string(key))] = string(value) })
	c.Request().URI().QueryArgs().VisitAll(func(key, value []byte) { request.Query[string(key)] = string(value) })
	answer, err := s.Sources.Take(c.UserContext(), name, request)
	if err != nil {
		return err
	}
	if answer.Text != "" {
		c.Set(fiber.HeaderContentType, "text/plain; charset=utf-8")
		c.Set("X-Content-Type-Options", "nosniff")
		c.Set("Content-Security-Policy", "default-src 'none'; sandbox") // in a browser it would be a page of the console's origin
		return c.SendString(answer.Text)
	}
	return c.JSON(answer)
}

func (s *Server) sourcesView(c *fiber.Ctx) error {
	views, err := s.sourceViews(c)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"sources": views})
}

func (s *Server) sourceViews(c *fiber.Ctx) ([]SourceView, error) {
	views, err := s.Sources.View(c.UserContext())
	if err != nil {
		return nil, err
	}
	for i := range views {
		if views[i].Address != "" {
			views[i].Address = s.PublicURL + views[i].Address
		}
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return views, nil
}

// trySource shows what a source would make of a payload. Nobody asks for its signature.
func (s *Server) trySource(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	var in struct {
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
		Query   map[string]string `json:"query"`
	}
	if err = decodeStrictBody(c, maxBody, &in); err != nil {
		return err
	}
	request := script.Request{Method: fiber.MethodPost, Headers: map[string]string{}, Query: in.Query, Body: []byte(in.Body)}
	for header, value := range in.Headers {
		request.Headers[strings.ToLower(header)] = value
	}
	taken, err := s.Sources.Try(c.UserContext(), name, request)
	if err != nil {
		return err
	}
	if taken.Events == nil {
		taken.Events = []lifecycle.Event{}
	}
	for i := range taken.Events {
		taken.Events[i].Received = s.Clock.Now().UTC()
	}
	return c.JSON(fiber.Map{"events": taken.Events, "answer": taken.Answer, "steps": taken.Steps})
}

func (s *Server) fetchSource(c *fiber.Ctx) error {
	if err := takesNothing(c); err != nil {
		return err
	}
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	fetched, err := s.Sources.Fetch(c.UserContext(), name)
	if err != nil {
		return err
	}
	views, err := s.sourceViews(c)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"sources": views, "fetched": fetched})
}

func (s *Server) setSourceSecret(c *fiber.Ctx) error {
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	var in struct {
		Value string `json:"value"`
		Keep  bool   `json:"keep"`
	}
	if decodeStrict(data, &in) != nil || strings.TrimSpace(in.Value) == "" { // its own words could quote the secret
		return fieldError("value", `send the secret as {"value": "…"}, and with "keep": true where the one before is to count too`)
	}
	return s.changeSecret(c, in.Value, in.Keep)
}

func (s *Server) removeSourceSecret(c *fiber.Ctx) error { return s.changeSecret(c, "", false) }

func (s *Server) changeSecret(c *fiber.Ctx, value string, keep bool) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	secret, err := param(c, "secret")
	if err != nil {
		return err
	}
	if err = s.Sources.SetSecret(c.UserContext(), name, secret, value, keep); err != nil {
		return err
	}
	return s.sourcesView(c)
}

type wireReject struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	File   string    `json:"file,omitempty"`
	Line   int       `json:"line,omitempty"`
	Row    bool      `json:"row,omitempty"`
	Body   string    `json:"body"`
	Again  bool      `json:"again"` // it can be given to the source once more
}

func (s *Server) sourceRejects(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	rejects, err := s.Rejected.Rejects(c.UserContext(), name)
	if err != nil {
		return err
	}
	list := []wireReject{}
	for _, r := range rejects {
		list = append(list, wireReject{r.ID.String(), r.At.UTC(), r.Reason, r.File, r.Line, r.Row, strings.ToValidUTF8(string(r.Body), "?"), len(r.Body) > 0})
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{"rejects": list})
}

func (s *Server) replayReject(c *fiber.Ctx) error {
	if err := takesNothing(c); err != nil {
		return err
	}
	name, id, err := rejectParams(c)
	if err != nil {
		return err
	}
	answer, err := s.Rejected.Again(c.UserContext(), name, id)
	if err != nil {
		return err
	}
	return c.JSON(answer)
}

func (s *Server) forgetRejects(c *fiber.Ctx) error {
	name, id, err := rejectParams(c)
	if err != nil {
		return err
	}
	if err = s.Rejected.Forget(c.UserContext(), name, id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

func rejectParams(c *fiber.Ctx) (name string, id lifecycle.ID, err error) {
	if name, err = param(c, "name"); err != nil || c.Params("id") == "" {
		return name, id, err
	}
	if id, err = lifecycle.ParseID(strings.Clone(c.Params("id"))); err != nil {
		return name, id, lifecycle.Errorf(lifecycle.NotFound, "there is no such request")
	}
	return name, id, nil
}
