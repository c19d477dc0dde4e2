package app_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// inApp is a journey that says something in the app when somebody orders, and waits for what becomes of it.
func inApp() map[string]string {
	files := trial(`stage { title = "A" }
local function tell(what) send("told", { subject = what }) end
on("Order", function(customer, event)
  local note = send "note"
  if wait_for(note, "clicked", "2 days") then tell "it was clicked" end
end)
on("In-App Opened", function(customer, event) tell("opened " .. event.properties.name) end)
on("In-App Clicked", function(customer, event) tell("clicked " .. event.properties.url) end)
on("In-App Dismissed", function(customer, event) tell("dismissed " .. event.properties.name) end)
`)
	files["trial/messages/note.inapp.liquid"] = "---\ntitle: \"Thank you, {{ customer.traits.name | default: 'you' }}\"\nurl: https://shop.example/orders?of={{ event.properties.number }}\nbutton: See it\n---\nYour order <b>{{ event.properties.number }}</b> is on its way.\n"
	files["trial/messages/told.email.liquid"] = "---\nsubject: Told\nkind: transactional\n---\nTold.\n"
	return files
}

type inbox struct {
	Messages []struct {
		ID, Title, Text, URL, Button string
		At, Expires                  time.Time
		Read, Clicked                bool
	}
	Unread int
}

// as proves to be a customer, and comes from a page.
func as(token, origin string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del("X-Stagecraft")
		r.Header.Set("Authorization", "Bearer "+token)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
	}
}

func (s *server) tokenOf(user string) string {
	s.t.Helper()
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(s.must("POST", "/v1/inapp/token", map[string]any{"userId": user})), &made); err != nil {
		s.t.Fatal(err)
	}
	return made.Token
}

func (s *server) inbox(token string) (box inbox) {
	s.t.Helper()
	status, text, _ := s.call("GET", "/v1/inapp", nil, as(token, ""))
	if err := json.Unmarshal([]byte(text), &box); err != nil || status != 200 {
		s.t.Fatal(status, text, err)
	}
	return box
}

// told reports whether a script has said by mail that it heard something.
func (s *server) told(what string) bool {
	for _, mail := range s.mails() {
		if strings.Contains(mail, `"subject":"`+what+`"`) {
			return true
		}
	}
	return false
}

const shop = "https://shop.example"

func withShop(c *config.Config) { c.InAppOrigins = []string{shop} }

