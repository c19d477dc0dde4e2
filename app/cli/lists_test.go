package cli_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// What verbs print of what a server lists: over every list stands what its columns are.
func TestListsHaveHeadings(t *testing.T) {
	for _, c := range []struct{ verb, answer, want string }{
		{"channels", `{"channels": [{"channel": "sms", "state": "none", "from": "none"}]}`, "channel state connector settings sms none not set"},
		{"segments", `{"segments": [{"name": "vip", "title": "The best", "members": 2}]}`, "segment members title vip 2 The best"},
		{"segments members vip", `{"members": [{"id": "c1", "userId": "ada", "anonymousId": "anon-7", "email": "ada@example.com"}, {"id": "c2", "anonymousId": "anon-8"}]}`,
			"c1 ada ada@example.com c2 anon-8"},
		{"segments", `{}`, "There are no segments; write one to scripts/segments/NAME.lua."},
		{"journeys", `{"journeys": [{"name": "care", "mode": "off", "version": "0123456789"}]}`, "journey mode in it scripts care off 0 customers version 01234567"},
		{"broadcast show b", `{"name": "b", "status": "scheduled", "who": "everybody", "begins": "2030-06-02T18:59:00Z", "on": "2030-06-03", "local": "09:00"}`,
			"begins at 09:00 of 2030-06-03 by each customer's clock 0 let in"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, c.answer)
		}))
		var out bytes.Buffer
		code := cli.Main("test", append(strings.Fields(c.verb), "--server", server.URL), strings.NewReader(""), &out, &out)
		if text := strings.Join(strings.Fields(out.String()), " "); code != 0 || !strings.Contains(text, c.want) {
			t.Errorf("%s of %s: %d %q, want %q", c.verb, c.answer, code, text, c.want)
		}
		server.Close()
	}
}
