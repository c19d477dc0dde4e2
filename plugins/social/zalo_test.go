package social_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/social"
)

func zaloSettings(n *zaloNetwork, refresh, state string) string {
	return fmt.Sprintf(`{"zalo": {"app_id": %q, "app_secret": %q, "refresh_token": %q, "state": %s, "oa_secret": "oasecret", "url": %q, "zns_url": %q, "oauth_url": %q}}`,
		zaloApp, zaloSecret, refresh, quoted(state), n.url, n.url, n.url+"/v4/oa/access_token")
}

func zaloOn(t testing.TB, at *clock, n *zaloNetwork) *social.Connector {
	t.Helper()
	return configured(t, at, zaloSettings(n, "refresh-0", filepath.Join(t.TempDir(), "zalo.json")))
}

func (z *zaloNetwork) changed() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.changes
}

func TestZalo(t *testing.T) {
	n, at := newZalo(t), newClock()
	c := zaloOn(t, at, n)
	want(t, "a text", send(t, c, note(1, "zalo:777", "Xin chào")), channel.Accepted, "")
	m := note(2, "zns:+84901234567", "", "template", "7895417", "body.name", "Ada", "body.order", "B-17")
	want(t, "a notification", send(t, c, m), channel.Accepted, "")
	got := n.all()
	if len(got) != 2 || got[0].to != "777" || got[0].text != "Xin chào" || got[1].to != "84901234567" {
		t.Fatalf("%+v", got)
	}
	if values := got[1].body["template_data"]; !reflect.DeepEqual(values, map[string]any{"name": "Ada", "order": "B-17"}) {
		t.Errorf("%+v", values)
	}
	if mark, _ := got[1].body["tracking_id"].(string); social.Tracked(mark) != m.ID {
		t.Errorf("tracking_id %q", mark)
	}
	if n.changed() != 1 {
		t.Errorf("%d tokens for two messages", n.changed())
	}
	want(t, "no template", send(t, c, note(3, "zns:+84901234567", "Hello")), channel.Permanent, "names no template")
	want(t, "another template", send(t, c, note(3, "zns:+84901234567", "", "template", "1", "body.a", "b")), channel.Permanent, "-109")
	for _, r := range []struct {
		code    int
		outcome channel.Outcome
		after   time.Duration
	}{
		{-118, channel.Permanent, 0}, {-139, channel.Permanent, 0}, {-141, channel.Permanent, 0}, {-230, channel.Permanent, 0}, {-100, channel.Temporary, 0},
		{-147, channel.Temporary, time.Hour}, {-126, channel.Temporary, 5 * time.Minute}, {-137, channel.Temporary, 5 * time.Minute},
		{-133, channel.Temporary, 46*time.Minute + 40*time.Second}, // it is 05:13:20 in Vietnam
		{-32, channel.Temporary, time.Minute},
	} {
		n.fail("777", fault{status: 200, body: fmt.Sprintf(`{"error":%d,"message":"words","data":[]}`, r.code)})
		got := send(t, c, note(4, "zalo:777", "Hello"))
		want(t, fmt.Sprint(r.code), got, r.outcome, "words")
		if got.RetryAfter != r.after || isGone(got) != (r.code == -118) || (got.Data[channel.FactUnsubscribed] == "1") != (r.code == -139 || r.code == -141) {
			t.Errorf("%d: %+v", r.code, got)
		}
	}
}

