package web

import (
	_ "embed"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
	"stagecraft/assets"
)

// snippet is the script for pages of businesses that use no library.
//
//go:embed snippet.js
var snippet []byte

// routeLibraries serves what libraries in browsers and apps ask for before they send anything, and our own script.
func (s *Server) routeLibraries() {
	ask := func(path string, handle fiber.Handler) {
		s.fiber.Options(path, preflight)
		s.fiber.Get(path, forPages, handle)
	}
	ask("/v1/projects/:key/settings", s.segmentSettings)
	ask("/sourceConfig", s.sourceConfig)
}

// routeSnippet serves the script at an address that stays.
func (s *Server) routeSnippet() error {
	file, err := packScript("stagecraft.js", dense(snippet))
	if err != nil {
		return err
	}
	s.fiber.Get("/stagecraft.js", func(c *fiber.Ctx) error { return sendScript(c, file) })
	return nil
}

// blanks are those that our script can do without: beside signs. In its texts there are none.
var blanks = regexp.MustCompile(` ?([^\w ']) ?`)

// Signs that our script can do without: the last ones of blocks, those around a function's only parameter, and that what does not
// change is constant.
var (
	lastSigns = strings.NewReplacer(";}", "}", ",}", "}", "const", "let")
	onlyOne   = regexp.MustCompile(`\((\w+)\)=>`)
)

// dense takes indented comments, blanks, indentation, most line ends and such signs out of our script.
func dense(script []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(script)) {
		if strings.HasPrefix(strings.TrimLeft(line, " "), "//") && line[0] == ' ' {
			continue
		}
		line = blanks.ReplaceAllString(strings.TrimSpace(line), "$1")
		out.WriteString(line)
		if !strings.HasSuffix(line, "{") && !strings.HasSuffix(line, ",") && !strings.HasSuffix(line, ";") {
			out.WriteByte('\n')
		}
	}
	return onlyOne.ReplaceAll([]byte(lastSigns.Replace(out.String())), []byte("$1=>"))
}

// forBrowsers checks the key of a library that asks for its settings.
func (s *Server) forBrowsers(key string) error {
	switch h := s.holderOfSecret(key); {
	case h != nil && h.public:
		return nil
	case h != nil:
		return errSecretKey(h)
	}
	return lifecycle.Errorf(lifecycle.NotFound, "there is no such browser key; it is in keys.json in the data folder")
}

// segmentSettings tells Segment's libraries where events go, and that nothing else is loaded. The format is that of
// Segment's CDN, as @segment/analytics-next and the mobile libraries read it.
func (s *Server) segmentSettings(c *fiber.Ctx) error {
	key, err := param(c, "key")
	if err == nil {
		err = s.forBrowsers(key)
	}
	if err != nil {
		return err
	}
	base, err := url.Parse(s.PublicURL)
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the public URL cannot be read")
	}
	enabled := fiber.Map{"__default": fiber.Map{"enabled": true, "integrations": fiber.Map{}}}
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	return c.JSON(fiber.Map{
		"integrations": fiber.Map{"Segment.io": fiber.Map{
			"apiKey": key, "apiHost": base.Host + base.Path + "/v1", "protocol": base.Scheme,
			"unbundledIntegrations": []string{}, "addBundledMetadata": false, "maybeBundledConfigIds": fiber.Map{},
		}},
		"plan":                      fiber.Map{"track": enabled, "identify": enabled, "group": enabled},
		"edgeFunction":              fiber.Map{},
		"middlewareSettings":        fiber.Map{},
		"enabledMiddleware":         fiber.Map{},
		"remotePlugins":             []string{},
		"analyticsNextEnabled":      true,
		"legacyVideoPluginsEnabled": false,
		"metrics":                   fiber.Map{"sampleRate": 0}, // figures about the library itself would go to Segment
	})
}

// sourceConfig tells RudderStack's libraries the same, in the format of its control plane.
func (s *Server) sourceConfig(c *fiber.Ctx) error {
	key, _, ok := basic(c)
	if !ok {
		key = c.Query("writeKey")
	}
	if err := s.forBrowsers(key); err != nil {
		return err
	}
	began := time.Unix(0, 0).UTC()
	off := fiber.Map{"enabled": false}
	c.Set(fiber.HeaderCacheControl, "private, max-age=300")
	return c.JSON(fiber.Map{
		"source": fiber.Map{
			"id": "stagecraft", "name": "Stagecraft", "writeKey": key, "enabled": true, "updatedAt": began, "createdAt": began,
			"workspaceId": "stagecraft", "destinations": []string{}, "connections": []string{},
			"config":     fiber.Map{"statsCollection": fiber.Map{"errors": off, "metrics": off}},
			"dataplanes": []fiber.Map{{"url": s.PublicURL, "default": true}},
		},
		"updatedAt":          began,
		"dataPlaneUrl":       s.PublicURL,
		"isHosted":           true,
		"workspaceId":        "stagecraft",
		"consentManagement":  nil,
		"errorCollection":    off,
		"metricsCollection":  off,
		"sourceDestinations": []string{},
	})
}

// sendScript answers with a script that any page may load, and check that it is what it was.
func sendScript(c *fiber.Ctx, script assets.File) error {
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	c.Set("Cross-Origin-Resource-Policy", "cross-origin")
	c.Set("X-Content-Type-Options", "nosniff")
	return sendAsset(c, script)
}
