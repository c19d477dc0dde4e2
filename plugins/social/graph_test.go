package social_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/social"
)

func graphOn(t testing.TB, at *clock, n *network) *social.Connector {
	t.Helper()
	return configured(t, at, fmt.Sprintf(`{"whatsapp": {"token": %q, "phone_number_id": %q, "url": %q, "language": "vi", "app_secret": "appsecret", "verify_token": "meatyhamhock"},
		"messenger": {"token": %q, "page_id": %q, "url": %q, "app_secret": "appsecret", "verify_token": "meatyhamhock"}}`,
		graphToken, numberID, n.url+"/v25.0", graphToken, pageID, n.url+"/v25.0"))
}

// signed calls as Meta does.
func signed(t testing.TB, c *social.Connector, key, path, body string) (channel.Reply, []channel.Report) {
	t.Helper()
	sum := hmac.New(sha256.New, []byte(key))
	_, _ = sum.Write([]byte(body))
	return c.Callback(t.Context(), channel.Callback{Method: "POST", Path: path, Body: []byte(body),
		Headers: map[string]string{"x-hub-signature-256": "sha256=" + hex.EncodeToString(sum.Sum(nil))}})
}

func TestWhatsAppTemplates(t *testing.T) {
	n := newGraph(t)
	c := graphOn(t, newClock(), n)
	m := note(1, "whatsapp:+84901234567", "", "template", "order_update", "header.image", "https://shop.example/a.jpg",
		"body.1", "Ada", "body.2", "B-17", "button.0", "track/17")
	want(t, "a template", send(t, c, m), channel.Accepted, "")
	got, _ := json.Marshal(n.all()[0].body)
	expected := `{"biz_opaque_callback_data":"` + m.ID + `","messaging_product":"whatsapp","recipient_type":"individual","template":{"components":[` +
		`{"parameters":[{"image":{"link":"https://shop.example/a.jpg"},"type":"image"}],"type":"header"},` +
		`{"parameters":[{"text":"Ada","type":"text"},{"text":"B-17","type":"text"}],"type":"body"},` +
		`{"index":"0","parameters":[{"text":"track/17","type":"text"}],"sub_type":"url","type":"button"}],` +
		`"language":{"code":"vi"},"name":"order_update"},"to":"+84901234567","type":"template"}`
	if string(got) != expected {
		t.Errorf("%s\nexpected %s", got, expected)
	}
	for _, r := range []struct {
		data []string
		part string
	}{
		{[]string{"template", "other"}, "132001"},
		{[]string{"template", "order_update", "body.1", "a", "body.3", "c"}, "body.2 is missing"},
		{[]string{"template", "order_update", "body.1", ""}, "body.1 is empty"},
		{[]string{"template", "order_update", "body.1", "a", "body.name", "b"}, "mixes"},
		{[]string{"template", "order_update", "button.x", "a"}, "button.x"},
		{nil, "neither text nor a template"},
	} {
		want(t, r.part, send(t, c, note(2, "whatsapp:+84901234567", "", r.data...)), channel.Permanent, r.part)
	}
	named := note(3, "whatsapp:+84901234567", "", "template", "order_update", "language", "en_US", "body.name", "Ada")
	want(t, "named", send(t, c, named), channel.Accepted, "")
	if got, _ := json.Marshal(n.all()[1].body["template"]); !strings.Contains(string(got), `"parameter_name":"name"`) || !strings.Contains(string(got), `"en_US"`) {
		t.Errorf("%s", got)
	}
	want(t, "no number", send(t, c, note(4, "whatsapp:0901234567", "Hello")), channel.Permanent, "+84901234567")
}

