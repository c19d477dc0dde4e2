package social_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/social"
)

func telegramOn(t testing.TB, at *clock, n *network) *social.Connector {
	t.Helper()
	return configured(t, at, fmt.Sprintf(`{"telegram": {"token": %q, "url": %q, "callback_secret": "s3cret"}}`, botToken, n.url+"/"))
}

func TestTelegram(t *testing.T) {
	n := newTelegram(t)
	c := telegramOn(t, newClock(), n)
	want(t, "a text", send(t, c, note(1, "telegram:12345", "Xin chào <b>&")), channel.Accepted, "")
	if got := n.all(); len(got) != 1 || got[0].to != "12345" || got[0].text != "Xin chào <b>&" || got[0].body["parse_mode"] != nil {
		t.Errorf("%+v", got)
	}
	for _, r := range []struct {
		code    int
		words   string
		outcome channel.Outcome
		fact    string
	}{
		{403, "Forbidden: bot was blocked by the user", channel.Permanent, channel.FactUnsubscribed},
		{403, "Forbidden: bot was kicked from the supergroup chat", channel.Permanent, channel.FactUnsubscribed},
		{403, "Forbidden: bot is not a member of the channel chat", channel.Permanent, channel.FactUnsubscribed},
		{403, "Forbidden: bot can't initiate conversation with a user", channel.Permanent, ""},
		{403, "Forbidden: user is deactivated", channel.Permanent, channel.FactGone},
		{403, "Forbidden: the group chat was deleted", channel.Permanent, channel.FactGone},
		{400, "Bad Request: chat not found", channel.Permanent, channel.FactGone},
		{400, "Bad Request: not enough rights to send text messages to the chat", channel.Permanent, ""},
		{500, "Internal Server Error", channel.InDoubt, ""},
	} {
		n.fail("12345", fault{status: r.code, body: fmt.Sprintf(`{"ok":false,"error_code":%d,"description":%q}`, r.code, r.words)})
		got := send(t, c, note(2, "telegram:12345", "Hello"))
		want(t, r.words, got, r.outcome, r.words)
		if len(got.Data) > 1 || r.fact == "" && len(got.Data) > 0 || r.fact != "" && got.Data[r.fact] != "1" {
			t.Errorf("%s: %v", r.words, got.Data)
		}
	}
	called := n.called()
	want(t, "too long", send(t, c, note(3, "telegram:12345", strings.Repeat("😀", 2049))), channel.Permanent, "4098")
	want(t, "empty", send(t, c, note(3, "telegram:12345", " \n")), channel.Permanent, "no text")
	if n.called() != called {
		t.Error("what cannot be sent was sent")
	}
}

func TestTelegramMovedGroup(t *testing.T) {
	n := newTelegram(t)
	c := telegramOn(t, newClock(), n)
	n.fail("-7", fault{status: 400, body: `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}`})
	want(t, "a group that moved", send(t, c, note(1, "telegram:-7", "Hello")), channel.Accepted, "")
	if got := n.all(); len(got) != 1 || got[0].to != "-1001234567890" {
		t.Errorf("%+v", got)
	}
}

// A limit of the bot stops everything for as long as Telegram says; one of a group only that group.
func TestTelegramLimits(t *testing.T) {
	n, at := newTelegram(t), newClock()
	c := telegramOn(t, at, n)
	limit := fault{status: 429, body: `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}`}
	n.fail("-7", limit)
	if r := send(t, c, note(1, "telegram:-7", "Hello")); r.Outcome != channel.Temporary || r.RetryAfter != 35*time.Second {
		t.Errorf("a group: %+v", r)
	}
	want(t, "another chat", send(t, c, note(2, "telegram:8", "Hello")), channel.Accepted, "")
	n.fail("9", limit)
	if r := send(t, c, note(3, "telegram:9", "Hello")); r.Outcome != channel.Temporary || r.RetryAfter != 35*time.Second {
		t.Errorf("a person: %+v", r)
	}
	called := n.called()
	at.pass(30 * time.Second)
	if r := send(t, c, note(4, "telegram:8", "Hello")); r.Outcome != channel.Temporary || r.RetryAfter != 5*time.Second || r.Data[channel.FactUntried] != "1" {
		t.Errorf("while it waits: %+v", r)
	}
	if n.called() != called {
		t.Error("asked while it was to wait")
	}
	at.pass(5 * time.Second)
	want(t, "afterwards", send(t, c, note(5, "telegram:8", "Hello")), channel.Accepted, "")
}

func TestTelegramTokenIsWrong(t *testing.T) {
	n, at := newTelegram(t), newClock()
	c := configured(t, at, fmt.Sprintf(`{"telegram": {"token": "1:wrong", "url": %q}}`, n.url))
	r := send(t, c, note(1, "telegram:1", "Hello"))
	want(t, "a wrong token", r, channel.Temporary, "telegram.token")
	if err := c.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "telegram: Telegram answered 404") {
		t.Errorf("Health: %v", err)
	}
	if strings.Contains(r.Reason, "1:wrong") {
		t.Errorf("the token stands in %q", r.Reason)
	}
}

