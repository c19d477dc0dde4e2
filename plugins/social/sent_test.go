package social_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/social"
)

// What a network says of a message that was sent before the connector was started is named by what the receipt gave the host.
func TestReportsAfterARestart(t *testing.T) {
	at := newClock()
	stamp, now := at.now().Unix(), at.now()
	telegram, graph, other, slack, zalo := newTelegram(t), newGraph(t), newGraph(t), newSlack(t), newZalo(t)
	state := filepath.Join(t.TempDir(), "zalo.state")
	for _, c := range []struct {
		name    string
		start   func() *social.Connector
		to      string
		report  func(c *social.Connector) (channel.Reply, []channel.Report)
		event   string
		address string
	}{
		{"telegram", func() *social.Connector { return telegramOn(t, at, telegram) }, "telegram:42", func(c *social.Connector) (channel.Reply, []channel.Report) {
			return c.Callback(t.Context(), channel.Callback{Method: "POST", Path: "/telegram", Headers: map[string]string{"x-telegram-bot-api-secret-token": "s3cret"},
				Body: fmt.Appendf(nil, `{"message":{"text":"Yes","date":%d,"chat":{"id":42},"from":{"id":42},"reply_to_message":{"message_id":1}}}`, stamp)})
		}, "replied", "telegram:42"},
		{"whatsapp", func() *social.Connector { return graphOn(t, at, graph) }, "whatsapp:+84901234567", func(c *social.Connector) (channel.Reply, []channel.Report) {
			return signed(t, c, "appsecret", "/whatsapp", `{"entry":[{"changes":[{"value":{"messages":[{"from":"84901234567","timestamp":"`+strconv.FormatInt(stamp, 10)+
				`","text":{"body":"Yes"},"context":{"id":"wamid.1"}}]}}]}]}`)
		}, "replied", "whatsapp:+84901234567"},
		{"messenger", func() *social.Connector { return graphOn(t, at, other) }, "messenger:555", func(c *social.Connector) (channel.Reply, []channel.Report) {
			return signed(t, c, "appsecret", "/messenger", fmt.Sprintf(`{"entry":[{"messaging":[{"sender":{"id":"555"},"timestamp":%d,"read":{"watermark":%d}}]}]}`, stamp*1000, stamp*1000))
		}, "opened", ""},
		{"slack", func() *social.Connector { return slackOn(t, at, slack) }, "slack:U0123", func(c *social.Connector) (channel.Reply, []channel.Report) {
			body := fmt.Sprintf(`{"type":"event_callback","event":{"type":"message","channel":"D0123","user":"U0123","text":"Yes","ts":"%d.1"}}`, stamp)
			return c.Callback(t.Context(), channel.Callback{Method: "POST", Path: "/slack", Body: []byte(body), Headers: map[string]string{
				"x-slack-request-timestamp": strconv.FormatInt(stamp, 10), "x-slack-signature": "v0=" + hexMAC("8f742231b10e8888abcd99yyyzzz85a5", "v0:", strconv.FormatInt(stamp, 10), ":", body)}})
		}, "replied", "slack:U0123"},
		{"zalo", func() *social.Connector { return configured(t, at, zaloSettings(zalo, "refresh-0", state)) }, "zalo:777", func(c *social.Connector) (channel.Reply, []channel.Report) {
			when := strconv.FormatInt(stamp*1000, 10)
			body := `{"event_name":"user_received_message","timestamp":"` + when + `","sender":{"id":"777"},"message":{"msg_id":"zm-1"}}`
			sum := sha256.Sum256([]byte(zaloApp + body + when + "oasecret"))
			return c.Callback(t.Context(), channel.Callback{Method: "POST", Path: "/zalo", Body: []byte(body),
				Headers: map[string]string{"x-zevent-signature": "mac=" + hex.EncodeToString(sum[:])}})
		}, "delivered", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := send(t, c.start(), note(1, c.to, "Hello"))
			want(t, c.name, sent, channel.Accepted, "")
			reply, reports := c.report(c.start())
			if reply.Status != 200 || len(reports) != 1 {
				t.Fatalf("%+v %+v, receipt %+v", reply, reports, sent)
			}
			r := reports[0]
			if r.ID != "" || !slices.Contains(sent.References, r.Reference) || r.Event != c.event || r.From != c.address || !r.Date.Equal(now) {
				t.Errorf("%+v, of a message with the references %q", r, sent.References)
			}
		})
	}
}

func hexMAC(key string, parts ...string) string {
	sum := hmac.New(sha256.New, []byte(key))
	for _, part := range parts {
		_, _ = sum.Write([]byte(part))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
