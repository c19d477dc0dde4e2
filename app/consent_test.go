package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// mails returns the lines that the log connector has written.
func (s *server) mails() []string {
	s.t.Helper()
	files, _ := filepath.Glob(filepath.Join(s.cfg.Data, "mail", "*"))
	var lines []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, `"subject"`) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// states counts the messages of the overview by state and reason.
func (s *server) states() map[string]int {
	states := map[string]int{}
	for _, m := range s.overview().Messages {
		states[strings.TrimSuffix(string(m.State)+" "+m.Reason, " ")]++
	}
	return states
}

// The link of a mail unsubscribes when its button is pressed and not when it is looked at; scripts hear of it, and no more
// marketing of that topic leaves. What somebody is owed does.
func TestUnsubscribing(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send \"hello\" end)\non(\"Paid\", function() send \"receipt\" end)\n" +
		"on(\"Unsubscribed\", function(customer, event) set(\"left\", event.properties.source) end)\n")
	files["trial/messages/hello.email.liquid"] = "---\nsubject: Hello\ntopic: news\n---\nHello\n"
	files["trial/messages/receipt.email.liquid"] = "---\nsubject: Receipt\nkind: transactional\n---\nPaid\n"
	s := startServer(t, withScripts(t, files))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	s.track("ada", "Paid")
	s.eventually("both mails are there", func() bool { return len(s.mails()) == 2 })
	var news, receipt string
	for _, mail := range s.mails() {
		if strings.Contains(mail, `"Hello"`) {
			news = mail
		} else {
			receipt = mail
		}
	}
	if strings.Contains(receipt, "List-Unsubscribe") || strings.Contains(receipt, "/u/") {
		t.Errorf("a receipt has a link to unsubscribe: %s", receipt)
	}
	link := regexp.MustCompile(`"List-Unsubscribe":"<([^">]+)>"`).FindStringSubmatch(news)
	if link == nil || !strings.Contains(news, `"List-Unsubscribe-Post":"List-Unsubscribe=One-Click"`) {
		t.Fatalf("the mail has no header to unsubscribe: %s", news)
	}
	if strings.Count(news, link[1]) != 3 {
		t.Errorf("the link stands in the header and in both parts, not %d times: %s", strings.Count(news, link[1]), news)
	}
	path := strings.TrimPrefix(link[1], s.url)
	noKey := func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Del("X-Stagecraft") }
	ask := func(method, path string, change ...func(*http.Request)) (int, string) {
		status, text, _ := s.call(method, path, nil, append(change, noKey)...)
		return status, text
	}
	if status, page := ask("GET", path); status != 200 || !strings.Contains(page, `<form method="post">`) || strings.Contains(page, "<script") {
		t.Fatalf("%d %s", status, page)
	}
	if status, page := ask("GET", path, func(r *http.Request) { r.Header.Set("Accept-Language", "vi-VN,vi;q=0.9") }); status != 200 || !strings.Contains(page, "Ngừng nhận") {
		t.Errorf("%d %s", status, page)
	}
	for at := strings.LastIndexByte(path, '/') + 1; at < len(path); at++ {
		altered := []byte(path)
		altered[at] = map[bool]byte{true: 'B', false: 'A'}[altered[at] == 'A']
		for _, method := range []string{"GET", "POST"} {
			if status, _ := ask(method, string(altered)); status != 404 {
				t.Fatalf("%s with another letter at %d: %d", method, at, status)
			}
		}
	}
	s.track("ada", "Order")
	s.eventually("looking changes nothing", func() bool { return len(s.mails()) == 3 })
	status, page := ask("POST", path, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader("List-Unsubscribe=One-Click"))
	})
	if status != 200 || !strings.Contains(page, "You are unsubscribed") {
		t.Fatalf("%d %s", status, page)
	}
	if text := s.must("GET", "/v1/customers/ada/consents", nil); !strings.Contains(text, `"ip":"127.0.0.1"`) || !strings.Contains(text, `"userAgent":"Go-http-client`) {
		t.Errorf("the word has no proof: %s", text)
	}
	s.track("ada", "Order")
	s.track("ada", "Paid")
	s.eventually("the receipt leaves, the news does not", func() bool {
		states := s.states()
		return len(s.mails()) == 4 && states["accepted"] == 4 && len(states) == 2
	})
	for state := range s.states() {
		if state != "accepted" && !strings.HasPrefix(state, "suppressed ") {
			t.Errorf("the states are %v", s.states())
		}
	}
}

// A text message goes through the gateway that the channels file names, and a STOP that comes back is kept.
func TestTextMessagesAndTheirStop(t *testing.T) {
	sent := make(chan url.Values, 10)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent <- r.PostForm
		fmt.Fprint(w, `{"code": "100", "id": "7"}`)
	}))
	defer gateway.Close()
	channels := filepath.Join(t.TempDir(), "channels.json")
	if err := os.WriteFile(channels, []byte(`{"sms": {"settings": {"provider": "http", "url": "`+gateway.URL+`", "content_type": "application/x-www-form-urlencoded",
		"body": "to={{to}}&text={{text}}", "from": "SHOP", "result_path": "code", "success": "^100$", "callback_token": "0123456789abcdef"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"hello\", { by = \"sms\" }) end)\n")
	files["trial/messages/hello.sms.liquid"] = "Hello\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) {
		c.Channels = config.ChannelsFile(channels)
		c.Policy.Preset = "none" // at any hour
	})
	s.setMode("trial", lifecycle.Live)
	order := map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84 90 123 45 67"}}}
	s.track("ada", "Order", order)
	s.eventually("the first one leaves", func() bool { return len(sent) == 1 })
	if got := <-sent; got.Get("to") != "+84901234567" || strings.TrimSpace(got.Get("text")) != "Hello" {
		t.Errorf("the gateway got %v", got)
	}
	noKey := func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if status, text, _ := s.call("POST", "/callbacks/sms/wrong-token-wrong/inbound", "from=84901234567&text=STOP", noKey); status < 400 {
		t.Errorf("a stranger's call: %d %s", status, text)
	}
	s.track("ada", "Order", order)
	s.eventually("the second one leaves", func() bool { return len(sent) == 1 })
	<-sent
	if status, text, _ := s.call("POST", "/callbacks/sms/0123456789abcdef/inbound", "from=%2B84901234567&text=STOP", noKey); status != 200 {
		t.Fatalf("the gateway's call: %d %s", status, text)
	}
	s.track("ada", "Order", order)
	s.eventually("nothing goes there any more", func() bool {
		states := s.states()
		return states["accepted"] == 2 && len(states) == 2
	})
	if len(sent) > 0 {
		t.Error("a text message was sent after the STOP")
	}
	if status, _, _ := s.call("POST", "/callbacks/fax", "x", noKey); status != 404 {
		t.Errorf("a channel that is not there: %d", status)
	}
}
