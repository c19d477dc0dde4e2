package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// formFiles are a journey and two forms beside it: one that asks the owner of the address, and one that does not.
func formFiles() map[string]string {
	files := trial("stage { title = \"A\" }\non(\"Form Submitted\", function(customer, event)\n  log(event.properties.form .. \" \" .. tostring(customer.first_name) .. \" \" .. tostring(customer.acquired.source))\nend)\n")
	files["forms/guide.lua"] = `form {
  title = { en = "The tea guide", vi = "Cẩm nang trà" }, opt_in = "double", reward = "guide.pdf", thanks = "Enjoy it.",
  fields = { { name = "email", label = "Email", required = true }, { name = "first_name", label = "First name" } },
  consents = { { name = "news", label = "Write to me", topic = "news", required = true }, { name = "texts", label = "Text me", channel = "sms" } },
}`
	files["forms/survey.lua"] = `form {
  title = "Survey", reward = "https://shop.example/secret", origins = { "https://shop.example" },
  fields = { { name = "email", label = "Email" }, { name = "age", label = "Age", type = "number" },
    { name = "likes", label = "Likes", type = "choices", options = { "tea", "coffee" } } },
  consents = { { name = "news", label = "Write to me" } },
}`
	files["forms/messages/confirm.email.liquid"] = "---\nsubject: Confirm {{ event.properties.title }}\nkind: transactional\n---\nGo to {{ event.properties.confirm_url }}\n"
	return files
}

type formPage struct {
	*server
	client *http.Client
	links  lifecycle.Links
}

func (s *server) formPage(t *testing.T) *formPage {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(s.cfg.Data, "keys.json"))
	var keys struct{ Links string }
	if err != nil || json.Unmarshal(data, &keys) != nil {
		t.Fatal(err)
	}
	return &formPage{s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		lifecycle.NewLinks([]byte(keys.Links), s.url)}
}

// at is the word of a page that was shown some time ago.
func (p *formPage) at(form string, ago time.Duration) string {
	return p.links.Shown(form, time.Now().Add(-ago))
}

func (p *formPage) do(method, address, kind, body string, headers ...string) (int, string, http.Header) {
	p.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = p.url + address
	}
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(data), response.Header
}

const encodedForm = "application/x-www-form-urlencoded"

func (p *formPage) post(path string, values url.Values, headers ...string) (int, string, http.Header) {
	p.t.Helper()
	return p.do("POST", path, encodedForm, values.Encode(), headers...)
}

type formList struct {
	Forms []struct {
		Name, Warning string
		Figures       struct{ Sent, Waiting, Confirmed, Quiet, Rewards int64 }
		Machines      int64
	}
	Problems []struct{ File, Message string }
}

func (s *server) formList() formList {
	s.t.Helper()
	var list formList
	if err := json.Unmarshal([]byte(s.must("GET", "/api/forms", nil)), &list); err != nil {
		s.t.Fatal(err)
	}
	return list
}

var confirmLink = regexp.MustCompile(`http://[^\s"\\]+/y/[A-Za-z0-9_-]+`)

// exported returns all pages of an export.
func (s *server) exported(kind string) string { return s.exportedOf(kind, "") }

// exportedOf returns what a filter lets through.
func (s *server) exportedOf(kind, filter string) string {
	s.t.Helper()
	var all strings.Builder
	for cursor := ""; ; {
		status, text, header := s.call("GET", "/v1/export/"+kind+"?"+filter+"&cursor="+url.QueryEscape(cursor), nil)
		if status != http.StatusOK {
			s.t.Fatal(status, text)
		}
		all.WriteString(text)
		if cursor = header.Get("X-Next-Cursor"); cursor == "" {
			return all.String()
		}
	}
}

