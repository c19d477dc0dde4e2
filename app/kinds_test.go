package app_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	gomail "github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"

	"stagecraft/app"
	"stagecraft/app/config"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// mailHost is a real SMTP server that keeps what it took, and knows nobody whose name begins with gone.
type mailHost struct {
	settings map[string]any
	mu       sync.Mutex
	took     []tookMail
}

type tookMail struct{ to, subject, unsubscribe, html string }

func startMailHost(t *testing.T, from string) *mailHost {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	number, _ := strconv.Atoi(port)
	m := &mailHost{settings: map[string]any{"host": host, "port": number, "security": "none", "from": from}}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailVisit{host: m}, nil }))
	server.Domain = "mail.test"
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return m
}

func (m *mailHost) mails() []tookMail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]tookMail(nil), m.took...)
}

type mailVisit struct {
	host *mailHost
	to   string
}

func (v *mailVisit) Reset()                               { v.to = "" }
func (v *mailVisit) Logout() error                        { return nil }
func (v *mailVisit) Mail(string, *smtp.MailOptions) error { return nil }

func (v *mailVisit) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "gone") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	}
	v.to = to
	return nil
}

func (v *mailVisit) Data(r io.Reader) error {
	reader, err := gomail.CreateReader(r)
	if err != nil {
		return err
	}
	got := tookMail{to: v.to}
	got.subject, _ = reader.Header.Subject()
	got.unsubscribe = strings.Trim(reader.Header.Get("List-Unsubscribe"), "<>")
	for {
		part, err := reader.NextPart()
		if err != nil {
			break
		}
		if text, _ := io.ReadAll(part.Body); strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			got.html = string(text)
		}
	}
	v.host.mu.Lock()
	v.host.took = append(v.host.took, got)
	v.host.mu.Unlock()
	return nil
}

// newsAndShop sends a message by email-news and one by email.
func newsAndShop(kind, further string) map[string]string {
	files := trial("stage { title = \"A\" }\non(\"News\", function() send \"news\" end)\non(\"Shop\", function() send \"shop\" end)\n" +
		"on(\"Unsubscribed\", function(customer, event) set(\"left\", event.properties.channel) end)\n")
	delete(files, "trial/messages/hello.email.liquid")
	files["trial/messages/news."+further+".liquid"] = map[string]string{"email": "---\nsubject: News\nlayout: page\n---\n<p>Hello {{ customer.name | default: \"<you>\" }}</p>\n",
		"sms": "News\n"}[kind]
	files["trial/messages/shop."+kind+".liquid"] = map[string]string{"email": "---\nsubject: Shop\n---\n<p>Hello</p>\n", "sms": "Shop\n"}[kind]
	if kind == "email" {
		files["trial/messages/layouts/page.email.liquid"] = "<body><h1>Page</h1>{{ content }}</body>\n"
	}
	return files
}

// agrees has the server live a customer's life again, with nothing but what it stored, and compare.
func (s *server) agrees(user string) {
	s.t.Helper()
	var found struct{ Differences []map[string]any }
	if text := s.must("GET", "/v1/customers/"+user+"/replay", nil); json.Unmarshal([]byte(text), &found) != nil || len(found.Differences) > 0 {
		s.t.Errorf("the replay of %s differs: %s", user, text)
	}
}

// who reaches customers, as a trait, and with their consent.
func (s *server) reach(user, channel string, traits map[string]any) {
	s.t.Helper()
	s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": traits})
	s.must("POST", "/v1/consent", map[string]any{"userId": user, "channel": channel, "granted": true})
}

// stateOf returns what became of a customer's newest message, with the reason.
func (s *server) stateOf(user string) string {
	for _, m := range s.overview().Messages {
		if m.User == user {
			return strings.TrimSpace(string(m.State) + " " + m.Reason)
		}
	}
	return ""
}

// refused counts the messages that their customers did not want.
func (s *server) refused() (n int) {
	for state, count := range s.states() {
		if strings.HasPrefix(state, "suppressed opted out") {
			n += count
		}
	}
	return n
}

