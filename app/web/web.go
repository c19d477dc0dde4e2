// Package web serves the HTTP API and the console. It is the only importer of Fiber: requests are decoded and bounded
// here, copied out of Fiber's buffers, and handed down as plain values.
package web

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"stagecraft/app/channels"
	"stagecraft/app/config"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
	"stagecraft/assets"
)

// Bounds of requests.
const (
	maxRead     = 4 << 20  // what is read of a body at all; the connection of a larger one is closed
	maxBody     = 1 << 20  // on the wire
	maxInflated = 4 << 20  // after gzip
	maxSingle   = 64 << 10 // of a single event, inflated
)

// Scripts knows what keeps the newest scripts from running.
type Scripts interface {
	Problems() map[string]*lifecycle.Error // by journey
	Gone(journey string) bool              // it was published, and its files are not there any more
	Changes() int                          // grows with every reading
}

// Options of New.
type Options struct {
	Engine       *engine.Engine
	Delivery     *delivery.Delivery
	Calls        *delivery.Calls
	Insight      *insight.Insight
	Store        *store.Store
	Scripts      Scripts
	Drafts       Drafts
	Segments     SegmentFiles
	Topics       Topics // nil: topics have no titles
	Forms        Forms
	FormSettings config.Forms
	Downloads    string // the folder of rewards
	Lives        Lives
	Compile      func(script.Source) (*script.Program, error)
	Channels     func() []channels.Status
	Connections  Connections
	SMSSize      func(channel, text string) SMSSize // as a channel of text messages would send it now; nil: nobody can say
	Callback     func(ctx context.Context, channel, from string, in channels.Callback) (channels.Reply, []channels.Report, error)
	Secrets      WebhookSecrets
	Sources      Sources
	Rights       Rights
	Rejected     Rejected
	Links        lifecycle.Links
	Tokens       lifecycle.Tokens // of customers who look at their own inboxes
	// InAppOrigins are the origins of the pages that may ask for inboxes, in lower case, such as https://shop.example.
	InAppOrigins []string
	Clock        lifecycle.Clock
	Log          *slog.Logger
	Version      string
	PublicURL    string
	WriteKey     string
	BrowserKey   string // stands in public pages: it sends events, and proves nobody's identity
	AdminKey     string
	AskAdminKey  bool // the console asks for the admin key
	RateLimit    int  // requests a second of each key that was made without a number of its own; 0: no limit
	// PublishLimit is how many people something may reach within an hour before it has to be confirmed.
	PublishLimit int
}

// Server is the HTTP side of the program.
type Server struct {
	Options
	fiber    *fiber.App
	listener net.Listener
	failed   chan error
	closing  chan struct{}

	unsubscribePage *template.Template

	formGate *formGate

	queries func() (described, error) // read at the first request with a query

	keys     keyring
	underWay sync.Map // marks of requests with an Idempotency-Key

	refusals  refusals
	importing importRuns
	snapshots snapshots
	streams   atomic.Int64
	views     views
	tests     tests
	lines     carrier
	checking  chan struct{} // has room for the drafts that are compiled
	trying    chan struct{} // has room for one dry run or comparison
}

// New builds the routes; Listen and Serve open them.
func New(opts Options) (*Server, error) {
	s := &Server{Options: opts, failed: make(chan error, 1), closing: make(chan struct{}), checking: make(chan struct{}, checks), trying: make(chan struct{}, 1)}
	s.queries = sync.OnceValues(readDescribed)
	fixed := s.fixedKeys()
	s.keys.byHash.Store(&fixed)
	s.unsubscribePage = template.Must(template.New("unsubscribe").Parse(unsubscribePage))
	s.fiber = fiber.New(fiber.Config{
		DisableStartupMessage: true,
		BodyLimit:             maxRead, // of who shows a key; see admit
		Concurrency:           maxConnections,
		ReadTimeout:           30 * time.Second,
		WriteTimeout:          30 * time.Second, // streams extend it for themselves
		IdleTimeout:           2 * time.Minute,
		ReadBufferSize:        16 << 10,
		ErrorHandler:          s.fail,
		AppName:               "Stagecraft",
		CaseSensitive:         true, // who looks at a path compares it as it is written
		// Strings are copied where they are kept; Immutable alone does not cover bodies.
		Immutable: true,
	})
	s.guardDoor(s.fiber.Server())
	s.fiber.Use(recover.New(recover.Config{EnableStackTrace: false}), refuseAmbiguous)
	s.fiber.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	s.fiber.Get("/readyz", s.ready)
	s.fiber.Get("/metrics", s.guardConsole, s.metrics())
	s.routeIngest()
	if err := s.routeSnippet(); err != nil {
		return nil, err
	}
	s.routeSend()
	s.routeKeys()
	s.routeMoves()
	s.routeSegments()
	s.routeImports()
	s.routeExport()
	s.routeUnsubscribe()
	s.routePreferences()
	s.routeTracking()
	s.routeCallbacks()
	s.routeSources()
	s.routeStarts()
	if err := s.routeInApp(); err != nil {
		return nil, err
	}
	s.routeForms()
	s.routeCalls()
	s.routeCustomers()
	s.routeEvents()
	s.routeWhy()
	s.routeRights()
	s.routeIdentities()
	s.routeDocs()
	s.routeConsole()
	s.routeReport()
	if err := s.routeAssets(); err != nil {
		return nil, err
	}
	return s, nil
}