// known returns everything that is known of whoever has a name, as exports say it; "" if there is nobody.
func (s *server) known(name string) string {
	s.t.Helper()
	var id string
	var all []string
	for _, kind := range []string{"customers", "events", "decisions"} {
		for line := range strings.Lines(s.exported(kind)) {
			var row struct{ Customer string }
			if json.Unmarshal([]byte(line), &row) != nil {
				continue
			}
			if kind == "customers" && strings.Contains(line, fmt.Sprintf(`"value":%q`, name)) {
				id = row.Customer
			}
			if id != "" && row.Customer == id {
				all = append(all, line)
			}
		}
	}
	return strings.Join(all, "")
}

func TestDoubleOptIn(t *testing.T) {
	s := startServer(t, withScripts(t, formFiles()))
	s.setMode("trial", lifecycle.Live)
	if err := os.MkdirAll(filepath.Join(s.cfg.Data, "downloads"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.cfg.Data, "downloads", "guide.pdf"), []byte("%PDF-1.4 guide"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.formPage(t)
	status, page, header := p.do("GET", "/f/guide?utm_source=flyer&first_name=Ada&news=yes", "", "", "Accept-Language", "vi")
	if status != 200 || !strings.Contains(page, "Cẩm nang trà") || !strings.Contains(page, `value="Ada"`) || strings.Contains(page, " checked") {
		t.Errorf("the page: %d\n%s", status, page)
	}
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(page, "<script") {
		t.Errorf("the page may do too much: %s", csp)
	}
	answers := url.Values{"email": {"Ada@Example.com"}, "first_name": {"Ada"}, "news": {"yes"}, "_shown": {p.at("guide", time.Minute)}, "_lang": {"en"},
		"_page": {s.url + "/f/guide?utm_source=flyer"}}
	// Nothing that is incomplete, too fast or from elsewhere is taken.
	for name, c := range map[string]struct {
		field, value string
		status       int
		says         string
	}{
		"no consent":   {"news", "", 422, "Please tick this"},
		"no address":   {"email", "ada", 422, "no mail address"},
		"too fast":     {"_shown", p.at("guide", 0), 400, "quick"},
		"too old":      {"_shown", p.at("guide", 25*time.Hour), 400, "once more"},
		"another form": {"_shown", p.at("survey", time.Minute), 400, "once more"},
		"forged":       {"_shown", "AAAA", 400, "once more"},
	} {
		other := url.Values{}
		for k, v := range answers {
			other[k] = v
		}
		other.Set(c.field, c.value)
		status, text, _ := p.post("/f/guide", other)
		if status != c.status || !strings.Contains(text, c.says) || c.status == 422 && !(strings.Contains(text, `value="Ada"`) && strings.Contains(text, `hreflang="vi"`) && strings.Contains(text, "Write to me<small>required</small>")) {
			t.Errorf("%s: %d\n%s", name, status, text)
		}
		// Whoever mends an answer at once has had the page since it was first shown.
		if since := strings.Contains(text, `name="_shown" value="`+other.Get("_shown")+`"`); since != (c.says != "once more") {
			t.Errorf("%s: the page is new, or not, against what was sent: %s", name, text)
		}
	}
	trap := url.Values{"_website": {"https://spam.example"}}
	for k, v := range answers {
		trap[k] = v
	}
	if status, text, _ := p.post("/f/guide", trap); status != 200 || !strings.Contains(text, "One more step") {
		t.Errorf("a machine is told: %d %s", status, text)
	}
	if len(s.mails()) != 0 {
		t.Fatal("a machine got a mail sent")
	}
	for range 2 { // a button that is pressed twice
		if status, text, _ := p.post("/f/guide", answers); status != 200 || !strings.Contains(text, "One more step") {
			t.Fatalf("%d %s", status, text)
		}
	}
	s.eventually("the question leaves", func() bool { return len(s.mails()) == 1 })
	mail := s.mails()[0]
	if !strings.Contains(mail, "Ada@Example.com") || strings.Contains(mail, "/c/") {
		t.Errorf("the mail is %s", mail)
	}
	link := confirmLink.FindString(mail)
	subscriber := p.links.Subscriber("ada@example.com")
	if s.known(subscriber) != "" {
		t.Error("there is a customer before the address is confirmed")
	}
	applicant := s.known(p.links.Applicant("ada@example.com"))
	if strings.Contains(applicant, `"stage":"a"`) {
		t.Errorf("a journey began for an applicant: %s", applicant)
	}
	// Looking changes nothing; saying yes does, once.
	for range 2 {
		if status, text, _ := p.do("GET", link, "", ""); status != 200 || !strings.Contains(text, "Yes, confirm") || !strings.Contains(text, "Write to me") {
			t.Fatalf("%d %s", status, text)
		}
	}
	if list := s.formList(); list.Forms[0].Figures.Confirmed != 0 || list.Forms[0].Figures.Waiting != 1 {
		t.Errorf("%+v", list.Forms[0])
	}
	if status, _, _ := p.post(link+"x", nil); status != 404 {
		t.Errorf("a forged link: %d", status)
	}
	_, thanks, _ := p.post(link, nil)
	again, text, _ := p.post(link, nil)
	if !strings.Contains(thanks, "Enjoy it.") || again != 200 || !strings.Contains(text, "Enjoy it.") {
		t.Fatalf("%s\n%d %s", thanks, again, text)
	}
	// The same browser confirmed: they are who was there before.
	var visit string
	base, _ := url.Parse(s.url)
	for _, cookie := range p.client.Jar.Cookies(base) {
		visit = "visit-" + lifecycle.HashID("browser", cookie.Value).String()
	}
	s.eventually("the customer is there", func() bool { return strings.Contains(s.known(visit), "Form Submitted") })
	customer := s.known(visit)
	for _, want := range []string{`Ada`, `"news"`, `"granted":true`, `form guide`} {
		if !strings.Contains(customer, want) {
			t.Errorf("the customer lacks %s: %s", want, customer)
		}
	}
	reward := regexp.MustCompile(`href="(http[^"]+/d/[^"]+)"`).FindStringSubmatch(thanks)
	if reward == nil {
		t.Fatal("no reward:", thanks)
	}
	status, file, header := p.do("GET", reward[1], "", "")
	if status != 200 || file != "%PDF-1.4 guide" || header.Get("Content-Type") != "application/pdf" || !strings.Contains(header.Get("Content-Disposition"), "guide.pdf") {
		t.Errorf("the reward: %d %q %v", status, file, header)
	}
	s.eventually("the download is an event", func() bool { return strings.Contains(s.known(visit), "Reward Downloaded") })
	if status, _, _ := p.do("GET", p.links.Download(lifecycle.Reward{Form: "guide", Who: "x", Ends: time.Now().Add(-time.Second)}), "", ""); status != 404 {
		t.Errorf("a link that has ended: %d", status)
	}
	list := s.formList()
	if f := list.Forms[0]; f.Figures.Sent != 1 || f.Figures.Confirmed != 1 || f.Figures.Rewards != 1 || f.Figures.Waiting != 0 || f.Machines != 2 {
		t.Errorf("%+v", f)
	}
	if len(s.mails()) != 1 {
		t.Errorf("%d mails", len(s.mails()))
	}
	// What was agreed to follows from the events, and has its proof.
	if text := s.must("GET", "/v1/customers/"+visit+"/replay", nil); !strings.Contains(text, `"equal":true`) {
		t.Errorf("a replay: %s", text)
	}
	if text := s.must("GET", "/v1/customers/"+visit+"/consents", nil); !strings.Contains(text, `"ip":"127.0.0.1"`) || !strings.Contains(text, `"userAgent":"Go-http-client`) {
		t.Errorf("the words of consent: %s", text)
	}
	if text := s.must("GET", "/v1/customers/"+visit+"/export", nil); !strings.Contains(text, `"confirmed":"`) {
		t.Errorf("the form is not among what is kept of them: %s", text)
	}
}

// Whoever has sent a form and never confirmed their address is erased by it.
func TestErasingWhoNeverConfirmed(t *testing.T) {
	s := startServer(t, withScripts(t, formFiles()))
	p := s.formPage(t)
	if status, text, _ := p.post("/f/guide", url.Values{"email": {"Eve@example.com"}, "news": {"yes"}, "_shown": {p.at("guide", 5*time.Second)}}); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	s.eventually("the question leaves", func() bool { return len(s.mails()) == 1 })
	link := confirmLink.FindString(s.mails()[0])
	s.must("POST", "/v1/customers/eve@example.com/erase", nil)
	if f := s.formList().Forms[0]; f.Figures.Waiting != 0 {
		t.Errorf("%+v", f)
	}
	if status, _, _ := p.do("GET", link, "", ""); status != 404 {
		t.Errorf("the link is answered %d", status)
	}
	s.rewrite()
	if found := s.filesWith([]string{"eve@example.com"}); len(found) > 0 {
		t.Errorf("there is still %v", found)
	}
	if status, text, _ := s.call("POST", "/v1/customers/eve@example.com/erase", nil); status != 404 {
		t.Errorf("again: %d %s", status, text)
	}
}

// TestConfirmedElsewhere: anybody can send somebody else's address from a browser of their own.
func TestConfirmedElsewhere(t *testing.T) {
	s := startServer(t, withScripts(t, formFiles()), func(c *config.Config) { c.Forms.Limit = 100 })
	s.setMode("trial", lifecycle.Live)
	attacker, owner := s.formPage(t), s.formPage(t)
	for i := range 8 { // more than an address is asked
		answers := url.Values{"email": {"eve@example.com"}, "news": {"yes"}, "_shown": {attacker.at("guide", time.Duration(i+3)*time.Second)}}
		if status, text, _ := attacker.post("/f/guide", answers); status != 200 || !strings.Contains(text, "One more step") {
			t.Fatalf("%d %s", status, text)
		}
	}
	s.eventually("questions leave", func() bool { return len(s.mails()) == 3 })
	if f := s.formList().Forms[0]; f.Figures.Sent != 8 || f.Figures.Quiet != 5 {
		t.Errorf("%+v", f)
	}
	if status, _, _ := owner.post(confirmLink.FindString(s.mails()[0]), nil); status != 200 {
		t.Fatal(status)
	}
	s.eventually("the owner is there", func() bool {
		return strings.Contains(s.known(owner.links.Subscriber("EVE@example.com")), "Form Submitted")
	})
	base, _ := url.Parse(s.url)
	for _, cookie := range attacker.client.Jar.Cookies(base) {
		if known := s.known("visit-" + lifecycle.HashID("browser", cookie.Value).String()); known != "" {
			t.Errorf("the other browser became the owner: %s", known)
		}
	}
}

func TestSingleOptIn(t *testing.T) {
	s := startServer(t, withScripts(t, formFiles()), func(c *config.Config) { c.Forms.Limit = 8 })
	p := s.formPage(t)
	status, text, header := p.do("GET", "/f/survey.json", "", "")
	var described struct {
		URL, OptIn string
		Fields     []struct{ Name, Type string }
		Shown      string `json:"_shown"`
	}
	if err := json.Unmarshal([]byte(text), &described); err != nil || status != 200 || header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %s", status, text)
	}
	if described.OptIn != "single" || len(described.Fields) != 3 || described.Fields[2].Type != "choices" || described.Shown == "" {
		t.Errorf("%+v", described)
	}
	// A page of one of the origins needs no word, and may say who the visitor is.
	status, text, _ = p.do("POST", "/f/survey", "application/json", `{"email": "bob@example.com", "age": 42, "likes": ["tea", "coffee"], "news": true, "_anonymousId": "anon-7",
		"_page": "https://shop.example/tea?utm_source=news&utm_medium=email&utm_campaign=spring"}`, "Origin", "https://shop.example")
	var answer struct {
		OK            bool
		State, Reward string
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || !answer.OK || answer.State != "done" {
		t.Fatalf("%d %s", status, text)
	}
	customer := s.known("anon-7")
	if _, body, _ := s.call("GET", "/v1/customers/anon-7", nil); !strings.Contains(body, `"source":"form:survey"`) || !strings.Contains(body, `"source":"form:survey, not confirmed"`) {
		t.Errorf("where the answers came from: %s", body)
	}
	for _, want := range []string{"bob@example.com", `42`, `"granted":true`, "Form Submitted"} {
		if !strings.Contains(customer, want) {
			t.Errorf("the customer lacks %s: %s", want, customer)
		}
	}
	if text := s.must("GET", "/v1/customers/anon-7/replay", nil); !strings.Contains(text, `"equal":true`) {
		t.Errorf("a replay: %s", text)
	}
	if text := s.must("GET", "/v1/customers/anon-7/consents", nil); !strings.Contains(text, `"ip":"127.0.0.1"`) {
		t.Errorf("the words of consent: %s", text)
	}
	if status, _, header := p.do("GET", answer.Reward, "", ""); status != 302 || header.Get("Location") != "https://shop.example/secret" {
		t.Errorf("%d %v", status, header)
	}
	for name, c := range map[string]struct {
		body, origin string
		status       int
	}{
		"no word":     {`{"email": "x@example.com"}`, "https://elsewhere.example", 400},
		"bad answers": {`{"email": "x", "age": "old", "likes": ["beer"]}`, "https://shop.example", 422},
		"no object":   {`[]`, "https://shop.example", 400},
	} {
		if status, text, _ := p.do("POST", "/f/survey", "application/json", c.body, "Origin", c.origin); status != c.status {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if status, _, _ := p.do("POST", "/f/nothing", "application/json", `{}`); status != 404 {
		t.Errorf("no such form: %d", status)
	}
	// An address of the internet may send only so many.
	limited := 0
	for i := range 8 {
		status, _, header := p.do("POST", "/f/survey", "application/json", fmt.Sprintf(`{"age": %d}`, i), "Origin", "https://shop.example")
		if status == 429 && header.Get("Retry-After") != "" {
			limited++
		}
	}
	if limited != 3 {
		t.Errorf("%d of 8 came too often", limited)
	}
}

func TestFriends(t *testing.T) {
	s := startServer(t, withScripts(t, formFiles()), func(c *config.Config) { c.Forms.ReferralURL = "https://shop.example/welcome?from=friend" })
	p := s.formPage(t)
	s.must("POST", "/v1/identify", `{"userId": "ada", "traits": {"first_name": "Ada"}}`)
	id := (lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}).Hash()
	status, _, header := p.do("GET", p.links.Referral(id)+"?utm_source=chat&x=y", "", "")
	landing, _ := url.Parse(header.Get("Location"))
	code := landing.Query().Get("ref")
	if status != 302 || landing.Host != "shop.example" || landing.Query().Get("from") != "friend" || landing.Query().Get("utm_source") != "chat" || landing.Query().Has("x") || code == "" {
		t.Fatalf("%d %v", status, header)
	}
	if status, _, _ := p.do("GET", "/r/"+code+"x", "", ""); status != 404 {
		t.Errorf("a forged code: %d", status)
	}
	visit := func(user string) {
		s.must("POST", "/v1/page", fmt.Sprintf(`{"userId": %q, "context": {"page": {"url": "https://shop.example/welcome?ref=%s"}}}`, user, code))
	}
	visit("bob")
	visit("ada") // their own link
	order := `{"userId": %q, "event": "Order Completed", "properties": {"order_id": %q, "revenue": 30, "secret": "x"}}`
	for _, who := range []string{"bob", "bob", "ada"} {
		s.must("POST", "/v1/track", fmt.Sprintf(order, who, "o1"))
	}
	s.eventually("the referrer is told", func() bool { return strings.Contains(s.known("ada"), "Referral Converted") })
	if known := s.known("ada"); strings.Count(known, `"friend_user_id":"bob"`) != 1 || !strings.Contains(known, `"revenue":30`) || strings.Contains(known, `"friend_user_id":"ada"`) {
		t.Errorf("the referrer was told otherwise than once: %s", known)
	}
}

// Behind a proxy that adds a line of its own, what a sender writes into X-Forwarded-For is not believed.
func TestForwardedLines(t *testing.T) {
	s := startServer(t, withScripts(t, formFiles()), func(c *config.Config) { c.Forms.Limit, c.Forms.Proxies = 3, []string{"127.0.0.1"} })
	send := func(i int, lines ...string) int {
		status, _, _ := s.call("POST", "/f/survey", fmt.Sprintf(`{"age": %d}`, i), func(r *http.Request) {
			r.Header.Set("Origin", "https://shop.example")
			r.Header.Set("Content-Type", "application/json")
			for _, line := range lines {
				r.Header.Add("X-Forwarded-For", line)
			}
		})
		return status
	}
	for name, from := range map[string]func(i int) []string{
		"a line of its own": func(i int) []string { return []string{fmt.Sprint("198.51.100.", i), "203.0.113.7"} },
		"one line":          func(i int) []string { return []string{fmt.Sprint("198.51.100.", i, ", 203.0.113.8")} },
	} {
		taken := 0
		for i := range 6 {
			if send(i, from(i)...) == 200 {
				taken++
			}
		}
		if taken != 3 {
			t.Errorf("%s: %d of 6 were taken", name, taken)
		}
	}
}

// A mistake in a form's file, or in the mail that it asks by, leaves its last good version to visitors and is told of; a form goes when
// its file does.
func TestAFormThatIsSavedWithAMistake(t *testing.T) {
	files := formFiles()
	s := startServer(t, withScripts(t, files))
	p := s.formPage(t)
	page := func(form string) string {
		status, text, _ := p.do("GET", "/f/"+form, "", "")
		return fmt.Sprint(status, " ", text)
	}
	save := func(file, text string) { writeScripts(t, s.cfg.Scripts, map[string]string{file: text}) }
	looks := func(want string) {
		t.Helper()
		var got string
		s.eventually(want, func() bool {
			list := s.formList()
			got = ""
			for _, one := range list.Forms {
				got += one.Name + " " + fmt.Sprint(strings.Contains(one.Warning, "last good version")) + ", "
			}
			got += fmt.Sprint(len(list.Problems))
			return got == want
		})
	}
	good, mail := files["forms/guide.lua"], files["forms/messages/confirm.email.liquid"]
	looks("guide false, survey false, 0")
	save("forms/guide.lua", good[:len(good)/2])
	looks("guide true, survey false, 1")
	if got := page("guide"); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "The tea guide") {
		t.Errorf("half a file: %s", got)
	}
	// What is good beside it is taken over, and the old version still has its mail.
	save("forms/survey.lua", strings.Replace(files["forms/survey.lua"], "Survey", "Questions", 1))
	save("forms/messages/confirm.email.liquid", "---\nsubject: {{\n---\n")
	looks("guide true, survey false, 2")
	s.eventually("the other form is new", func() bool { return strings.Contains(page("survey"), "Questions") })
	if status, text, _ := p.post("/f/guide", url.Values{"email": {"ada@example.com"}, "news": {"on"}, "_shown": {p.at("guide", time.Minute)}}); status >= 400 {
		t.Errorf("sending the last good version: %d %s", status, text)
	}
	s.eventually("it asks", func() bool {
		return strings.Contains(s.must("GET", "/v1/messages", nil), `"name":"confirm"`)
	})
	save("forms/guide.lua", strings.Replace(good, "The tea guide", "The coffee guide", 1))
	looks("guide true, survey false, 1")
	save("forms/messages/confirm.email.liquid", mail)
	looks("guide false, survey false, 0")
	if got := page("guide"); !strings.Contains(got, "The coffee guide") {
		t.Errorf("mended: %s", got)
	}
	save("forms/survey.lua", "form {")
	looks("guide false, survey true, 1")
	if err := os.Remove(filepath.Join(s.cfg.Scripts, "forms", "survey.lua")); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is gone", func() bool { return strings.HasPrefix(page("survey"), "404 ") })
	// At a start there is no last good version.
	save("forms/guide.lua", "form {")
	looks("guide true, 1")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if got := page("guide"); !strings.HasPrefix(got, "404 ") {
		t.Errorf("after a start: %s", got)
	}
}