// A second channel of mail stands beside the first, with a server of its own. It looks like mail, and what customers and servers said
// of the one holds for the other.
func TestTwoChannelsOfMail(t *testing.T) {
	shop, news := startMailHost(t, "Shop <hello@shop.example>"), startMailHost(t, "News <hello@news.example>")
	s := startServer(t, withScripts(t, newsAndShop("email", "email-news")), func(c *config.Config) { c.Policy.Preset = "vietnam" })
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/email", map[string]any{"settings": shop.settings})
	s.must("PUT", "/api/channels/email-news", map[string]any{"settings": news.settings, "rate": 50})
	s.eventually("both run", func() bool {
		return s.channels().states() == "email email running settings, email-news email running settings"
	})
	for body, want := range map[string]string{
		`{"connector": "sms", "settings": {}}`:                                                         "not channel email-news",
		`{"settings": {"host": "mx.example", "from": "a@b.example", "security": "none", "port": 0.5}}`: "port must be",
	} {
		if status, text, _ := s.call("PUT", "/api/channels/email-news", body); status != 400 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	for _, name := range []string{"inapp-two", "webhook-two", "call-two"} {
		if status, text, _ := s.call("PUT", "/api/channels/"+name, `{"settings": {}}`); status != 400 || !strings.Contains(text, "cannot be set") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	var records struct{ Records []struct{ Name string } }
	if text := s.must("GET", "/api/channels/email-news/records", nil); json.Unmarshal([]byte(text), &records) != nil || !strings.Contains(text, "_dmarc.news.example") {
		t.Errorf("the records: %s", text)
	}

	// Each mail is at its server, and looks like one; the caps count both together.
	s.reach("ada", "email", map[string]any{"email": "ada@example.com"})
	s.track("ada", "News")
	s.eventually("the news leave", func() bool { return len(news.mails()) == 1 })
	s.track("ada", "Shop")
	s.eventually("the shop's leaves", func() bool { return len(shop.mails()) == 1 })
	first := news.mails()[0]
	if first.to != "ada@example.com" || first.subject != "[QC] News" || !strings.Contains(first.html, "<h1>Page</h1>") || !strings.Contains(first.html, "&lt;you&gt;") ||
		shop.mails()[0].subject != "[QC] Shop" {
		t.Errorf("they got %+v and %+v", first, shop.mails())
	}
	s.track("ada", "Shop")
	s.eventually("a third", func() bool { return len(shop.mails()) == 2 })
	s.track("ada", "News")
	s.eventually("the fourth is too much", func() bool { return s.stateOf("ada") == "queued frequency cap: 3 in 24 hours by email" })

	// A consent to one of them is not one to the other.
	s.reach("eve", "email-news", map[string]any{"email": "eve@example.com"})
	s.track("eve", "Shop")
	s.eventually("it was not allowed", func() bool { return strings.HasPrefix(s.stateOf("eve"), "suppressed no consent") })
	s.track("eve", "News")
	s.eventually("but that was", func() bool { return len(news.mails()) == 2 })

	// Who leaves by the one is not written to by the other, and the page has one row for both.
	link, err := url.Parse(first.unsubscribe)
	if err != nil || link.Path == "" {
		t.Fatalf("the link is %q", first.unsubscribe)
	}
	noKey := func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Del("X-Stagecraft") }
	_, page, _ := s.call("POST", link.Path, nil, noKey)
	preferences := regexp.MustCompile(`/p/[^"]+`).FindString(page)
	if _, page, _ = s.call("GET", preferences, nil, noKey); strings.Count(page, "email/") != 1 || strings.Contains(page, "email-news") {
		t.Errorf("the page of preferences: %s", page)
	}
	s.track("ada", "Shop")
	s.eventually("nothing new leaves", func() bool { return s.stateOf("ada") == "suppressed opted out: unsubscribe link" })

	// An address that is dead for the one is dead for the other.
	s.reach("gone", "email", map[string]any{"email": "gone@example.com"})
	s.track("gone", "News")
	s.eventually("it bounces", func() bool { return strings.HasPrefix(s.stateOf("gone"), "failed") })
	s.track("gone", "Shop")
	s.eventually("and is known to", func() bool { return s.stateOf("gone") == "suppressed suppressed: bounced" })
	for _, user := range []string{"ada", "eve", "gone"} {
		s.agrees(user)
	}

	// A restart keeps all of it; what is removed waits.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.eventually("both run again", func() bool {
		return s.channels().states() == "email email running settings, email-news email running settings"
	})
	s.reach("bob", "email", map[string]any{"email": "bob@example.com"})
	s.track("bob", "News")
	s.eventually("news leave", func() bool { return len(news.mails()) == 3 })
	s.track("gone", "Shop")
	s.track("ada", "News")
	s.must("DELETE", "/api/channels/email-news", nil)
	s.track("bob", "News")
	s.eventually("they wait, beside what the caps put off", func() bool { return s.channel("email-news").Queued == 2 })
	s.track("bob", "Shop")
	s.eventually("the shop goes on", func() bool { return len(shop.mails()) == 3 })
	s.must("PUT", "/api/channels/email-news", map[string]any{"settings": news.settings})
	s.eventually("what waited leaves", func() bool { return len(news.mails()) == 4 })
	for _, user := range []string{"ada", "gone", "bob"} {
		s.agrees(user)
	}
	s.eventually("all of them are accepted", func() bool { return s.states()["accepted"] == 7 })
}

