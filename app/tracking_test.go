package app_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// visit asks as a customer does: without a key, with a browser's name, and without following where it is sent.
func (s *server) visit(method, path, form string, change ...func(*http.Request)) (int, string, http.Header) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, s.url+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("User-Agent", browser)
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, change := range change {
		change(request)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

// linkIn returns the path of the first link of a purpose in a line that the log connector has written.
func (s *server) linkIn(line string, purpose string) string {
	s.t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(s.url) + "(/" + purpose + "/[A-Za-z0-9_-]+)").FindStringSubmatch(line)
	if found == nil {
		s.t.Fatalf("there is no link /%s/ in %s", purpose, line)
	}
	return found[1]
}

// eachByteFlipped asks for a link with each of its letters changed, and wants none of them to be there.
func (s *server) eachByteFlipped(path string) {
	s.t.Helper()
	for at := strings.LastIndexByte(path, '/') + 1; at < len(path); at++ {
		for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64} {
			altered := []byte(path)
			if altered[at] ^= bit; altered[at] <= ' ' || altered[at] == '#' || altered[at] >= 0x7f {
				continue // no client sends it
			}
			if status, _, header := s.visit("GET", strings.ReplaceAll(string(altered), "%", "%25"), ""); status != 404 || header.Get("Location") != "" {
				s.t.Fatalf("%s: %d %s", altered, status, header.Get("Location"))
			}
		}
	}
}

func tracked(c *config.Config) { c.Tracking.Track = []string{"clicks", "opens"} }

func trackedTrial(t *testing.T) setting {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send \"hello\" end)\non(\"Paid\", function() send \"receipt\" end)\n" +
		"on(\"Email Clicked (machine)\", function() send \"deal\" end)\non(\"Email Opened (machine)\", function() send \"receipt\" end)\n")
	files["trial/messages/hello.email.liquid"] = "---\nsubject: Hello\ntopic: new-arrivals\n---\n<p><a href=\"https://shop.example/ü?a=1&amp;b=2#c\">Look</a></p>\n"
	files["trial/messages/deal.email.liquid"] = "---\nsubject: Deal\ntopic: deals\n---\n<p>Deal</p>\n"
	files["trial/messages/receipt.email.liquid"] = "---\nsubject: Receipt\nkind: transactional\n---\nPaid\n"
	return withScripts(t, files)
}

// A tracked link leads to the address that was signed and nowhere else, and the picture is one; both are told of.
func TestTrackedLinksAndPictures(t *testing.T) {
	s := startServer(t, trackedTrial(t), tracked)
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	s.eventually("the mail is there", func() bool { return len(s.mails()) == 1 })
	mail := s.mails()[0]
	click, open := s.linkIn(mail, "c"), s.linkIn(mail, "o")
	if strings.Contains(mail, `href=\"https://shop.example`) {
		t.Errorf("a link is not tracked: %s", mail)
	}
	for _, method := range []string{"GET", "HEAD"} {
		status, _, header := s.visit(method, click+"?utm_source=added", "")
		if status != 302 || header.Get("Location") != "https://shop.example/%C3%BC?a=1&b=2#c" || !strings.Contains(header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %d %v", method, status, header)
		}
	}
	status, picture, header := s.visit("GET", open, "")
	if status != 200 || !strings.HasPrefix(picture, "GIF89a") || header.Get("Content-Type") != "image/gif" || !strings.Contains(header.Get("Cache-Control"), "no-store") {
		t.Errorf("%d %q %v", status, picture, header)
	}
	s.eachByteFlipped(click)
	s.eachByteFlipped(open)
	for _, path := range []string{"/c/", "/c", "/o/x", strings.Replace(click, "/c/", "/o/", 1), strings.Replace(open, "/o/", "/c/", 1),
		strings.Replace(click, "/c/", "/C/", 1), click + "/", click + "A", click + "%0d%0aX:y", "/c/https://evil.example"} {
		if status, _, header := s.visit("GET", path, ""); status != 404 || header.Get("Location") != "" {
			t.Errorf("%s: %d %s", path, status, header.Get("Location"))
		}
	}
	// It came within two seconds of sending, so nobody can have read it.
	s.eventually("what a machine did is kept", func() bool {
		mails := strings.Join(s.mails(), "")
		return strings.Contains(mails, `"Deal"`) && strings.Contains(mails, `"Receipt"`)
	})
}

