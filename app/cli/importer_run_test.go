package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// A run in whose place another one sends says so when it wakes, be it at its rows or at its end, and does not try again.
func TestAnImportSaysThatAnotherOneTookItsPlace(t *testing.T) {
	for _, verb := range []string{"events", "close"} {
		refused := 0
		client, _ := swiftClient(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/"+verb) {
				_, _ = w.Write([]byte(`{"accepted":1}`))
				return
			}
			refused++
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"code":"conflict","field":"run","detail":"another import of this source runs"}`))
		})
		result, err := cli.NewImporter(client, "shop").Run(t.Context(), open(t, orders(t, 1, 1), orderRules...))
		if err == nil || !strings.Contains(err.Error(), "another import of this source runs") || refused != 1 || result.Closed {
			t.Errorf("%s: %v, %d requests, %+v", verb, err, refused, result)
		}
	}
}

// Where another import of the source runs, the second one says so at its beginning; one that was killed is waited for.
func TestAnImportSaysThatAnotherOneRuns(t *testing.T) {
	for name, c := range map[string]struct {
		asked int // how often the other one is still there
		ends  bool
	}{"another one runs": {1 << 30, false}, "another one was killed": {3, true}} {
		asked, sent := 0, 0
		names := map[string]bool{}
		client, _ := swiftClient(t, func(w http.ResponseWriter, r *http.Request) {
			names[r.URL.Query().Get("run")] = true
			if r.URL.Path != "/v1/import" {
				sent++
				_, _ = w.Write([]byte(`{"state":"closed","accepted":1}`))
				return
			}
			if asked++; asked <= c.asked {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte(`{"code":"conflict","field":"run","detail":"another import of this source runs"}`))
				return
			}
			_, _ = w.Write([]byte(`{}`))
		})
		_, err := cli.NewImporter(client, "shop").Run(t.Context(), open(t, orders(t, 1, 1), orderRules...))
		if c.ends && (err != nil || sent == 0) {
			t.Errorf("%s: %v, %d requests", name, err, sent)
		}
		if !c.ends && (err == nil || !strings.Contains(err.Error(), "another import of this source runs") || sent > 0 || asked > 30) {
			t.Errorf("%s: %v, %d requests after %d tries", name, err, sent, asked)
		}
		if len(names) != 1 || names[""] {
			t.Errorf("%s: the runs are named %v", name, names)
		}
	}
}
