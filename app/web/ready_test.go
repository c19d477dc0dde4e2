package web_test

import (
	"context"
	"io"
	"log/slog"
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
	"stagecraft/app/web"
)

// idle is a machine with nothing to do.
type idle struct{}

func (idle) Apply(store.Tx, any) (any, error)   { return nil, nil }
func (idle) Ask(store.Reader, any) (any, error) { return nil, nil }
func (idle) Own(context.Context, int)           {}

// A server is ready while it takes events, and says why it is not.
func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		free   uint64
		closed bool
		status int
		says   string
	}{
		"room":          {1, false, 200, "ready"},
		"a full disk":   {math.MaxUint64, false, 503, "the disk is nearly full"},
		"the end of it": {1, true, 503, "closing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			kept, err := store.Open(store.Options{Dir: dir, MinFree: test.free})
			if err != nil {
				t.Fatal(err)
			}
			defer kept.Close()
			kept.Start(idle{})
			if test.closed {
				if err = kept.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s, err := web.New(web.Options{Log: slog.New(slog.DiscardHandler), AskAdminKey: true, AdminKey: "admin", WriteKey: "write", BrowserKey: "browser",
				PublicURL: "https://shop.example", Clock: lifecycle.WallClock{}, Store: kept})
			if err != nil {
				t.Fatal(err)
			}
			response, err := s.Answer(httptest.NewRequest("GET", "/readyz", nil))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != test.status || !strings.Contains(string(body), test.says) || strings.Contains(string(body), dir) {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
	}
}