// Two gateways of text messages: a STOP to the one number stops the other too, a START only where it was said.
func TestTwoChannelsOfTextMessages(t *testing.T) {
	sent, settings := gateway(t)
	vn, vnSettings := gateway(t)
	file := filepath.Join(t.TempDir(), "channels.json")
	all, _ := json.Marshal(map[string]any{"sms": map[string]any{"settings": settings}, "sms-vn": map[string]any{"settings": vnSettings, "rate": 20}})
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, withScripts(t, newsAndShop("sms", "sms-vn")), func(c *config.Config) {
		c.Policy.Preset, c.Channels = "none", config.ChannelsFile(file)
	})
	s.setMode("trial", lifecycle.Live)
	s.eventually("both run", func() bool {
		return strings.HasSuffix(s.channels().states(), "sms sms running settings, sms-vn sms running settings")
	})
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"phone": "+84 90 123 45 67"}})
	s.track("ada", "News")
	s.eventually("by the one", func() bool { return len(vn) == 1 })
	s.track("ada", "Shop")
	s.eventually("by the other", func() bool { return len(sent) == 1 })
	if got := <-vn; strings.TrimSpace(got.Get("text")) != "News" || got.Get("to") != "+84901234567" {
		t.Errorf("the gateway got %v", got)
	}
	<-sent
	answer := func(text string) {
		t.Helper()
		form := func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if status, said, _ := s.call("POST", "/callbacks/sms-vn/"+gatewayToken+"/inbound", "from=%2B84901234567&text="+text, form); status != 200 {
			t.Fatalf("%s: %d %s", text, status, said)
		}
	}
	answer("STOP")
	s.track("ada", "Shop")
	s.track("ada", "News")
	s.eventually("neither leaves", func() bool { return s.refused() == 2 })
	answer("START")
	s.track("ada", "News")
	s.eventually("that number may again", func() bool { return len(vn) == 1 })
	s.track("ada", "Shop")
	s.eventually("the other may not", func() bool { return s.refused() == 3 })
	if len(sent) > 0 {
		t.Error("the other gateway got a message")
	}
	s.agrees("ada")
}