func TestGraphErrors(t *testing.T) {
	n, at := newGraph(t), newClock()
	c := graphOn(t, at, n)
	for _, r := range []struct {
		status, code, subcode int
		outcome               channel.Outcome
		after                 time.Duration
		part                  string
	}{
		{400, 131047, 0, channel.Permanent, 0, "templates only"},
		{400, 131026, 0, channel.Permanent, 0, "131026"},
		{400, 131050, 0, channel.Permanent, 0, "131050"},
		{400, 131056, 0, channel.Temporary, 0, "131056"},
		{500, 131000, 0, channel.Temporary, 0, "131000"},
		{503, 2, 0, channel.Temporary, 0, "answered 2"},
		{400, 131042, 0, channel.Temporary, 5 * time.Minute, "131042"},
		{400, 132015, 0, channel.Temporary, 5 * time.Minute, "132015"},
		{400, 10, 0, channel.Temporary, 5 * time.Minute, "answered 10"},
		{400, 10, 2018278, channel.Permanent, 0, "2018278"},
		{400, 200, 2018108, channel.Permanent, 0, "2018108"},
		{400, 200, 1545041, channel.Permanent, 0, "1545041"},
		{400, 200, 0, channel.Temporary, 5 * time.Minute, "answered 200"},
		{429, 130429, 0, channel.Temporary, 30 * time.Second, "130429"},
	} {
		body := fmt.Sprintf(`{"error":{"message":"(#%d) words","code":%d,"error_subcode":%d,"error_data":{"details":"more"}}}`, r.code, r.code, r.subcode)
		n.fail("+84901234567", fault{status: r.status, body: body})
		got := send(t, c, note(1, "whatsapp:+84901234567", "Hello"))
		want(t, body, got, r.outcome, r.part)
		if got.RetryAfter != r.after || isGone(got) || (got.Data[channel.FactUnsubscribed] == "1") != (r.code == 131050 || r.subcode == 2018108) {
			t.Errorf("%d: %+v", r.code, got)
		}
	}
	n.fail("556", fault{status: 400, body: `{"error":{"message":"This person isn't available right now.","type":"OAuthException","code":551,"error_data":"text"}}`})
	want(t, "not available", send(t, c, note(1, "messenger:556", "Hello")), channel.Permanent, "answered 551")
	called := n.called()
	want(t, "while it waits", send(t, c, note(2, "whatsapp:+84901234567", "Hello")), channel.Temporary, "130429")
	if n.called() != called {
		t.Error("asked while it was to wait")
	}
	want(t, "the other network", send(t, c, note(3, "messenger:555", "Hello")), channel.Accepted, "")
	bad := configured(t, at, fmt.Sprintf(`{"messenger": {"token": "expired", "page_id": %q, "url": %q}}`, pageID, n.url+"/v25.0"))
	want(t, "an expired token", send(t, bad, note(4, "messenger:555", "Hello")), channel.Temporary, "190/463")
	if bad.Health(t.Context()) == nil {
		t.Error("it does not show in Health")
	}
}

