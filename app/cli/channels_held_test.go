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

// What is held in doubt is not said to leave when its channel is set.
func TestChannelsTellWhatIsHeld(t *testing.T) {
	for counts, want := range map[string]string{
		`"queued": 5, "held": 2`: "3 messages wait, and leave when it is set 2 messages are held in doubt",
		`"queued": 5`:            "5 messages wait, and leave when it is set",
		`"queued": 1, "held": 1`: "not set 1 message is held in doubt, for somebody to decide about",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"channels": [{"channel": "sms", "state": "none", "from": "none", %s}]}`, counts)
		}))
		for _, args := range [][]string{{"channels"}, {"channels", "remove", "sms"}} {
			var out bytes.Buffer
			code := cli.Main("test", append(args, "--server", server.URL), strings.NewReader(""), &out, &out)
			if text := strings.Join(strings.Fields(out.String()), " "); code != 0 || !strings.Contains(text, want) {
				t.Errorf("%v of %s: %d %q, want %q", args, counts, code, text, want)
			}
		}
		server.Close()
	}
}
