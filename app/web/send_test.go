package web_test

import (
	"encoding/json"
	"errors"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
)

// Whatever is posted is refused with a sentence, or is something that the engine takes.
func FuzzSend(f *testing.F) {
	for _, body := range []string{
		`{"userId":"ada","message":"shop/receipt","properties":{"a":1}}`,
		`{"email":"Ada@example.com","phone":"+84 901 234 567","journey":"shop","message":"receipt","expires":"10 minutes","channel":"sms"}`,
		`{"userId":"ada","traits":{"email":null},"granted":false,"proof":{"ip":"192.0.2.1"},"at":"2026-01-31T12:00:00Z"}`,
		`{"userId":3}`, `{} {}`, `[]`, `{"user_id":"ada"}`, "",
	} {
		f.Add([]byte(body), "key")
	}
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		check := func(event lifecycle.Event, err error) {
			t.Helper()
			var own *lifecycle.Error
			switch {
			case errors.As(err, &own):
				if own.Code != lifecycle.Invalid || own.Message == "" {
					t.Errorf("%q is refused with %+v", data, own)
				}
			case err != nil:
				t.Errorf("%q is refused with %v", data, err)
			default:
				event.Type, event.Name = lifecycle.Track, "it"
				if err = event.Validate(); err != nil {
					t.Errorf("%q became %+v: %v", data, event, err)
				}
				for _, object := range []json.RawMessage{event.Traits, event.Properties} {
					if len(object) > 0 && !json.Valid(object) {
						t.Errorf("%q became %s", data, object)
					}
				}
			}
		}
		asked, err := web.ReadSend(data, key)
		check(asked.Event, err)
		event, _, err := web.ReadConsent(data)
		check(event, err)
	})
}
