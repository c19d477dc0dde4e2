package script_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

var updateIntakes = flag.Bool("update-sources", false, "write the golden files of sources anew")

var posted = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// intake compiles a source that must be sound.
func intake(t testing.TB, code string) *script.Intake {
	t.Helper()
	in, err := script.NewIntakes(script.Limits{}).Compile(script.Source{Name: "shop", Files: map[string][]byte{"shop.lua": []byte(code)}})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// sign returns the HMAC-SHA256 of a text.
func sign(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// having is the answer to a source that asks for its only secret.
func having(values ...string) func(string) ([]string, error) {
	return func(name string) ([]string, error) {
		if name != "signing" {
			return nil, lifecycle.Errorf(lifecycle.Unavailable, "there is no secret %s", name)
		}
		return values, nil
	}
}

func stripeHeader(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(sign(secret, seconds+"."+string(body))) + ",v0=ff"
}

// The built-in sources make of their providers' payloads, signed as those sign them, what the golden files say.
func TestTheBuiltInSources(t *testing.T) {
	sources, err := script.ReadIntakes(scripts.Files)
	if err != nil || len(sources) != 2 {
		t.Fatalf("%d sources are built in: %v", len(sources), err)
	}
	host := script.NewIntakes(script.Limits{})
	for _, source := range sources {
		in, err := host.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob("testdata/sources/" + source.Name + "-*.json")
		if len(files) == 0 {
			t.Errorf("%s has no golden payloads", source.Name)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			topic := strings.Replace(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "shopify-"), ".json"), "-", "/", 1)
			topic, _, _ = strings.Cut(topic, "-")
			request := script.Request{Method: "POST", Body: body, Now: posted, Secret: having("s3cret"), Headers: map[string]string{
				"x-shopify-topic": topic, "x-shopify-hmac-sha256": base64.StdEncoding.EncodeToString(sign("s3cret", string(body))),
				"stripe-signature": stripeHeader("s3cret", posted, body),
			}}
			taken, err := in.Receive(request)
			if err != nil || !taken.Verified {
				t.Errorf("%s: %v", file, err)
				continue
			}
			var got strings.Builder
			for _, event := range taken.Events {
				data, _ := json.MarshalIndent(event, "", "  ")
				fmt.Fprintf(&got, "%s\n", data)
			}
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			if *updateIntakes {
				if err = os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, _ := os.ReadFile(golden); got.String() != string(want) {
				t.Errorf("%s became\n%s\nnot\n%s", file, got.String(), want)
			}
			again, err := in.Receive(request)
			if err != nil || len(again.Events) != len(taken.Events) || len(again.Events) > 0 && again.Events[0].MessageID != taken.Events[0].MessageID {
				t.Errorf("%s: sent again it is something else: %v", file, err)
			}
			request.Secret = having("another")
			if refused, err := in.Receive(request); lifecycle.CodeOf(err) != lifecycle.Unauthorized || len(refused.Events) > 0 || refused.Verified {
				t.Errorf("%s: with another secret it is taken: %v", file, err)
			}
		}
	}
}

// Who has not proved to be the sender gets nothing in, and nothing done, in whatever way a script is written.
func TestASourceVerifiesFirst(t *testing.T) {
	body := `{"user":"u1"}`
	good := hex.EncodeToString(sign("key", body))
	standard := func(secret string, at time.Time) map[string]string {
		seconds := strconv.FormatInt(at.Unix(), 10)
		return map[string]string{"webhook-id": "m1", "webhook-timestamp": seconds,
			"webhook-signature": "v1,bad v1," + base64.StdEncoding.EncodeToString(sign(secret, "m1."+seconds+"."+body))}
	}
	take := ` local o = json() identify { user_id = o.user } `
	hmacCode := `verify.hmac_sha256 { header = "X-Sig", secret = "signing", prefix = "sha256=" }` + take
	for _, one := range []struct {
		name, code string
		head       map[string]string
		want       lifecycle.Code
	}{
		{"signed", hmacCode, map[string]string{"x-sig": "sha256=" + good}, ""},
		{"by the former secret", `verify.hmac_sha256 { header = "x-sig", secret = "signing" }` + take, map[string]string{"x-sig": hex.EncodeToString(sign("former", body))}, ""},
		{"no signature", hmacCode, nil, lifecycle.Unauthorized},
		{"an empty one", hmacCode, map[string]string{"x-sig": "sha256="}, lifecycle.Unauthorized},
		{"without its prefix", hmacCode, map[string]string{"x-sig": good}, lifecycle.Unauthorized},
		{"cut off", hmacCode, map[string]string{"x-sig": "sha256=" + good[:32]}, lifecycle.Unauthorized},
		{"caught", `pcall(function() ` + hmacCode + ` end) identify { user_id = "u1" }`, nil, lifecycle.Unauthorized},
		{"stripe", `verify.hmac_sha256 { scheme = "stripe", secret = "signing" }` + take, map[string]string{"stripe-signature": stripeHeader("key", posted.Add(-4*time.Minute), []byte(body))}, ""},
		{"stripe, too late", `verify.hmac_sha256 { scheme = "stripe", secret = "signing" }` + take, map[string]string{"stripe-signature": stripeHeader("key", posted.Add(-6*time.Minute), []byte(body))}, lifecycle.Unauthorized},
		{"stripe, from the future", `verify.hmac_sha256 { scheme = "stripe", secret = "signing" }` + take, map[string]string{"stripe-signature": stripeHeader("key", posted.Add(6*time.Minute), []byte(body))}, lifecycle.Unauthorized},
		{"stripe, no time", `verify.hmac_sha256 { scheme = "stripe", secret = "signing" }` + take, map[string]string{"stripe-signature": "v1=" + good}, lifecycle.Unauthorized},
		{"standard", `verify.hmac_sha256 { scheme = "standard", secret = "signing" }` + take, standard("key", posted), ""},
		{"a payload of its own", `verify.hmac_sha256 { header = "x-sig", secret = "signing", payload = request.headers["X-Time"] .. ":" .. request.body }` + take,
			map[string]string{"x-time": "7", "x-sig": hex.EncodeToString(sign("key", "7:"+body))}, ""},
		{"a token", `verify.token { header = "Authorization", prefix = "Bearer ", secret = "signing" }` + take, map[string]string{"authorization": "Bearer key"}, ""},
		{"a wrong token", `verify.token { header = "Authorization", prefix = "Bearer ", secret = "signing" }` + take, map[string]string{"authorization": "Bearer kex"}, lifecycle.Unauthorized},
		{"no token", `verify.token { header = "X-Token", secret = "signing" }` + take, nil, lifecycle.Unauthorized},
		{"no such secret", `verify.token { header = "X-Token", secret = "token" }` + take, nil, lifecycle.Unavailable},
		{"not asked for", take, nil, lifecycle.ScriptFailed},
		{"an event without", `identify { user_id = "u1" }`, nil, lifecycle.ScriptFailed},
	} {
		in := intake(t, "source { title = \"Shop\" }\nreceive(function(request) "+one.code+" end)")
		taken, err := in.Receive(script.Request{Body: []byte(body), Headers: one.head, Now: posted, Secret: having("key", "former")})
		if lifecycle.CodeOf(err) != one.want || (len(taken.Events) == 1) != (one.want == "") || taken.Verified != (one.want == "") {
			t.Errorf("%s: %d events, verified %t, error %v", one.name, len(taken.Events), taken.Verified, err)
		}
		if len(taken.Events) == 1 && (taken.Events[0].Source != "shop" || taken.Events[0].Public) {
			t.Errorf("%s: %+v", one.name, taken.Events[0])
		}
	}
	// Whoever proved who they are says of an address whose it is. An open source has names of its own, and takes nobody's.
	for code, want := range map[string]string{
		`identify { email = "Ada@example.com" }`:              "email:ada@example.com",
		`identify { phone = "+4915112345678" }`:               "phone:+4915112345678",
		`identify { external_id = "7" }`:                      "source:shop:7",
		`identify { anonymous_id = "email:ada@example.com" }`: "email:ada@example.com",
	} {
		in := intake(t, `source { title = "Shop" } receive(function(request) `+code+` end)`)
		if taken, err := in.Receive(script.Request{Now: posted, Trust: true}); err != nil || taken.Events[0].AnonymousID != want {
			t.Errorf("%s: %+v %v", code, taken, err)
		}
	}
	thief := intake(t, `source { open = true } receive(function(request) identify { anonymous_id = "email:ada@example.com" } end)`)
	if taken, err := thief.Receive(script.Request{Now: posted}); err != nil || len(taken.Events) > 0 || len(taken.Unfit) != 1 {
		t.Errorf("an open source takes the name of another: %+v %v", taken, err)
	}
	open := intake(t, `source { open = true } receive(function(request) identify { user_id = json().user } end)`)
	taken, err := open.Receive(script.Request{Body: []byte(body), Now: posted})
	if err != nil || len(taken.Events) != 1 || !taken.Events[0].Public || taken.Verified {
		t.Errorf("an open source: %+v %v", taken, err)
	}
}

// What words make of their arguments.
func TestWordsOfSources(t *testing.T) {
	for _, one := range []struct{ code, body, want string }{
		{`event { name = "A", email = " Ada@Example.com ", properties = { n = 1 } }`, `{}`, `A source:shop:ada@example.com {"n":1} {"email":"Ada@Example.com"}`},
		{`event { name = "A", phone = "+4915112345678" }`, `{}`, `A source:shop:+4915112345678  {"phone":"+4915112345678"}`},
		{`event { name = "A", external_id = json().id }`, `{"id":900719925474099312345}`, `A source:shop:900719925474099312345  `},
		{`event { name = "A", user_id = json().id }`, `{"id":5678901234567}`, `A 5678901234567  `},
		{`local f = form() event { name = f.what, user_id = f.id[2] }`, `what=A+b&id=1&id=2`, `A b 2  `},
		{`event { name = "A", user_id = "u", id = "x" } event { name = "B", user_id = "u", id = "x" }`, `{}`, `A u  |B u  `},
		{`refuse "not ours"`, `{}`, `refused: not ours`},
		{`json()`, `{"a":`, `refused: the body is not JSON: unexpected EOF`},
		{`json()`, ``, `refused: the body is not JSON: it is empty`},
		{`json()`, strings.Repeat("[", 500) + strings.Repeat("]", 500), `refused: the body is not JSON: it is nested more than 100 levels deep`},
		{`json()`, strings.Repeat("[", 100) + strings.Repeat("]", 100), ``},
		{`event { name = "A" }`, `{}`, `sources/shop.lua:2: event does not say whose it is: give user_id, anonymous_id, external_id, email or phone (as in event { name = "Order Completed", user_id = "u1", properties = { total = 20 } })`},
		{`event { naem = "A", user_id = "u" }`, `{}`, `sources/shop.lua:2: event has no option "naem" (did you mean "name"?)`},
		{`event { name = "A", user_id = "u", at = "soon" }`, `{}`, `unfit: sources/shop.lua:2: at of event is no time: soon (as in 2026-01-31T12:00:00Z, or the seconds since 1970)`},
		{`event { name = "A", user_id = json().id } event { name = "B", user_id = "u" }`, `{"id":"` + strings.Repeat("x", 201) + `"}`, `B u  |unfit: sources/shop.lua:2: user_id of event is longer than 200 bytes`},
		{`event { name = "A", user_id = "u", external_id = json().customer }`, `{"customer":{"id":"cus_1"}}`, `unfit: sources/shop.lua:2: external_id of event must be a text, not table`},
		{`event { name = "A", user_id = "u", properties = { all = json() } }`, `{"a":"` + strings.Repeat("x", 33<<10) + `"}`, `unfit: sources/shop.lua:2: properties of event is larger than 32 KB`},
		{`event { name = "A", user_id = "u", properties = { all = 0/0 } }`, `{}`, `sources/shop.lua:2: properties of event has a number that is none: nan (look for a division by zero)`},
		{`event { user_id = "u" }`, `{}`, `sources/shop.lua:2: event does not say what happened: give its name (as in event { name = "Order Completed", user_id = "u1", properties = { total = 20 } })`},
		{`identify { user_id = "u", email = null, traits = { plan = null, old = nil } }`, `{}`, ` u  {"plan":null}`},
		{`json()`, `null`, `refused: the body is neither an object nor a list: null`},
		{`json()`, `"x"`, `refused: the body is neither an object nor a list: "x"`},
		{`event { name = "A", user_id = json(json().inner) }`, `{"inner":"7"}`, `A 7  `},
		{`while true do end`, `{}`, `sources/shop.lua:2: the script did too much work for one run; look for an endless loop, or do less at once`},
		{`request.method = "x"`, `{}`, ``},
	} {
		in := intake(t, "source { open = true }\nreceive(function(request) "+one.code+" end)")
		taken, err := in.Receive(script.Request{Body: []byte(one.body), Now: posted})
		var lines []string
		seen := map[string]bool{}
		for _, e := range taken.Events {
			lines = append(lines, strings.Join([]string{e.Name, e.Identity().Value, string(e.Properties), string(e.Traits)}, " "))
			if seen[e.MessageID] {
				t.Errorf("%s: two events have one ID", one.code)
			}
			seen[e.MessageID] = true
		}
		for _, wrong := range taken.Unfit {
			lines = append(lines, "unfit: "+wrong.Error())
		}
		got := strings.Join(lines, "|")
		var refusal *script.Refusal
		if errors.As(err, &refusal) {
			got = "refused: " + refusal.Reason
		} else if err != nil {
			got = err.Error()
		}
		if got != one.want {
			t.Errorf("%s\n  %s\n  is not\n  %s", one.code, got, one.want)
		}
	}
}

// A source that cannot work is refused, with the line and what to write.
func TestASourceThatCannotWork(t *testing.T) {
	for code, want := range map[string]string{
		``:                                       `sources/shop.lua:1: the file does not call source`,
		`source { title = "A" }`:                 `sources/shop.lua:1: nothing comes in by this source`,
		`source { titel = "A" }`:                 `sources/shop.lua:1: source has no option "titel" (did you mean "title"?)`,
		`source {} receive(1)`:                   `sources/shop.lua:1: receive needs a function, not number`,
		`source {} send "x"`:                     `sources/shop.lua:1: unknown word "send"`,
		`source {} verify.md5 {}`:                `sources/shop.lua:1: there is no verify.md5`,
		`source {} event { name="A" }`:           `sources/shop.lua:1: event is called while the file is loaded`,
		`source { pull = { url = "ftp://x/" } }`: `sources/shop.lua:1: url of pull is no address that begins with https:// or http://`,
		`source { pull = { url = "https://x/", every = "1 second", map = {"a=b"} } }`: `sources/shop.lua:1: every of pull is at least a minute`,
		`source { pull = { url = "https://x/" } }`:                                    `sources/shop.lua:1: it has to be said once what becomes of a row`,
		`source {} row(function() end)`:                                               `sources/shop.lua:1: `,
	} {
		_, err := script.NewIntakes(script.Limits{}).Compile(script.Source{Name: "shop", Files: map[string][]byte{"shop.lua": []byte(code)}})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n  %v\n  does not begin with\n  %s", code, err, want)
		}
	}
	in := intake(t, `source { title = "Old shop", secrets = { "token" }, pull = { url = "https://x.example/{cursor}", every = "2 hours", cursor = "id", headers = { A = "{secret:token}" } } }
row(function(row) event { name = "A", user_id = row.id, properties = { total = row.total } } end)`)
	taken, err := in.Row(map[string]any{"id": "7", "total": 2.5}, []byte("7,2.5"), posted)
	if err != nil || len(taken.Events) != 1 || string(taken.Events[0].Properties) != `{"total":2.5}` || in.Pull.Every != 2*time.Hour || in.Takes || !in.Reads {
		t.Errorf("a row became %+v %v of %+v", taken, err, in)
	}
}