// Listen binds the address and returns it as it is, with the port chosen where 0 was asked for.
func (s *Server) Listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", lifecycle.Wrap(lifecycle.Unavailable, err, "cannot listen on %s; choose another address with --addr", address)
	}
	s.listener = closingQuiet(listener)
	return listener.Addr().String(), nil
}

// SetPublicURL names the base of links once the address is known. It is called between Listen and Serve.
func (s *Server) SetPublicURL(url string) { s.PublicURL, s.Links = url, s.Links.At(url) }

// Serve answers requests in the background; Failed tells if it ends by itself.
func (s *Server) Serve() {
	go func() {
		if err := s.fiber.Listener(s.listener); err != nil {
			s.failed <- err
		}
	}()
}

// Failed delivers the error that ended serving.
func (s *Server) Failed() <-chan error { return s.failed }

// Close takes no more requests and waits for those under way; open streams are ended.
func (s *Server) Close() error {
	close(s.closing)
	err := s.fiber.ShutdownWithTimeout(10 * time.Second)
	if errors.Is(err, context.DeadlineExceeded) {
		return lifecycle.Errorf(lifecycle.Unavailable, "some requests were cut off: they took longer than 10 s to finish")
	}
	return err
}

// ready says whether events are taken. Anybody may ask, so it does not say where the server keeps them.
func (s *Server) ready(c *fiber.Ctx) error {
	if err := s.Store.Accepting(); lifecycle.CodeOf(err) == lifecycle.Full {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the disk is nearly full; nothing is accepted until there is room")
	} else if err != nil {
		return err
	}
	if _, err := s.Store.Ask(c.UserContext(), 0, engine.Journeys{}); err != nil {
		return err
	}
	return c.SendString("ready\n")
}

func (s *Server) routeAssets() error {
	files, err := assets.Files(assets.Console())
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the console cannot be read")
	}
	for _, file := range files {
		path := "/" + file.Path
		if file.Path == "index.html" {
			path = "/"
		}
		s.fiber.Get(path, s.guardConsole, func(c *fiber.Ctx) error { return sendAsset(c, file) })
	}
	return nil
}

func sendAsset(c *fiber.Ctx, file assets.File) error {
	body, tag := file.Body, `"`+file.Hash+`"`
	if file.Gzip != nil && strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
		body, tag = file.Gzip, `"`+file.Hash+`-gzip"`
		c.Set(fiber.HeaderContentEncoding, "gzip")
	}
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	c.Set(fiber.HeaderETag, tag)
	if file.Immutable {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	} else {
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, file.Type)
	return c.Send(body)
}

// refuseAmbiguous refuses requests whose end or host another server on the way may see differently: what follows them on
// the connection could be somebody else's request. The connection is closed, so that nothing behind is read.
func refuseAmbiguous(c *fiber.Ctx) error {
	lengths, hosts, codings := 0, 0, 0
	for line := range bytes.Lines(c.Request().Header.RawHeaders()) {
		name, _, _ := bytes.Cut(line, []byte{':'})
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "content-length":
			lengths++
		case "host":
			hosts++
		case "transfer-encoding":
			codings++
		}
	}
	if lengths > 1 || codings > 1 || lengths > 0 && codings > 0 || hosts != 1 {
		c.Context().SetConnectionClose()
		return lifecycle.Errorf(lifecycle.Invalid, "send one Host, and either one Content-Length or one Transfer-Encoding")
	}
	return c.Next()
}

// hostOf returns the host of a URL with its port, or "".
func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Host
}
