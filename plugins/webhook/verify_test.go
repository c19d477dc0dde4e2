package webhook_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/webhook"
)

const nextSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD8EGqS6CTwpQ="

// receive runs the receiver of the documentation with its secrets and returns its address and the lines that it prints.
func receive(t *testing.T, secrets string) (url string, lines *bufio.Scanner) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		_, _ = os.Stderr.WriteString("\n!!! SKIPPED " + t.Name() + ": node is not installed !!!\n\n")
		t.Skip("node is not installed")
	}
	command := exec.CommandContext(t.Context(), node, "../../docs/webhooks/receiver.mjs")
	command.Env = append(os.Environ(), "WEBHOOK_SECRET="+secrets, "PORT=0")
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = command.Process.Kill(), command.Wait() })
	lines = bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "listening on ") {
		t.Fatalf("it said %q", lines.Text())
	}
	return "http://127.0.0.1:" + strings.TrimPrefix(lines.Text(), "listening on "), lines
}

// What the connector posts is taken by the receiver of the documentation, with either secret while one takes the other's
// place, and a repetition is noticed.
func TestTheReceiverOfTheDocumentation(t *testing.T) {
	both := configured(t, webhook.New(), `{"allow": ["127.0.0.1"], "secret": "`+nextSecret+`", "former_secret": "`+secret+`"}`)
	for _, known := range []string{secret, nextSecret, secret + " " + nextSecret} {
		url, lines := receive(t, known)
		for _, m := range []channel.Message{message(1, url, `{"note": "déjà vu <&>"}`), message(1, url, `{"note": "déjà vu <&>"}`), message(2, url, `{"n":2}`)} {
			if r := both.Send(t.Context(), []channel.Message{m})[0]; r.Outcome != channel.Accepted || r.Data[channel.FactStatus] != "204" {
				t.Fatalf("%+v", r)
			}
		}
		for _, want := range []string{`{"note":"déjà vu <&>"}`, `{"n":2}`} {
			if !lines.Scan() || lines.Text() != want {
				t.Errorf("it printed %q, want %q", lines.Text(), want)
			}
		}
	}
	url, _ := receive(t, nextSecret)
	if r := send(t, local(t), url); r.Outcome != channel.Permanent || !strings.Contains(r.Reason, "no signature is right") {
		t.Errorf("signed with another secret: %+v", r)
	}
}

// The receiver of the documentation refuses what was changed, overheard or made up.
func TestTheReceiverRefusesWhatIsWrong(t *testing.T) {
	url, _ := receive(t, secret)
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	post := func(body string, change func(h http.Header, sign func(stamp string) string)) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		sign := func(stamp string) string {
			sum := hmac.New(sha256.New, key)
			sum.Write([]byte("m1." + stamp + `.{"total":20}`))
			return "v1," + base64.StdEncoding.EncodeToString(sum.Sum(nil))
		}
		now := strconv.FormatInt(time.Now().Unix(), 10)
		request.Header.Set("Webhook-Id", "m1")
		request.Header.Set("Webhook-Timestamp", now)
		request.Header.Set("Webhook-Signature", sign(now))
		if change != nil {
			change(request.Header, sign)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	at := func(offset time.Duration) func(http.Header, func(string) string) {
		return func(h http.Header, sign func(string) string) {
			stamp := strconv.FormatInt(time.Now().Add(offset).Unix(), 10)
			h.Set("Webhook-Timestamp", stamp)
			h.Set("Webhook-Signature", sign(stamp))
		}
	}
	set := func(name, value string) func(http.Header, func(string) string) {
		return func(h http.Header, _ func(string) string) { h.Set(name, value) }
	}
	for name, c := range map[string]struct {
		body   string
		change func(http.Header, func(string) string)
		want   int
	}{
		"right":               {`{"total":20}`, nil, 204},
		"four minutes ago":    {`{"total":20}`, at(-4 * time.Minute), 204},
		"in four minutes":     {`{"total":20}`, at(4 * time.Minute), 204},
		"six minutes ago":     {`{"total":20}`, at(-6 * time.Minute), 401},
		"in six minutes":      {`{"total":20}`, at(6 * time.Minute), 401},
		"another body":        {`{"total":21}`, nil, 401},
		"another id":          {`{"total":20}`, set("Webhook-Id", "m2"), 401},
		"no id":               {`{"total":20}`, set("Webhook-Id", ""), 401},
		"no signature":        {`{"total":20}`, set("Webhook-Signature", ""), 401},
		"an empty signature":  {`{"total":20}`, set("Webhook-Signature", "v1,"), 401},
		"a timestamp in text": {`{"total":20}`, set("Webhook-Timestamp", "today"), 401},
		"another version": {`{"total":20}`, func(h http.Header, _ func(string) string) {
			h.Set("Webhook-Signature", "v2"+strings.TrimPrefix(h.Get("Webhook-Signature"), "v1"))
		}, 401},
		"one of several": {`{"total":20}`, func(h http.Header, _ func(string) string) {
			h.Set("Webhook-Signature", "v1,AAAA v1a,x "+h.Get("Webhook-Signature"))
		}, 204},
	} {
		if got := post(c.body, c.change); got != c.want {
			t.Errorf("%s is answered %d, want %d", name, got, c.want)
		}
	}
}