// Each refresh token works once, so the next one must survive everything.
func TestZaloTokens(t *testing.T) {
	n, at := newZalo(t), newClock()
	state := filepath.Join(t.TempDir(), "zalo.json")
	c := configured(t, at, zaloSettings(n, "refresh-0", state))
	many := make([]channel.Message, 25)
	for i := range many {
		many[i] = note(i, "zalo:777", "Hello")
	}
	for _, r := range c.Send(t.Context(), many) {
		want(t, "many at once", r, channel.Accepted, "")
	}
	if n.changed() != 1 {
		t.Errorf("%d changes at once", n.changed())
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	at.pass(25 * time.Hour) // it has ended
	want(t, "a day later", send(t, c, note(1, "zalo:777", "Hello")), channel.Accepted, "")
	n.mu.Lock()
	n.access = "taken back"
	n.mu.Unlock()
	want(t, "taken back", send(t, c, note(2, "zns:+84901234567", "", "template", "7895417", "body.a", "b")), channel.Accepted, "")
	if n.changed() != 3 {
		t.Errorf("%d changes", n.changed())
	}
	// A restart goes on with what was kept, not with the settings.
	restarted := configured(t, at, zaloSettings(n, "refresh-0", state))
	want(t, "after a restart", send(t, restarted, note(3, "zalo:777", "Hello")), channel.Accepted, "")
	if n.changed() != 3 {
		t.Errorf("%d changes after a restart", n.changed())
	}
	// A new authorisation in the settings begins anew.
	n.mu.Lock()
	n.access, n.refresh = "", "refresh-new"
	n.mu.Unlock()
	lost := configured(t, at, zaloSettings(n, "refresh-0", state))
	want(t, "authorised elsewhere", send(t, lost, note(4, "zalo:777", "Hello")), channel.Temporary, "zalo.refresh_token")
	if err := lost.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "authorise") {
		t.Errorf("Health: %v", err)
	}
	anew := configured(t, at, zaloSettings(n, "refresh-new", state))
	want(t, "authorised anew", send(t, anew, note(5, "zalo:777", "Hello")), channel.Accepted, "")
}

// Whatever else works with the same file, no token in it is written over by an older one.
func TestZaloTokensOfTwoProcesses(t *testing.T) {
	n, at := newZalo(t), newClock()
	state := filepath.Join(t.TempDir(), "zalo.json")
	one, other := configured(t, at, zaloSettings(n, "refresh-0", state)), configured(t, at, zaloSettings(n, "refresh-0", state))
	for day := range 3 {
		for _, c := range []*social.Connector{one, other} {
			want(t, fmt.Sprint("day ", day), send(t, c, note(day, "zalo:777", "Hello")), channel.Accepted, "")
		}
		if n.changed() != day+1 {
			t.Fatalf("%d changes on day %d", n.changed(), day)
		}
		at.pass(25 * time.Hour)
		one, other = other, one
	}
	n.mu.Lock()
	n.access, n.refresh = "", "refresh-new"
	n.mu.Unlock()
	anew := zaloSettings(n, "refresh-new", state)
	want(t, "authorised anew", send(t, configured(t, at, anew), note(4, "zalo:777", "Hello")), channel.Accepted, "")
	want(t, "of the former authorisation", send(t, one, note(5, "zalo:777", "Hello")), channel.Temporary, "each channel needs a file of its own")
	want(t, "it is as it was", send(t, configured(t, at, anew), note(6, "zalo:777", "Hello")), channel.Accepted, "")
	if n.changed() != 4 {
		t.Errorf("%d changes", n.changed())
	}
}

// A token is not used up while the next one could not be kept, and not lost with the call that needed it.
func TestZaloTokensAreNotLost(t *testing.T) {
	n, at := newZalo(t), newClock()
	folder := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	c := configured(t, at, zaloSettings(n, "refresh-0", filepath.Join(folder, "zalo.json")))
	if err := os.Rename(folder, folder+"-away"); err != nil {
		t.Fatal(err)
	}
	want(t, "no folder", send(t, c, note(1, "zalo:777", "Hello")), channel.Temporary, "cannot be kept")
	if n.changed() != 0 {
		t.Error("the refresh token was used")
	}
	if c.Health(t.Context()) == nil {
		t.Error("it does not show in Health")
	}
	if err := os.Rename(folder+"-away", folder); err != nil {
		t.Fatal(err)
	}
	want(t, "the folder is back", send(t, c, note(1, "zalo:777", "Hello")), channel.Accepted, "")
	if err := c.Health(t.Context()); err != nil {
		t.Error(err)
	}

	at.pass(25 * time.Hour)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Send(ended, []channel.Message{note(2, "zalo:777", "Hello")})[0]; r.Outcome != channel.Temporary {
		t.Errorf("after the end of the call: %+v", r)
	}
	want(t, "the next call", send(t, c, note(3, "zalo:777", "Hello")), channel.Accepted, "")
	if n.changed() != 2 {
		t.Errorf("%d changes", n.changed())
	}
	// A change without an answer is tried again.
	at.pass(25 * time.Hour)
	n.fail("change", fault{status: 502, body: "bad gateway"})
	want(t, "without a token", send(t, c, note(4, "zalo:777", "Hello")), channel.Temporary, "cannot be changed")
	at.pass(time.Minute)
	want(t, "with one", send(t, c, note(4, "zalo:777", "Hello")), channel.Accepted, "")
}