func TestVerification(t *testing.T) {
	c := graphOn(t, newClock(), newGraph(t))
	for _, path := range []string{"/whatsapp", "/messenger"} {
		ask := func(token string) channel.Reply {
			reply, reports := c.Callback(t.Context(), channel.Callback{Method: "GET", Path: path,
				URL: "https://shop.example/callbacks/social" + path + "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + token})
			if reports != nil {
				t.Errorf("%+v", reports)
			}
			return reply
		}
		if reply := ask("meatyhamhock"); reply.Status != 200 || string(reply.Body) != "1158201444" {
			t.Errorf("%s: %+v", path, reply)
		}
		if reply := ask("guess"); reply.Status != 403 {
			t.Errorf("%s: %+v", path, reply)
		}
		if reply, _ := signed(t, c, "other", path, `{}`); reply.Status != 403 {
			t.Errorf("%s with another key: %+v", path, reply)
		}
		if reply, _ := signed(t, c, "appsecret", path, `[`); reply.Status != 400 {
			t.Errorf("%s torn: %+v", path, reply)
		}
	}
}

func TestWhatsAppCallbacks(t *testing.T) {
	n := newGraph(t)
	c := graphOn(t, newClock(), n)
	first, second := note(1, "whatsapp:+84901234567", "Hello"), note(2, "whatsapp:+84901234567", "Hello again")
	send(t, c, first)
	send(t, c, second)
	value := func(what string) string {
		return `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":"` + numberID + `"},` + what + `}}]}]}`
	}
	when := time.Unix(1700000100, 0).UTC()
	for _, e := range []struct {
		body string
		want []channel.Report
	}{
		{value(`"statuses":[{"id":"wamid.1","status":"sent","timestamp":"1700000100","recipient_id":"84901234567","biz_opaque_callback_data":"` + first.ID + `"},
			{"id":"wamid.9","status":"delivered","timestamp":"1700000100","recipient_id":"84901234567","biz_opaque_callback_data":"` + first.ID + `"},
			{"id":"wamid.2","status":"read","timestamp":"1700000100","recipient_id":"84901234567"},
			{"id":"wamid.77","status":"read","timestamp":"1700000100","recipient_id":"84901234567"}]`),
			[]channel.Report{{ID: first.ID, Event: "delivered", Date: when}, {ID: second.ID, Event: "opened", Date: when},
				{Reference: "WhatsApp wamid.77", Event: "opened", Date: when}}},
		{value(`"statuses":[{"id":"wamid.1","status":"failed","timestamp":"1700000100","recipient_id":"84901234567","errors":[{"code":131026,"title":"Message undeliverable","error_data":{"details":"not on WhatsApp"}}]}]`),
			[]channel.Report{{ID: first.ID, Event: "bounced", Date: when, Reason: "WhatsApp says 131026: Message undeliverable: not on WhatsApp", Data: map[string]string{"kind": "hard"}}}},
		{value(`"statuses":[{"id":"wamid.1","status":"failed","timestamp":"1700000100","recipient_id":"84901234567","errors":[{"code":131050,"title":"Opted out"}]}]`),
			[]channel.Report{{ID: first.ID, Event: "bounced", Date: when, Reason: "WhatsApp says 131050: Opted out", Data: map[string]string{"kind": "soft"}},
				{ID: first.ID, Event: "unsubscribed", From: "whatsapp:+84901234567", Date: when, Reason: "opted out of advertising in WhatsApp"}}},
		{value(`"messages":[{"from":"84901234567","id":"wamid.in","timestamp":"1700000100","type":"text","text":{"body":"Cảm ơn"},"context":{"id":"wamid.2"}},
			{"from":"84901234567","timestamp":"1700000100","type":"button","button":{"text":"Stop"}},{"from":"84901234567","type":"image"}]`),
			[]channel.Report{{ID: second.ID, Event: "replied", From: "whatsapp:+84901234567", Date: when, Data: map[string]string{"text": "Cảm ơn", "id": "wamid.in"}},
				{Event: "unsubscribed", From: "whatsapp:+84901234567", Date: when, Data: map[string]string{"text": "Stop"}}}},
		{value(`"user_preferences":[{"wa_id":"84901234567","category":"marketing_messages","value":"stop","timestamp":1700000100}]`),
			[]channel.Report{{Event: "unsubscribed", From: "whatsapp:+84901234567", Date: when, Reason: "chosen in WhatsApp"}}},
		{strings.ReplaceAll(value(`"messages":[{"from":"84901234567","text":{"body":"Stop"}}]`), numberID, "5"), nil}, // another number of the account
	} {
		reply, reports := signed(t, c, "appsecret", "/whatsapp", e.body)
		if reply.Status != 200 || !reflect.DeepEqual(reports, e.want) {
			t.Errorf("%s: %d\n%+v\nexpected %+v", e.body, reply.Status, reports, e.want)
		}
	}
}

func TestMessenger(t *testing.T) {
	n, at := newGraph(t), newClock()
	c := graphOn(t, at, n)
	first := note(1, "messenger:555", "Hello")
	want(t, "a text", send(t, c, first), channel.Accepted, "")
	want(t, "a tag", send(t, c, note(2, "messenger:556", "Your order has left", "tag", "POST_PURCHASE_UPDATE")), channel.Accepted, "")
	if got := n.all(); got[0].body["messaging_type"] != "UPDATE" || got[1].body["messaging_type"] != "MESSAGE_TAG" || got[1].body["tag"] != "POST_PURCHASE_UPDATE" {
		t.Errorf("%+v", got)
	}
	if r := send(t, c, note(3, "messenger:404", "Hello")); r.Outcome != channel.Permanent || !isGone(r) {
		t.Errorf("nobody: %+v", r)
	}
	want(t, "too long", send(t, c, note(4, "messenger:555", strings.Repeat("ă", 2001))), channel.Permanent, "2000")
	want(t, "no tag", send(t, c, note(4, "messenger:555", "Hello", "tag", "a b")), channel.Permanent, "tag")

	when := at.now().Add(time.Minute).UTC()
	body := func(what string) string {
		return fmt.Sprintf(`{"object":"page","entry":[{"id":%q,"messaging":[{"sender":{"id":"555"},"recipient":{"id":%q},"timestamp":%d,%s}]}]}`, pageID, pageID, when.UnixMilli(), what)
	}
	for _, e := range []struct {
		body string
		want []channel.Report
	}{
		{body(`"delivery":{"mids":["m_1","m_99"],"watermark":1}`), []channel.Report{{ID: first.ID, Event: "delivered", Date: when}, {Reference: "Messenger m_99", Event: "delivered", Date: when}}},
		{body(fmt.Sprintf(`"read":{"watermark":%d}`, when.UnixMilli())), []channel.Report{{ID: first.ID, Event: "opened", Date: when}}},
		{body(fmt.Sprintf(`"read":{"watermark":%d}`, when.Add(-time.Hour).UnixMilli())), nil},
		{body(`"message":{"mid":"m_7","text":"Yes","reply_to":{"mid":"m_1"}}`), []channel.Report{{ID: first.ID, Event: "replied", From: "messenger:555", Date: when, Data: map[string]string{"text": "Yes", "id": "m_7"}}}},
		{body(`"postback":{"title":"Stop"}`), []channel.Report{{Event: "unsubscribed", From: "messenger:555", Date: when, Data: map[string]string{"text": "Stop"}}}},
	} {
		reply, reports := signed(t, c, "appsecret", "/messenger", e.body)
		if reply.Status != 200 || !reflect.DeepEqual(reports, e.want) {
			t.Errorf("%s: %d\n%+v\nexpected %+v", e.body, reply.Status, reports, e.want)
		}
	}
	// After a restart, what the page is told of its own messages brings the IDs back.
	restarted := graphOn(t, at, n)
	echo := fmt.Sprintf(`{"entry":[{"id":%q,"messaging":[{"sender":{"id":%q},"recipient":{"id":"555"},"timestamp":%d,"message":{"mid":"m_1","is_echo":true,"metadata":%q,"text":"Hello"}}]}]}`,
		pageID, pageID, at.now().UnixMilli(), first.ID)
	if _, reports := signed(t, restarted, "appsecret", "/messenger", echo); reports != nil {
		t.Errorf("an echo: %+v", reports)
	}
	if _, reports := signed(t, restarted, "appsecret", "/messenger", body(`"delivery":{"mids":["m_1"]}`)); len(reports) != 1 || reports[0].ID != first.ID {
		t.Errorf("after an echo: %+v", reports)
	}
}