// Who wants to hear no more writes it in many ways, and is heard as well as by SMS.
func TestWordsInAChat(t *testing.T) {
	c := telegramOn(t, newClock(), newTelegram(t))
	for text, want := range map[string]string{
		"STOP,": "unsubscribed", "Stop please": "unsubscribed", "stop…": "unsubscribed", "“Stop”": "unsubscribed", "(stop)": "unsubscribed", "STOP 🙏": "unsubscribed",
		"STOP  ALL": "unsubscribed", "ST\u200bOP": "unsubscribed", "\ufeffstop": "unsubscribed", "STOP shop": "unsubscribed",
		"opt out": "unsubscribed", "optout": "unsubscribed", "Opt-Out": "unsubscribed", "revoke": "unsubscribed", "Stop promotions": "unsubscribed",
		"TC QC": "unsubscribed", norm.NFD.String("Từ chối"): "unsubscribed", norm.NFD.String("Hủy"): "unsubscribed", norm.NFD.String("Dừng"): "unsubscribed",
		"Dung": "replied", "dung.": "replied", "Đúng": "replied", "please cancel my order": "replied", "stop by at nine": "replied", "🙏": "replied",
		norm.NFD.String("Đăng ký"): "subscribed", "START!": "subscribed",
	} {
		body, _ := json.Marshal(map[string]any{"message": map[string]any{"message_id": 9, "from": map[string]any{"id": 1}, "chat": map[string]any{"id": 1}, "date": 1700000100, "text": text}})
		_, reports := c.Callback(t.Context(), channel.Callback{Method: "POST", Path: "/telegram", Headers: map[string]string{"x-telegram-bot-api-secret-token": "s3cret"}, Body: body})
		if len(reports) != 1 || reports[0].Event != want {
			t.Errorf("%q: %+v, want %s", text, reports, want)
		}
	}
}

func TestTelegramCallbacks(t *testing.T) {
	n, at := newTelegram(t), newClock()
	c := telegramOn(t, at, n)
	sent := note(1, "telegram:12345", "Hello")
	send(t, c, sent)
	call := func(secret, body string) (channel.Reply, []channel.Report) {
		return c.Callback(t.Context(), channel.Callback{Method: "POST", URL: "https://shop.example/callbacks/social/telegram", Path: "/telegram",
			Headers: map[string]string{"x-telegram-bot-api-secret-token": secret}, Body: []byte(body)})
	}
	text := func(text, more string) string {
		return fmt.Sprintf(`{"update_id":1,"message":{"message_id":9,"from":{"id":12345,"is_bot":false},"chat":{"id":12345,"type":"private"},"date":1700000100,"text":%q%s}}`, text, more)
	}
	when := time.Unix(1700000100, 0).UTC()
	data := func(text string) map[string]string { return map[string]string{"text": text, "id": "9"} }
	for _, e := range []struct {
		body string
		want []channel.Report
	}{
		{text("Yes please", `,"reply_to_message":{"message_id":1}`), []channel.Report{{ID: sent.ID, Event: "replied", From: "telegram:12345", Date: when, Data: data("Yes please")}}},
		{text("Who are you?", ""), []channel.Report{{Event: "replied", From: "telegram:12345", Date: when, Data: data("Who are you?")}}},
		{text("/stop", ""), []channel.Report{{Event: "unsubscribed", From: "telegram:12345", Date: when, Data: data("/stop")}}},
		{text("Huỷ", ""), []channel.Report{{Event: "unsubscribed", From: "telegram:12345", Date: when, Data: data("Huỷ")}}},
		{text("/start c3RhZ2U", ""), []channel.Report{{Event: "subscribed", From: "telegram:12345", Date: when, Data: map[string]string{"text": "/start c3RhZ2U", "start": "c3RhZ2U", "id": "9"}}}},
		{text("/start", ""), []channel.Report{{Event: "subscribed", From: "telegram:12345", Date: when, Data: map[string]string{"text": "/start", "start": "", "id": "9"}}}},
		{strings.ReplaceAll(text("/start x", ""), "12345", "-7"), []channel.Report{{Event: "subscribed", From: "telegram:-7", Date: when, Data: data("/start x")}}},
		{`{"update_id":2,"my_chat_member":{"chat":{"id":-7},"date":1700000100,"new_chat_member":{"status":"kicked"}}}`,
			[]channel.Report{{Event: "unsubscribed", From: "telegram:-7", Date: when, Reason: "the bot was blocked or removed"}}},
		{`{"update_id":3,"poll":{"id":"1"}}`, nil},
	} {
		reply, reports := call("s3cret", e.body)
		if reply.Status != 200 || !reflect.DeepEqual(reports, e.want) {
			t.Errorf("%s: %d\n%+v\nexpected %+v", e.body, reply.Status, reports, e.want)
		}
	}
	for _, secret := range []string{"", "s3cre", "s3crets"} {
		if reply, reports := call(secret, text("/stop", "")); reply.Status != 403 || reports != nil {
			t.Errorf("secret %q: %+v %v", secret, reply, reports)
		}
	}
	if reply, _ := call("s3cret", `{"update_id":`); reply.Status != 400 {
		t.Errorf("torn: %+v", reply)
	}
}