// Whatever a provider sends, a source answers with events or an error, and in bounded time.
func FuzzSourcePayload(f *testing.F) {
	files, _ := filepath.Glob("testdata/sources/*.json")
	for _, file := range files {
		if body, err := os.ReadFile(file); err == nil {
			f.Add(string(body), "orders/paid")
		}
	}
	f.Add("a=b&c=%zz", "t=1,v1=00")
	sources, err := script.ReadIntakes(scripts.Files)
	if err != nil {
		f.Fatal(err)
	}
	host := script.NewIntakes(script.Limits{})
	var all []*script.Intake
	for _, source := range sources {
		in, err := host.Compile(source)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, in)
	}
	all = append(all, intake(f, `source { open = true } receive(function(request) local f = form() event { name = "A", user_id = f.a } end)`))
	f.Fuzz(func(t *testing.T, body, header string) {
		for _, in := range all {
			for _, trust := range []bool{true, false} {
				taken, err := in.Receive(script.Request{Body: []byte(body), Now: posted, Trust: trust, Secret: having("x"),
					Headers: map[string]string{"x-shopify-topic": header, "stripe-signature": header, "x-shopify-hmac-sha256": header}})
				for i := range taken.Events {
					if wrong := taken.Events[i].Validate(); wrong != nil {
						t.Errorf("%s made an event that is none: %v", in.Name, wrong)
					}
				}
				if err != nil && strings.Contains(err.Error(), "Lua machine failed") {
					t.Error(err)
				}
				if !trust && !in.Open && !taken.Verified && len(taken.Events) > 0 {
					t.Errorf("%s took what was not verified", in.Name)
				}
			}
		}
	})
}
