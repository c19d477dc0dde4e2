package email_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
)

// newKey draws a key and returns it in PEM.
func newKey(t testing.TB, kind string) string {
	t.Helper()
	var key any
	var err error
	if kind == "rsa" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keys are DKIM settings, as they follow others.
func keys(t testing.TB, kinds ...string) string {
	t.Helper()
	var list []map[string]string
	for i, kind := range kinds {
		list = append(list, map[string]string{"selector": fmt.Sprintf("s%d", i), "key": newKey(t, kind)})
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return `,"dkim":` + string(text)
}

// published looks up what the connector says is to be pasted.
func published(c *email.Connector, t testing.TB) func(string) ([]string, error) {
	records := map[string][]string{}
	for _, r := range c.Check(t.Context(), zone{}) {
		records[r.Name] = []string{r.Want}
	}
	return func(name string) ([]string, error) { return records[name], nil }
}

func TestSignatures(t *testing.T) {
	box, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none"`+keys(t, "rsa", "ed25519")))
	odd := []channel.Message{message(0), message(1), message(2), message(3)}
	odd[0].Headers = map[string]string{
		"List-Unsubscribe": "<https://shop.example/u/" + strings.Repeat("x", 120) + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"Reply-To": "Söhne <reply@shop.example>", "X-Other": "1",
	}
	odd[0].Subject = "Größe  zwei  Lücken " + strings.Repeat("lang ", 60)
	odd[1].Text, odd[1].HTML = "", ""
	odd[2].Text, odd[2].HTML = "  a \t b  \n\n.\n..\n--x\n\n\n", ""
	odd[3].To, odd[3].Text = "größe@example.com", ""
	for i, r := range c.Send(t.Context(), odd) {
		if r.Outcome != channel.Accepted {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	lookup := published(c, t)
	for _, m := range odd {
		data := box.only(t, m.To).data
		verify := func(data []byte) (good int) {
			verifications, err := dkim.VerifyWithOptions(bytes.NewReader(data), &dkim.VerifyOptions{LookupTXT: lookup})
			if err != nil || len(verifications) != 2 {
				t.Fatalf("%v %v\n%s", verifications, err, data)
			}
			for _, v := range verifications {
				if v.Err == nil {
					good++
				}
				for _, name := range []string{"from", "to", "subject", "date", "message-id", "mime-version", "content-type"} {
					if !strings.Contains(strings.ToLower(strings.Join(v.HeaderKeys, ":")), name) {
						t.Errorf("%s is not signed", name)
					}
				}
				if m.Headers["List-Unsubscribe"] != "" && !strings.Contains(strings.Join(v.HeaderKeys, ":"), "list-unsubscribe:list-unsubscribe-post") {
					t.Errorf("signed: %v", v.HeaderKeys)
				}
			}
			return good
		}
		if verify(data) != 2 {
			t.Errorf("not valid:\n%s", data)
		}
		for _, change := range []struct{ old, new string }{
			{"\r\nSubject: ", "\r\nSubject: x"}, {"\r\nDate: ", "\r\nSubject: more\r\nDate: "}, {"\r\nDate: ", "\r\nFrom: a@b.example\r\nDate: "},
			{"\r\n\r\n", "\r\n\r\nx"},
		} {
			if verify(bytes.Replace(data, []byte(change.old), []byte(change.new), 1)) != 0 {
				t.Errorf("%q is valid", change.new)
			}
		}
	}
}

func TestSignedRetriesAreTheSameBytes(t *testing.T) {
	box, port := serve(t, nil, nil)
	set := settings(port, `,"security":"none"`+keys(t, "rsa", "ed25519"))
	for attempt := 1; attempt <= 2; attempt++ {
		m := message(0)
		m.Attempt = attempt
		if r := open(t, set).Send(t.Context(), []channel.Message{m})[0]; r.Outcome != channel.Accepted {
			t.Fatalf("%+v", r)
		}
	}
	if l := box.letters[message(0).To]; len(l) != 2 || !bytes.Equal(l[0].data, l[1].data) {
		t.Error("a retry differs")
	}
}

func TestRefusedKeys(t *testing.T) {
	for _, test := range []struct{ dkim, says string }{
		{`[{"selector":"s"}]`, "key or key_file"}, {`[{"selector":"s 1","key":"x"}]`, "selector"}, {`[{"selector":"s","key":"hunter2hunter2"}]`, "PEM"},
		{`[{"selector":"s","key_file":"/does/not/exist"}]`, "key_file"}, {`[{"selector":"s","domain":"a b","key":"x"}]`, "domain"},
		{`[{"selector":"s","key":"-----BEGIN X-----\naGVsbG8=\n-----END X-----\n"}]`, "PKCS"},
	} {
		err := email.New().Configure(t.Context(), json.RawMessage(`{"host":"127.0.0.1","from":"a@b.example","dkim":`+test.dkim+`}`))
		if err == nil || !strings.Contains(err.Error(), "dkim") || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", test.dkim, err)
		}
	}
}

func TestHTMLAloneGetsAText(t *testing.T) {
	box, port := serve(t, nil, nil)
	m := message(0)
	m.Text = ""
	m.HTML = `<html><head><title>T</title><style>p{}</style></head><body><h1>Hi&nbsp;Ada</h1><p>New <b>sh</b>oes,
		<a href="https://shop.example/s?a=1&amp;b=2">look</a>.<br>Bye</p><ul><li>one<li>two</ul><script>x</script><img alt="A shoe" src="x"></body></html>`
	c := open(t, settings(port, `,"security":"none"`))
	if r := c.Send(t.Context(), []channel.Message{m})[0]; r.Outcome != channel.Accepted {
		t.Fatalf("%+v", r)
	}
	got, err := mail.ReadMessage(bytes.NewReader(box.only(t, m.To).data))
	if err != nil {
		t.Fatal(err)
	}
	want := "Hi Ada\n\nNew shoes, look (https://shop.example/s?a=1&b=2).\nBye\n\n- one\n- two\n\nA shoe\n"
	if text := parts(t, got)[0]; strings.ReplaceAll(text, "\r\n", "\n") != want {
		t.Errorf("%q", text)
	}
}

// page is an HTML mail of 5 KB.
func page() string {
	return "<html><body>" + strings.Repeat("<p style=\"color:#333\">A line of text with a <a href=\"https://shop.example/c/abc\">link</a> äöü.</p>\n", 54) + "</body></html>"
}

// BenchmarkLetter composes, signs and sends mails of 5 KB to a server in the same process.
func BenchmarkLetter(b *testing.B) {
	for _, kinds := range [][]string{{}, {"ed25519"}, {"rsa"}, {"rsa", "ed25519"}} {
		b.Run(strings.Join(append([]string{"dkim"}, kinds...), "+"), func(b *testing.B) {
			sign := ""
			if len(kinds) > 0 {
				sign = keys(b, kinds...)
			}
			port := sink(b)
			c := open(b, settings(port, `,"security":"none","connections":20`+sign))
			batch := messages(100)
			for i := range batch {
				batch[i].HTML = page()
				batch[i].Date = time.UnixMilli(1)
			}
			for b.Loop() {
				for _, r := range c.Send(b.Context(), batch) {
					if r.Outcome != channel.Accepted {
						b.Fatalf("%+v", r)
					}
				}
			}
			b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