func TestZaloStateOfSomethingElse(t *testing.T) {
	n, state := newZalo(t), filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(state, []byte("milk, eggs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := social.New().Configure(t.Context(), []byte(zaloSettings(n, "refresh-0", state))); err == nil || !strings.Contains(err.Error(), "zalo.state") {
		t.Errorf("%v", err)
	}
}

func TestZaloCallbacks(t *testing.T) {
	n, at := newZalo(t), newClock()
	c := zaloOn(t, at, n)
	text, notice := note(1, "zalo:777", "Hello"), note(2, "zns:+84901234567", "", "template", "7895417", "body.a", "b")
	send(t, c, text)
	send(t, c, notice)
	mark, _ := n.all()[1].body["tracking_id"].(string)
	call := func(secret, body string) (channel.Reply, []channel.Report) {
		sum := sha256.Sum256([]byte(zaloApp + body + "1700000100000" + secret))
		return c.Callback(t.Context(), channel.Callback{Method: "POST", Path: "/zalo", Body: []byte(body),
			Headers: map[string]string{"x-zevent-signature": "mac=" + hex.EncodeToString(sum[:])}})
	}
	event := func(name, what string) string {
		return fmt.Sprintf(`{"app_id":%q,"event_name":%q,"timestamp":"1700000100000",%s}`, zaloApp, name, what)
	}
	when := time.Unix(1700000100, 0).UTC()
	for _, e := range []struct {
		body string
		want []channel.Report
	}{
		{event("user_received_message", `"sender":{"id":"1"},"recipient":{"id":"777"},"message":{"msg_id":"other","delivery_time":"1700000100000","tracking_id":"`+mark+`"}`),
			[]channel.Report{{ID: notice.ID, Event: "delivered", Date: when}}},
		{event("user_received_message", `"sender":{"id":"777"},"message":{"msg_id":"zm-1"}`), []channel.Report{{ID: text.ID, Event: "delivered", Date: when}}},
		{event("user_seen_message", `"sender":{"id":"777"},"message":{"msg_ids":["zm-1","zm-99"]}`), []channel.Report{{ID: text.ID, Event: "opened", Date: when}, {Reference: "Zalo zm-99", Event: "opened", Date: when}}},
		{event("user_send_text", `"sender":{"id":"777"},"message":{"msg_id":"in","text":"Còn hàng không?","quote_msg_id":"zm-1"}`),
			[]channel.Report{{ID: text.ID, Event: "replied", From: "zalo:777", Date: when, Data: map[string]string{"text": "Còn hàng không?", "id": "in"}}}},
		{event("user_send_text", `"sender":{"id":"777"},"message":{"text":" TC. "}`),
			[]channel.Report{{Event: "unsubscribed", From: "zalo:777", Date: when, Data: map[string]string{"text": " TC. "}}}},
		{event("unfollow", `"follower":{"id":"777"}`), []channel.Report{{Event: "unsubscribed", From: "zalo:777", Date: when, Reason: "unfollow in Zalo"}}},
		{event("user_send_sticker", `"sender":{"id":"777"}`), nil},
	} {
		reply, reports := call("oasecret", e.body)
		if reply.Status != 200 || !reflect.DeepEqual(reports, e.want) {
			t.Errorf("%s: %d\n%+v\nexpected %+v", e.body, reply.Status, reports, e.want)
		}
	}
	body := event("unfollow", `"follower":{"id":"777"}`)
	if reply, reports := call("guess", body); reply.Status != 403 || reports != nil {
		t.Errorf("another secret: %+v %v", reply, reports)
	}
}

func TestTracking(t *testing.T) {
	for _, id := range []string{"0", "00", "0f", strings.Repeat("0", 52), strings.Repeat("f", 52), strings.Repeat("a1", 30)} {
		if mark := social.Track(id); mark == "" || len(mark) > 48 || social.Tracked(mark) != id {
			t.Errorf("%q: %q, back %q", id, mark, social.Tracked(mark))
		}
	}
	for _, id := range []string{"", "xyz", "AB", strings.Repeat("f", 80)} {
		if mark := social.Track(id); mark != "" {
			t.Errorf("%q: %q", id, mark)
		}
	}
}
