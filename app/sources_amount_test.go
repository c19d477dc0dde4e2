package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const shopPosts = `source { title = "Shop", open = true }
receive(function()
  local o = json()
  event { name = "Order Completed", id = o.id, anonymous_id = "a1", at = o.at, email = o.email, properties = { total = o.total } }
end)
`

// What cannot be read is no order of nothing: a source refuses it and says why, an SDK is told.
func TestAnAmountThatCannotBeRead(t *testing.T) {
	s := startServer(t, withScripts(t, map[string]string{"sources/posts.lua": shopPosts}))
	for body, want := range map[string]string{
		`{"id":"1","total":"zz"}`:                    `total \"zz\" is no amount`,
		`{"id":"2","total":"7,50"}`:                  `total \"7,50\" is no amount`,
		`{"id":"3","total":7,"email":"bad"}`:         `email \"bad\" is no mail address`,
		`{"id":"4","total":7,"at":"9999"}`:           `"accepted":0,"refused":"sources/posts.lua:4: at of event is no time: 9999`,
		`{"id":{"a":1},"total":7}`:                   `"accepted":0,"refused":"sources/posts.lua:4: id of event must be a text, not table`,
		`null`:                                       `"accepted":0,"refused":"the body is neither an object nor a list: null"`,
		`{"id":"5","total":"7.50","email":"a@b.co"}`: `{"accepted":1}`,
		`{"id":"6","at":1767225600}`:                 `{"accepted":1}`,
	} {
		if _, text := s.post("posts", body, nil); !strings.Contains(text, want) {
			t.Errorf("%s: %s", body, text)
		}
	}
	rejects := s.must("GET", "/api/sources/posts/rejects", nil)
	for _, reason := range []string{`zz\" is no amount`, `7,50\" is no amount`, "is no mail address", "at of event is no time: 9999"} {
		if !strings.Contains(rejects, reason) {
			t.Errorf("%s is not in %s", reason, rejects)
		}
	}

	type answer struct {
		Success  bool
		Warnings []struct{ Code, Field, Message string }
	}
	send := func(path, body string) (a answer) {
		t.Helper()
		status, text, _ := s.call("POST", path, body)
		if err := json.Unmarshal([]byte(text), &a); err != nil || status != http.StatusOK || !a.Success && path != "/v1/batch" {
			t.Fatalf("%d %s: %v", status, text, err)
		}
		return a
	}
	for amount, counts := range map[string]bool{`"7,50"`: false, `"abc"`: false, `7.5`: true, `"7.50"`: true, `null`: true} {
		a := send("/v1/track", `{"userId":"ada","event":"Order Completed","properties":{"revenue":`+amount+`}}`)
		if counts != (len(a.Warnings) == 0) || !counts && (a.Warnings[0].Field != "properties.revenue" || !strings.Contains(a.Warnings[0].Message, "counts as 0")) {
			t.Errorf("%s: %+v", amount, a)
		}
	}
	if a := send("/v1/batch", `{"batch":[{"type":"track","userId":"ada","event":"Looked"},{"type":"track","userId":"ada","event":"Order Completed","properties":{"total":"x"}}]}`); len(a.Warnings) != 1 || a.Warnings[0].Field != "batch[1].properties.total" {
		t.Errorf("a batch: %+v", a)
	}
	if a := send("/v1/batch", `{"batch":[{"type":"track","userId":"ada"},{"type":"track","userId":"ada","event":"Order Completed","properties":{"total":"x"}}]}`); len(a.Warnings) != 1 {
		t.Errorf("a batch with an error: %+v", a)
	}
	timeline := s.must("GET", "/v1/customers/ada/timeline", nil)
	if n := strings.Count(timeline, `"kind":"uncounted"`); n != 4 || !strings.Contains(timeline, `Order Completed counts as 0: revenue \"7,50\" is no amount`) {
		t.Errorf("%d facts: %s", n, timeline)
	}
}
