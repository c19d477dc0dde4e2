package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A message can be looked at as a chosen customer would get it, drafts included, and be sent to whoever wrote it.
func TestPreviewAndTestSend(t *testing.T) {
	dir := t.TempDir()
	const hello = "---\nsubject: 'Hi {{ customer.first_name }}'\npreheader: soon\nlayout: base\n---\n<p>{{ event.properties.total }}</p>{% render 'partials/footer' %}\n"
	writeScripts(t, dir, map[string]string{
		"care/journey.lua":                        "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"care/welcome.lua":                        "enter(function(customer)\n  if customer.never then send \"hello\" end\nend)\n",
		"care/messages/hello.email.liquid":        hello,
		"care/messages/hello.email.vi.liquid":     strings.Replace(hello, "Hi ", "Chào ", 1),
		"care/messages/hello.push.liquid":         "---\ntitle: T {{ customer.first_name }}\nurl: 'https://e.com/{{ customer.first_name }}'\n---\nPush\n",
		"care/messages/owed.email.liquid":         "---\nsubject: Yours\nkind: transactional\n---\nHello\n",
		"care/messages/owed.email.vi.liquid":      "---\nsubject: 'Của bạn'\n---\nChào\n",
		"care/messages/layouts/base.email.liquid": "<main>{{ content }}</main>\n",
		"lib/partials/footer.liquid":              "<i>{{ journey }}</i>",
	})
	s := startServer(t, func(c *config.Config) { c.Scripts = dir })
	s.setMode("care", lifecycle.Live)
	s.must("POST", "/v1/identify", map[string]any{"userId": "u-1", "traits": map[string]any{"first_name": "Mai & co", "locale": "vi"}})
	s.track("u-1", "Order Completed", map[string]any{"properties": map[string]any{"total": 42}})
	s.eventually("the customer is there", func() bool { return s.overview().stages("care")["welcome"] == 1 })

	type preview struct {
		File, Channel, Locale, Kind, Event, Problem string
		Channels, Locales                           []string
		Rendered                                    lifecycle.Rendered
	}
	look := func(request map[string]any) (p preview) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.must("POST", "/api/journeys/care/messages/preview", request)), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := look(map[string]any{"message": "hello", "user": "u-1"})
	if p.File != "care/messages/hello.email.vi.liquid" || p.Rendered.Subject != "Chào Mai & co" || p.Rendered.To != "u-1@example.com" || p.Event != "Order Completed" ||
		!strings.Contains(p.Rendered.HTML, "<main><p>42</p><i>care</i></main>") || strings.Join(p.Channels, " ") != "email push" || strings.Join(p.Locales, " ") != " vi" {
		t.Errorf("%+v", p)
	}
	// It is whole, and its links to unsubscribe lead nowhere.
	if p.Rendered.Headers["List-Unsubscribe"] != "<"+s.url+"/u/preview>" || !strings.Contains(p.Rendered.HTML, "Ngừng nhận thư") || strings.Contains(p.Rendered.HTML, "/c/") {
		t.Errorf("%v\n%s", p.Rendered.Headers, p.Rendered.HTML)
	}
	// What kind it is, the file without a language says for all of them.
	p = look(map[string]any{"message": "owed", "user": "u-1"})
	if p.Kind != "transactional" || p.Rendered.Subject != "Của bạn" || p.Rendered.Headers["List-Unsubscribe"] != "" || strings.Contains(p.Rendered.Text, "Ngừng nhận thư") {
		t.Errorf("a transactional message in another language: %+v", p)
	}
	p = look(map[string]any{"message": "hello", "user": "u-1", "locale": "", "event": map[string]any{"name": "X", "properties": map[string]any{"total": 7}},
		"files": map[string]string{"messages/layouts/base.email.liquid": "<b>{{ content }}</b>"}})
	if p.Rendered.Subject != "Hi Mai & co" || !strings.Contains(p.Rendered.HTML, "<b><p>7</p><i>care</i></b>") {
		t.Errorf("the draft in English: %+v", p)
	}
	p = look(map[string]any{"message": "hello", "user": "u-1", "channel": "push"})
	if p.Problem != lifecycle.BecauseNoAddress || p.Rendered.Data["title"] != "T Mai & co" || p.Rendered.Data["url"] != "https://e.com/Mai%20%26%20co" {
		t.Errorf("a push message: %+v", p)
	}
	for _, c := range []struct {
		request map[string]any
		status  int
		want    string
	}{
		{map[string]any{"message": "hello", "user": "nobody"}, http.StatusNotFound, "there is no customer"},
		{map[string]any{"message": "nothing", "user": "u-1"}, http.StatusNotFound, "no message"},
		{map[string]any{"message": "hello", "user": "u-1", "channel": "sms"}, http.StatusNotFound, "no text for the channel"},
		{map[string]any{"message": "hello", "user": "u-1", "event": map[string]any{"name": "X"}}, http.StatusBadRequest, "event.properties.total is missing"},
	} {
		if status, text, _ := s.call("POST", "/api/journeys/care/messages/preview", c.request); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%v: %d %s", c.request, status, text)
		}
	}

	var sent struct{ Ref string }
	if err := json.Unmarshal([]byte(s.must("POST", "/api/journeys/care/messages/test", map[string]any{"message": "hello", "user": "u-1", "locale": "", "to": "me@shop.example"})), &sent); err != nil {
		t.Fatal(err)
	}
	var message struct {
		State, Name string
		Rendered    lifecycle.Rendered
	}
	s.eventually("the test has left", func() bool {
		message.State = ""
		return json.Unmarshal([]byte(s.must("GET", "/api/messages/"+sent.Ref, nil)), &message) == nil && message.State == "accepted"
	})
	if r := message.Rendered; r.To != "me@shop.example" || r.Subject != "[Test] Hi Mai & co" || r.Headers["X-Stagecraft-Test"] == "" {
		t.Errorf("it was sent as %+v", r)
	}
	for _, m := range s.overview().Journeys {
		for _, totals := range m.Messages {
			if totals.Decided+totals.Accepted != 0 {
				t.Errorf("a figure counts it: %+v", totals)
			}
		}
	}
	for _, to := range []string{"", "x", "Me <me@shop.example>", "me@shop.example\r\nBcc: x@example.com"} {
		status, text, _ := s.call("POST", "/api/journeys/care/messages/test", map[string]any{"message": "hello", "user": "u-1", "to": to})
		if status != http.StatusBadRequest || !strings.Contains(text, `"field":"to"`) {
			t.Errorf("to %q: %d %s", to, status, text)
		}
	}
	// Nor does a test go to whoever has complained or was erased, as whomever it is written, and however the address is.
	for user, address := range map[string]string{"eve": "Eve@müller.example", "mal": "mal@example.com"} {
		s.track(user, "Email Complained", map[string]any{"context": map[string]any{"traits": map[string]any{"email": address}}})
	}
	s.must("POST", "/v1/customers/mal/erase", map[string]any{})
	for _, to := range []string{"eve@xn--mller-kva.example", "MAL@example.com"} {
		s.eventually(to+" gets no test", func() bool {
			status, text, _ := s.call("POST", "/api/journeys/care/messages/test", map[string]any{"message": "hello", "user": "u-1", "to": to})
			return status == http.StatusConflict && strings.Contains(text, `"field":"to"`)
		})
	}
}

