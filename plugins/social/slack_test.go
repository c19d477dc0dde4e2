package social_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/social"
)

func slackOn(t testing.TB, at *clock, n *network) *social.Connector {
	t.Helper()
	return configured(t, at, fmt.Sprintf(`{"slack": {"token": %q, "url": %q, "signing_secret": "8f742231b10e8888abcd99yyyzzz85a5"}}`, slackToken, n.url+"/api"))
}

func TestSlack(t *testing.T) {
	n, at := newSlack(t), newClock()
	c := slackOn(t, at, n)
	want(t, "a text", send(t, c, note(1, "slack:C0123ABCD", "a < b & <!channel>")), channel.Accepted, "")
	if got := n.all(); len(got) != 1 || got[0].text != "a &lt; b &amp; &lt;!channel&gt;" {
		t.Errorf("%+v", got)
	}
	for code, outcome := range map[string]channel.Outcome{
		"channel_not_found": channel.Permanent, "is_archived": channel.Permanent, "not_in_channel": channel.Permanent, "msg_blocked_by_admin": channel.Permanent,
		"service_unavailable": channel.Temporary, "missing_scope": channel.Temporary, "fatal_error": channel.InDoubt, "internal_error": channel.InDoubt,
	} {
		n.fail("C0123ABCD", fault{status: 200, body: fmt.Sprintf(`{"ok":false,"error":%q}`, code)})
		r := send(t, c, note(2, "slack:C0123ABCD", "Hello"))
		want(t, code, r, outcome, code)
		if isGone(r) != (code == "channel_not_found" || code == "is_archived") {
			t.Errorf("%s: gone %v", code, r.Data)
		}
	}
	if c.Health(t.Context()) == nil {
		t.Error("a missing scope does not show in Health")
	}
	want(t, "again", send(t, c, note(3, "slack:C0123ABCD", "Hello")), channel.Accepted, "")
	if err := c.Health(t.Context()); err != nil {
		t.Errorf("Health after a message that went out: %v", err)
	}
	n.fail("C0123ABCD", fault{status: 429, header: map[string]string{"Retry-After": "30"}, body: `{"ok":false,"error":"ratelimited"}`})
	if r := send(t, c, note(4, "slack:C0123ABCD", "Hello")); r.Outcome != channel.Temporary || r.RetryAfter != 30*time.Second {
		t.Errorf("a limit: %+v", r)
	}
	if r := send(t, c, note(5, "slack:C0999ABCD", "Hello")); r.Outcome != channel.Temporary || r.RetryAfter != 30*time.Second {
		t.Errorf("while it waits: %+v", r)
	}
}

func TestSlackCallbacks(t *testing.T) {
	n, at := newSlack(t), newClock()
	c := slackOn(t, at, n)
	sent := note(1, "slack:U0ADA", "Hello")
	send(t, c, sent)
	call := func(key string, stamp time.Time, body string) (channel.Reply, []channel.Report) {
		text := strconv.FormatInt(stamp.Unix(), 10)
		sum := hmac.New(sha256.New, []byte(key))
		_, _ = fmt.Fprintf(sum, "v0:%s:%s", text, body)
		return c.Callback(t.Context(), channel.Callback{Method: "POST", Path: "/slack", Body: []byte(body), Headers: map[string]string{
			"x-slack-request-timestamp": text, "x-slack-signature": "v0=" + hex.EncodeToString(sum.Sum(nil))}})
	}
	const key = "8f742231b10e8888abcd99yyyzzz85a5"
	if reply, _ := call(key, at.now(), `{"type":"url_verification","challenge":"3eZbrw1a"}`); reply.Status != 200 || string(reply.Body) != "3eZbrw1a" {
		t.Errorf("the challenge: %+v", reply)
	}
	body := `{"type":"event_callback","event":{"type":"message","channel":"D0ADA","user":"U0ADA","text":"a &lt; b","ts":"1700000001.000200","thread_ts":"1700000000.000001","channel_type":"im"}}`
	reply, reports := call(key, at.now(), body)
	expected := []channel.Report{{ID: sent.ID, Event: "replied", From: "slack:U0ADA", Date: time.Unix(1700000001, 0).UTC(), Data: map[string]string{"text": "a < b", "user": "U0ADA", "id": "1700000001.000200"}}}
	if reply.Status != 200 || !reflect.DeepEqual(reports, expected) {
		t.Errorf("%d %+v", reply.Status, reports)
	}
	// A STOP of somebody to whom nobody has written yet is of the person, and of the conversation.
	stop := `{"type":"event_callback","event":{"type":"message","channel":"D0EVE","user":"U0EVE","text":"STOP","ts":"1700000002.000200","channel_type":"im"}}`
	_, reports = call(key, at.now(), stop)
	if len(reports) != 2 || reports[0].From != "slack:U0EVE" || reports[1].From != "slack:D0EVE" || reports[0].Event != "unsubscribed" || reports[1].Event != "unsubscribed" {
		t.Errorf("%+v", reports)
	}
	if _, reports = call(key, at.now(), strings.ReplaceAll(stop, "D0EVE", "C0ALL")); len(reports) != 1 || reports[0].From != "slack:C0ALL" {
		t.Errorf("in a channel of many: %+v", reports)
	}
	if reply, reports := call(key, at.now(), `{"type":"event_callback","event":{"type":"message","bot_id":"B1","channel":"D0ADA","text":"own"}}`); reply.Status != 200 || reports != nil {
		t.Errorf("our own message: %+v %v", reply, reports)
	}
	if reply, _ := call("other", at.now(), body); reply.Status != 403 {
		t.Errorf("another key: %+v", reply)
	}
	if reply, _ := call(key, at.now().Add(-6*time.Minute), body); reply.Status != 403 {
		t.Errorf("an old one: %+v", reply)
	}
}