// What a script says in the app is in the customer's inbox, and what the customer does with it comes back to the script.
func TestInApp(t *testing.T) {
	s := startServer(t, withScripts(t, inApp()), withShop)
	s.setMode("trial", lifecycle.Live)
	token := s.tokenOf("ada")
	if box := s.inbox(token); len(box.Messages) != 0 || box.Messages == nil {
		t.Errorf("before anything was said: %+v", box)
	}
	s.track("ada", "Order", map[string]any{"properties": map[string]any{"number": "A&1"}})
	s.track("grace", "Order", map[string]any{"properties": map[string]any{"number": "2"}})
	var box inbox
	s.eventually("the message is there", func() bool { box = s.inbox(token); return len(box.Messages) == 1 })
	m := box.Messages[0]
	if m.Title != "Thank you, you" || m.Text != "Your order <b>A&1</b> is on its way." || m.URL != "https://shop.example/orders?of=A%261" ||
		m.Button != "See it" || m.Read || box.Unread != 1 || m.Expires.Sub(m.At) < 29*24*time.Hour {
		t.Errorf("%+v", box)
	}
	// Nobody else does anything with it.
	graces := s.tokenOf("grace")
	for _, path := range []string{"/" + m.ID + "/read", "/" + m.ID + "/click", "/" + m.ID + "/burn", "/x/read", "/" + strings.Repeat("f", 50) + "/dismiss"} {
		status, text, _ := s.call("POST", "/v1/inapp"+path, nil, as(graces, ""))
		if status != http.StatusNotFound && !strings.HasSuffix(path, "/dismiss") {
			t.Errorf("grace says %s: %d %s", path, status, text)
		}
	}
	do := func(deed string) {
		t.Helper()
		if status, text, _ := s.call("POST", "/v1/inapp/"+m.ID+"/"+deed, nil, as(token, shop)); status != 200 {
			t.Fatalf("%s: %d %s", deed, status, text)
		}
	}
	do("read")
	do("read")
	if box = s.inbox(token); box.Unread != 0 || !box.Messages[0].Read || box.Messages[0].Clicked {
		t.Errorf("after it was read: %+v", box)
	}
	do("click")
	s.eventually("the script knows of the click", func() bool {
		return s.told("opened note") && s.told("clicked "+m.URL) && s.told("it was clicked")
	})
	do("dismiss")
	do("dismiss")
	do("read") // of a page that has not heard of it
	do("click")
	if status, text, _ := s.call("POST", "/v1/inapp/"+m.ID+"/read", nil, as(graces, "")); status != http.StatusNotFound {
		t.Errorf("grace reads what was dismissed: %d %s", status, text)
	}
	s.eventually("the script knows that it was dismissed", func() bool { return s.told("dismissed note") })
	if box = s.inbox(token); len(box.Messages) != 0 {
		t.Errorf("after it was dismissed: %+v", box)
	}
	if mails := s.mails(); len(mails) != 4 { // each once, and grace did nothing
		t.Errorf("the scripts have heard of %d deeds: %s", len(mails), mails)
	}
	// It is all on disk.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if a, g := s.inbox(token), s.inbox(graces); len(a.Messages) != 0 || len(g.Messages) != 1 {
		t.Errorf("after a new start: %+v and %+v", a, g)
	}
}

// A backend makes tokens by itself, as docs/inapp.md says; nobody else does.
func TestInAppTokens(t *testing.T) {
	s := startServer(t, withScripts(t, inApp()))
	text, err := os.ReadFile(filepath.Join(s.cfg.Data, "keys.json"))
	var keys struct{ InApp string }
	if err == nil {
		err = json.Unmarshal(text, &keys)
	}
	if err != nil || len(keys.InApp) < 40 {
		t.Fatalf("keys.json has no key for tokens (%v)", err)
	}
	sign := func(key, claims string) string {
		encode := base64.RawURLEncoding.EncodeToString
		signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(signed))
		return signed + "." + encode(mac.Sum(nil))
	}
	hour, before := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Second).Unix()
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"by the formula": {sign(keys.InApp, fmt.Sprintf(`{"sub":"ada","exp":%d}`, hour)), 200},
		"old":            {sign(keys.InApp, fmt.Sprintf(`{"sub":"ada","exp":%d}`, before)), 401},
		"another key":    {sign(key, fmt.Sprintf(`{"sub":"ada","exp":%d}`, hour)), 401},
		"none":           {"", 401},
	} {
		for _, path := range []string{"/v1/inapp", "/v1/inapp/stream"} {
			if c.want == 200 && path != "/v1/inapp" {
				continue
			}
			status, text, header := s.call("GET", path, nil, as(c.token, ""))
			if status != c.want || status == 401 && header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s, %s: %d %s %v", name, path, status, text, header)
			}
		}
	}
	if status, _, _ := s.call("GET", "/v1/inapp", nil); status != 401 {
		t.Errorf("the write key opened an inbox: %d", status)
	}
	for body, field := range map[string]string{`{}`: "userId", `{"userId":" "}`: "userId", `{"userId":"a","seconds":-1}`: "seconds",
		`{"userId":"a","seconds":99999999}`: "seconds", `{"userId":7}`: "userId"} {
		if status, text, _ := s.call("POST", "/v1/inapp/token", body); status != 400 || !strings.Contains(text, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text, _ := s.call("POST", "/v1/inapp/token", `{"userId":"a"}`, func(r *http.Request) { r.Header.Del("Authorization") }); status != 401 {
		t.Errorf("a token without the write key: %d %s", status, text)
	}
}

func TestInAppOrigins(t *testing.T) {
	s := startServer(t, withScripts(t, inApp()), withShop)
	token := s.tokenOf("ada")
	for origin, allowed := range map[string]bool{shop: true, s.url: true, "https://shop.example.evil.example": false, "https://evil.example": false,
		"http://shop.example": false, "null": false} {
		for _, method := range []string{"OPTIONS", "GET"} {
			status, text, header := s.call(method, "/v1/inapp", nil, as(token, origin))
			if got := header.Get("Access-Control-Allow-Origin") == origin && status < 300; got != allowed {
				t.Errorf("%s from %s: %d %s %v", method, origin, status, text, header)
			}
			if !strings.Contains(header.Get("Vary"), "Origin") || header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %s: %v", method, origin, header)
			}
		}
	}
	// A page has to be able to read why it was refused.
	if _, _, header := s.call("GET", "/v1/inapp", nil, as("x", shop)); header.Get("Access-Control-Allow-Origin") != shop {
		t.Errorf("a refusal has %v", header)
	}
	status, script, header := s.call("GET", "/inapp.js", nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
	if status != 200 || header.Get("Content-Encoding") != "gzip" || len(script) > 3<<10 || header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("the script: %d, %d bytes, %v", status, len(script), header)
	}
}

