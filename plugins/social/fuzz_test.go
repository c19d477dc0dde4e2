package social_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/social"
)

// FuzzCallbacks gives every network's reader what is signed rightly: no text may break it or make an empty report.
func FuzzCallbacks(f *testing.F) {
	settings := fmt.Sprintf(`{"telegram": {"token": "a", "callback_secret": "k"}, "slack": {"token": "a", "signing_secret": "k"},
		"whatsapp": {"token": "a", "phone_number_id": "1", "app_secret": "k"}, "messenger": {"token": "a", "page_id": "1", "app_secret": "k"},
		"zalo": {"app_id": "1", "app_secret": "a", "refresh_token": "r", "state": %s, "oa_secret": "k"}}`, quoted(filepath.Join(f.TempDir(), "zalo.json")))
	at := newClock()
	c := configured(f, at, settings)
	for _, body := range []string{
		`{"message":{"chat":{"id":1},"text":"/stop","date":1}}`, `{"my_chat_member":{"chat":{"id":-1},"new_chat_member":{"status":"left"}}}`,
		`{"event":{"type":"message","channel":"C1","text":"x","ts":"1.2"}}`,
		`{"entry":[{"changes":[{"value":{"statuses":[{"id":"w","status":"failed","biz_opaque_callback_data":"ab","errors":[{}]}],"messages":[{"from":"1","text":{"body":"x"}}],"user_preferences":[{"wa_id":"1","value":"stop"}]}}]}]}`,
		`{"entry":[{"messaging":[{"sender":{"id":"1"},"message":{"mid":"m","is_echo":true,"metadata":"ab"}},{"sender":{"id":"1"},"delivery":{"mids":["m"]},"read":{"watermark":99999999999999},"postback":{"title":"x"}}]}]}`,
		`{"event_name":"user_send_text","timestamp":"1","sender":{"id":"1"},"message":{"text":"x"}}`, `{"event_name":"follow","timestamp":"1","follower":{"id":"1"}}`,
		`null`, `[]`, `{"timestamp":1e400}`,
	} {
		f.Add([]byte(body))
	}
	stamp := fmt.Sprint(at.now().Unix())
	mac := func(parts ...string) string {
		sum := hmac.New(sha256.New, []byte("k"))
		for _, part := range parts {
			_, _ = sum.Write([]byte(part))
		}
		return hex.EncodeToString(sum.Sum(nil))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		plain := sha256.Sum256([]byte("1" + string(body) + "1" + "k"))
		headers := map[string]string{
			"x-telegram-bot-api-secret-token": "k", "x-slack-request-timestamp": stamp, "x-slack-signature": "v0=" + mac("v0:", stamp, ":", string(body)),
			"x-hub-signature-256": "sha256=" + mac(string(body)), "x-zevent-signature": "mac=" + hex.EncodeToString(plain[:]),
		}
		for _, path := range []string{"/telegram", "/slack", "/whatsapp", "/messenger", "/zalo"} {
			reply, reports := c.Callback(t.Context(), channel.Callback{Method: "POST", Path: path, Headers: headers, Body: body})
			if reply.Status != 200 && reply.Status != 400 && (reply.Status != 403 || path != "/zalo") {
				t.Errorf("%s: %d", path, reply.Status)
			}
			for _, r := range reports {
				if r.Event == "" || r.ID == "" && r.From == "" && r.Reference == "" || r.Date.Before(time.Unix(0, 0)) {
					t.Errorf("%s: %+v", path, r)
				}
			}
		}
	})
}

// FuzzTracking holds that an ID comes back as it was, and that nothing else is taken for one.
func FuzzTracking(f *testing.F) {
	f.Add("00ff", "1")
	f.Add("", "zz")
	f.Fuzz(func(t *testing.T, id, mark string) {
		if short := social.Track(id); short != "" && social.Tracked(short) != id {
			t.Errorf("%q: %q, back %q", id, short, social.Tracked(short))
		}
		if back := social.Tracked(mark); back != "" && len(back) > channel.MaxIDBytes {
			t.Errorf("%q: %q", mark, back)
		}
	})
}