// A simulation knows a channel's kind by its name alone: its caps count both channels together, and that of the one comes on top.
func TestSimulatedCapsByKind(t *testing.T) {
	files := simulated(map[string]string{
		"shop/awake.lua":                        "stage { title = \"Awake\" }\non(\"Order\", function() send \"before\" send \"news\" end)\n",
		"shop/messages/news.email-news.liquid":  "---\nsubject: News\n---\nNews.\n",
		"shop/messages/extra.email-news.liquid": "---\nsubject: Extra\n---\nExtra.\n",
	})
	for caps, want := range map[string]map[string]int64{
		"email=3/7d":                  {"news": 1},
		"email=9/7d; email-news=1/7d": {"news": 1},
		"email-news=2/7d":             {},
	} {
		s, err := app.NewSimulation(context.Background(), version(t, files), simulationStart.AddDate(0, 0, 5))
		if err != nil {
			t.Fatal(err)
		}
		s.Caps(app.PolicyOf(config.Policy{Preset: "none", Caps: strings.Split(caps, ";")}))
		lines := []engine.Line{order("ada", 0, 1), order("ada", 1, 1)}
		if err = s.Take(context.Background(), lines); err != nil {
			t.Fatal(err)
		}
		result, err := s.Finish(context.Background(), len(lines))
		if err != nil || s.Close() != nil {
			t.Fatal(err)
		}
		if result.Messages["news"] != 2 || !maps.Equal(result.Capped, want) {
			t.Errorf("%s: %v of %v", caps, result.Capped, result.Messages)
		}
	}
}

// Files in which one process alone can work are not shared by two channels.
func TestChannelsShareNoFiles(t *testing.T) {
	s := startServer(t)
	state := filepath.Join(t.TempDir(), "warm-up.json")
	settings := map[string]any{"host": "127.0.0.1", "port": 9, "security": "none", "from": "a@shop.example",
		"warm_up": map[string]any{"start": 5, "target": 100, "state": state}}
	s.must("PUT", "/api/channels/email", map[string]any{"settings": settings})
	s.must("PUT", "/api/channels/email", map[string]any{"settings": settings})
	status, text, _ := s.call("PUT", "/api/channels/email-news", map[string]any{"settings": settings})
	if status != 400 || !strings.Contains(text, `"field":"warm_up.state"`) || !strings.Contains(text, "channel email already") {
		t.Errorf("%d %s", status, text)
	}
}

// The mailboxes of two channels may lie in one another, as those of mail servers do: only what arrives in the same one is another's.
func TestMailboxesLieInOneAnother(t *testing.T) {
	shop, news := startMailHost(t, "Shop <hello@shop.example>"), startMailHost(t, "News <hello@news.example>")
	s := startServer(t)
	box := filepath.Join(t.TempDir(), "Maildir")
	for _, folder := range []string{"", ".News"} {
		for _, part := range []string{"new", "cur", "tmp"} {
			if err := os.MkdirAll(filepath.Join(box, folder, part), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	put := func(channel string, host *mailHost, folder string) (int, string) {
		settings := maps.Clone(host.settings)
		settings["bounce_secret"], settings["return_path"], settings["bounce_folder"] = "0123456789abcdef0123456789abcdef", "bounces@shop.example", folder
		status, text, _ := s.call("PUT", "/api/channels/"+channel, map[string]any{"settings": settings})
		return status, text
	}
	if status, text := put("email", shop, box); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := put("email-news", news, box+"/"); status != 400 || !strings.Contains(text, "already") {
		t.Errorf("the same: %d %s", status, text)
	}
	if status, text := put("email-news", news, filepath.Join(box, ".News")); status != 200 {
		t.Errorf("one in another: %d %s", status, text)
	}
}

// Of two channels with one file of Zalo's tokens each would spend what the other one needs.
func TestTokensOfZaloAreOfOneChannel(t *testing.T) {
	s := startServer(t)
	state := filepath.Join(t.TempDir(), "zalo.json")
	put := func(channel, state string) (int, string) {
		status, text, _ := s.call("PUT", "/api/channels/"+channel, map[string]any{"settings": map[string]any{"zalo": map[string]string{"app_id": "777", "app_secret": "s",
			"refresh_token": "r", "state": state}}})
		return status, text
	}
	if status, text := put("social", state); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := put("social-zns", state); status != 400 || !strings.Contains(text, "zalo.state is that of channel social already") {
		t.Errorf("the same: %d %s", status, text)
	}
	if status, text := put("social-zns", state+"-zns"); status != 200 {
		t.Errorf("one of its own: %d %s", status, text)
	}
}