// stream reads the inboxes of a live stream.
func (s *server) inboxStream(ctx context.Context, token string) <-chan inbox {
	s.t.Helper()
	request, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v1/inapp/stream", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	as(token, shop)(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("Access-Control-Allow-Origin") != shop {
		s.t.Fatal(response.StatusCode, response.Header)
	}
	boxes := make(chan inbox, 100)
	go func() {
		defer close(boxes)
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var box inbox
				if json.Unmarshal([]byte(data), &box) == nil {
					boxes <- box
				}
			}
		}
	}()
	return boxes
}

func TestInAppStream(t *testing.T) {
	s := startServer(t, withScripts(t, inApp()), withShop)
	s.setMode("trial", lifecycle.Live)
	token := s.tokenOf("ada")
	boxes := s.inboxStream(t.Context(), token)
	// next returns the box when it holds so many messages; what changes in between may be told more than once.
	next := func(messages int) inbox {
		t.Helper()
		for limit := time.After(2 * time.Minute); ; {
			select {
			case box, open := <-boxes:
				if !open {
					t.Fatal("the stream has ended")
				}
				if len(box.Messages) == messages {
					return box
				}
			case <-limit:
				t.Fatalf("a box of %d messages did not come", messages)
			}
		}
	}
	next(0)
	s.track("ada", "Order", map[string]any{"properties": map[string]any{"number": "1"}})
	box := next(1)
	if box.Unread != 1 {
		t.Fatalf("%+v", box)
	}
	s.call("POST", "/v1/inapp/"+box.Messages[0].ID+"/dismiss", nil, as(token, ""))
	next(0)
	// One customer has a few windows, not all the room there is. One that is closed makes room.
	visit, leave := context.WithCancel(t.Context())
	for range 7 {
		<-s.inboxStream(visit, token)
	}
	if status, text, _ := s.call("GET", "/v1/inapp/stream", nil, as(token, "")); status != http.StatusTooManyRequests {
		t.Errorf("the ninth window: %d %s", status, text)
	}
	leave()
	left, room := time.Now(), 0
	for room < 7 && time.Since(left) < 10*time.Second { // before anything is written to them
		request, _ := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/inapp/stream", nil)
		as(token, shop)(request)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode == 200 {
			room++
		} else {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if room < 7 {
		t.Errorf("of seven windows that were closed %d have made room", room)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	for range boxes { // it ends with the server
	}
}