// A customer chooses what to receive by channel and topic, on a page without a script; looking at it changes nothing.
func TestPreferencesPage(t *testing.T) {
	s := startServer(t, trackedTrial(t))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	s.eventually("the mail is there", func() bool { return len(s.mails()) == 1 })
	page := s.linkIn(s.mails()[0], "p")
	boxes := func(text string) (ticked []string) {
		for _, box := range regexp.MustCompile(`<input type="checkbox" name="([^"]*)" value="1"( checked)?>`).FindAllStringSubmatch(text, -1) {
			ticked = append(ticked, map[bool]string{true: "+", false: "-"}[box[2] != ""]+box[1])
		}
		return ticked
	}
	want := func(when, text string, want ...string) {
		t.Helper()
		if got := boxes(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	status, text, header := s.visit("GET", page, "")
	if status != 200 || strings.Contains(text, "<script") || strings.Contains(text, "ada@") || !strings.Contains(text, "New arrivals") ||
		!strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(header.Get("Cache-Control"), "no-store") {
		t.Fatalf("%d %v %s", status, header, text)
	}
	want("at first", text, "+email/deals", "+email/new-arrivals", "+email/")
	if _, text, _ = s.visit("GET", page, "", func(r *http.Request) { r.Header.Set("Accept-Language", "vi") }); !strings.Contains(html.UnescapeString(text), "Bạn muốn nhận những tin nào") {
		t.Errorf("%s", text)
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"language": "vi-VN"}})
	for _, path := range []string{page, s.linkIn(s.mails()[0], "u")} { // whose browser asks for none, or for another
		for _, asked := range []string{"", "en"} {
			if _, text, _ = s.visit("GET", path, "", func(r *http.Request) { r.Header.Set("Accept-Language", asked) }); !strings.Contains(text, `lang="vi"`) {
				t.Errorf("the customer's own language comes first: %s", text)
			}
		}
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"language": "en"}})
	s.eachByteFlipped(page)
	if status, _, _ = s.visit("POST", page, "x=y"); status != 400 {
		t.Errorf("something that is not the form: %d", status)
	}
	_, text, _ = s.visit("POST", page, "form=1&email%2Fdeals=1&email%2F=1")
	want("without new arrivals", text, "+email/deals", "-email/new-arrivals", "+email/")
	if !strings.Contains(text, "Your preferences are saved") {
		t.Errorf("%s", text)
	}
	s.track("ada", "Order")
	s.eventually("the news is kept back", func() bool { return s.states()["suppressed opted out: preferences"] == 1 })
	_, text, _ = s.visit("POST", page, "form=1&email%2Fnew-arrivals=1")
	want("only new arrivals", text, "-email/deals", "+email/new-arrivals", "-email/")
	s.track("ada", "Order")
	s.eventually("the news leaves", func() bool { return len(s.mails()) == 2 })
	_, text, _ = s.visit("POST", page, "form=1&none=1&email%2Fdeals=1")
	want("nothing", text, "-email/deals", "-email/new-arrivals", "-email/")
	_, text, _ = s.visit("POST", page, "form=1&email%2Fdeals=1&email%2Fnew-arrivals=1&email%2F=1")
	want("everything", text, "+email/deals", "+email/new-arrivals", "+email/")
	if _, text, _ = s.visit("GET", page, ""); !strings.Contains(text, `name="form" value="2"`) || !strings.Contains(text, `name="was" value="email/deals"`) {
		t.Errorf("the page does not say what it shows: %s", text)
	}
	open := "form=2&was=email%2Fdeals&was=email%2Fnew-arrivals&was=email%2F" // a page from when everything was ticked
	s.visit("POST", page, "form=1&none=1")
	_, text, _ = s.visit("POST", page, open+"&email%2Fdeals=1&email%2F=1")
	want("a no from an old page, after a no to everything", text, "-email/deals", "-email/new-arrivals", "-email/")
	_, text, _ = s.visit("POST", page, "form=2&email%2Fnew-arrivals=1")
	want("a yes to one", text, "-email/deals", "+email/new-arrivals", "-email/")
	_, text, _ = s.visit("POST", page, "form=2&was=email%2Fnew-arrivals&email%2Fnew-arrivals=1&email%2F=1")
	want("a yes to all the rest", text, "-email/deals", "+email/new-arrivals", "+email/")
	_, text, _ = s.visit("POST", page, open+"&email%2Fdeals=1&email%2Fnew-arrivals=1")
	want("a no to all the rest, from the old page", text, "-email/deals", "+email/new-arrivals", "-email/")
	if _, text, _ = s.visit("GET", s.linkIn(s.mails()[0], "u"), ""); !strings.Contains(text, page) {
		t.Errorf("the page to unsubscribe does not link to the preferences: %s", text)
	}
}