// What was sent is shown with the line and the headers that it was sent with; whoever looks at it does not get the customer's links.
func TestWhatWasSentIsShownWhole(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"offer\") send(\"own\") end)\n")
	files["trial/messages/offer.email.liquid"] = "---\nsubject: Offer\n---\n<p>Cheap today.</p>\n"
	files["trial/messages/offer.email.vi.liquid"] = "---\nsubject: Offer\n---\n<p>Hôm nay rẻ.</p>\n"
	files["trial/messages/own.email.liquid"] = "---\nsubject: Own\n---\n<p>Dear, too. <a href=\"{{ unsubscribe_url }}\">No more</a></p>\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"email": "ada@example.com", "locale": "vi"}}})
	shown := func(name string) (m struct{ Rendered *lifecycle.Rendered }) {
		t.Helper()
		s.eventually(name+" has left", func() bool {
			for _, one := range s.overview().Messages {
				if one.Name == name && one.State == "accepted" {
					return json.Unmarshal([]byte(s.must("GET", "/api/messages/"+one.Ref, nil)), &m) == nil && m.Rendered != nil
				}
			}
			return false
		})
		return m
	}
	r := shown("offer").Rendered
	if !strings.Contains(r.HTML, `"`+s.url+`/u/preview"`) || !strings.Contains(r.Text, "Tùy chọn nhận tin: "+s.url+"/p/preview") || r.Headers["List-Unsubscribe"] != "<"+s.url+"/u/preview>" {
		t.Errorf("a mail without a link of its own is shown as %+v", r)
	}
	if r = shown("own").Rendered; strings.Contains(r.HTML, "/u/preview") || r.Headers["List-Unsubscribe"] != "<"+s.url+"/u/preview>" {
		t.Errorf("a mail with a link of its own is shown as %+v", r)
	}
}
